//! The sentences of a report: which is best, how surely, and whether the run can be trusted.

use std::collections::BTreeMap;

use super::View;
use super::group::printable;
use super::table::reach;
use crate::judge::{Axis, Claim, Outcome, Ranking};
use crate::record::Verdict;
use crate::stats::Shift;
use crate::unit::{bytes, nanoseconds, significant};

/// Who is best in what, a sentence each.
pub(super) fn answers(view: &View) -> Vec<String> {
    view.rankings.iter().map(answer).collect()
}

fn answer(ranking: &Ranking) -> String {
    let (first, second) = (&ranking.order[0], &ranking.order[1]);
    let (best, what, unit): (_, _, fn(f64) -> String) = match ranking.axis {
        Axis::Freshness => ("Freshest", "median freshness", nanoseconds),
        Axis::Response => ("Quickest answers", "median response", nanoseconds),
        Axis::Cpu => ("Cheapest in the target's CPU", "a delivery", nanoseconds),
        Axis::Wire => ("Cheapest on the wire", "a delivery", bytes),
        Axis::Memory => ("Cheapest to hold", "of the target's memory a link", bytes),
    };
    let at = if ranking.workload.is_empty() {
        String::new()
    } else {
        format!(" at {}", ranking.workload)
    };
    let figures = (first.median.print(unit), second.median.print(unit));
    let (first, second) = (printable(&first.case), printable(&second.case));
    match &ranking.claim {
        Claim::Shown(shift) => format!(
            "{best}{at}: {first} ({} {what}); the next, {second}, is {}.",
            figures.0,
            times(shift)
        ),
        Claim::Indicated(shift, trials) => format!(
            "{best}{at}: {first} ({} {what}); the next, {second}, is {}, which is all that so few trials can show: \
             {trials} would allow 95 %.",
            figures.0,
            times(shift)
        ),
        Claim::NotShown(shift, needed) => {
            let needed = match needed {
                Some(trials) => format!("about {trials} trials a case would show one of this size"),
                None => "no reasonable number of trials would show one".to_owned(),
            };
            let interval = if shift.confidence > 0.0 {
                format!(" ({second} is {})", times(shift))
            } else {
                String::new()
            };
            format!(
                "{best}{at}: {first} ~ {second} ({} and {} {what}): no difference can be shown{interval}; {needed}.",
                figures.0, figures.1
            )
        }
        Claim::NoPairs => format!(
            "{best}{at}: {first} ({} {what}) before {second} ({}), but they cannot be compared: no block has a number \
             of both.",
            figures.0, figures.1
        ),
    }
}

fn times(shift: &Shift) -> String {
    let ratio = |log: f64| format!("{}x", significant(log.exp()));
    format!(
        "{} as much ({} to {} at {} % confidence)",
        ratio(shift.estimate),
        ratio(shift.low),
        ratio(shift.high),
        significant(shift.confidence * 100.0)
    )
}

/// Whether the run can be trusted: how far it came, and why trials are not valid, like reasons together.
pub(super) fn trust(view: &View) -> Vec<String> {
    let (info, trials) = (&view.run.info, &view.run.trials);
    let mut sentences = Vec::new();
    if !info.complete {
        let by = info.stopped_by.as_ref().map_or_else(
            || "it is still running, or was killed".to_owned(),
            |by| format!("stopped by {}", printable(by)),
        );
        sentences.push(format!(
            "This run is partial: {} of {} trials were carried out ({by}).",
            trials.len(),
            info.plan.len()
        ));
    }
    let valid = trials.iter().filter(|trial| trial.verdict == Verdict::Valid).count();
    sentences.push(match (trials.len(), valid) {
        (0, _) => "No trial was carried out: nothing may be concluded.".to_owned(),
        (all, valid) if all == valid => format!("All {all} trials are valid."),
        (all, valid) => format!("{valid} of {all} trials are valid."),
    });
    sentences.extend(reasons(view));
    sentences.extend(losses(view));
    sentences
}

/// The reasons of trials that are not valid; those that differ only in their figures are told once.
fn reasons(view: &View) -> Vec<String> {
    let mut grouped: BTreeMap<(Verdict, String), (String, Vec<String>)> = BTreeMap::new();
    for trial in &view.run.trials {
        let name = format!("{} trial {}", printable(&trial.identity.case), trial.identity.trial);
        for reason in &trial.verdict_reasons {
            let alike = reason.split(|c: char| c.is_ascii_digit() || c == '.').collect();
            let entry = grouped.entry((trial.verdict, alike));
            entry.or_insert_with(|| (printable(reason), Vec::new())).1.push(name.clone());
        }
    }
    let tell = |((verdict, _), (reason, names)): (&(Verdict, String), &(String, Vec<String>))| {
        let (shown, more) = (names.iter().take(3), names.len().saturating_sub(3));
        let shown = shown.cloned().collect::<Vec<_>>().join(", ");
        let more =
            if more > 0 { format!(" and {more} more, with like figures") } else { String::new() };
        format!("{} ({shown}{more}): {reason}.", capital(verdict.name()))
    };
    grouped.iter().map(tell).collect()
}

/// What was lost, doubled or reordered, so that no table hides it.
fn losses(view: &View) -> Vec<String> {
    let tell = |case: &crate::judge::CaseSummary| {
        let ledger = &case.ledger;
        let parts: Vec<String> = [
            (ledger.lost, if case.pattern.delivers() { "lost" } else { "not answered well" }),
            (ledger.duplicate, "duplicated"),
            (ledger.reordered, "reordered"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let reach = case.reach_worst.map(|worst| format!("; reach {} at worst", reach(worst)));
        (!parts.is_empty()).then(|| {
            format!(
                "{}: {} of {} expected{}.",
                printable(&case.case),
                parts.join(", "),
                ledger.expected,
                reach.unwrap_or_default()
            )
        })
    };
    view.cases.iter().filter_map(tell).collect()
}

/// The objectives, a line each.
pub(super) fn objectives(view: &View) -> Vec<String> {
    let line = |judgement: &crate::judge::Judgement| {
        let word = match judgement.outcome {
            Outcome::Met => "met    ",
            Outcome::Missed => "MISSED ",
            Outcome::Unknown => "unknown",
        };
        let (objective, case) = (printable(&judgement.objective), printable(&judgement.case));
        format!("{word} {objective}  [{case}: {}]", judgement.printed)
    };
    let refused =
        view.refused.iter().map(|error| format!("unknown {}", printable(&error.to_string())));
    view.judgements.iter().map(line).chain(refused).collect()
}

/// What makes the run or its files doubtful.
pub(super) fn warnings(view: &View) -> Vec<String> {
    let told = view.run.info.warnings.iter().chain(&view.run.warnings);
    told.map(|warning| printable(warning)).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
