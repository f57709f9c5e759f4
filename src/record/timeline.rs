//! A trial by seconds: the rows of `timeline.csv`, and what the interval log is written from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CpuUsed, Figure, TrialFacts};
use crate::clock::SECOND_NS;
use crate::measure::{Counter, Distribution, Metric, Snapshot};

/// One second of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineRow {
    /// Id of the case.
    pub case: String,
    /// Which trial of it.
    pub trial: u32,
    /// Seconds from the start of the measure window; negative before it.
    pub second: i64,
    /// Deliveries received in it (for `request`: answers), of the whole life of the links.
    pub deliveries: u64,
    /// Median freshness of the deliveries received in it whose events were due in the window.
    pub freshness_ns_p50: Option<Figure>,
    /// Their 99th percentile.
    pub freshness_ns_p99: Option<Figure>,
    /// Requests or polls sent.
    pub requests: u64,
    /// Failures.
    pub errors: u64,
    /// CPU of the target, as a share of its shards' cores.
    pub target_cpu_share: Option<f64>,
    /// CPU of the workers, as a share of their shards' cores.
    pub worker_cpu_share: Option<f64>,
}

/// What all workers measured in one second.
#[derive(Debug, Clone, Default)]
pub(super) struct Second {
    /// First start of what is merged here, in monotonic nanoseconds.
    pub start_ns: u64,
    /// Last end of it.
    pub end_ns: u64,
    /// What was measured.
    pub snapshot: Snapshot,
}

/// The start of the measure window, or of the first interval where the window was not reached.
fn origin(facts: &TrialFacts) -> u64 {
    match facts.window_start_ns {
        0 => facts.intervals.iter().map(|interval| interval.start_ns).min().unwrap_or(0),
        start => start,
    }
}

fn second_of(from_ns: u64, to_ns: u64, origin: u64) -> i64 {
    let middle = from_ns.midpoint(to_ns);
    (middle as i64 - origin as i64).div_euclid(SECOND_NS as i64)
}

/// The intervals of all workers, merged by the second that their middle lies in.
pub(super) fn seconds(facts: &TrialFacts) -> BTreeMap<i64, Second> {
    let origin = origin(facts);
    let mut seconds: BTreeMap<i64, Second> = BTreeMap::new();
    for interval in &facts.intervals {
        let second = second_of(interval.start_ns, interval.end_ns, origin);
        let merged = seconds
            .entry(second)
            .or_insert_with(|| Second { start_ns: interval.start_ns, ..Second::default() });
        merged.start_ns = merged.start_ns.min(interval.start_ns);
        merged.end_ns = merged.end_ns.max(interval.end_ns);
        merged.snapshot.merge(&interval.snapshot);
    }
    seconds
}

/// The rows of one trial, ascending in time.
pub(super) fn rows(facts: &TrialFacts, seconds: &BTreeMap<i64, Second>) -> Vec<TimelineRow> {
    let origin = origin(facts);
    let mut cpu: BTreeMap<i64, CpuUsed> = BTreeMap::new();
    for pair in facts.resources.cpu.windows(2) {
        if let Some(used) = pair[1].since(&pair[0]) {
            let second = second_of(pair[0].at_ns, pair[1].at_ns, origin);
            cpu.insert(second, facts.without_meters(used));
        }
    }
    let row = |(second, merged): (&i64, &Second)| {
        let counters = &merged.snapshot.counters;
        let freshness = merged.snapshot.distribution(Metric::Freshness);
        let quantile = |q| freshness.and_then(|d: &Distribution| d.quantile(q));
        let used = cpu.get(second).copied();
        TimelineRow {
            case: facts.case.id.clone(),
            trial: facts.trial,
            second: *second,
            deliveries: counters.get(Counter::Received),
            freshness_ns_p50: quantile(0.5).map(|ns| Figure::Value(ns as f64)),
            freshness_ns_p99: quantile(0.99).map(|ns| Figure::Value(ns as f64)),
            requests: counters.get(Counter::Sent),
            errors: counters.errors(),
            target_cpu_share: used.and_then(|used| facts.resources.target_share(used)),
            worker_cpu_share: used.and_then(|used| facts.resources.worker_share(used)),
        }
    };
    seconds.iter().map(row).collect()
}
