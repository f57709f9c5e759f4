//! The sentences of a report: which case is best, how certain that is, and what the objectives came to.

use std::cmp::Ordering::Equal;
use std::collections::{BTreeMap, BTreeSet};

use super::View;
use super::glance::reach;
use super::group::{groups, printable};
use crate::judge::{Axis, Claim, Judgement, Outcome, Ranked, Ranking};
use crate::pace::Pacing;
use crate::record::{COST, Figure};
use crate::scenario::{HOURS_PER_MONTH, Prices, Profile};
use crate::stats::Shift;
use crate::unit::{Span, bytes, bytes_per_second, cores, counted, nanoseconds, significant};

/// Most workloads that get a line each on a terminal.
const FEW: usize = 2;

/// The best case by each axis, a sentence per workload, and the confidence of the ratios.
pub(super) fn answers(view: &View) -> Vec<String> {
    let names = Names::new(view);
    let rankings = view.findings.rankings.iter().map(|ranking| answer(ranking, &names, true));
    rankings.chain(certainty(&view.findings.rankings)).collect()
}

/// The same in short; many workloads share one sentence.
pub(super) fn answers_in_short(view: &View) -> Vec<String> {
    let names = Names::new(view);
    let mut sentences = Vec::new();
    for axis in Axis::ALL {
        for delivers in [true, false] {
            let kind = |ranking: &&Ranking| ranking.axis == axis && ranking.delivers == delivers;
            let rankings: Vec<&Ranking> = view.findings.rankings.iter().filter(kind).collect();
            if rankings.len() <= FEW {
                sentences.extend(rankings.iter().map(|ranking| answer(ranking, &names, false)));
            } else {
                sentences.push(winners(axis, &rankings, &names));
            }
        }
    }
    sentences.extend(certainty(&view.findings.rankings));
    sentences
}

fn winners(axis: Axis, rankings: &[&Ranking], names: &Names) -> String {
    let mut wins: Vec<(String, u64)> = Vec::new();
    for ranking in rankings {
        let winner = names.of(&ranking.order[0].case);
        match wins.iter_mut().find(|(name, _)| *name == winner) {
            Some((_, count)) => *count += 1,
            None => wins.push((winner, 1)),
        }
    }
    wins.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let wins: Vec<String> = wins.iter().map(|(name, count)| format!("{name} in {count}")).collect();
    let close = |ranking: &&&Ranking| {
        !matches!(ranking.claim, Claim::Shown(_) | Claim::Indicated(..) | Claim::Repeatable(..))
    };
    let close = match rankings.iter().filter(close).count() {
        0 => String::new(),
        n => format!(" No significant lead over the runner-up in {n}."),
    };
    let best = words(axis).best;
    format!(
        "{best}: {}, of {}.{close}",
        wins.join(", "),
        counted(rankings.len() as u64, "workload")
    )
}

/// Axes of what is offered: cases are ranked within one value of each, which the sentence tells.
const OFFERED: [&str; 4] = ["clients", "topics", "rate", "payload"];

/// What tells each case from the others that it is ranked against, by id: its pattern, the pattern's own axes, and those
/// that it shares with others, but for what is offered.
fn labels(view: &View) -> BTreeMap<String, String> {
    let told = |axis: &&str| !OFFERED.contains(&axis.split('=').next().unwrap_or(axis));
    if view.labels.are_numbered() {
        return view
            .findings
            .cases
            .iter()
            .map(|case| (case.case.clone(), view.name(&case.case)))
            .collect();
    }
    let mut labels = BTreeMap::new();
    for group in groups(&view.findings.cases) {
        let shared = group.heading.split(", ").filter(|axis| !axis.is_empty()).filter(told);
        let shared = shared.fold(String::new(), |shared, axis| shared + " " + axis);
        let rows = group.rows.iter();
        labels.extend(rows.map(|(label, case)| (case.case.clone(), format!("{label}{shared}"))));
    }
    labels
}

