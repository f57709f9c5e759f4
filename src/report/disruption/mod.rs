//! Disruptions that a scenario injects, and their effect: a restart, slow consumers, failing receivers.
//!
//! Each kind has a section of its own, as sentences and a table, where a case has it.

mod consumers;
mod receivers;
mod restart;

use super::View;
use super::document::{Block, Extent, Section, Table};
use super::glance::print;
use crate::judge::CaseSummary;
use crate::scenario::Case;

/// The disruptions of one kind.
struct Disruption {
    /// The section's title.
    title: &'static str,
    /// The words of the table's heads.
    terms: Vec<(&'static str, &'static str)>,
    /// A row per case.
    table: Table,
    /// The effect, a sentence per case.
    effects: Vec<String>,
}

/// What every table of disruptions has in common.
const READING: &str = "Counts are sums over the finished trials. Quantiles are of all samples of the usable trials, other times medians over these \
     trials.";

impl Disruption {
    fn section(self) -> Option<Section> {
        let blocks = [
            (Extent::Always, Block::Sentences(self.effects)),
            (Extent::Full, Block::Paragraph(READING.to_owned())),
            (Extent::Full, Block::Terms(self.terms)),
            (Extent::Full, Block::Table(self.table)),
        ];
        Section::new(self.title, blocks)
    }
}

/// The sections of a run; empty without disruptions.
pub(super) fn sections(view: &View) -> Vec<Section> {
    disruptions(view).into_iter().filter_map(Disruption::section).collect()
}

fn disruptions(view: &View) -> Vec<Disruption> {
    let cases = cases(view);
    [restart::section(&cases), consumers::section(&cases), receivers::section(&cases)]
        .into_iter()
        .flatten()
        .collect()
}

/// A case that was run to its end at least once: as planned, as measured, and its name.
struct Told<'a> {
    planned: &'a Case,
    measured: &'a CaseSummary,
    name: String,
}

fn cases(view: &View) -> Vec<Told<'_>> {
    let planned = |id: &str| view.run.info.scenario.cases.iter().find(|case| case.id == id);
    view.findings
        .cases
        .iter()
        .filter(|case| case.trials.finished() > 0)
        .filter_map(|measured| {
            let name = view.name(&measured.case).replace(':', " ");
            Some(Told { planned: planned(&measured.case)?, measured, name })
        })
        .collect()
}

impl Told<'_> {
    /// A figure in time, or `-`.
    fn time(&self, column: &str) -> String {
        print(self.measured, column)
    }

    /// Usable trials that have a figure.
    fn trials(&self, column: &str) -> usize {
        self.measured.figure(column).map_or(0, |estimate| estimate.trials)
    }

    /// The sum of a count over the trials; 0 where none tells.
    fn count(&self, column: &str) -> u64 {
        self.measured.counts.get(column).copied().unwrap_or(0)
    }

    /// The same as a cell: `-` where none tells.
    fn cell(&self, column: &str) -> String {
        self.measured.counts.get(column).map_or_else(|| "-".to_owned(), u64::to_string)
    }

    /// How many of its links are such.
    fn links(&self, which: impl Fn(u64) -> bool) -> u64 {
        (0..self.planned.workload.clients).filter(|index| which(*index)).count() as u64
    }
}

/// A cell in a sentence: without usable trials, times are unknown.
fn known(cell: String) -> String {
    if cell == "-" { "unknown".to_owned() } else { cell }
}

