mod samples;

use proptest::prelude::*;

use super::*;
use crate::clock::SECOND_NS;
use crate::judge::summary;
use crate::measure::{Interval, Recorder};
use crate::record::synthetic::{case, info, losing, scenario, write_run};
use crate::record::{FloorRecord, Intervals, TrialFacts, Verdict};
use crate::scenario::{Pattern, PatternKind, Restart, RestartLog};
use crate::stats::noise::Noise;

/// A run that was read, and its cases.
struct Judged {
    run: Run,
    cases: Vec<CaseSummary>,
}

impl Judged {
    fn read(folder: &std::path::Path) -> Self {
        let run = Run::read(folder).unwrap();
        Self { cases: summary(&run), run }
    }

    fn judge(&self, text: &str) -> Vec<Judgement> {
        objectives(&[text.to_owned()], &self.cases, &self.run).unwrap()
    }

    fn refusal(&self, text: &str) -> String {
        objectives(&[text.to_owned()], &self.cases, &self.run).unwrap_err().to_string()
    }

    /// The outcome and the text at the only case.
    fn one(&self, text: &str) -> (Outcome, String) {
        let mut judged = self.judge(text);
        assert_eq!(judged.len(), 1, "{text}");
        let one = judged.remove(0);
        (one.outcome, one.printed)
    }
}

/// Replaces the samples of a trial by `per_s` a second for `seconds`, as `ns` draws them.
fn resample(
    facts: &mut TrialFacts,
    seconds: u64,
    per_s: u64,
    mut ns: impl FnMut(u64, &mut Noise) -> f64,
) {
    let metric = facts.case.pattern.kind().traits().headline;
    let mut noise = Noise::new(1_000 * u64::from(facts.trial) + facts.case.id.len() as u64);
    facts.intervals = Intervals::default();
    facts.workers.distributions.remove(&metric);
    facts.workers.series = crate::measure::Series::default();
    facts.phases.measure = crate::unit::Span::from_secs(seconds);
    for second in 0..seconds {
        let mut recorder = Recorder::new();
        let from = facts.window_start_ns + second * SECOND_NS;
        for at in 0..per_s {
            let ns = ns(second, &mut noise) as u64;
            recorder.record(metric, ns);
            recorder.record_due(from + at * SECOND_NS / per_s, ns);
        }
        let snapshot = recorder.snapshot();
        facts.workers.merge(&snapshot);
        let interval = Interval { start_ns: from, end_ns: from + SECOND_NS, snapshot };
        facts.intervals.push(&interval.pack().unwrap()).unwrap();
    }
    let ledger = &mut facts.workers.ledger;
    ledger.expected = seconds * per_s;
    ledger.delivered = seconds * per_s;
    let mut counts: std::collections::BTreeMap<String, u64> = facts.target.counters.clone().into();
    counts.insert("published".to_owned(), seconds * per_s / facts.case.workload.clients);
    facts.target.counters = counts.into();
}

/// A run of one case of `kind`, its samples drawn by `ns`.
fn drawn(
    kind: PatternKind,
    (trials, seconds, per_s): (u32, u64, u64),
    ns: impl Fn(u32, u64, &mut Noise) -> f64,
) -> Judged {
    let out = tempfile::tempdir().unwrap();
    let info = info(scenario(vec![case(kind, 50, "")], trials, &[]));
    let folder = write_run(out.path(), &info, |facts| {
        let trial = facts.trial;
        resample(facts, seconds, per_s, |second, noise| ns(trial, second, noise));
    });
    Judged::read(&folder)
}

fn cases() -> Judged {
    let out = tempfile::tempdir().unwrap();
    let kinds = [PatternKind::Request, PatternKind::WebSocket, PatternKind::Webhook];
    let cases: Vec<_> = kinds.iter().map(|kind| case(*kind, 50, ":clients=50")).collect();
    let info = info(scenario(cases, 2, &[]));
    let folder = write_run(out.path(), &info, |facts| match facts.case.pattern.kind() {
        PatternKind::Webhook => facts.failure = Some("the target died".to_owned()),
        PatternKind::WebSocket if facts.trial == 2 => {
            *facts = losing(&facts.case, 2, 50);
            facts.target.counters.add(crate::measure::Counter::Published, 1);
        }
        _ => {}
    });
    Judged::read(&folder)
}

fn outcomes(text: &str, run: &Judged) -> Vec<(String, Outcome)> {
    run.judge(text)
        .into_iter()
        .map(|j| (j.case.split(':').next().unwrap().to_owned(), j.outcome))
        .collect()
}

