//! The account of a gate for CI systems: a case per metric that decides, and one per case for its deliveries.

use tidings::gate::decide::{Claim, Decision, change};
use tidings::gate::document::Document;
use tidings::gate::losses::Losses;
use tidings::gate::{Finding, Outcome, Worse};
use tidings::record::{Better, spec};
use tidings::report::ci::{CiCase, CiFigure, CiReport, CiStatus, between};

use super::show;

/// The case that says whether deliveries were lost or repeated.
const DELIVERIES: &str = "no deliveries lost or repeated";
/// The case that says whether the gate came to its end.
const COMPLETES: &str = "completes";
/// The group of what belongs to no case.
const WHOLE: &str = "the gate";

/// The account of a gate that has ended.
pub(super) fn account(document: &Document, decision: &Decision) -> CiReport {
    let mut cases = Vec::new();
    for case in &document.terms.cases {
        let of_case = decision.claims.iter().filter(|claim| claim.case == case.id);
        cases.extend(of_case.filter(|claim| claim.metric.gated).map(|held| claim(held, decision)));
        let losses = decision.losses.iter().filter(|losses| losses.case == case.id);
        cases.extend(losses.map(|losses| deliveries(losses, decision)));
    }
    cases.push(match &decision.stopped {
        Some(by) => case(
            WHOLE,
            COMPLETES,
            CiStatus::Error,
            format!("stopped by {by} after {}", show::blocks(decision)),
        ),
        None => case(WHOLE, COMPLETES, CiStatus::Passed, show::blocks(decision)),
    });
    let mut notes =
        vec![format!("Base: {}", document.base.what), format!("Head: {}", document.head.what)];
    notes.extend(show::informed(decision));
    notes.extend(show::remarks(document, decision));
    CiReport {
        verb: "gate",
        scenario: document.scenario.clone(),
        headline: show::headline(document, decision),
        started_utc: document.started_utc.clone(),
        seconds: document.finished_utc.as_ref().and_then(|end| between(&document.started_utc, end)),
        cases,
        figures: decision.claims.iter().filter_map(figure).collect(),
        notes,
    }
}

/// The account of a gate that has not ended; it remains if the gate is killed.
pub(super) fn begun(document: &Document) -> CiReport {
    let sentence = || "the gate has not ended, or was killed".to_owned();
    let mut cases = Vec::new();
    for of in &document.terms.cases {
        let gated = document.terms.metrics.iter().filter(|metric| metric.gated);
        for metric in gated.filter(|metric| of.columns.contains(&metric.column)) {
            cases.push(case(&of.id, alias(&metric.column), CiStatus::NotJudged, sentence()));
        }
        cases.push(case(&of.id, DELIVERIES, CiStatus::NotJudged, sentence()));
    }
    cases.push(case(WHOLE, COMPLETES, CiStatus::Error, sentence()));
    CiReport {
        verb: "gate",
        scenario: document.scenario.clone(),
        headline: "Unfinished: the gate has not ended, or was killed.".to_owned(),
        started_utc: document.started_utc.clone(),
        seconds: None,
        cases,
        figures: Vec::new(),
        notes: Vec::new(),
    }
}

fn case(group: &str, name: &str, status: CiStatus, sentence: String) -> CiCase {
    let (group, name) = (group.to_owned(), name.to_owned());
    CiCase { group, name, status, figure: None, threshold: None, sentence }
}

/// The name of a metric, as `--tolerance` takes it.
fn alias(column: &str) -> &str {
    spec(column).map_or(column, |spec| spec.alias)
}

