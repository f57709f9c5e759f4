//! The sentences of a report: which is best, how surely, and whether the run can be trusted.

use std::collections::{BTreeMap, BTreeSet};

use super::View;
use super::group::{groups, printable};
use super::table::reach;
use crate::judge::{
    Axis, Claim, Judgement, Outcome, Ranked, Ranking, independent_samples, is_well_known,
};
use crate::record::Verdict;
use crate::scenario::{Faults, Profile, network_summary};
use crate::stats::Shift;
use crate::unit::{bytes, nanoseconds, significant};

/// Most workloads that are told one by one on a terminal.
const FEW: usize = 2;

/// Who is best in what, a sentence a workload, and how sure the figures are.
pub(super) fn answers(view: &View) -> Vec<String> {
    let labels = labels(view);
    let rankings = view.rankings.iter().map(|ranking| answer(ranking, &labels));
    rankings.chain(certainty(&view.rankings)).collect()
}

/// The same, but where there are many workloads, a sentence for all of them.
pub(super) fn answers_in_short(view: &View) -> Vec<String> {
    let labels = labels(view);
    let mut sentences = Vec::new();
    for axis in Axis::ALL {
        for delivers in [true, false] {
            let kind = |ranking: &&Ranking| ranking.axis == axis && ranking.delivers == delivers;
            let rankings: Vec<&Ranking> = view.rankings.iter().filter(kind).collect();
            if rankings.len() <= FEW {
                sentences.extend(rankings.iter().map(|ranking| answer(ranking, &labels)));
            } else {
                sentences.push(winners(axis, &rankings, &labels));
            }
        }
    }
    sentences.extend(certainty(&view.rankings));
    sentences
}

fn winners(axis: Axis, rankings: &[&Ranking], labels: &BTreeMap<String, String>) -> String {
    let mut wins: Vec<(String, usize)> = Vec::new();
    for ranking in rankings {
        let winner = named(&ranking.order[0].case, labels);
        match wins.iter_mut().find(|(name, _)| *name == winner) {
            Some((_, count)) => *count += 1,
            None => wins.push((winner, 1)),
        }
    }
    wins.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let wins: Vec<String> = wins.iter().map(|(name, count)| format!("{name} at {count}")).collect();
    let close =
        |ranking: &&&Ranking| !matches!(ranking.claim, Claim::Shown(_) | Claim::Indicated(..));
    let close = rankings.iter().filter(close).count();
    let close = match close {
        0 => String::new(),
        n => format!("; at {n} of them no difference from the next can be shown (~)"),
    };
    let (best, _) = words(axis);
    format!("{best}: {} of {} workloads{close}.", wins.join(", "), rankings.len())
}

/// Axes of what is offered: cases are ranked within one value of each, which the sentence tells.
const OFFERED: [&str; 4] = ["clients", "topics", "rate", "payload"];

/// What tells each case from the others that it is ranked against, by id: its pattern, the pattern's own axes, and those
/// that it shares with others, but for what is offered.
fn labels(view: &View) -> BTreeMap<String, String> {
    let told = |axis: &&str| !OFFERED.contains(&axis.split('=').next().unwrap_or(axis));
    if view.labels.are_numbered() {
        return view.cases.iter().map(|case| (case.case.clone(), view.name(&case.case))).collect();
    }
    let mut labels = BTreeMap::new();
    for group in groups(&view.cases) {
        let shared = group.heading.split(", ").filter(|axis| !axis.is_empty()).filter(told);
        let shared = shared.fold(String::new(), |shared, axis| shared + " " + axis);
        let rows = group.rows.iter();
        labels.extend(rows.map(|(label, case)| (case.case.clone(), format!("{label}{shared}"))));
    }
    labels
}

fn named(case: &str, labels: &BTreeMap<String, String>) -> String {
    labels.get(case).cloned().unwrap_or_else(|| printable(case))
}

fn words(axis: Axis) -> (&'static str, fn(f64) -> String) {
    match axis {
        Axis::Freshness => ("Freshest", nanoseconds),
        Axis::Response => ("Quickest answers", nanoseconds),
        Axis::Cpu => ("Least target CPU a delivery", nanoseconds),
        Axis::Wire => ("Fewest bytes a delivery", bytes),
        Axis::Memory => ("Least target memory a link", bytes),
    }
}

