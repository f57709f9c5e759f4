//! Which case is freshest, quickest, cheapest, by how much, and how surely.

use crate::record::{COST, Figure, spec};
use crate::stats::{CONFIDENCE, Shift, hodges_lehmann, holm, trials_for_confidence, trials_needed};
use crate::unit::{bytes, count};

use super::{CaseSummary, Offered};

/// A quality by which cases are ranked; less is better in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Median freshness; `request` delivers no news and is not ranked.
    Freshness,
    /// Median response of the cases of `request`.
    Response,
    /// The target's CPU per delivery.
    Cpu,
    /// Bytes on the wire per delivery.
    Wire,
    /// The target's memory per link.
    Memory,
    /// What the target costs at the scenario's prices.
    Cost,
}

impl Axis {
    /// Every axis, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Freshness, Self::Response, Self::Cpu, Self::Wire, Self::Memory, Self::Cost];

    /// The column that it ranks by: totals at the workload that was offered. Per delivery, a pattern that costs little while
    /// nothing happens would look dear, and most of all where little happens.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Freshness => "freshness_ns_p50",
            Self::Response => "response_ns_p50",
            Self::Cpu => "target_cpu_cores",
            Self::Wire => "wire_bytes_per_s",
            Self::Memory => "target_memory_bytes",
            Self::Cost => COST,
        }
    }
}

/// How certain it is that the first case beats the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claim {
    /// The interval leaves out "no difference" at 95 % confidence, and so does Holm's test over all claims of the run.
    Shown(Shift),
    /// Shown at the highest confidence that this number of trials allows; the second field is the number for 95 % on all
    /// claims.
    Indicated(Shift, u32),
    /// Not shown (`~`), with the number of trials that would show it; `None` if none would.
    NotShown(Shift, Option<u32>),
    /// Measured once, in a metric of which trials of a case repeat to within this share; the logarithm of the ratio exceeds it.
    Repeatable(f64, f64),
    /// Measured once, in a metric that varies from trial to trial, or by less than that.
    Once,
    /// The two were never measured in the same block.
    NoPairs,
}

/// A case at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Id of the case.
    pub case: String,
    /// Its figure.
    pub value: Figure,
}

/// The cases of one workload, best first, by one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The ranking criterion.
    pub axis: Axis,
    /// Whether the cases deliver events; cases of `request` are ranked separately.
    pub delivers: bool,
    /// The workload, as far as the run has several: `"1k clients, 2 events/s"`.
    pub workload: String,
    /// At least two cases, best first.
    pub order: Vec<Ranked>,
    /// How the first compares with the second: logarithm of second ÷ first, paired by block.
    pub claim: Claim,
    /// Signed-rank p value of "no difference between the first two", adjusted for all claims of the run (Holm); `None`
    /// without pairs.
    pub p: Option<f64>,
}

/// Ranks the cases of each workload by every axis that at least two of them have.
///
/// Requests and deliveries are not comparable: a case of `request` is ranked with deliveries only by the cost of a link, at
/// equal numbers of links.
pub fn comparison(cases: &[CaseSummary]) -> Vec<Ranking> {
    let mut candidates: Vec<(Ranking, Vec<f64>)> = Vec::new();
    for axis in Axis::ALL {
        let measured = || cases.iter().filter(|case| case.figure(axis.column()).is_some());
        let (news, calls): (Vec<_>, Vec<_>) = measured().partition(|case| case.pattern.delivers());
        let mut groups = alike(&news);
        if axis == Axis::Memory && !groups.is_empty() {
            for group in &mut groups {
                let clients = group[0].offered.clients;
                group.extend(calls.iter().filter(|call| call.offered.clients == clients));
            }
        } else {
            groups.extend(alike(&calls));
        }
        let workloads: Vec<Offered> = groups.iter().map(|group| group[0].offered).collect();
        let several = groups.iter().filter(|group| group.len() > 1);
        candidates
            .extend(several.map(|group| rank(axis, label(&workloads, &group[0].offered), group)));
    }
    judged(candidates)
}

/// Makes the claims, all of them together: of many comparisons some look different by chance.
pub(super) fn judged(candidates: Vec<(Ranking, Vec<f64>)>) -> Vec<Ranking> {
    // A single pair has no spread to judge it by.
    let shift = |ratios: &[f64]| (ratios.len() > 1).then(|| hodges_lehmann(ratios, CONFIDENCE))?;
    let shifts: Vec<Option<Shift>> = candidates.iter().map(|(_, ratios)| shift(ratios)).collect();
    let p: Vec<f64> = shifts.iter().flatten().map(|shift| shift.p).collect();
    let (claims, mut adjusted) = (p.len(), holm(&p).into_iter());
    let mut rankings = Vec::new();
    for ((mut ranking, ratios), shift) in candidates.into_iter().zip(shifts) {
        if let Some(shift) = shift {
            ranking.p = adjusted.next();
            let confidence = strictest(claims);
            let needs = Needs {
                fewest: trials_for_confidence(confidence),
                this: trials_needed(&ratios, confidence),
            };
            ranking.claim = claim(shift, ranking.p.unwrap_or(1.0), claims, needs);
        } else if let [ratio] = ratios[..] {
            ranking.claim = once(ranking.axis, ratio);
        }
        rankings.push(ranking);
    }
    rankings
}

