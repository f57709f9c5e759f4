//! Closed forms over a sweep: what theory, and one operating point that was measured, say of the others.
//!
//! The median age of what a poll every I finds is I ÷ 2. The cost of N clients at λ events per second and client is, from the
//! idle and added figures of a reference r (see [`flip`](super::super::flip)),
//!
//! ```text
//! N · (idle · u ÷ u_r(0) + added · d)      d = λ; of CPU of short polls d = λ_r · h(λ, I) ÷ h(λ_r, I_r)
//! ```
//!
//! Both are of polls whose interval [the clock alone](super::super::clockwork) sets.

use super::super::clockwork::{hits, interval_s, is_by_the_clock};
use super::super::{Axis, CaseSummary};
use super::Meaning;
use crate::scenario::{Case, Pattern, Upkeep};
use crate::unit::{Rate, Span};

/// Median freshness of polls by the clock, in nanoseconds: half of their interval; `None` for other patterns and polls.
pub fn expected_p50_ns(planned: &Case) -> Option<f64> {
    match &planned.pattern {
        Pattern::ShortPoll(options) if is_by_the_clock(planned) => {
            Some(options.interval.ns() as f64 / 2.0)
        }
        _ => None,
    }
}

/// A measured operating point, from which others follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference<'a> {
    pub summary: &'a CaseSummary,
    pub planned: &'a Case,
}

/// The case as it would be at `value` of an axis; `None` for an axis that no closed form is about.
pub(super) fn at(planned: &Case, axis: Meaning, value: f64) -> Option<Case> {
    let mut case = planned.clone();
    match (axis, &mut case.pattern) {
        (Meaning::Clients, _) => case.workload.clients = value.round() as u64,
        (Meaning::Events, pattern) if pattern.kind().delivers() => {
            case.workload.rate = Rate::per_second(value);
        }
        (Meaning::PollInterval, Pattern::ShortPoll(options)) => {
            options.interval = Span::from_ns(value.round() as u64);
        }
        // An option of one pattern makes no difference to the others.
        (Meaning::PollInterval, pattern) if pattern.kind().delivers() => {}
        _ => return None,
    }
    Some(case)
}

impl Reference<'_> {
    /// What a case like the reference takes by `axis` where `at` says it stands: cores, or bytes per second.
    pub(super) fn expected(&self, axis: Axis, at: &Case) -> Option<f64> {
        let number = |column: &str| Some(self.summary.figure(column)?.value.number());
        let (idle, added, unit) = match axis {
            Axis::Cpu => ("idle_cpu_ns_per_client_s", "added_cpu_ns_per_delivery", 1e9),
            Axis::Wire => ("idle_wire_bytes_per_client_s", "added_wire_bytes_per_delivery", 1.0),
            Axis::Freshness | Axis::Response | Axis::Memory | Axis::Cost => return None,
        };
        if !is_by_the_clock(at) || !is_by_the_clock(self.planned) {
            return None;
        }
        let rate = |case: &Case| case.workload.rate.per_s();
        let mut quiet = self.planned.clone();
        quiet.workload.rate = Rate::per_second(0.0);
        let upkeep = |case: &Case| Upkeep::of(case).map_or(1.0, |upkeep| upkeep.per_client_s);
        let deliveries = match (interval_s(at), interval_s(self.planned)) {
            (Some(here), Some(there)) if axis == Axis::Cpu => {
                let lambda = rate(self.planned);
                lambda * hits(rate(at), here) / hits(lambda, there)
            }
            _ => rate(at),
        };
        let per_client = number(idle)? * upkeep(at) / upkeep(&quiet) + number(added)? * deliveries;
        let total = per_client * at.workload.clients as f64 / unit;
        (total.is_finite() && total > 0.0).then_some(total)
    }
}
