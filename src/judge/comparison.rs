//! Which case is freshest, quickest, cheapest, by how much, and how surely.

use crate::record::Figure;
use crate::stats::{CONFIDENCE, Shift, hodges_lehmann, trials_for_confidence, trials_needed};
use crate::unit::{bytes, count};

use super::{CaseSummary, Offered};

/// A quality by which cases are ranked; less is better in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Median freshness; `request` delivers no news and is not ranked.
    Freshness,
    /// Median response of the cases of `request`.
    Response,
    /// The target's CPU for a delivery.
    Cpu,
    /// Bytes on the wire for a delivery.
    Wire,
    /// The target's memory for a link.
    Memory,
}

impl Axis {
    /// Every axis, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Freshness, Self::Response, Self::Cpu, Self::Wire, Self::Memory];

    /// The column that it ranks by.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Freshness => "freshness_ns_p50",
            Self::Response => "response_ns_p50",
            Self::Cpu => "target_cpu_ns_per_delivery",
            Self::Wire => "wire_bytes_per_delivery",
            Self::Memory => "target_memory_bytes_per_link",
        }
    }
}

/// How sure it is that the first case beats the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claim {
    /// The interval leaves out "no difference" at 95 % confidence.
    Shown(Shift),
    /// It leaves it out, at all the confidence that so few trials allow; so many would allow 95 %.
    Indicated(Shift, u32),
    /// No difference can be shown (`~`); about so many trials would show it, `None` where none would.
    NotShown(Shift, Option<u32>),
    /// The two were never measured in the same block.
    NoPairs,
}

/// A case at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Id of the case.
    pub case: String,
    /// Its median.
    pub median: Figure,
}

/// The cases of one workload, best first, by one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// What they are ranked by.
    pub axis: Axis,
    /// The workload, as far as the run has several: `"1k clients, 2 events/s"`.
    pub workload: String,
    /// At least two cases, best first.
    pub order: Vec<Ranked>,
    /// How the first compares with the second: logarithm of second ÷ first, by blocks.
    pub claim: Claim,
}

/// Ranks the cases of each workload by every axis that at least two of them have.
///
/// Requests and deliveries are different goods: a case of `request` is ranked against deliveries only in what a
/// link costs.
pub fn comparison(cases: &[CaseSummary]) -> Vec<Ranking> {
    let mut rankings = Vec::new();
    for axis in Axis::ALL {
        for delivers in [true, false] {
            let in_this = |case: &&CaseSummary| match axis {
                Axis::Freshness => delivers && case.pattern.delivers(),
                Axis::Response => !delivers && !case.pattern.delivers(),
                Axis::Cpu | Axis::Wire => delivers == case.pattern.delivers(),
                Axis::Memory => delivers,
            };
            let candidates: Vec<&CaseSummary> = cases
                .iter()
                .filter(in_this)
                .filter(|c| c.figure(axis.column()).is_some())
                .collect();
            rankings.extend(rank_groups(axis, &candidates));
        }
    }
    rankings
}

fn rank_groups(axis: Axis, candidates: &[&CaseSummary]) -> Vec<Ranking> {
    let mut groups: Vec<Vec<&CaseSummary>> = Vec::new();
    for case in candidates {
        match groups.iter_mut().find(|group| alike(axis, &group[0].offered, &case.offered)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    let workloads: Vec<Offered> = groups.iter().map(|group| group[0].offered).collect();
    let several = groups.iter().filter(|group| group.len() > 1);
    several.map(|group| rank(axis, label(axis, &workloads, &group[0].offered), group)).collect()
}

/// Whether two cases were offered the same: for what a link costs, only the number of links counts.
fn alike(axis: Axis, a: &Offered, b: &Offered) -> bool {
    a.clients == b.clients && (axis == Axis::Memory || a == b)
}

/// What tells this workload from the others of the run.
fn label(axis: Axis, workloads: &[Offered], this: &Offered) -> String {
    let differ = |of: fn(&Offered) -> f64| workloads.iter().any(|other| of(other) != of(this));
    let mut parts = Vec::new();
    if differ(|w| w.clients as f64) {
        parts.push(format!("{} clients", count(this.clients as f64)));
    }
    if axis != Axis::Memory {
        if differ(|w| w.topics as f64) {
            parts.push(format!("{} topics", count(this.topics as f64)));
        }
        if differ(|w| w.events_per_s.unwrap_or(0.0)) {
            parts.push(format!("{} events/s", count(this.events_per_s.unwrap_or(0.0))));
        }
        if differ(|w| w.requests_per_s.unwrap_or(0.0)) {
            parts.push(format!("{} requests/s", count(this.requests_per_s.unwrap_or(0.0))));
        }
        if differ(|w| w.payload_bytes as f64) {
            parts.push(bytes(this.payload_bytes as f64));
        }
    }
    parts.join(", ")
}

fn rank(axis: Axis, workload: String, group: &[&CaseSummary]) -> Ranking {
    let column = axis.column();
    let mut order: Vec<(&CaseSummary, Figure)> = group
        .iter()
        .filter_map(|case| case.figure(column).map(|estimate| (*case, estimate.median)))
        .collect();
    order.sort_by(|(_, a), (_, b)| a.order(b));
    let claim = claim(column, order[0].0, order[1].0);
    let order =
        order.iter().map(|(case, median)| Ranked { case: case.case.clone(), median: *median });
    Ranking { axis, workload, order: order.collect(), claim }
}

fn claim(column: &str, first: &CaseSummary, second: &CaseSummary) -> Claim {
    let ratios = log_ratios(column, first, second);
    let Some(shift) = hodges_lehmann(&ratios, CONFIDENCE) else { return Claim::NoPairs };
    match shift {
        shift if !shift.excludes_zero() => Claim::NotShown(shift, trials_needed(&ratios)),
        shift if shift.confidence >= CONFIDENCE => Claim::Shown(shift),
        shift => Claim::Indicated(shift, trials_for_confidence(CONFIDENCE)),
    }
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
    fn a_large_difference_is_indicated_by_three_trials_and_shown_by_six() {
        for (trials, confidence) in [(3, 0.75), (6, 0.968_75)] {
            let rankings = ranked(small(six()), trials);
            let cpu = rankings.iter().find(|r| r.axis == Axis::Cpu).unwrap();
            let last = cpu.order.last().unwrap();
            assert_eq!((cpu.order.len(), last.case.as_str()), (5, "webhook"), "request is apart");
            let memory = rankings.iter().find(|r| r.axis == Axis::Memory).unwrap();
            assert_eq!((memory.order.len(), memory.order[0].case.as_str()), (6, "short-poll"));
            match memory.claim {
                Claim::Indicated(shift, 6) if trials == 3 => {
                    assert_eq!(shift.confidence, confidence)
                }
                Claim::Shown(shift) if trials == 6 => assert_eq!(shift.confidence, confidence),
                other => panic!("{trials} trials: {other:?}"),
            }
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
    fn only_like_workloads_are_compared() {
        let rankings = ranked(small(twelve()), 1);
        let freshness: Vec<_> = rankings.iter().filter(|r| r.axis == Axis::Freshness).collect();
        assert_eq!(freshness.len(), 2);
        assert_eq!((freshness[0].workload.as_str(), freshness[0].order.len()), ("10 clients", 5));
        assert!(matches!(freshness[0].claim, Claim::NotShown(..)), "one trial shows nothing");
    }
}
