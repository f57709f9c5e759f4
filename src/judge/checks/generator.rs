//! Checks of the generator: slip, requests sent of those scheduled, and the workers' CPU.

use super::limits::{Limits, SENT_TOLERANCE};
use super::{Finding, closed, degraded, invalid};
use crate::judge::Reason;
use crate::judge::reason::Load;
use crate::measure::{Counter, Distribution, Metric};
use crate::record::{TrialFacts, Verdict};

/// The metric that a reader compares, with its samples.
fn reported(facts: &TrialFacts) -> (Metric, Option<&Distribution>) {
    let metric = facts.case.pattern.kind().traits().headline;
    (metric, facts.workers.distribution(metric))
}

pub(super) fn sent_as_scheduled(facts: &TrialFacts) -> Option<Finding> {
    let counters = &facts.workers.counters;
    let (scheduled, sent) = (counters.get(Counter::Scheduled), counters.get(Counter::Sent));
    let asks = facts.case.pattern.kind().traits().scheduled;
    if !asks || sent.abs_diff(scheduled) as f64 <= SENT_TOLERANCE * scheduled as f64 {
        return None;
    }
    let refused = counters.get(Counter::ErrorRefused);
    if refused > 0 && sent < scheduled {
        return Some(degraded(Reason::RequestsRefused { refused, unsent: scheduled - sent }));
    }
    Some(invalid(Reason::RequestsUnsent { sent, scheduled }))
}

/// Loads that can be late, with the metric of their lateness.
const SLIPS: [(Load, Metric); 2] =
    [(Load::Requests, Metric::Slip), (Load::Events, Metric::SendSlip)];

/// The worst finding of `check` over the loads.
fn worst(
    facts: &TrialFacts,
    check: impl Fn(Load, &Distribution) -> Option<Finding>,
) -> Option<Finding> {
    let recorded = SLIPS
        .iter()
        .filter_map(|(load, metric)| Some((*load, facts.workers.distribution(*metric)?)));
    recorded.filter_map(|(load, slip)| check(load, slip)).max_by_key(|(verdict, _)| *verdict)
}

pub(super) fn slip_is_small(facts: &TrialFacts) -> Option<Finding> {
    worst(facts, |load, slip| small(facts, load, slip))
}

fn small(facts: &TrialFacts, load: Load, slip: &Distribution) -> Option<Finding> {
    let slip = slip.quantile(0.99)? as f64;
    let median = reported(facts).1.and_then(|d| d.quantile(0.5)).unwrap_or(0);
    let limits = Limits::of(facts);
    // What was to wait for others is not late by that.
    let allowed = limits.slip_ns.max(limits.slip_of_median * median as f64)
        + facts.resources.gather_ns as f64;
    if slip <= allowed {
        return None;
    }
    let far = slip > limits.slip_invalid * allowed;
    let verdict = if far { Verdict::Invalid } else { Verdict::Degraded };
    let (p99_ns, limit_ns, profile) = (slip, allowed, facts.profile);
    Some((verdict, Reason::GeneratorLate { load, p99_ns, limit_ns, profile }))
}

/// Checks the generator's mean share of the reported metric: Σ slip ÷ Σ response for `request`, slip ÷ freshness for polls.
pub(super) fn slip_is_a_small_share(facts: &TrialFacts) -> Option<Finding> {
    worst(facts, |load, slip| small_share(facts, load, slip))
}

fn small_share(facts: &TrialFacts, load: Load, slip: &Distribution) -> Option<Finding> {
    let slip = slip.mean()?;
    let (metric, samples) = reported(facts);
    let mean = samples?.mean().filter(|mean| *mean > 0.0)?;
    let (limit, share) = (Limits::of(facts).slip_share, slip / mean);
    let (verdict, threshold) = match share {
        share if share > limit.invalid => (Verdict::Invalid, limit.invalid),
        share if share > limit.degraded => (Verdict::Degraded, limit.degraded),
        _ => return None,
    };
    let reason = Reason::GeneratorShare {
        load,
        metric,
        share,
        limit: threshold,
        late_ns: slip,
        mean_ns: mean,
        profile: facts.profile,
    };
    Some((verdict, reason))
}

pub(super) fn workers_had_cpu_to_spare(facts: &TrialFacts) -> Option<Finding> {
    let used = facts.cpu_used();
    let Some(share) = used.and_then(|used| facts.resources.worker_share(used)) else {
        return Some(degraded(Reason::WorkerCpuUnknown));
    };
    let limit = Limits::of(facts).cpu_share;
    let (verdict, threshold) = match share {
        share if share > limit.invalid => (Verdict::Invalid, limit.invalid),
        share if share > limit.degraded => (Verdict::Degraded, limit.degraded),
        _ => return None,
    };
    let cores = facts.resources.worker_shards;
    if closed::is_closed_loop(facts) {
        return Some(degraded(closed::bound(facts, share, threshold)));
    }
    Some((verdict, Reason::WorkersBusy { share, limit: threshold, cores, profile: facts.profile }))
}