/// The claim that one pair of trials allows: what is nearly determined by the workload needs no repetition.
fn once(axis: Axis, ratio: f64) -> Claim {
    match spec(axis.column()).and_then(|spec| spec.repeats_within) {
        Some(within) if ratio > (1.0 + within).ln() => Claim::Repeatable(ratio, within),
        _ => Claim::Once,
    }
}

/// Cases in groups that were offered the same.
fn alike<'a>(cases: &[&'a CaseSummary]) -> Vec<Vec<&'a CaseSummary>> {
    let mut groups: Vec<Vec<&CaseSummary>> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|group| group[0].offered == case.offered) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

/// Returns what distinguishes this workload from the others of its kind.
fn label(workloads: &[Offered], this: &Offered) -> String {
    let like = |other: &&Offered| other.events_per_s.is_some() == this.events_per_s.is_some();
    let differ = |of: fn(&Offered) -> f64| {
        workloads.iter().filter(like).any(|other| of(other).total_cmp(&of(this)).is_ne())
    };
    let of =
        |n: u64, noun: &str| format!("{} {noun}{}", count(n as f64), if n == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    if differ(|w| w.clients as f64) {
        parts.push(of(this.clients, "client"));
    }
    if differ(|w| w.topics as f64) {
        parts.push(of(this.topics, "topic"));
    }
    let per_second = |rate: f64, noun: &str| {
        let s = if rate.to_bits() == 1.0_f64.to_bits() { "" } else { "s" };
        format!("{} {noun}{s}/s", count(rate))
    };
    if differ(|w| w.events_per_s.unwrap_or(0.0)) {
        parts.push(per_second(this.events_per_s.unwrap_or(0.0), "event"));
    }
    if differ(|w| w.requests_per_s.unwrap_or(0.0)) {
        parts.push(per_second(this.requests_per_s.unwrap_or(0.0), "request"));
    }
    if differ(|w| w.payload_bytes as f64) {
        parts.push(bytes(this.payload_bytes as f64));
    }
    parts.join(", ")
}

/// The ranking without its claim, with the log-ratios to make it from.
pub(super) fn rank(axis: Axis, workload: String, group: &[&CaseSummary]) -> (Ranking, Vec<f64>) {
    let column = axis.column();
    let mut order: Vec<(&CaseSummary, Figure)> = group
        .iter()
        .filter_map(|case| case.figure(column).map(|estimate| (*case, estimate.value)))
        .collect();
    order.sort_by(|(_, a), (_, b)| a.order(b));
    let ratios = log_ratios(column, order[0].0, order[1].0);
    let order = order.iter().map(|(case, value)| Ranked { case: case.case.clone(), value: *value });
    let delivers = group[0].pattern.delivers();
    let (order, claim) = (order.collect(), Claim::NoPairs);
    (Ranking { axis, delivers, workload, order, claim, p: None }, ratios)
}

/// Samples that a claim needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// The fewest whose exact test reaches the confidence that all claims together require.
    pub fewest: u32,
    /// About how many would show this difference; `None` if none would.
    pub this: Option<u32>,
}

/// What the least p value of `claims` claims made together must reach.
pub(super) fn strictest(claims: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / claims.max(1) as f64
}

/// Returns the claim that a shift allows, one of `claims` made together; `adjusted` is its p value among them.
pub(super) fn claim(shift: Shift, adjusted: f64, claims: usize, needs: Needs) -> Claim {
    let too_few = shift.p_least > 1.0 - strictest(claims);
    match shift {
        shift if shift.excludes_zero() && adjusted <= 1.0 - CONFIDENCE => Claim::Shown(shift),
        shift if shift.excludes_zero() && too_few => Claim::Indicated(shift, needs.fewest),
        shift => Claim::NotShown(shift, needs.this),
    }
}

/// The logarithm of second ÷ first in a column, paired by block; `None` with fewer than two pairs, which have no spread.
pub fn paired_shift(column: &str, first: &CaseSummary, second: &CaseSummary) -> Option<Shift> {
    let ratios = log_ratios(column, first, second);
    (ratios.len() > 1).then(|| hodges_lehmann(&ratios, CONFIDENCE))?
}