/// What sentences call cases, and the currency of costs.
struct Names {
    by_case: BTreeMap<String, String>,
    /// The reach of the cases that lost anything.
    lost: BTreeMap<String, f64>,
    currency: String,
}

impl Names {
    fn new(view: &View) -> Self {
        let currency = printable(&view.run.info.scenario.prices.currency);
        let lost = view.findings.cases.iter().filter_map(|case| {
            case.reach_worst.filter(|reach| *reach < 1.0).map(|reach| (case.case.clone(), reach))
        });
        Self { by_case: labels(view), lost: lost.collect(), currency }
    }

    fn of(&self, case: &str) -> String {
        self.by_case.get(case).cloned().unwrap_or_else(|| printable(case))
    }

    /// The name of a case in a ranking: one that lost deliveries says so, because what it did not deliver cost it nothing.
    fn ranked(&self, case: &str) -> String {
        let name = self.of(case);
        match self.lost.get(case) {
            Some(reached) => format!("{name} (reach {})", reach(*reached)),
            None => name,
        }
    }

    /// A figure of an axis for people; of money, with its currency.
    fn figure(&self, axis: Axis, figure: &Figure) -> String {
        let printed = figure.print(words(axis).unit);
        if axis == Axis::Cost { format!("{printed} {}", self.currency) } else { printed }
    }
}

/// How an axis is spoken of.
struct Words {
    /// Title of the first place.
    best: &'static str,
    /// Title of the last place.
    worst: &'static str,
    /// Which quantile, where it is one.
    quantile: &'static str,
    /// The first place in comparison, `"1.36x fresher than"`; `None` where the second *needs* a multiple.
    comparative: Option<&'static str>,
    unit: fn(f64) -> String,
}

const fn words(axis: Axis) -> Words {
    match axis {
        Axis::Freshness => speak("Freshest", "Slowest", Some("fresher"), nanoseconds),
        Axis::Response => speak("Fastest response", "Slowest", Some("faster"), nanoseconds),
        Axis::Cpu => speak("Least target CPU", "Most", None, cores),
        Axis::Wire => speak("Fewest wire bytes", "Most", None, bytes_per_second),
        Axis::Memory => speak("Least target memory", "Most", None, bytes),
        Axis::Cost => speak("Cheapest per 1,000 clients and month", "Dearest", None, significant),
    }
}

const fn speak(
    best: &'static str,
    worst: &'static str,
    comparative: Option<&'static str>,
    unit: fn(f64) -> String,
) -> Words {
    let quantile = if comparative.is_some() { "p50 " } else { "" };
    Words { best, worst, quantile, comparative, unit }
}

/// The first place, its lead over the second and, `whole`, the last place.
fn answer(ranking: &Ranking, names: &Names, whole: bool) -> String {
    let (first, second) = (&ranking.order[0], &ranking.order[1]);
    let words = words(ranking.axis);
    let best = match ranking.workload.as_str() {
        "" => words.best.to_owned(),
        workload => format!("{} at {workload}", words.best),
    };
    let name = |ranked: &Ranked| names.ranked(&ranked.case);
    let figure = |ranked: &Ranked| names.figure(ranking.axis, &ranked.value);
    let winner = format!("{best}: {}, {}{}", name(first), words.quantile, figure(first));
    let (runner_up, its) = (name(second), figure(second));
    let lead = |shift: &Shift, why: &str| {
        let (ratio, interval) = (times(shift.estimate), interval(shift));
        match words.comparative {
            Some(more) => {
                format!("{winner}. {ratio} {more} than {runner_up} ({its}; {interval}{why})")
            }
            None => format!("{winner}. {runner_up} needs {ratio} ({its}; {interval}{why})"),
        }
    };
    let p = match ranking.p {
        Some(p) if whole => format!("; p = {}", significant(p)),
        _ => String::new(),
    };
    let versus = match &ranking.claim {
        Claim::Shown(shift) => lead(shift, &p),
        // So few trials prove nothing, however clear they are: a p value would be the same for any ratio.
        Claim::Indicated(shift, _) if whole => lead(shift, "; ahead in every block"),
        Claim::Indicated(shift, _) => lead(shift, ""),
        Claim::NotShown(shift, needed) => {
            let needed = match needed {
                Some(trials) => format!("needs about {trials} trials"),
                None => "no reasonable number of trials would do".to_owned(),
            };
            let interval = if shift.confidence > 0.0 {
                format!("; {}, {}{p}", times(shift.estimate), interval(shift))
            } else {
                String::new()
            };
            format!("{winner} ~ {runner_up} ({its}{interval}). Not significant: {needed}")
        }
        Claim::Repeatable(ratio, within) => {
            let ratio = times(*ratio);
            let why = format!(
                "one trial; trials of a case differ by up to {} %",
                significant(within * 100.0)
            );
            format!("{winner}. {runner_up} needs {ratio} ({its}; {why})")
        }
        Claim::Once => format!("{winner}; next {runner_up} ({its})"),
        Claim::NoPairs => {
            format!("{winner}; next {runner_up} ({its}), never measured in the same block")
        }
    };
    let last = match ranking.order.last() {
        Some(last) if whole && ranking.order.len() > 2 => {
            format!(". {}: {}, {}", words.worst, name(last), figure(last))
        }
        _ => String::new(),
    };
    format!("{versus}{last}.")
}

