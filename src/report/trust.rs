//! Whether a run can be trusted: how far it came, why trials are not valid, and what was lost.

use std::collections::BTreeMap;

use super::View;
use super::glance::reach;
use super::group::printable;
use crate::judge::{CaseSummary, Tally, doubts, independent_samples, is_well_known};
use crate::record::{STOPPED_BY, Verdict};
use crate::scenario::{Faults, network_summary};
use crate::unit::{counted, significant};

/// The verdict on the run in one line: can it be trusted, and why.
pub(super) fn verdict(view: &View) -> String {
    let (trusted, why) = trusted(view);
    format!("Can this run be trusted? {}: {why}.", capital(trusted))
}

/// Whether the run can be trusted, `yes`, `partly` or `no`, and why.
pub(super) fn trusted(view: &View) -> (&'static str, String) {
    let (info, trials) = (&view.run.info, &view.run.trials);
    let doubts = doubts(&view.findings.cases);
    let tally = Tally::of_all(trials);
    let mut why =
        vec![if trials.is_empty() { "no trial was run".to_owned() } else { tally.to_string() }];
    if !info.complete {
        why.push("the run is partial".to_owned());
    }
    let warnings = info.warnings.len() + view.run.warnings.len();
    if warnings > 0 {
        why.push(counted(warnings as u64, "warning"));
    }
    let trusted = if trials.is_empty() || doubts.len() == view.findings.cases.len() {
        "no"
    } else if tally.valid == trials.len() && why.len() == 1 {
        "yes"
    } else {
        "partly"
    };
    (trusted, why.join(", "))
}

/// What limits the run as a whole: its trials that were not run, and what the scenario injected.
pub(super) fn limits(view: &View) -> Vec<String> {
    [partial(view), faults(view), network(view)].into_iter().flatten().collect()
}

/// Why trials are not valid: every cause, the most frequent first; then what is worth a remark of valid ones.
pub(super) fn causes(view: &View) -> Vec<String> {
    let (remarks, causes): (Vec<_>, Vec<_>) =
        reasons(view).into_iter().partition(|reason| reason.worst == Verdict::Valid);
    causes.iter().chain(&remarks).map(tell).collect()
}

/// Most characters of a cause on a screen: three lines of it, of which wrapping leaves some columns empty. Causes end in their
/// remedy, which is what is left out of a longer one: two lines would not hold a usual one.
const CAUSE: usize = 314;

/// The same for a screen: at most `limit` causes, without remarks, and how many more the full report has. A longer one ends
/// after a word, in an ellipsis.
pub(super) fn most_causes(view: &View, limit: usize) -> Vec<String> {
    let causes = reasons(view).into_iter().filter(|reason| reason.worst != Verdict::Valid);
    let causes: Vec<String> = causes.map(|reason| tell(&reason)).collect();
    let more = causes.len().saturating_sub(limit) as u64;
    let mut lines: Vec<String> =
        causes.into_iter().take(limit).map(|cause| clipped(cause, CAUSE)).collect();
    if more > 0 {
        lines.push(format!("{} in report.md.", counted(more, "more cause")));
    }
    lines
}

/// `text` with at most so many characters.
fn clipped(text: String, most: usize) -> String {
    const MARK: &str = "...";
    if text.chars().nth(most).is_none() {
        return text;
    }
    let end = text.char_indices().nth(most - MARK.len()).map_or(0, |(end, _)| end);
    let words = text[..end].rfind(' ').unwrap_or(end);
    format!("{}{MARK}", text[..words].trim_end_matches([',', '.', ';', ':', ' ']))
}

fn partial(view: &View) -> Option<String> {
    let info = &view.run.info;
    (!info.complete).then(|| {
        let by = info.stopped_by.as_ref().map_or_else(
            || "it is still running, or was killed".to_owned(),
            |by| format!("stopped by {}", printable(by)),
        );
        let (all, begun) = (info.plan.len(), view.run.trials.len());
        let Tally { cut_short: cut, failed, .. } = Tally::of_all(&view.run.trials);
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
    let title = match worst {
        _ if text.starts_with(STOPPED_BY) => "cut short",
        Verdict::Valid => "remark",
        worst => worst.name(),
    };
    format!("{} ({}{more}): {text}.", capital(title), trials[0])
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
    view.findings.cases.iter().filter_map(tell).collect()
}

/// Cases with a quantile that too few independent samples support.
fn doubtful(view: &View) -> impl Iterator<Item = &CaseSummary> {
    view.findings.cases.iter().filter(|case| {
        let known = |q: &str| is_well_known(case, case.headline(q));
        case.trials.usable() > 0 && !(known("p50") && known("p99"))
    })
}

/// What the table's `?` stands for, where it has one.
pub(super) fn too_few_legend(view: &View) -> Option<String> {
    doubtful(view).next().map(|_| {
        "too few independent samples (p50 needs 20, p99 needs 1,000). Lengthen measure, or add topics or trials."
            .to_owned()
    })
}

/// How many independent samples the cases have whose quantiles too few support.
pub(super) fn too_few(view: &View) -> Option<String> {
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

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::clipped;

    #[test]
    fn a_long_cause_is_clipped_after_a_word() {
        for (text, expected) in [
            ("ten a line", "ten a line"),
            ("eleven, not", "eleven..."),
            ("elevenelevens", "elevene..."),
            ("p99 2 µs: late", "p99 2..."),
            ("µµµµµµµµµµµ", "µµµµµµµ..."),
        ] {
            assert_eq!(clipped(text.to_owned(), 10), expected);
        }
    }
}
