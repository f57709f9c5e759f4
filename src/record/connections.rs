//! What became of held links: those that came back, that left, that lagged.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::{Counter, Distribution, Metric};
use crate::scenario::PatternKind;

/// Length of the stretches that the thickest of a storm or herd is looked for among, in milliseconds: as the columns are
/// named.
const STORM_MS: u64 = 10;

/// Links that came and went, and consumers that lagged. `None` where a trial has no such thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "counters and quantiles of their names, described there and in FORMAT.md"
)]
pub struct ConnectionFigures {
    pub dials: Option<u64>,
    pub reconnects: Option<u64>,
    pub churned: Option<u64>,
    pub skipped: Option<u64>,
    pub lost_slow: Option<u64>,
    pub slow_actions: Option<u64>,
    pub dials_per_10ms_max: Option<f64>,
    pub polls_per_10ms_max: Option<f64>,
    pub reconnect_ns_p50: Option<Figure>,
    pub reconnect_ns_p99: Option<Figure>,
    pub recovery_ns: Option<Figure>,
    pub freshness_healthy_ns_p50: Option<Figure>,
    pub freshness_healthy_ns_p99: Option<Figure>,
    pub freshness_affected_ns_p50: Option<Figure>,
    pub freshness_affected_ns_p99: Option<Figure>,
}

impl ConnectionFigures {
    /// Of a trial whose workers reported.
    pub(super) fn of(facts: &TrialFacts) -> Self {
        let quantile = |metric, q| {
            let samples = facts.workers.distribution(metric)?;
            samples.quantile(q).map(|ns| Figure::Value(ns as f64))
        };
        let count = |counter| facts.workers.counters.get(counter);
        let (conditions, workload) = (&facts.case.conditions, &facts.case.workload);
        let slow = conditions.consumers.slow_share > 0.0;
        let delivers = facts.case.pattern.kind().delivers();
        let recovered = facts.workers.distribution(Metric::Recovery).map_or(0, Distribution::count);
        Self {
            dials: Some(count(Counter::Dials)),
            reconnects: delivers.then(|| count(Counter::Reconnects)),
            churned: (workload.churn.per_s() > 0.0).then(|| count(Counter::Churned)),
            skipped: delivers.then(|| count(Counter::Skipped)),
            lost_slow: slow.then(|| count(Counter::LostSlow)),
            slow_actions: delivers.then(|| facts.target.counters.get(Counter::SlowActions)),
            dials_per_10ms_max: conditions.restart.map(|restart| {
                let up_ns = facts.window_start_ns + restart.at.ns() + restart.down.ns();
                facts.workers.storm.peak(up_ns, STORM_MS) as f64
            }),
            polls_per_10ms_max: (facts.case.pattern.kind() == PatternKind::LongPoll)
                .then(|| facts.workers.herd.peak(0, STORM_MS) as f64),
            reconnect_ns_p50: quantile(Metric::Reconnect, 0.5),
            reconnect_ns_p99: quantile(Metric::Reconnect, 0.99),
            // Until the last is back there is no such time.
            recovery_ns: quantile(Metric::Recovery, 1.0).filter(|_| recovered >= workload.clients),
            freshness_healthy_ns_p50: quantile(Metric::FreshnessHealthy, 0.5),
            freshness_healthy_ns_p99: quantile(Metric::FreshnessHealthy, 0.99),
            freshness_affected_ns_p50: quantile(Metric::FreshnessAffected, 0.5),
            freshness_affected_ns_p99: quantile(Metric::FreshnessAffected, 0.99),
        }
    }
}