/// A number of deliveries: `"1 delivery"`, `"2 deliveries"`.
fn deliveries(n: u64) -> String {
    if n == 1 { "1 delivery".to_owned() } else { format!("{n} deliveries") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Counter, Metric, Recorder};
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::record::{Run, TrialFacts};
    use crate::scenario::{Consumers, Pattern, PatternKind, ReceiverOptions, Restart, RestartLog};
    use crate::unit::Span;

    fn told(cases: Vec<Case>, change: impl Fn(&mut TrialFacts)) -> Vec<Disruption> {
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), change);
        disruptions(&View::new(Run::read(&folder).unwrap()))
    }

    fn record(facts: &mut TrialFacts, samples: &[(Metric, u64)], counts: &[(Counter, u64)]) {
        let mut recorder = Recorder::new();
        for (metric, ns) in samples {
            recorder.record(*metric, *ns);
        }
        for (counter, n) in counts {
            recorder.count(*counter, *n);
        }
        facts.workers.merge(&recorder.snapshot());
    }

    fn row(section: &Disruption, case: &str) -> Vec<(String, String)> {
        let rows = &section.table.groups[0].rows;
        let row = rows.iter().find(|row| row[0].text == case).unwrap();
        assert_eq!(row.len(), section.table.head.len(), "{row:?}");
        let heads = section.table.head.iter().map(super::super::document::Head::line);
        heads.zip(row.iter().map(super::super::document::Cell::marked)).collect()
    }

    fn has(row: &[(String, String)], head: &str, cell: &str) -> bool {
        row.iter().any(|(own, text)| own == head && text == cell)
    }

    #[test]
    fn who_is_left_alone_has_no_section() {
        assert!(
            told(vec![case(PatternKind::Sse, 20, ""), case(PatternKind::Webhook, 20, "")], |_| ())
                .is_empty()
        );
    }

    #[test]
    fn a_restart_is_told_with_its_losses_and_the_peak_of_its_storm() {
        let restarted = |jitter: bool| {
            let mut case = case(PatternKind::Sse, 20, &format!(":jitter={jitter}"));
            let (at, down) = (Span::from_secs(2), Span::from_ms(500));
            case.conditions.restart =
                Some(Restart { at, down, log: RestartLog::Survives, graceful: false });
            case
        };
        let sections = told(vec![restarted(true), restarted(false)], |facts| {
            let back = if facts.case.id.ends_with("false") { 20 } else { 19 };
            record(facts, &vec![(Metric::Recovery, 700_000_000); back], &[(Counter::Dials, 60)]);
            facts.workers.ledger.late = 7;
            let up_ns = facts.window_start_ns + 2_500_000_000;
            let mut recorder = Recorder::new();
            // Before it is back nobody can come in: what was tried then is no storm upon it.
            (0..20).for_each(|_| recorder.record_dial(up_ns - 50_000_000));
            let apart_ns = if facts.case.id.ends_with("false") { 100_000 } else { 9_000_000 };
            (0..20).for_each(|at| recorder.record_dial(up_ns + at * apart_ns));
            facts.workers.merge(&recorder.snapshot());
        });
        let [section] = sections.as_slice() else { panic!("one section") };
        assert_eq!(section.title, "Restart");
        let jitter = row(section, "sse jitter=true");
        let none = row(section, "sse jitter=false");
        assert!(has(&jitter, "peak dials in 10 ms", "2"), "{jitter:?}");
        assert!(has(&none, "peak dials in 10 ms", "20"), "{none:?}");
        assert!(has(&none, "recovery", "700 ms") && has(&none, "late", "7"), "{none:?}");
        assert!(has(&jitter, "recovery", "-"), "one of 20 is missing: {jitter:?}");
        assert!(
            section.effects[0].contains("not all of 20 clients reconnected"),
            "{:?}",
            section.effects
        );
        assert!(
            section.effects[1].starts_with("sse jitter=false: all 20 clients reconnected 700 ms after the target ended; lost 0, late 7"),
            "{:?}",
            section.effects
        );
    }

    #[test]
    fn trials_that_are_of_no_use_tell_no_times_and_blame_nobody() {
        let mut case = case(PatternKind::Sse, 20, "");
        let (at, down) = (Span::from_secs(2), Span::from_ms(500));
        case.conditions.restart =
            Some(Restart { at, down, log: RestartLog::Survives, graceful: false });
        let sections = told(vec![case], |facts| {
            record(facts, &vec![(Metric::Recovery, 700_000_000); 20], &[]);
            facts.workers.ledger.expected += 1;
        });
        let told = &sections[0].effects[0];
        assert!(told.contains("recovery time unknown"), "{told}");
        assert!(!told.contains("not all of"), "{told}");
    }

    #[test]
    fn slow_consumers_are_told_apart_from_those_beside_them() {
        let reading = |share: f64| {
            let mut case = case(PatternKind::WebSocket, 20, &format!(":slow_share={share}"));
            case.conditions.consumers = Consumers { slow_share: share, ..Consumers::default() };
            case
        };
        let sections = told(vec![reading(0.0), reading(0.1)], |facts| {
            if facts.case.conditions.consumers.slow_share > 0.0 {
                let apart = [
                    (Metric::FreshnessHealthy, 3_000_000),
                    (Metric::FreshnessAffected, 900_000_000),
                ];
                record(facts, &apart, &[(Counter::Skipped, 11), (Counter::LostSlow, 19)]);
                (facts.workers.ledger.expected, facts.workers.ledger.lost) =
                    (facts.workers.ledger.expected + 20, 20);
                facts.target.counters.add(Counter::Published, 1);
                facts.target.counters.add(Counter::SlowActions, 4);
            }
        });
        let [section] = sections.as_slice() else { panic!("one section") };
        let slow = row(section, "websocket slow_share=0.1");
        for cell in [
            ("slow clients", "2"),
            ("policy actions", "4"),
            ("skipped", "11"),
            ("lost, slow", "19"),
            ("lost, others", "1"),
            ("others p99", "3 ms"),
            ("slow p99", "900 ms"),
        ] {
            assert!(has(&slow, cell.0, cell.1), "{cell:?} in {slow:?}");
        }
        let alone = row(section, "websocket slow_share=0");
        let p99 = alone.iter().find(|(head, _)| head == "others p99").unwrap().1.clone();
        assert!(p99.ends_with("ms") && has(&alone, "slow p99", "-"), "{alone:?}");
        let [told] = section.effects.as_slice() else { panic!("{:?}", section.effects) };
        assert!(
            told.contains("2 of 20 clients read slowly")
                && told.contains("missed 19 deliveries")
                && told.contains("p99 900 ms;"),
            "{told}"
        );
        assert!(told.contains(&format!("p99 3 ms ({p99} without slow clients)")), "{told}");
    }

    #[test]
    fn receivers_in_trouble_are_told_with_what_it_took_to_catch_up() {
        let receiving = |receiver: ReceiverOptions, axes: &str| {
            let mut case = case(PatternKind::Webhook, 20, axes);
            if let Pattern::Webhook(options) = &mut case.pattern {
                options.receiver = receiver;
            }
            case
        };
        let well = ReceiverOptions { affected: 0.2, ..ReceiverOptions::default() };
        let down = ReceiverOptions { down_for: Span::from_secs(5), ..well };
        let cases = vec![
            receiving(well, ":receiver=well"),
            receiving(down, ":receiver=down"),
            receiving(down, ":receiver=lacking"),
        ];
        let sections = told(cases, |facts| {
            record(
                facts,
                &[(Metric::FreshnessHealthy, 2_000_000)],
                &[(Counter::DuplicateAttempts, 3)],
            );
            if facts.case.id.ends_with("down") {
                let late =
                    [(Metric::FreshnessAffected, 4_000_000_000), (Metric::CatchUp, 800_000_000)];
                record(facts, &late, &[]);
                facts.target.counters.add(Counter::Attempts, 500);
            }
            if facts.case.id.ends_with("lacking") {
                record(facts, &[(Metric::CatchUp, 700_000_000)], &[]);
                (facts.workers.ledger.lost, facts.workers.ledger.delivered) =
                    (1, facts.workers.ledger.delivered - 1);
            }
        });
        let [section] = sections.as_slice() else { panic!("one section") };
        let down = row(section, "webhook receiver=down");
        for cell in
            [("affected", "4"), ("attempts", "500"), ("duplicate", "3"), ("catch-up", "800 ms")]
        {
            assert!(has(&down, cell.0, cell.1), "{cell:?} in {down:?}");
        }
        let [told, lacking] = section.effects.as_slice() else { panic!("{:?}", section.effects) };
        assert!(
            lacking.contains("lost 1") && lacking.contains("never caught up completely"),
            "one of them caught up, and not all: {lacking}"
        );
        for words in [
            "webhook receiver=down: 4 of 20 receivers stayed down for 5s",
            "lost 0",
            "caught up in 800 ms",
            "p99 2 ms (2 ms without failing receivers)",
        ] {
            assert!(told.contains(words), "'{words}' in {told}");
        }
    }
}
