//! Cases whose clients publish: over which path, the time to acknowledgement, and what was never acknowledged.

use std::fmt::Write as _;

use super::View;
use crate::judge::CaseSummary;
use crate::scenario::{Case, Http, PatternKind, Publish};
use crate::unit::{counted, nanoseconds};

/// A few sentences; none where the target itself publishes.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let both: Vec<(&CaseSummary, &Case)> = view
        .findings
        .cases
        .iter()
        .filter_map(|summary| {
            let mut cases = view.run.info.scenario.cases.iter();
            let case = cases.find(|case| case.id == summary.case)?;
            let talks = case.pattern.kind().delivers() && case.workload.publish == Publish::Clients;
            talks.then_some((summary, case))
        })
        .collect();
    if both.is_empty() {
        return Vec::new();
    }
    let told = both.iter().filter_map(|(summary, case)| {
        let at = |column: &str| {
            summary.figure(column).map_or_else(|| "-".to_owned(), |f| f.value.print(nanoseconds))
        };
        summary.figure("send_ns_p50")?;
        let (p50, p99) = (at("send_ns_p50"), at("send_ns_p99"));
        Some(format!("{} ({}) {p50} / {p99}", view.name(&summary.case), way(case)))
    });
    let told: Vec<String> = told.collect();
    let mut said =
        "Clients publish: the subscribers of a topic publish its events in turn, and every figure of these cases \
         includes it."
            .to_owned();
    if !told.is_empty() {
        let _ = write!(said, " Due to acknowledged, p50 / p99: {}.", told.join("; "));
    }
    let mut said = vec![said];
    let disruption = both.iter().filter_map(|(summary, _)| {
        let count = |name: &str| summary.counts.get(name).copied().unwrap_or(0);
        let (due, acknowledged) = (count("sends_due"), count("sends_acknowledged"));
        let (open, repeated) = (due.saturating_sub(acknowledged), count("sends_repeated"));
        (open + repeated > 0).then(|| {
            format!(
                "{}: {open} of {due} events to publish were never acknowledged; {} were retries.",
                view.name(&summary.case),
                counted(repeated, "attempt")
            )
        })
    });
    said.extend(disruption);
    said
}

/// How its clients publish.
fn way(case: &Case) -> &'static str {
    match (case.pattern.kind(), case.transport.http) {
        (PatternKind::WebSocket, _) => "on the same socket",
        (_, Http::One) => "POST on a second connection",
        (_, Http::Two) => "POST on the same connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Counter, Metric, Recorder};
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};

    #[test]
    fn how_clients_publish_and_what_became_of_it_is_told() {
        let kinds =
            [PatternKind::Request, PatternKind::LongPoll, PatternKind::Sse, PatternKind::WebSocket];
        let mut cases: Vec<Case> = kinds.iter().map(|kind| case(*kind, 20, "")).collect();
        cases[1].transport.http = Http::Two;
        for case in &mut cases[1..] {
            case.workload.publish = Publish::Clients;
        }
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), |facts| {
            if !facts.case.pattern.kind().delivers() {
                return;
            }
            let due = facts.target.counters.get(Counter::Published);
            let open = u64::from(facts.case.pattern.kind() == PatternKind::Sse);
            let mut recorder = Recorder::new();
            for _ in 0..due - open {
                recorder.record(Metric::Send, 400_000);
            }
            let samples = recorder.snapshot().distributions[&Metric::Send].clone();
            facts.workers.distributions.insert(Metric::Send, samples);
            let counters = &mut facts.workers.counters;
            counters.add(Counter::SendsDue, due);
            counters.add(Counter::SendsSent, due);
            counters.add(Counter::SendsAcknowledged, due - open);
            counters.add(Counter::SendsRepeated, 3 * open);
            if facts.case.pattern.kind() == PatternKind::Sse {
                counters.add(Counter::Connections, 20);
            }
        });
        let said = sentences(&View::new(Run::read(&folder).unwrap()));
        assert_eq!(said.len(), 2, "{said:?}");
        for words in [
            "long-poll (POST on the same connection) 400 us / ",
            "sse (POST on a second connection) 400 us / ",
            "websocket (on the same socket) 400 us / 400 us.",
        ] {
            assert!(said[0].contains(words), "'{words}' is missing in {said:?}");
        }
        let words =
            "sse: 1 of 20 events to publish were never acknowledged; 3 attempts were retries";
        assert!(said[1].starts_with(words), "{said:?}");
        let cases = vec![case(PatternKind::Sse, 20, "")];
        let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), |_| ());
        assert_eq!(sentences(&View::new(Run::read(&folder).unwrap())), Vec::<String>::new());
    }
}
