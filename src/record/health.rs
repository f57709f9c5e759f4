//! The columns on the machine's health: what it took from a trial, and as what it was judged.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::{Counter, Metric, Snapshot};
use crate::scenario::Profile;

/// The machine's part in a trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthFigures {
    /// The kind of host that the trial was judged as.
    pub profile: Option<Profile>,
    /// How late a 1 ms tick woke a worker: the 99.9th percentile, all workers together.
    pub hiccup_ns_p999: Option<Figure>,
    /// The longest of these.
    pub hiccup_ns_max: Option<Figure>,
    /// The same in the target's process.
    pub target_hiccup_ns_p999: Option<Figure>,
    /// The longest of these.
    pub target_hiccup_ns_max: Option<Figure>,
    /// Time stolen by the hypervisor ÷ (time × cores).
    pub steal_share: Option<f64>,
    /// Time that a CPU quota held a worker back, summed over cores ÷ time.
    pub throttled_share: Option<f64>,
    /// Time that the workers' tasks waited for a core ÷ (time × shards).
    pub run_delay_share: Option<f64>,
    /// Σ slip ÷ Σ response.
    pub slip_share_of_response: Option<f64>,
}

impl HealthFigures {
    pub(super) fn of(facts: &TrialFacts) -> Self {
        let counters = &facts.workers.counters;
        let hiccup = |told: &Snapshot, metric: Metric, q: f64| {
            let ns = told.distribution(metric)?.quantile(q)?;
            Some(Figure::Value(ns as f64))
        };
        Self {
            profile: Some(facts.profile),
            hiccup_ns_p999: hiccup(&facts.workers, Metric::Hiccup, 0.999),
            hiccup_ns_max: hiccup(&facts.workers, Metric::Hiccup, 1.0),
            target_hiccup_ns_p999: hiccup(&facts.target, Metric::TargetHiccup, 0.999),
            target_hiccup_ns_max: hiccup(&facts.target, Metric::TargetHiccup, 1.0),
            steal_share: counters.share(Counter::Steal, Counter::StealWatched),
            throttled_share: counters.share(Counter::Throttled, Counter::ThrottledWatched),
            run_delay_share: counters.share(Counter::RunDelay, Counter::RunDelayWatched),
            slip_share_of_response: facts.slip_share_of_response(),
        }
    }
}
