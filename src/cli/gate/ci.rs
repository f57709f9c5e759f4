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
                "the head alone lost deliveries, in {head} trials, but not reliably: they were degraded, or a further trial lost none"
            ),
        )
    } else if losses.excess {
        (
            CiStatus::Inconclusive,
            format!(
                "the head lost {} deliveries and repeated {}, the base {} and {}: more than chance explains (1 %)",
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