/// A metric that decides.
fn claim(held: &Claim, decision: &Decision) -> CiCase {
    let sign = match held.metric.worse {
        Worse::More => '+',
        Worse::Less => '\u{2212}',
    };
    let tolerance = format!("{sign}{}", show::percent_plain(held.metric.tolerance));
    let (status, sentence) = match &held.finding {
        None if decision.stopped.is_some() => {
            (CiStatus::NotJudged, "no whole block was measured".to_owned())
        }
        None => (CiStatus::Inconclusive, "no whole block was measured".to_owned()),
        // Whatever its blocks show so far, the gate as a whole says nothing then, and this file says the same.
        Some(_) if decision.stopped.is_some() => (
            CiStatus::NotJudged,
            format!("the gate was stopped before it decided; {}", show::medians(held)),
        ),
        Some(found) => judged(held, found, decision),
    };
    CiCase {
        figure: held.finding.as_ref().map(|_| show::interval(held)),
        threshold: Some(tolerance),
        ..case(&held.case, alias(&held.metric.column), status, sentence)
    }
}

fn judged(held: &Claim, found: &Finding, decision: &Decision) -> (CiStatus, String) {
    let medians = show::medians(held);
    let visible = held.visible.map_or(String::new(), |visible| {
        let seen = show::beside(change(visible, held.metric.worse), held.metric.tolerance);
        format!("; a change of {seen} would have been found")
    });
    if found.outcome == Outcome::MachineMoved {
        let moved = found.controls.iter().map(|control| control.estimate.abs().exp_m1());
        let moved = show::percent_plain(moved.fold(0.0, f64::max));
        let sentence = format!("this machine moved by {moved} on its own; {medians}");
        return (CiStatus::Inconclusive, sentence);
    }
    // What another metric's controls show of the machine holds for this one.
    if decision.outcome == Outcome::MachineMoved {
        let sentence = format!("the machine moved on its own, by another metric; {medians}");
        return (CiStatus::Inconclusive, sentence);
    }
    match found.outcome {
        Outcome::Fail => (CiStatus::Failed, format!("the head is worse; {medians}")),
        Outcome::Pass => match decision.broken.told_of(&held.case) {
            Some(told) => (
                CiStatus::Inconclusive,
                format!("{told} Otherwise not worse than tolerated; {medians}"),
            ),
            None => (CiStatus::Passed, format!("not worse than tolerated; {medians}{visible}")),
        },
        _ => (CiStatus::Inconclusive, format!("not decided; {medians}{visible}")),
    }
}

fn deliveries(losses: &Losses, decision: &Decision) -> CiCase {
    let [base, head] = losses.trials;
    let (status, sentence) = if decision.stopped.is_some() {
        (CiStatus::NotJudged, "the gate was stopped before it decided".to_owned())
    } else if losses.failed {
        (
            CiStatus::Failed,
            format!(
                "the head lost {} deliveries and repeated {}, in {head} of its trials; the base none",
                losses.lost[1], losses.duplicate[1]
            ),
        )
    } else if losses.unconfirmed {
        (
            CiStatus::Inconclusive,
            "the head alone lost or repeated deliveries, and too few trials confirmed or refuted it"
                .to_owned(),
        )
    } else if losses.doubtful {
        (
            CiStatus::Inconclusive,
            format!(
                "the head alone lost or repeated deliveries, in {head} trials, but not reliably: they were degraded, or a further trial lost none"
            ),
        )
    } else if losses.excess {
        (
            CiStatus::Inconclusive,
            format!(
                "the head lost {} deliveries and repeated {}, the base {} and {} (p <= 0.01). Find the cause.",
                losses.lost[1], losses.duplicate[1], losses.lost[0], losses.duplicate[0]
            ),
        )
    } else {
        (
            CiStatus::Passed,
            format!(
                "trials with lost or repeated deliveries: {base} of the base, {head} of the head"
            ),
        )
    };
    case(&losses.case, DELIVERIES, status, sentence)
}

/// The head's median, where less is better.
fn figure(claim: &Claim) -> Option<CiFigure> {
    let spec = spec(&claim.metric.column)?;
    let [_, head] = claim.medians;
    Some(CiFigure {
        name: format!("{}: {}", claim.case, spec.alias),
        unit: spec.column.unit.symbol(),
        value: head.filter(|value| value.is_finite() && spec.better == Better::Less)?,
        range: Some(format!("change from base {}", show::interval(claim))),
    })
}

