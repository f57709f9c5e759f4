//! Whether a run can be trusted: how far it came, why trials are not valid, and what was lost.

use std::collections::BTreeMap;

use super::View;
use super::group::printable;
use super::table::reach;
use crate::judge::{CaseSummary, doubts, independent_samples, is_well_known};
use crate::record::{STOPPED_BY, Verdict};
use crate::scenario::{Faults, network_summary};
use crate::unit::{counted, significant};

/// The verdict on the run in one line: can it be trusted, and why.
pub(super) fn verdict(view: &View) -> String {
    let (info, trials) = (&view.run.info, &view.run.trials);
    let doubts = doubts(&view.cases);
    let cut = cut_short(view);
    let valid = of(view, Verdict::Valid);
    let mut why = vec![match (trials.len(), valid) {
        (0, _) => "no trial was run".to_owned(),
        (1, 1) => "the only trial is valid".to_owned(),
        (all, valid) if all == valid => format!("all {all} trials are valid"),
        (all, valid) => format!("{valid} of {all} trials are valid"),
    }];
    for verdict in [Verdict::Degraded, Verdict::Invalid, Verdict::Failed] {
        // The run's end is no failure of a trial.
        let n = of(view, verdict) - if verdict == Verdict::Failed { cut } else { 0 };
        if n > 0 {
            why.push(format!("{n} {}", verdict.name()));
        }
    }
    if cut > 0 {
        why.push(format!("{cut} cut short"));
    }
    if !info.complete {
        why.push("the run is partial".to_owned());
    }
    let warnings = info.warnings.len() + view.run.warnings.len();
    if warnings > 0 {
        why.push(counted(warnings as u64, "warning"));
    }
    let trusted = if trials.is_empty() || doubts.len() == view.cases.len() {
        "no"
    } else if doubts.is_empty() && why.len() == 1 {
        "yes"
    } else {
        "partly"
    };
    format!("Can this run be trusted? {}: {}.", capital(trusted), why.join(", "))
}

/// What limits the run as a whole: its trials that were not run, and what the scenario injected.
pub(super) fn limits(view: &View) -> Vec<String> {
    [partial(view), faults(view), network(view)].into_iter().flatten().collect()
}

/// Everything about trust, for `report.md`.
pub(super) fn details(view: &View) -> Vec<String> {
    let mut sentences = vec![verdict(view)];
    sentences.extend(limits(view));
    sentences.extend(reasons(view).iter().map(tell));
    sentences.extend(losses(view));
    sentences.extend(too_few(view));
    sentences
}

/// The causes for a terminal, one line of at most `width` each; of them, at most `limit`.
pub(super) fn causes(view: &View, limit: usize, width: usize) -> Vec<String> {
    let reasons = reasons(view);
    let more = reasons.len().saturating_sub(limit) as u64;
    let line = |reason: &Reason| {
        let line = tell(reason);
        if line.chars().count() <= width {
            return line;
        }
        line.chars().take(width - 3).chain("...".chars()).collect()
    };
    let mut lines: Vec<String> = reasons.iter().take(limit).map(line).collect();
    if more > 0 {
        lines.push(format!("{} in report.md.", counted(more, "more cause")));
    }
    lines
}

/// Trials with a verdict.
fn of(view: &View, verdict: Verdict) -> usize {
    view.run.trials.iter().filter(|trial| trial.verdict == verdict).count()
}

/// Trials that failed only because the run was stopped.
fn cut_short(view: &View) -> usize {
    view.run.trials.iter().filter(|trial| trial.is_cut_short()).count()
}

