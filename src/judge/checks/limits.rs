//! The thresholds, by profile: METHODOLOGY's table in numbers.

use super::closed;
use crate::record::TrialFacts;
use crate::scenario::Profile;

/// The values above which a trial is degraded, and invalid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    /// Above it the trial is degraded.
    pub degraded: f64,
    /// Above it the trial is invalid.
    pub invalid: f64,
}

/// The thresholds of a profile; shares are of 1, times nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// p99 slip that is allowed at any median.
    pub slip_ns: f64,
    /// p99 slip that is allowed as a share of the reported median.
    pub slip_of_median: f64,
    /// A p99 slip above this multiple of the limit makes the trial invalid.
    pub slip_invalid: f64,
    /// Mean slip ÷ mean of the reported metric.
    pub slip_share: Limit,
    /// 99.9th percentile of a worker's hiccups.
    pub hiccup_ns: Limit,
    /// Longest hiccup of a worker that leaves its trial usable.
    pub standstill_ns: f64,
    /// CPU of the workers ÷ their shards' cores.
    pub cpu_share: Limit,
    /// Waiting for a core ÷ (time × shards).
    pub run_delay_share: Limit,
    /// Steal, and throttling.
    pub taken_share: Limit,
}

/// The same limit for loads whose excess only degrades.
const fn never_invalid(limit: Limit) -> Limit {
    Limit { invalid: f64::INFINITY, ..limit }
}

/// [`Limits::slip_invalid`] of all but closed loops.
const SLIP_INVALID: f64 = 10.0;
/// sent ÷ scheduled may be off by this.
pub(super) const SENT_TOLERANCE: f64 = 0.001;

const fn limit(degraded: f64, invalid: f64) -> Limit {
    Limit { degraded, invalid }
}

impl Limits {
    /// The thresholds for the trial `facts`.
    ///
    /// A closed loop runs into the limit of the generator, the server or the machine by design, and schedules nothing that could
    /// be missed. That the processors were full degrades it and no more.
    pub(super) fn of(facts: &TrialFacts) -> Self {
        let limits = Self::of_profile(facts.profile);
        if !closed::is_closed_loop(facts) {
            return limits;
        }
        // A think time ends by the clock, and a request that leaves long after it is the generator's fault.
        let limits = if closed::thinks(facts) {
            limits
        } else {
            Self {
                slip_invalid: f64::INFINITY,
                slip_share: never_invalid(limits.slip_share),
                ..limits
            }
        };
        Self {
            hiccup_ns: never_invalid(limits.hiccup_ns),
            cpu_share: never_invalid(limits.cpu_share),
            run_delay_share: never_invalid(limits.run_delay_share),
            ..limits
        }
    }

    /// The thresholds of `profile`.
    const fn of_profile(profile: Profile) -> Self {
        match profile {
            Profile::Dedicated => Self {
                slip_ns: 50e3,
                slip_of_median: 0.0,
                slip_invalid: SLIP_INVALID,
                slip_share: limit(0.005, 0.5),
                hiccup_ns: limit(0.5e6, 5e6),
                standstill_ns: 50e6,
                cpu_share: limit(0.60, 0.95),
                run_delay_share: limit(0.005, 0.05),
                taken_share: limit(0.0, 0.01),
            },
            Profile::Shared => Self {
                slip_ns: 200e3,
                slip_of_median: 0.05,
                slip_invalid: SLIP_INVALID,
                slip_share: limit(0.02, 0.5),
                hiccup_ns: limit(5e6, 50e6),
                standstill_ns: 500e6,
                cpu_share: limit(0.75, 0.95),
                run_delay_share: limit(0.02, 0.2),
                taken_share: limit(0.01, 0.1),
            },
        }
    }
}