fn answer(ranking: &Ranking, labels: &BTreeMap<String, String>) -> String {
    let (first, second) = (&ranking.order[0], &ranking.order[1]);
    let (best, unit) = words(ranking.axis);
    let at = match ranking.workload.as_str() {
        "" => String::new(),
        workload => format!(" at {workload}"),
    };
    let name =
        |ranked: &Ranked| format!("{} {}", named(&ranked.case, labels), ranked.median.print(unit));
    let p = ranking.p.map_or_else(String::new, |p| format!("; p {}", significant(p)));
    let versus = match &ranking.claim {
        Claim::Shown(shift) => {
            format!("{}, next {} ({}{p})", name(first), name(second), times(shift))
        }
        // So few trials prove nothing, however clear they are: a p value would be the same for any ratio.
        Claim::Indicated(shift, _) => {
            format!("{}, in every block before {} ({})", name(first), name(second), times(shift))
        }
        Claim::NotShown(shift, needed) => {
            let needed = match needed {
                Some(trials) => {
                    format!("a difference of this size would take about {trials} trials a case")
                }
                None => "no reasonable number of trials would show one".to_owned(),
            };
            let interval = if shift.confidence > 0.0 {
                format!(" ({}{p})", times(shift))
            } else {
                String::new()
            };
            format!(
                "{} ~ {}{interval}: no difference can be shown; {needed}",
                name(first),
                name(second)
            )
        }
        Claim::NoPairs => {
            format!("{}, next {}, with no block to pair them in", name(first), name(second))
        }
    };
    let last = match ranking.order.last() {
        Some(last) if ranking.order.len() > 2 => format!("; last {}", name(last)),
        _ => String::new(),
    };
    format!("{best}{at}: {versus}{last}.")
}

fn times(shift: &Shift) -> String {
    let ratio = |log: f64| significant(log.exp());
    format!("{}x, {} to {}", ratio(shift.estimate), ratio(shift.low), ratio(shift.high))
}

/// How sure the ratios are, once for all of them.
fn certainty(rankings: &[Ranking]) -> Option<String> {
    let mut confidences = Vec::new();
    let mut more = None;
    for ranking in rankings {
        match &ranking.claim {
            Claim::Shown(shift) | Claim::NotShown(shift, _) => confidences.push(shift.confidence),
            Claim::Indicated(shift, trials) => {
                confidences.push(shift.confidence);
                more = Some(*trials);
            }
            Claim::NoPairs => {}
        }
    }
    let all = confidences.len();
    confidences.retain(|confidence| *confidence > 0.0);
    let (alone, some) = (all - confidences.len(), !confidences.is_empty());
    let least = confidences.into_iter().reduce(f64::min).or((all > 0).then_some(0.0))?;
    let alone =
        if alone > 0 && some { " Of a pair in a single block nothing can be shown." } else { "" };
    let more = more.map_or_else(String::new, |trials| {
        format!(", the most that so few trials can show: {trials} a case would allow 95 % for all of them together")
    });
    Some(if least > 0.0 {
        let least = significant(least * 100.0);
        format!(
            "(Ratios are of pairs of trials in one block, not of the medians; their intervals are at {least} % confidence{more}.{alone})"
        )
    } else {
        "(One trial a case shows no difference: 6 would allow 95 % confidence of one.)".to_owned()
    })
}

/// Whether the run can be trusted: how far it came, and why trials are not valid, like reasons together.
///
/// Of the reasons, at most `limit` are told.
pub(super) fn trust(view: &View, limit: usize) -> Vec<String> {
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
    sentences.extend(faults(view));
    sentences.extend(network(view));
    let valid = trials.iter().filter(|trial| trial.verdict == Verdict::Valid).count();
    sentences.push(match (trials.len(), valid) {
        (0, _) => "No trial was carried out: nothing may be concluded.".to_owned(),
        (all, valid) if all == valid => format!("All {all} trials are valid."),
        (all, valid) => format!("{valid} of {all} trials are valid."),
    });
    sentences.extend(reasons(view, limit));
    sentences.extend(losses(view));
    sentences.extend(too_few(view));
    sentences
}

/// What was wrong with the target on purpose, lest a figure be taken for its own.
fn faults(view: &View) -> Option<String> {
    let told = Faults::summary(view.run.info.scenario.cases.iter().map(|case| &case.faults))?;
    Some(format!("faults: {told}. The target did so on purpose: these figures are not its own."))
}

/// What lay between target and clients on purpose.
fn network(view: &View) -> Option<String> {
    let told = network_summary(&view.run.info.scenario.cases)?;
    Some(format!("network: {told}, emulated at the clients: these times are not the host's own."))
}

/// A reason with the trials that it was given to.
struct Reason {
    worst: Verdict,
    /// As it was given where the verdict is the worst.
    text: String,
    trials: Vec<String>,
}