#[test]
fn objectives_are_judged_case_by_case() {
    use Outcome::{Met, Missed, Unknown};
    let cases = cases();
    let (request, websocket, webhook) = ("request", "websocket", "webhook");
    for (what, text, expected) in [
        (
            "no freshness for request, no pass for a failed case",
            "freshness_p50 < 50ms",
            vec![(websocket, Met), (webhook, Unknown)],
        ),
        ("a selected pattern", "websocket: freshness_p50 < 1us", vec![(websocket, Missed)]),
        ("a selected case", "websocket:clients=50: freshness_ns_p50 < 1s", vec![(websocket, Met)]),
        (
            "reach by the worst trial",
            "reach >= 1",
            vec![(request, Met), (websocket, Missed), (webhook, Unknown)],
        ),
        ("in percent", "reach > 90%", vec![(request, Met), (websocket, Met), (webhook, Unknown)]),
        ("counts by their sum", "websocket: lost == 50", vec![(websocket, Met)]),
        (
            "what never came is above every bound",
            "websocket: freshness_max < 1h",
            vec![(websocket, Missed)],
        ),
        (
            "costs without their unit",
            "websocket: target_cpu_per_delivery < 20us",
            vec![(websocket, Met)],
        ),
        (
            "bytes",
            "wire_bytes_per_delivery <= 1KiB",
            vec![(request, Met), (websocket, Met), (webhook, Unknown)],
        ),
        ("rates", "request: deliveries_per_s >= 400/s", vec![(request, Met)]),
        ("response where there is one", "response_p99 < 1s", vec![(request, Met)]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(c, o)| (c.to_owned(), o)).collect();
        assert_eq!(outcomes(text, &cases), expected, "{what}: {text}");
    }
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_hint() {
    for (text, words) in [
        ("freshness_p99", "is not of the form"),
        ("< 5ms", "is not of the form"),
        ("freshnes_p99 < 50ms", "did you mean freshness_p99"),
        ("xyz < 1", "every column of trials.csv"),
        ("p99 < 50ms", "did you mean freshness_p99 or response_p99"),
        ("sse.freshness_p99 < 50ms", "did you mean sse: freshness_p99"),
        ("freshness_p100 < 50ms", "freshness_max"),
        ("share(freshness) < 1%", "share(freshness > 1s)"),
        ("freshness_p99 < 2 * reach", "different units"),
        ("freshness_p99 < 2 * sse: freshnes_p99", "did you mean freshness_p99"),
        ("freshness_p99 < 50", "500ms"),
        ("lost == 0.5", "whole number"),
        ("reach >= much", "such as 0.99"),
    ] {
        let refusal = Objective::parse(text).unwrap_err().to_string();
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
    let cases = cases();
    for (text, words) in [
        ("request: freshness_p99 < 1s", "matches no case"),
        ("carrier-pigeon: reach >= 1", "matches no case"),
        ("hold_p50 < 1s", "matches no case"),
        ("ws: reach >= 1", "did you mean websocket"),
        ("WebSocket: reach >= 1", "did you mean websocket"),
        ("websocket: freshness_p99 < 2 * sse: freshness_p99", "'sse' is no case"),
        ("websocket: freshness_p99 < 2 * request: freshness_p99", "'request' is no case"),
        ("websocket: freshness_p95 < 2 * floor: freshness_p95", "p50, p90 and p99"),
    ] {
        let refusal = cases.refusal(text);
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}

#[test]
fn a_run_without_objectives_misses_none() {
    assert_eq!(overall(&[]), Outcome::Met);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in ".{0,40}") {
        let _ = Objective::parse(&text);
    }
}

#[test]
fn patterns_and_cases_are_compared() {
    let out = tempfile::tempdir().unwrap();
    let kinds = [PatternKind::Sse, PatternKind::WebSocket, PatternKind::Request];
    let with = |axes: &str| kinds.map(|kind| case(kind, 50, axes)).to_vec();
    let cases = [with(":clients=50"), with(":clients=60")].concat();
    let folder = write_run(out.path(), &info(scenario(cases, 3, &[])), |facts| {
        let times = if facts.case.pattern.kind() == PatternKind::WebSocket { 1e6 } else { 4e6 };
        if facts.case.pattern.kind().delivers() {
            resample(facts, 10, 300, |_, noise| times * (1.0 + noise.unit()));
        }
    });
    let run = Judged::read(&folder);
    let outcomes = |text: &str| -> Vec<Outcome> {
        run.judge(text).into_iter().map(|judgement| judgement.outcome).collect()
    };
    for (text, expected) in [
        ("websocket: freshness_p99 < 0.5 * sse: freshness_p99", &[Outcome::Met; 2][..]),
        ("websocket: freshness_p99 < sse: freshness_p99 * 0.1", &[Outcome::Missed; 2]),
        ("websocket: freshness_p99 < 0.25 * sse: freshness_p99", &[Outcome::Unknown; 2]),
        (
            "freshness_p50 < 0.5 * sse:clients=60: freshness_p50",
            &[Outcome::Missed, Outcome::Met, Outcome::Met],
        ),
        ("sse: freshness_mean > 2 * websocket: freshness_mean", &[Outcome::Met; 2]),
        (
            "websocket: wire_bytes_per_delivery < 2 * sse: wire_bytes_per_delivery",
            &[Outcome::Met; 2],
        ),
        ("websocket: errors <= sse: errors", &[Outcome::Met; 2]),
        ("websocket: errors_rate < 0.1%", &[Outcome::Met; 2]),
    ] {
        assert_eq!(outcomes(text), expected, "{text}: {:?}", run.judge(text));
    }
    let refusal = run.refusal("websocket: freshness_p99 < 2 * request:clients=60: freshness_p99");
    assert!(refusal.contains("'request:clients=60' is no case"), "{refusal}");
}

#[test]
fn what_never_ended_is_longer_than_every_limit() {
    let out = tempfile::tempdir().unwrap();
    let webhook = case(PatternKind::Webhook, 60, "");
    let folder = write_run(out.path(), &info(scenario(vec![webhook.clone()], 2, &[])), |facts| {
        *facts = losing(&webhook, facts.trial, 60);
        facts.target.counters.add(crate::measure::Counter::Published, 1);
    });
    let mut run = Judged::read(&folder);
    let planned = &mut run.run.info.scenario.cases[0];
    let second = crate::unit::Span::from_secs(1);
    let (at, down, graceful) = (second, second, false);
    planned.conditions.restart = Some(Restart { at, down, log: RestartLog::Survives, graceful });
    if let Pattern::Webhook(options) = &mut planned.pattern {
        options.receiver.down_for = second;
    }
    for (text, expected, words) in [
        ("recovery < 1h", Outcome::Missed, "not all clients came back"),
        ("recovery > 1s", Outcome::Met, "not all clients came back"),
        ("catch_up_max < 1h", Outcome::Missed, "not every receiver caught up"),
    ] {
        let (outcome, printed) = run.one(text);
        assert_eq!(outcome, expected, "{text}: {printed}");
        assert!(printed.contains(words), "{text}: {printed}");
    }
}

#[test]
fn a_case_is_compared_with_its_noise_floor() {
    let mut run = drawn(PatternKind::Sse, (2, 10, 200), |_, _, noise| 1e6 * (1.0 + noise.unit()));
    let (outcome, printed) = run.one("freshness_p99 < 10 * floor: freshness_p99");
    assert_eq!(outcome, Outcome::Unknown, "{printed}");
    assert!(printed.contains("no usable noise floor"), "{printed}");
    let facts = crate::record::synthetic::facts(&case(PatternKind::WebSocket, 50, ""), 1);
    let cases = vec!["sse".to_owned()];
    let mut floor = FloorRecord::new(&facts, cases, 0, Verdict::Valid, [""; 0]);
    floor.quantiles.floor_ns_p99 = Some(Figure::Value(400e3));
    run.run.floors.push(floor);
    run.cases = summary(&run.run);
    for (text, expected) in [
        ("freshness_p99 < 10 * floor: freshness_p99", Outcome::Met),
        ("freshness_p99 < floor: freshness_p99 * 3", Outcome::Missed),
        ("floor_ratio_p99 < 10", Outcome::Met),
        ("floor_ratio_p99 < 3", Outcome::Missed),
    ] {
        let (outcome, printed) = run.one(text);
        assert_eq!(outcome, expected, "{text}: {printed}");
        assert!(printed.contains("noise floor"), "{text}: {printed}");
    }
}

#[test]
fn a_folder_of_tables_is_judged_by_its_medians_and_says_so() {
    let out = tempfile::tempdir().unwrap();
    let info = info(scenario(vec![case(PatternKind::Sse, 200, "")], 2, &[]));
    let folder = write_run(out.path(), &info, |_| ());
    std::fs::remove_file(folder.join("histograms.hlog")).unwrap();
    let run = Judged::read(&folder);
    assert!(run.run.warnings[0].contains("histograms.hlog is missing"), "{:?}", run.run.warnings);
    for (text, expected) in [
        ("freshness_p99 < 1s", Outcome::Met),
        ("freshness_p99 < 1us", Outcome::Missed),
        ("freshness_p95 < 1s", Outcome::Unknown),
        ("freshness_mean < 1s", Outcome::Unknown),
        ("freshness_max < 1h", Outcome::Met),
    ] {
        let (outcome, printed) = run.one(text);
        assert_eq!(outcome, expected, "{text}: {printed}");
        assert!(printed.contains("histograms.hlog is missing"), "{printed}");
    }
}

#[test]
fn figures_decide_where_all_trials_agree() {
    let out = tempfile::tempdir().unwrap();
    let info = info(scenario(vec![case(PatternKind::Sse, 200, "")], 4, &[]));
    let run = Judged::read(&write_run(out.path(), &info, |_| ()));
    let column = "target_cpu_ns_per_delivery";
    let mut trials: Vec<f64> =
        run.cases[0].by_block[column].values().map(|figure| figure.number()).collect();
    trials.sort_by(f64::total_cmp);
    let (least, most) = (trials[0], trials[3]);
    for (limit, expected) in [
        (most * 1.001, Outcome::Met),
        (least * 0.999, Outcome::Missed),
        (f64::midpoint(trials[1], trials[2]), Outcome::Unknown),
    ] {
        let text = format!("target_cpu_per_delivery < {}ns", limit.round());
        let (outcome, printed) = run.one(&text);
        assert_eq!(outcome, expected, "{text}: {trials:?}: {printed}");
    }
}