/// ln(second ÷ first) of every block in which both were measured, and neither is a bound.
fn log_ratios(column: &str, first: &CaseSummary, second: &CaseSummary) -> Vec<f64> {
    let (Some(a), Some(b)) = (first.by_block.get(column), second.by_block.get(column)) else {
        return Vec::new();
    };
    let ratio = |(block, a): (&u32, &Figure)| match (a, b.get(block)?) {
        (Figure::Value(a), Figure::Value(b)) if *a > 0.0 && *b > 0.0 => Some((b / a).ln()),
        _ => None,
    };
    a.iter().filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::summary;
    use crate::record::Run;
    use crate::record::synthetic::{info, scenario, six, twelve, write_run};

    fn ranked(cases: Vec<crate::scenario::Case>, trials: u32) -> Vec<Ranking> {
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(cases, trials, &[]));
        comparison(&summary(&Run::read(&write_run(out.path(), &info, |_| ())).unwrap()))
    }

    fn small(mut cases: Vec<crate::scenario::Case>) -> Vec<crate::scenario::Case> {
        for case in &mut cases {
            case.workload.clients /= 20;
        }
        cases
    }

    #[test]
    fn a_large_difference_is_indicated_by_three_trials_and_shown_by_eight() {
        for trials in [3, 8] {
            let rankings = ranked(small(six()), trials);
            let cpu = rankings.iter().find(|r| r.axis == Axis::Cpu).unwrap();
            let last = cpu.order.last().unwrap();
            assert_eq!((cpu.order.len(), last.case.as_str()), (5, "webhook"), "request is apart");
            let memory = rankings.iter().find(|r| r.axis == Axis::Memory).unwrap();
            assert_eq!((memory.order.len(), memory.order[0].case.as_str()), (6, "short-poll"));
            let as_expected = match memory.claim {
                Claim::Indicated(shift, needed) => {
                    trials == 3 && needed == 8 && shift.confidence < 0.8
                }
                Claim::Shown(shift) => {
                    trials == 8 && memory.p.unwrap() <= 0.05 && shift.confidence > 0.95
                }
                Claim::NotShown(..) | Claim::Repeatable(..) | Claim::Once | Claim::NoPairs => false,
            };
            assert!(as_expected, "{trials} trials: {:?}", memory.claim);
        }
    }

    #[test]
    fn a_difference_within_the_noise_is_not_claimed() {
        let rankings = ranked(small(six()), 6);
        let freshness = rankings.iter().find(|r| r.axis == Axis::Freshness).unwrap();
        let order: Vec<_> = freshness.order.iter().map(|ranked| ranked.case.as_str()).collect();
        assert_eq!(order.len(), 5, "request is not ranked");
        assert!(order[..2].contains(&"sse") && order[..2].contains(&"websocket"), "{order:?}");
        assert!(order[4] == "short-poll");
    }

    #[test]
    fn one_trial_tells_apart_what_repeats_and_nothing_else() {
        let of = |axis, times: f64| once(axis, times.ln());
        assert_eq!(of(Axis::Wire, 2.0), Claim::Repeatable(2f64.ln(), 0.1));
        assert_eq!(of(Axis::Wire, 1.09), Claim::Once, "trials of a case differ as much");
        assert_eq!(of(Axis::Memory, 5.0), Claim::Repeatable(5f64.ln(), 0.15));
        assert_eq!(of(Axis::Freshness, 50.0), Claim::Once, "times vary from trial to trial");
        assert_eq!(of(Axis::Cpu, 50.0), Claim::Once);
    }

    #[test]
    fn trials_of_the_reference_run_repeat_as_the_table_of_metrics_says() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/results/reference/quickstart");
        let cases = summary(&Run::read(std::path::Path::new(folder)).unwrap());
        for spec in crate::record::SPECS {
            let Some(within) = spec.repeats_within else { continue };
            for case in &cases {
                let Some(by_block) = case.by_block.get(spec.column.name) else { continue };
                let figures = || by_block.values().map(|figure| figure.number());
                let (low, high) =
                    (figures().fold(f64::INFINITY, f64::min), figures().fold(0.0, f64::max));
                let column = spec.column.name;
                assert!(high / low < 1.0 + within, "{} {column}: {low} to {high}", case.case);
            }
        }
    }

    #[test]
    fn only_like_workloads_are_compared() {
        let rankings = ranked(small(twelve()), 1);
        let freshness: Vec<_> = rankings.iter().filter(|r| r.axis == Axis::Freshness).collect();
        assert_eq!(freshness.len(), 2);
        assert_eq!((freshness[0].workload.as_str(), freshness[0].order.len()), ("10 clients", 5));
        assert_eq!(freshness[0].claim, Claim::Once, "one trial shows nothing");
        let wire = rankings.iter().find(|r| r.axis == Axis::Wire).unwrap();
        assert!(matches!(wire.claim, Claim::Repeatable(..) | Claim::Once), "{:?}", wire.claim);
        assert_eq!(wire.p, None);
    }
}
