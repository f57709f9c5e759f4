//! A trial by seconds: the rows of `timeline.csv`, and the source of the interval log.
//!
//! Memory holds one second at a time, however long the trial was.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::files::TIMELINE_COLUMNS;
use super::table::{cells, header, to_csv};
use super::{CpuUsed, Figure, TrialFacts};
use crate::clock::SECOND_NS;
use crate::measure::{Counter, Distribution, Interval, Metric};

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
    /// Attempts to open a connection.
    #[serde(default)]
    pub dials: Option<u64>,
}

impl TimelineRow {
    /// Rows of `timeline.csv`, with its header.
    pub fn csv<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Vec<u8> {
        let rows = rows.into_iter().map(|row| cells(TIMELINE_COLUMNS, row));
        to_csv(std::iter::once(header(TIMELINE_COLUMNS)).chain(rows))
    }
}

/// The start of the measure window, or of the first interval where the window was not reached.
fn origin(facts: &TrialFacts) -> u64 {
    match facts.window_start_ns {
        0 => facts.intervals.first_ns().unwrap_or(0),
        start => start,
    }
}

fn second_of(from_ns: u64, to_ns: u64, origin: u64) -> i64 {
    let middle = from_ns.midpoint(to_ns);
    (middle as i64 - origin as i64).div_euclid(SECOND_NS as i64)
}

/// Turns the seconds of one trial into rows.
pub(super) struct Rows<'a> {
    facts: &'a TrialFacts,
    origin: u64,
    cpu: BTreeMap<i64, CpuUsed>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(facts: &'a TrialFacts) -> Self {
        let origin = origin(facts);
        let mut cpu: BTreeMap<i64, CpuUsed> = BTreeMap::new();
        for pair in facts.resources.cpu.windows(2) {
            if let Some(used) = pair[1].since(&pair[0]) {
                let second = second_of(pair[0].at_ns, pair[1].at_ns, origin);
                cpu.insert(second, facts.without_meters(used));
            }
        }
        Self { facts, origin, cpu }
    }

    /// Passes on the measurements of all workers in each second, ascending: an interval belongs to the second that contains
    /// its middle.
    pub(super) fn seconds(
        &self,
        take: impl FnMut(i64, &Interval) -> io::Result<()>,
    ) -> io::Result<()> {
        self.facts.intervals.merged(|start, end| second_of(start, end, self.origin), take)
    }

    /// The row of one second.
    pub(super) fn row(&self, second: i64, merged: &Interval) -> TimelineRow {
        let (facts, counters) = (self.facts, &merged.snapshot.counters);
        let freshness = merged.snapshot.distribution(Metric::Freshness);
        let quantile = |q| freshness.and_then(|d: &Distribution| d.quantile(q));
        let used = self.cpu.get(&second).copied();
        TimelineRow {
            case: facts.case.id.clone(),
            trial: facts.trial,
            second,
            deliveries: counters.get(Counter::Received),
            freshness_ns_p50: quantile(0.5).map(|ns| Figure::Value(ns as f64)),
            freshness_ns_p99: quantile(0.99).map(|ns| Figure::Value(ns as f64)),
            requests: counters.get(Counter::Sent),
            errors: counters.errors(),
            target_cpu_share: used.and_then(|used| facts.resources.target_share(used)),
            worker_cpu_share: used.and_then(|used| facts.resources.worker_share(used)),
            dials: Some(counters.get(Counter::Dials)),
        }
    }
}