fn times(log: f64) -> String {
    format!("{}x", ratio(log))
}

/// The ratio of a logarithm, with more digits near 1: "1x" beside "ahead" would say nothing.
fn ratio(log: f64) -> String {
    let ratio = log.exp();
    if (ratio - 1.0).abs() >= 0.005 {
        return significant(ratio);
    }
    let digits = format!("{ratio:.4}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn interval(shift: &Shift) -> String {
    format!(
        "{} % CI {} to {}",
        significant(shift.confidence * 100.0),
        ratio(shift.low),
        times(shift.high)
    )
}

/// The confidence of all ratios, in one sentence.
fn certainty(rankings: &[Ranking]) -> Option<String> {
    let (mut confidences, mut more, mut once) = (Vec::new(), None, false);
    for ranking in rankings {
        match &ranking.claim {
            Claim::Shown(shift) | Claim::NotShown(shift, _) => confidences.push(shift.confidence),
            Claim::Indicated(shift, trials) => {
                confidences.push(shift.confidence);
                more = Some(*trials);
            }
            Claim::Once => once = true,
            Claim::Repeatable(..) | Claim::NoPairs => {}
        }
    }
    let Some(least) = confidences.into_iter().reduce(f64::min) else {
        return once.then(|| {
            "One trial per case: times, CPU and money are not compared. Use `--trials 6` for 95 % confidence in one comparison."
                .to_owned()
        });
    };
    let more = more.map_or_else(String::new, |trials| {
        format!(" `--trials {trials}` gives 95 % for all comparisons together.")
    });
    let once = if once { " A pair measured in a single block is not compared." } else { "" };
    let least = significant(least * 100.0);
    Some(format!(
        "Ratios are paired within blocks; this many trials give {least} % confidence.{more}{once}"
    ))
}

/// What the costs of the table are; `None` where no case has any.
pub(super) fn prices(view: &View) -> Option<String> {
    view.findings.cases.iter().any(|case| case.figure(COST).is_some()).then(|| {
        let Prices { cpu_hour, gib_hour, gb_out, million_requests, currency } =
            &view.run.info.scenario.prices;
        let requests = match *million_requests {
            free if free <= 0.0 => "requests free".to_owned(),
            price => format!("{} per million requests", significant(price)),
        };
        printable(&format!(
            "cost/month: {currency} per 1,000 clients and month of {HOURS_PER_MONTH} h, at {} per CPU-hour, {} per GiB-hour, {} \
             per GB sent, {requests}.",
            significant(*cpu_hour),
            significant(*gib_hour),
            significant(*gb_out),
        ))
    })
}

/// As what the host was judged, and what it took from the trials.
pub(super) fn machine(view: &View) -> String {
    let given = view.run.trials.iter().filter_map(|trial| trial.given.profile);
    let profiles: BTreeSet<&str> = given.map(Profile::name).collect();
    let judged = match profiles.into_iter().collect::<Vec<_>>().as_slice() {
        [] => "Judged without a profile".to_owned(),
        names => format!("Judged by the limits of a {} host", names.join(" or a ")),
    };
    let worst = |column: &str, unit: fn(f64) -> String| {
        let figures = view.run.trials.iter().filter_map(|trial| trial.figures.number(column));
        figures.reduce(f64::max).map_or_else(|| "not measured".to_owned(), unit)
    };
    let percent = |share: f64| format!("{} %", significant(share * 100.0));
    format!(
        "{judged}. Worst trial: a sleeping thread woke late by p99.9 {} in the workers and {} in the target; CPU steal {}, \
         cgroup throttling {}, waiting for a core {}.",
        worst("hiccup_ns_p999", nanoseconds),
        worst("target_hiccup_ns_p999", nanoseconds),
        worst("steal_share", percent),
        worst("throttled_share", percent),
        worst("run_delay_share", percent),
    )
}

/// How the workers wait for a deadline.
pub(super) fn pacing(view: &View) -> String {
    let spin = view.run.info.plan.iter().filter(|trial| trial.pacing == Pacing::Spin).count();
    let how = match spin {
        0 => "sleep on a timerfd (timerfd)".to_owned(),
        n if n == view.run.info.plan.len() => {
            "wake early and spin on the clock until the deadline (spin)".to_owned()
        }
        n => format!(
            "wake early and spin on the clock until the deadline in {n} trials (spin), and sleep on a timerfd in the \
             others (timerfd)"
        ),
    };
    let gather = view.run.info.scenario.worker.gather;
    let together = if gather > Span::default() {
        format!(" What was due within {gather} of each other left together (worker.gather).")
    } else {
        String::new()
    };
    format!("Workers {how}.{together} Spin time is excluded from their CPU figures.")
}

/// Most cases of an objective that get a line each.
const CASES: usize = 3;

/// The objectives: a line each, with the cases that did not meet it, or the number of those that did.
pub(super) fn objectives(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    for objective in &view.run.info.scenario.objectives {
        let of = |outcome: Outcome| -> Vec<&Judgement> {
            let own = view.findings.judgements.iter().filter(|j| j.objective == *objective);
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
                let more = counted(more as u64, "more case");
                lines.push(printable(&format!("{word} {objective}  [{more}]")));
            }
        }
        let by = match met.as_slice() {
            [] => continue,
            [one] => format!("{}: {}", view.name(&one.case), one.printed),
            several => {
                let used = |judgement: &&&Judgement| judgement.used;
                let told = several.iter().filter(|judgement| judgement.used.is_some());
                // The one that is nearest to its limit stands for the others.
                match told.max_by(|a, b| used(a).partial_cmp(&used(b)).unwrap_or(Equal)) {
                    Some(nearest) => format!(
                        "{} cases; nearest {}: {}",
                        several.len(),
                        view.name(&nearest.case),
                        nearest.printed
                    ),
                    None => format!("{} cases", several.len()),
                }
            }
        };
        lines.push(printable(&format!("met     {objective}  [{by}]")));
    }
    let refused = view
        .findings
        .refused
        .iter()
        .map(|error| format!("unknown {}", printable(&error.to_string())));
    lines.extend(refused);
    lines
}

/// What makes the run or its files doubtful.
pub(super) fn warnings(view: &View) -> Vec<String> {
    let told = view.run.info.warnings.iter().chain(&view.run.warnings);
    told.map(|warning| printable(warning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_that_is_not_one_is_not_printed_as_one() {
        for (value, expected) in [
            (1.0_f64, "1x"),
            (1.0009, "1.0009x"),
            (0.9996, "0.9996x"),
            (1.004, "1.004x"),
            (1.02, "1.02x"),
            (2.111, "2.11x"),
            (1.000_01, "1x"),
        ] {
            assert_eq!(times(value.ln()), expected);
        }
    }
}