/// The reasons of trials that are not valid, the most frequent first; those that differ only in their figures are
/// told once, and of the others at most `limit`.
fn reasons(view: &View, limit: usize) -> Vec<String> {
    let mut by_kind: BTreeMap<&str, Reason> = BTreeMap::new();
    for trial in &view.run.trials {
        let name = format!("{} trial {}", view.name(&trial.identity.case), trial.identity.trial);
        for (at, text) in trial.verdict_reasons.iter().enumerate() {
            // Files of before there were codes have texts alone: only like ones are grouped.
            let kind = trial.verdict_codes.get(at).map_or(text.as_str(), |code| &code.name);
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
    let mut told: Vec<String> = reasons.iter().take(limit).map(tell).collect();
    if reasons.len() > limit {
        told.push(format!("{} further reasons stand in report.md.", reasons.len() - limit));
    }
    told
}

fn tell(reason: &Reason) -> String {
    let Reason { worst, text, trials } = reason;
    let shown = trials.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = match trials.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more, with like figures"),
    };
    format!("{} ({shown}{more}): {text}.", capital(worst.name()))
}

/// As what the host was judged, and what it took from the trials.
pub(super) fn machine(view: &View) -> String {
    let given = view.run.trials.iter().filter_map(|trial| trial.given.profile);
    let profiles: BTreeSet<&str> = given.map(Profile::name).collect();
    let judged = match profiles.into_iter().collect::<Vec<_>>().as_slice() {
        [] => "Judged without a profile".to_owned(),
        names => format!("Judged as a {} host", names.join(" or a ")),
    };
    let worst = |column: &str, unit: fn(f64) -> String| {
        let figures = view.run.trials.iter().filter_map(|trial| trial.figures.number(column));
        figures.reduce(f64::max).map_or_else(|| "not measured".to_owned(), unit)
    };
    let percent = |share: f64| format!("{} % at most", significant(share * 100.0));
    format!(
        "{judged}. A 1 ms tick woke late at the 99.9th percentile, in the worst trial: workers {}, target {}. Steal {}, \
         throttling {}, waiting for a core {}.",
        worst("hiccup_ns_p999", nanoseconds),
        worst("target_hiccup_ns_p999", nanoseconds),
        worst("steal_share", percent),
        worst("throttled_share", percent),
        worst("run_delay_share", percent),
    )
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
                view.name(&case.case),
                parts.join(", "),
                ledger.expected,
                reach.unwrap_or_default()
            )
        })
    };
    view.cases.iter().filter_map(tell).collect()
}

/// Which quantiles are doubtful, for want of independent samples.
fn too_few(view: &View) -> Option<String> {
    let lacking = |case: &&crate::judge::CaseSummary| {
        let known = |q: &str| is_well_known(case, case.headline(q));
        case.trials.usable() > 0 && !(known("p50") && known("p99"))
    };
    let names: Vec<String> = view
        .cases
        .iter()
        .filter(lacking)
        .map(|case| {
            let n = independent_samples(case).unwrap_or(0.0);
            format!("{} {}", view.name(&case.case), significant(n))
        })
        .collect();
    let (shown, more) = (names.iter().take(6).cloned().collect::<Vec<_>>(), names.len().max(6) - 6);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| {
        format!(
            "A `?` marks a quantile that too few independent samples tell (20 for a p50, 1,000 for a p99, over all \
             trials; there are {}{more}): lengthen measure, or add topics or trials.",
            shown.join(", ")
        )
    })
}

/// Most cases of an objective that are told one by one.
const CASES: usize = 3;

/// The objectives: a line each, with the cases that did not meet it, or the number of those that did.
pub(super) fn objectives(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    for objective in &view.run.info.scenario.objectives {
        let of = |outcome: Outcome| -> Vec<&Judgement> {
            let own = view.judgements.iter().filter(|j| j.objective == *objective);
            own.filter(|judgement| judgement.outcome == outcome).collect()
        };
        let met = of(Outcome::Met);
        for (word, judged) in [("MISSED ", of(Outcome::Missed)), ("unknown", of(Outcome::Unknown))]
        {
            lines.extend(judged.iter().take(CASES).map(|judgement| {
                let (case, measured) = (view.name(&judgement.case), &judgement.printed);
                printable(&format!("{word} {objective}  [{case}: {measured}]"))
            }));
            if judged.len() > CASES {
                let more = judged.len() - CASES;
                lines.push(printable(&format!("{word} {objective}  [{more} more cases]")));
            }
        }
        let by = match met.as_slice() {
            [] => continue,
            [one] => format!("{}: {}", view.name(&one.case), one.printed),
            several => format!("{} cases", several.len()),
        };
        lines.push(printable(&format!("met     {objective}  [{by}]")));
    }
    let refused =
        view.refused.iter().map(|error| format!("unknown {}", printable(&error.to_string())));
    lines.extend(refused);
    lines
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
