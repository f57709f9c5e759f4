//! Progress of `tidings run` on stderr: one line rewritten on a terminal, one line per trial elsewhere.

use tidings::clock;
use tidings::conductor::{Phase, Progress};
use tidings::plan::Plan;
use tidings::record::TrialRecord;
use tidings::unit::{self, nanoseconds};

use crate::cli::output;
use crate::cli::screen::Screen;

/// Tells of a run's progress.
pub(in crate::cli) struct Teller<'a> {
    plan: &'a Plan,
    quiet: bool,
    screen: Screen,
    started_ns: u64,
}

impl<'a> Teller<'a> {
    /// A teller of `plan`'s run, silent where `quiet`.
    pub(in crate::cli) fn new(plan: &'a Plan, quiet: bool) -> Self {
        Self { plan, quiet, screen: Screen::of_stderr(), started_ns: clock::now() }
    }

    /// Announces the run. Warnings are printed even with `--quiet`.
    pub(in crate::cli) fn begin(&mut self, warnings: &[String]) {
        for warning in warnings {
            output::message(format_args!("warning: {warning}"));
        }
        if !self.quiet {
            self.screen.line(&format!(
                "{}: {} of {}{}, about {}",
                self.plan.scenario.name,
                unit::counted(self.plan.trials.len() as u64, "trial"),
                unit::counted(self.plan.scenario.cases.len() as u64, "case"),
                match self.plan.floors.len() {
                    0 => String::new(),
                    floors => format!(" and {floors} of the noise floor"),
                },
                minutes(self.plan.duration_ns()),
            ));
        }
    }

    /// Tells of one step.
    pub(in crate::cli) fn tell(&mut self, progress: &Progress<'_>) {
        if self.quiet {
            return;
        }
        match progress {
            Progress::Phase { index, trial, phase } => {
                let case = &self.plan.scenario.cases[trial.case].id;
                let doing = match phase {
                    Phase::Launch => "launching",
                    Phase::Connect => "connecting",
                    Phase::Warmup => "warming up",
                    Phase::Measure => "measuring",
                    Phase::Drain => "draining",
                };
                let left = minutes(self.left_ns(*index));
                let head = format!("{} ", self.place(*index));
                let tail = format!(", trial {}: {doing}, {left} left", trial.trial);
                self.screen.draw(&head, case, &tail);
            }
            Progress::Floor { index, floor } => {
                let left = minutes(self.left_ns(*index));
                let of = format!("noise floor of {}", floor.metric().name());
                self.screen.draw("[floor] ", &of, &format!(": measuring, {left} left"));
            }
            Progress::Recorded { index, record, .. } => {
                let left = minutes(self.left_ns(index + 1));
                let text = format!("{} {}, {left} left", self.place(*index), summary(record));
                self.screen.line(&text);
            }
            Progress::Second { .. } => {}
            Progress::FloorRecorded { record } => {
                let p50 = record.at("p50").map(|ns| format!(", p50 {}", nanoseconds(ns)));
                self.screen.line(&format!(
                    "[floor] noise floor of {}: {}{}",
                    record.metric.name(),
                    record.verdict,
                    p50.unwrap_or_default()
                ));
            }
        }
    }

    /// Ends an unfinished line.
    pub(in crate::cli) fn end(&mut self) {
        self.screen.end();
    }

    fn place(&self, index: usize) -> String {
        let total = self.plan.trials.len().to_string();
        format!("[{:>width$}/{total}]", index + 1, width = total.len())
    }

    /// Time left from trial number `next` on: as planned, corrected by how the trials so far went.
    fn left_ns(&self, next: usize) -> u64 {
        let planned = |trials: &[tidings::plan::PlannedTrial]| -> u64 {
            trials.iter().map(|trial| self.plan.trial_ns(trial.case)).sum()
        };
        let (behind, ahead) = self.plan.trials.split_at(next);
        let floors = |behind: bool| -> u64 {
            let floors = self.plan.floors.iter();
            let on_this_side = floors.filter(|floor| (floor.after_trials < next) == behind);
            on_this_side.map(|floor| floor.plan.duration_ns()).sum()
        };
        let (behind, ahead) = (planned(behind) + floors(true), planned(ahead) + floors(false));
        match behind {
            0 => ahead,
            behind => {
                let pace = (clock::now() - self.started_ns) as f64 / behind as f64;
                (ahead as f64 * pace) as u64
            }
        }
    }
}

fn summary(record: &TrialRecord) -> String {
    let TrialRecord { identity, verdict, ledger, figures, .. } = record;
    let verdict = if record.is_cut_short() { "cut short" } else { verdict.name() };
    let mut parts = vec![format!("{}, trial {}: {verdict}", identity.case, identity.trial)];
    let headline =
        [("freshness p50", "freshness_ns_p50"), ("response p50", "response_ns_p50")].into_iter();
    let mut headline =
        headline.filter_map(|(name, column)| figures.get(column).map(|figure| (name, figure)));
    if let Some((name, figure)) = headline.next() {
        parts.push(format!("{name} {}", figure.print(nanoseconds)));
    }
    let lost = ledger.map_or(0, |ledger| ledger.lost);
    if lost > 0 {
        parts.push(format!("{lost} lost"));
    }
    parts.join(", ")
}

/// Minutes and seconds for people: `1:05`.
fn minutes(ns: u64) -> String {
    let seconds = ns.div_ceil(clock::SECOND_NS);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
