//! The measuring part of a gate: warm-up trials, then blocks until all is decided or the budget is spent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{anyhow, bail};
use tidings::conductor::{Phase, Signals, signal_name};
use tidings::gate::broken::{IN_A_ROW, dead};
use tidings::gate::decide::{self, Decision};
use tidings::gate::document::{Document, Terms};
use tidings::gate::lacking::{Lacking, leave_out};
use tidings::gate::losses;
use tidings::gate::table::{Appender, CONFIRMS, Row};
use tidings::gate::tolerance::{self, Metrics};
use tidings::gate::{self, Arm};
use tidings::judge;
use tidings::measure::Host;
use tidings::pace::Rng;
use tidings::plan::PlannedTrial;
use tidings::record::{TrialRecord, Verdict, results_folder, utc};
use tidings::report;
use time::OffsetDateTime;

use super::begin::{SideRun, conductor, document};
use super::sides::Sides;
use super::{Arguments, ci, show};
use crate::cli::output;
use crate::cli::screen::Screen;

/// Carries the gate out; returns its exit status.
pub(super) fn run(
    arguments: &Arguments,
    sides: &Sides,
    host: &Host,
    signals: &Signals,
) -> anyhow::Result<u8> {
    let scenario = &sides.base.plan.scenario;
    let patterns: Vec<_> = scenario.cases.iter().map(|case| case.pattern.kind()).collect();
    let metrics = tolerance::metrics(&scenario.gate.tolerances, &arguments.tolerance, &patterns)?;
    let budget = arguments.budget.unwrap_or(scenario.gate.budget);
    let started = OffsetDateTime::now_utc();
    let seed = arguments.seed.unwrap_or(started.unix_timestamp_nanos() as u64 >> 10);
    let mut terms = Terms::new(&sides.base.plan, &metrics, seed, budget);
    let slower = sides.base.plan.duration_ns().max(sides.head.plan.duration_ns());
    terms.buy(2 * slower, 4 * slower)?;

    let folder =
        results_folder(&arguments.out, &scenario.name, started, &format!("{}-gate", host.name))?;
    let mut gate = Gate {
        arguments,
        sides,
        signals,
        runs: [Arm::Base, Arm::Head]
            .map(|arm| SideRun::new(arm, sides, host, started, &folder))
            .into_iter()
            .collect::<anyhow::Result<_>>()?,
        table: Appender::create(&folder, &terms)?,
        document: document(sides, terms, host, started),
        folder,
        rows: Vec::new(),
        began: Instant::now(),
        reasons: Reasons::default(),
        screen: Screen::of_stderr(),
    };
    gate.document.write(&gate.folder)?;
    arguments.ci.begin(&[ci::begun(&gate.document)])?;
    let outcome = gate.measure(&metrics);
    gate.conclude(outcome)
}

/// Why the blocks ended.
enum End {
    Decided,
    Spent,
    Signal(i32),
}

struct Gate<'a> {
    arguments: &'a Arguments,
    sides: &'a Sides,
    signals: &'a Signals,
    runs: Vec<SideRun>,
    document: Document,
    table: Appender,
    folder: PathBuf,
    rows: Vec<Row>,
    began: Instant,
    reasons: Reasons,
    screen: Screen,
}

/// Why trials failed: of each case, the last that ended a block.
#[derive(Default)]
struct Reasons(BTreeMap<String, String>);

impl Reasons {
    /// Keeps why a trial failed. One that confirms losses ends no block.
    fn keep(&mut self, row: &Row, why: &[String]) {
        if row.verdict == Verdict::Failed && row.slot < CONFIRMS {
            self.0.insert(row.case.clone(), why.join("; "));
        }
    }

    /// Why a gate stops because a case is dead; `None` if it is not.
    fn of_dead(&self, rows: &[Row], case: &str) -> Option<String> {
        let arm = dead(rows, case)?.name();
        let why = self.0.get(case).map_or("", String::as_str).trim_end_matches('.');
        Some(format!(
            "{case}: {IN_A_ROW} blocks in a row ended at a failed trial, the last one of the {arm}: {why}. Check that the server is \
             still up and survives a trial, and run the gate again"
        ))
    }
}

