//! Did the generator spoil it? Slip, what was sent of what was scheduled, and the workers' CPU.

use super::limits::{Limits, SENT_TOLERANCE, SLIP_INVALID, on_a, percent};
use super::{Finding, degraded, invalid};
use crate::measure::{Counter, Distribution, Metric};
use crate::record::{TrialFacts, Verdict};
use crate::unit::nanoseconds;

/// The metric that a reader compares: responses for `request`, else freshness.
fn reported(facts: &TrialFacts) -> (&'static str, Option<&Distribution>) {
    let (name, metric) = if facts.case.pattern.kind().delivers() {
        ("freshness", Metric::Freshness)
    } else {
        ("response", Metric::Response)
    };
    (name, facts.workers.distribution(metric))
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
        return Some(degraded(format!(
            "the target refused {refused} requests, and {} were not sent while clients held back as it told them: \
             lower the rate, or raise the target's limits",
            scheduled - sent
        )));
    }
    Some(invalid(format!(
        "{sent} of {scheduled} scheduled requests were sent, and 0.1 % is the most that may be missing: lower the \
         rate, or give the workers more shards"
    )))
}

/// What may leave late, and where that is recorded.
const SLIPS: [(&str, Metric); 2] = [("requests", Metric::Slip), (SENDS, Metric::SendSlip)];
/// What both sides send, in words.
const SENDS: &str = "events that clients published";

/// The worst of what `check` finds of each.
fn worst(
    facts: &TrialFacts,
    check: impl Fn(&str, &Distribution) -> Option<Finding>,
) -> Option<Finding> {
    let recorded = SLIPS
        .iter()
        .filter_map(|(what, metric)| Some((what, facts.workers.distribution(*metric)?)));
    recorded.filter_map(|(what, slip)| check(what, slip)).max_by_key(|(verdict, _)| *verdict)
}

pub(super) fn slip_is_small(facts: &TrialFacts) -> Option<Finding> {
    worst(facts, |what, slip| small(facts, what, slip))
}

fn small(facts: &TrialFacts, what: &str, slip: &Distribution) -> Option<Finding> {
    let slip = slip.quantile(0.99)? as f64;
    let (name, reported) = reported(facts);
    let median = reported.and_then(|d| d.quantile(0.5)).unwrap_or(0);
    let limits = Limits::of(facts.profile);
    let allowed = limits.slip_ns.max(limits.slip_of_median * median as f64);
    if slip <= allowed {
        return None;
    }
    let verdict = if slip > SLIP_INVALID * allowed { Verdict::Invalid } else { Verdict::Degraded };
    let or_median = if limits.slip_of_median > 0.0 {
        format!(", or {} of the median {name}", percent(limits.slip_of_median))
    } else {
        String::new()
    };
    Some((
        verdict,
        format!(
            "{what} left {} late at the 99th percentile, and {} are allowed {} ({}{or_median}): lower the rate, give \
             the workers more shards, or quieten the host",
            nanoseconds(slip),
            nanoseconds(allowed),
            on_a(facts.profile),
            nanoseconds(limits.slip_ns)
        ),
    ))
}

/// What the generator added on average, beside what it reports: Σ slip ÷ Σ response for `request`, whose responses are
/// reported; for a poll, whose freshness is, slip ÷ freshness.
pub(super) fn slip_is_a_small_share(facts: &TrialFacts) -> Option<Finding> {
    worst(facts, |what, slip| small_share(facts, what, slip))
}

fn small_share(facts: &TrialFacts, what: &str, slip: &Distribution) -> Option<Finding> {
    let slip = slip.mean()?;
    let (name, samples) = reported(facts);
    let mean = samples?.mean().filter(|mean| *mean > 0.0)?;
    let (limit, share) = (Limits::of(facts.profile).slip_share, slip / mean);
    let (verdict, threshold) = match share {
        share if share > limit.invalid => (Verdict::Invalid, limit.invalid),
        share if share > limit.degraded => (Verdict::Degraded, limit.degraded),
        _ => return None,
    };
    Some((
        verdict,
        format!(
            "the generator's own lateness is {} of the {name} ({} of {} on average), above {} {}: hold {} against it, \
             which has none, or use a host with cores to spare",
            percent(share),
            nanoseconds(slip),
            nanoseconds(mean),
            percent(threshold),
            on_a(facts.profile),
            if what == SENDS { "transit_ns" } else { "service_ns" }
        ),
    ))
}

pub(super) fn workers_had_cpu_to_spare(facts: &TrialFacts) -> Option<Finding> {
    let used = facts.cpu_used();
    let Some(share) = used.and_then(|used| facts.resources.worker_share(used)) else {
        return Some(degraded(
            "the workers' CPU was not measured, so that nobody knows whether they were the bottleneck: see that \
             /proc is readable"
                .to_owned(),
        ));
    };
    let limit = Limits::of(facts.profile).cpu_share;
    let (verdict, threshold) = match share {
        share if share > limit.invalid => (Verdict::Invalid, limit.invalid),
        share if share > limit.degraded => (Verdict::Degraded, limit.degraded),
        _ => return None,
    };
    Some((
        verdict,
        format!(
            "the workers used {} of their {}, above {} {}: give them more shards, or lower the rate",
            percent(share),
            if facts.resources.worker_shards == 1 {
                "core".to_owned()
            } else {
                format!("{} cores", facts.resources.worker_shards)
            },
            percent(threshold),
            on_a(facts.profile)
        ),
    ))
}