#[cfg(test)]
mod tests {
    use tidings::gate::decide::decide;
    use tidings::gate::document::{GateCase, GateSide, GatedMetric, Terms};
    use tidings::gate::table::{Account, Row};
    use tidings::gate::{Arm, arm};
    use tidings::measure::Host;
    use tidings::record::{Build, Figure, SCHEMA_VERSION, Verdict};
    use tidings::report::ci::{comment, junit};

    use super::*;

    const METRIC: &str = "freshness_ns_p50";

    /// A gate of `sse` that ended after twelve blocks.
    fn document() -> Document {
        let side = |what: &str| GateSide { what: what.to_owned(), revision: None };
        let metric = GatedMetric {
            column: METRIC.to_owned(),
            tolerance: 0.05,
            worse: Worse::More,
            gated: true,
        };
        Document {
            schema_version: SCHEMA_VERSION,
            build: Build::this(),
            scenario: "pair".to_owned(),
            base: side("a"),
            head: side("b"),
            terms: Terms {
                cases: vec![GateCase { id: "sse".to_owned(), columns: vec![METRIC.to_owned()] }],
                metrics: vec![metric],
                seed: 1,
                blocks: 12,
                fewest_blocks: 7,
                budget_s: 60.0,
                drain_s: 1.0,
            },
            started_utc: "2026-11-23T14:22:33Z".to_owned(),
            finished_utc: Some("2026-11-23T14:23:33Z".to_owned()),
            stopped_by: None,
            trials: None,
            notes: Vec::new(),
            host: Host::read(),
            command: Vec::new(),
            result: serde_json::Value::Null,
        }
    }

    /// Twelve blocks of equal trials: the first base trial lost one delivery, and the first two head trials 20 each.
    fn rows(seed: u64) -> Vec<Row> {
        let mut trials = [0, 0];
        let places = (1..=12).flat_map(|block| (1..=4).map(move |slot| (block, slot)));
        let row = |(block, slot)| {
            let arm = arm(seed, 0, block, slot);
            let trial = &mut trials[usize::from(arm == Arm::Head)];
            *trial += 1;
            let lost = match arm {
                Arm::Base if *trial == 1 => 1,
                Arm::Head if *trial <= 2 => 20,
                _ => 0,
            };
            let (expected, delivered) = (100, 100 - lost);
            Row {
                case: "sse".to_owned(),
                block,
                slot,
                arm,
                trial: *trial,
                verdict: Verdict::Valid,
                account: Some(Account { expected, delivered, lost, duplicate: 0, superseded: 0 }),
                slowest_ns: Some(9e6),
                values: vec![Some(Figure::Value(5e6))],
            }
        };
        places.map(row).collect()
    }

    #[test]
    fn a_pass_that_losses_withhold_has_its_reason_in_every_form() {
        let document = document();
        let decision = decide(&document, &rows(document.terms.seed));
        assert_eq!(decision.outcome, Outcome::Inconclusive);
        let account = account(&document, &decision);
        let headline =
            "INCONCLUSIVE: no metric is worse, but a pass is withheld (see below). 12 blocks.";
        assert_eq!(account.headline, headline);
        let statuses: Vec<CiStatus> = account.cases.iter().map(|case| case.status).collect();
        assert_eq!(statuses, [CiStatus::Passed, CiStatus::Inconclusive, CiStatus::Passed]);

        let folder = tempfile::tempdir().unwrap();
        show::write(&document, &decision, folder.path()).unwrap();
        let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
        let reason = "the head lost or repeated more deliveries of sse than the base (p";
        let accounts = [account];
        for text in [report, junit(&accounts), comment(&accounts)] {
            let at = text.find("no metric is worse").unwrap_or_else(|| panic!("{text}"));
            assert!(text[at..].contains(reason), "below it: {text}");
        }
    }
}