impl Gate<'_> {
    fn measure(&mut self, metrics: &Metrics) -> anyhow::Result<End> {
        self.say_start();
        let warm = Instant::now();
        if let Some(signal) = self.warm_up(metrics)? {
            return Ok(End::Signal(signal));
        }
        // As long as this machine takes, which is more than planned where servers start slowly.
        let warm_ns = warm.elapsed().as_nanos() as u64;
        self.document.terms.buy(warm_ns, 2 * warm_ns)?;
        self.document.write(&self.folder)?;
        self.say_budget();
        let blocks_began = Instant::now();
        for block in 1.. {
            for case in 0..self.document.terms.cases.len() {
                if let Some(signal) = self.block(case, block)? {
                    return Ok(End::Signal(signal));
                }
            }
            for case in &self.document.terms.cases {
                if let Some(why) = self.reasons.of_dead(&self.rows, &case.id) {
                    bail!(why);
                }
            }
            let decision = decide::decide(&self.document, &self.rows);
            self.say_block(block, &decision);
            if decision.is_final() {
                return Ok(End::Decided);
            }
            let mean = blocks_began.elapsed() / block;
            let spent = (self.began.elapsed() + mean).as_secs_f64() > self.document.terms.budget_s;
            if spent || decision.blocks() >= self.document.terms.blocks {
                return Ok(End::Spent);
            }
        }
        Ok(End::Spent)
    }

    /// One trial of each case and side that is not counted: it warms caches alike, and shows what a trial takes and has.
    fn warm_up(&mut self, metrics: &Metrics) -> anyhow::Result<Option<i32>> {
        let mut lacking: Vec<Lacking> = Vec::new();
        for case in 0..self.document.terms.cases.len() {
            for arm in [Arm::Base, Arm::Head] {
                let record = self.unrecorded(arm, case)?;
                if let Some(signal) = self.signals.received() {
                    return Ok(Some(signal));
                }
                if record.verdict == Verdict::Failed {
                    let why = record.verdict_reasons.join("; ");
                    bail!(
                        "the {}'s first trial of {} failed: {why}",
                        arm.name(),
                        record.identity.case
                    );
                }
                for column in &self.document.terms.cases[case].columns {
                    let positive = |figure: tidings::record::Figure| figure.number() > 0.0;
                    if !record.figures.get(column).is_some_and(positive) {
                        let (case, column) = (record.identity.case.clone(), column.clone());
                        lacking.push(Lacking { case, column, arm });
                    }
                }
            }
        }
        let notes = leave_out(&mut self.document.terms, &lacking, metrics.named)?;
        self.document.notes.extend(notes);
        Ok(None)
    }

    fn unrecorded(&self, arm: Arm, case: usize) -> anyhow::Result<TrialRecord> {
        let planned = self.planned(case, 0, 1);
        let facts = conductor(self.arguments, self.sides, self.signals, &self.folder, arm)?
            .measure(&planned, |_, _| ());
        let (verdict, reasons) = judge::verdict(&facts);
        let reasons = judge::advised(&facts, reasons);
        Ok(TrialRecord::new(&facts, verdict, reasons))
    }

    /// A trial of a block: all of a block get the same events.
    fn planned(&self, case: usize, block: u32, trial: u32) -> PlannedTrial {
        let seed = Rng::new(self.document.terms.seed, block.into()).next_u64();
        PlannedTrial { case, trial, block: trial, seed, null: false }
    }

    /// The four trials of a case's block, and one more of the head where a loss needs to be confirmed. A block is given up at
    /// its first trial that is of no use.
    fn block(&mut self, case: usize, block: u32) -> anyhow::Result<Option<i32>> {
        for slot in 1..CONFIRMS {
            let row = self.trial(case, block, slot)?;
            if let Some(signal) = self.signals.received() {
                return Ok(Some(signal));
            }
            if !row.is_some_and(|row| row.verdict.usable()) {
                return Ok(None);
            }
        }
        if losses::needs_confirmation(&self.document, &self.rows, case) {
            self.trial(case, block, CONFIRMS)?;
        }
        Ok(self.signals.received())
    }

    /// Runs a trial, and keeps it unless a signal cut it short.
    fn trial(&mut self, case: usize, block: u32, slot: u32) -> anyhow::Result<Option<Row>> {
        let terms = &self.document.terms;
        let arm = gate::arm(terms.seed, case, block, slot);
        let side = usize::from(arm == Arm::Head);
        let number = self.runs[side].trials[case] + 1;
        let planned = self.planned(case, block, number);
        let id = terms.cases[case].id.clone();
        let head = format!("block {block}, trial {slot} ({}) ", arm.name());
        let (quiet, screen) = (self.arguments.quiet, &mut self.screen);
        let tell = |phase: Phase| {
            if !quiet {
                screen.draw(&head, &id, &format!(": {}", show::doing(phase)));
            }
        };
        let conductor = conductor(self.arguments, self.sides, self.signals, &self.folder, arm)?;
        let run = &mut self.runs[side];
        let record = conductor.run_one(&planned, &mut run.folder, tell)?;
        run.trials[case] = number;
        run.info.profiles.extend(record.given.profile);
        run.info.plan.push(tidings::record::PlannedTrial {
            case: record.identity.case.clone(),
            trial: number,
            block: number,
            seed: planned.seed,
            pacing: conductor.plan.layouts[case].pacing,
        });
        if record.is_cut_short() {
            return Ok(None);
        }
        let row = Row::of(&record, block, slot, arm, &self.document.terms);
        self.reasons.keep(&row, &record.verdict_reasons);
        self.table.append(&row)?;
        self.rows.push(row.clone());
        Ok(Some(row))
    }

    /// Writes what a gate ends with, however it ended, and prints it; returns the exit status.
    fn conclude(&mut self, outcome: anyhow::Result<End>) -> anyhow::Result<u8> {
        self.screen.end();
        let stopped = match &outcome {
            Ok(End::Signal(signal)) => Some(signal_name(*signal).to_owned()),
            Ok(End::Decided | End::Spent) => None,
            Err(_) => Some("an error".to_owned()),
        };
        let finished = utc(OffsetDateTime::now_utc());
        for run in &mut self.runs {
            run.info.finished_utc = Some(finished.clone());
            run.info.complete = stopped.is_none();
            run.info.stopped_by.clone_from(&stopped);
            run.folder.write_info(&run.info)?;
        }
        self.document.finished_utc = Some(finished);
        self.document.stopped_by = stopped;
        self.document.trials = Some(self.rows.len());
        let decision = decide::decide(&self.document, &self.rows);
        self.document.result = decision.json();
        self.document.write(&self.folder)?;
        show::write(&self.document, &decision, &self.folder)?;
        let mut incomplete = self.arguments.ci.end(&[ci::account(&self.document, &decision)]);
        let end = match outcome {
            Ok(end) => end,
            Err(error) => {
                let folder = self.folder.display();
                return Err(
                    error.context(format!("the gate ended early; its files are in {folder}"))
                );
            }
        };
        for run in &self.runs {
            let made = report::write_all(run.folder.path()).map_err(|error| {
                anyhow!("the report of the {} cannot be written: {error}", run.arm.name())
            })?;
            incomplete = incomplete.max(crate::cli::tell_missing(&made.missing, run.folder.path()));
        }
        show::print(&self.document, &decision, &self.folder, self.arguments.format);
        Ok(match end {
            End::Signal(signal) => (128 + signal) as u8,
            End::Decided | End::Spent if decision.status() == 0 => incomplete,
            End::Decided | End::Spent => decision.status(),
        })
    }

    fn say_start(&mut self) {
        for run in &self.runs[..1] {
            for warning in &run.info.warnings {
                output::message(format_args!("warning: {warning}"));
            }
        }
        if self.arguments.quiet {
            return;
        }
        let Document { scenario, base, head, .. } = &self.document;
        for line in [
            format!("gate of {scenario}"),
            format!("  base: {}", base.what),
            format!("  head: {}", head.what),
        ] {
            self.screen.line(&line);
        }
    }

    fn say_budget(&mut self) {
        if !self.arguments.quiet {
            for line in show::budget(&self.document) {
                self.screen.line(&line);
            }
        }
    }

    fn say_block(&mut self, block: u32, decision: &Decision) {
        if !self.arguments.quiet {
            let text = show::progress(&self.document.terms, block, decision);
            self.screen.line(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_case_is_told_by_its_own_trials_that_ended_blocks() {
        let mut reasons = Reasons::default();
        let mut rows = Vec::new();
        let mut failed = |case: &str, block, slot, why: &str| {
            let row = Row {
                case: case.to_owned(),
                block,
                slot,
                arm: Arm::Head,
                trial: block,
                verdict: Verdict::Failed,
                account: None,
                slowest_ns: None,
                values: Vec::new(),
            };
            reasons.keep(&row, &[why.to_owned()]);
            rows.push(row);
        };
        for block in 1..=3 {
            failed("sse", block, 1, "the server exited.");
            failed("websocket", block, CONFIRMS, "no descriptors");
        }
        failed("sse", 3, CONFIRMS, "a time-out");
        failed("websocket", 4, 1, "the port is taken");
        let told = reasons.of_dead(&rows, "sse").unwrap();
        let expected = "sse: 3 blocks in a row ended at a failed trial, the last one of the head: the server exited. Check";
        assert!(told.starts_with(expected), "{told}");
        assert_eq!(reasons.of_dead(&rows, "websocket"), None);
    }
}