fn partial(view: &View) -> Option<String> {
    let info = &view.run.info;
    (!info.complete).then(|| {
        let by = info.stopped_by.as_ref().map_or_else(
            || "it is still running, or was killed".to_owned(),
            |by| format!("stopped by {}", printable(by)),
        );
        let (all, begun) = (info.plan.len(), view.run.trials.len());
        let (cut, failed) = (cut_short(view), of(view, Verdict::Failed));
        let parts = [
            (cut, "cut short"),
            (failed - cut, "failed"),
            (all.saturating_sub(begun), "not started"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
        let finished = begun - failed;
        format!("Partial run ({by}): {finished} of {all} trials finished{}.", parts.concat())
    })
}

fn faults(view: &View) -> Option<String> {
    let faults = Faults::summary(view.run.info.scenario.cases.iter().map(|case| &case.faults))?;
    Some(format!("Injected faults: {faults}. These figures do not describe a healthy target."))
}

fn network(view: &View) -> Option<String> {
    let network = network_summary(&view.run.info.scenario.cases)?;
    Some(format!("Emulated network: {network}, added at the clients. Times include it."))
}

/// A reason with the trials that have it.
struct Reason {
    worst: Verdict,
    /// The text of the trial with the worst verdict.
    text: String,
    trials: Vec<String>,
}

/// The reasons of trials that are not valid, the most frequent first; reasons that differ only in their figures
/// count as one.
fn reasons(view: &View) -> Vec<Reason> {
    let mut by_kind: BTreeMap<&str, Reason> = BTreeMap::new();
    for trial in &view.run.trials {
        let name = format!("{} trial {}", view.name(&trial.identity.case), trial.identity.trial);
        for (at, text) in trial.verdict_reasons.iter().enumerate() {
            // Files from before the codes have texts alone: only equal ones are grouped.
            let code = trial.verdict_codes.get(at).filter(|_| !trial.is_cut_short());
            let kind = code.map_or(text.as_str(), |code| &code.name);
            let reason = by_kind.entry(kind).or_insert_with(|| Reason {
                worst: trial.verdict,
                text: printable(text),
                trials: Vec::new(),
            });
            if trial.verdict > reason.worst {
                (reason.worst, reason.text) = (trial.verdict, printable(text));
            }
            reason.trials.push(name.clone());
        }
    }
    let mut reasons: Vec<Reason> = by_kind.into_values().collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.trials.len()));
    reasons
}

fn tell(reason: &Reason) -> String {
    let Reason { worst, text, trials } = reason;
    let more = match trials.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = if text.starts_with(STOPPED_BY) { "cut short" } else { worst.name() };
    format!("{} ({}{more}): {text}.", capital(what), trials[0])
}

/// What was lost, duplicated or reordered: a sentence per case.
pub(super) fn losses(view: &View) -> Vec<String> {
    let tell = |case: &CaseSummary| {
        let ledger = &case.ledger;
        let delivers = case.pattern.delivers();
        let parts: Vec<String> = [
            (ledger.lost, if delivers { "lost" } else { "failed" }),
            (ledger.duplicate, "duplicated"),
            (ledger.reordered, "reordered"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let noun = if delivers { "deliveries" } else { "requests" };
        let reach = case.reach_worst.map(|worst| format!("; worst reach {}", reach(worst)));
        (!parts.is_empty()).then(|| {
            format!(
                "{}: {} of {} expected {noun}{}.",
                view.name(&case.case),
                parts.join(", "),
                ledger.expected,
                reach.unwrap_or_default()
            )
        })
    };
    view.cases.iter().filter_map(tell).collect()
}

/// Cases with a quantile that too few independent samples support.
fn doubtful(view: &View) -> impl Iterator<Item = &CaseSummary> {
    view.cases.iter().filter(|case| {
        let known = |q: &str| is_well_known(case, case.headline(q));
        case.trials.usable() > 0 && !(known("p50") && known("p99"))
    })
}

/// What the table's `?` stands for, where it has one.
pub(super) fn legend(view: &View) -> Option<String> {
    doubtful(view).next().map(|_| {
        "? too few independent samples (p50 needs 20, p99 needs 1,000). Lengthen measure, or add topics or trials."
            .to_owned()
    })
}

fn too_few(view: &View) -> Option<String> {
    let name = |case: &CaseSummary| {
        let n = independent_samples(case).unwrap_or(0.0);
        format!("{} {}", view.name(&case.case), significant(n))
    };
    let names: Vec<String> = doubtful(view).map(name).collect();
    let more = match names.len().saturating_sub(6) {
        0 => String::new(),
        more => format!(" and {}", counted(more as u64, "more case")),
    };
    (!names.is_empty()).then(|| {
        format!(
            "Independent samples over all trials: {}{more}.",
            names[..names.len().min(6)].join(", ")
        )
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
