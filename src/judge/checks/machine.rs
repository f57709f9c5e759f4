//! Checks of the machine: pauses of the workers, and CPU time taken from them.
//!
//! Only the workers are judged. Their meters detect a paused machine and a stalled worker. The target's meters also detect
//! a busy or stopped target, which is a result and shows in the percentiles.

use super::limits::{Limit, Limits};
use super::{Finding, degraded, invalid};
use crate::judge::Reason;
use crate::judge::reason::OfWorker;
use crate::measure::{Counter, Distribution, Metric};
use crate::record::{TrialFacts, Verdict, WorkerHealth};
use crate::scenario::Profile;

/// The verdict on a figure, and the threshold that it broke.
fn over(figure: f64, limit: Limit) -> Option<(Verdict, f64)> {
    if figure > limit.invalid {
        Some((Verdict::Invalid, limit.invalid))
    } else {
        (figure > limit.degraded).then_some((Verdict::Degraded, limit.degraded))
    }
}

fn hiccup(worker: &WorkerHealth, q: f64) -> Option<f64> {
    worker.hiccups.as_ref()?.quantile(q).map(|ns| ns as f64)
}

/// Least share of a figure that pauses of the machine take from a trial's verdict.
const EFFECT: f64 = 0.05;
/// A worker's tick that is later than this woke after a pause.
const PAUSE_NS: u64 = 1_000_000;

/// Takes what the machine did from the verdict, and keeps it as a remark, where it cannot have changed the reported median by
/// more than [`EFFECT`]; on a shared host only, where some pauses are normal.
///
/// Of the samples a share s was delayed at most: the largest share of time that was stolen, throttled or slept away, once for
/// the samples that became due in it and once for those under way. Without these delays the q-quantile would lie no lower than
/// the (q − s)-quantile of what was measured: at x, at least q of the samples lie below x without the delays, so at least q − s
/// do with them.
pub(super) fn weigh_by_effect(facts: &TrialFacts, findings: &mut Vec<Finding>) {
    let is_pause = |(verdict, reason): &Finding| {
        *verdict == Verdict::Degraded
            && matches!(
                reason,
                Reason::CpuStolen { .. }
                    | Reason::CpuThrottled { .. }
                    | Reason::WorkerTimerLate { .. }
            )
    };
    if facts.profile != Profile::Shared || !findings.iter().any(is_pause) {
        return;
    }
    let metric = facts.case.pattern.kind().traits().headline;
    let Some(samples) = facts.workers.distribution(metric) else { return };
    let share = disturbed(facts);
    let Some(p50_effect) = effect(samples, 0.5, share) else { return };
    if p50_effect <= EFFECT {
        findings.iter_mut().filter(|finding| is_pause(finding)).for_each(|finding| {
            finding.0 = Verdict::Valid;
        });
    }
    let p99_effect = effect(samples, 0.99, share);
    let reason = Reason::DisturbanceEffect { metric, share, p50_effect, p99_effect, limit: EFFECT };
    let verdict = if p50_effect <= EFFECT { Verdict::Valid } else { Verdict::Degraded };
    findings.push((verdict, reason));
}

/// Share of the samples that pauses can have delayed, at most.
fn disturbed(facts: &TrialFacts) -> f64 {
    let counters = &facts.workers.counters;
    // The kernel sums steal over all cores; it may all have come from one.
    let stolen = counters.share(Counter::Steal, Counter::StealWatched).unwrap_or(0.0)
        * f64::from(facts.resources.cores.max(1));
    let throttled = counters.share(Counter::Throttled, Counter::ThrottledWatched).unwrap_or(0.0);
    let late = |worker: &WorkerHealth| worker.hiccups.as_ref()?.share_above(PAUSE_NS);
    let slept = facts.health.iter().filter_map(late).fold(0.0, f64::max);
    (2.0 * stolen.max(throttled).max(slept)).min(1.0)
}

/// By what share of itself a quantile can have been raised where that share of the samples was delayed; `None` where it may
/// consist of nothing else.
fn effect(samples: &Distribution, q: f64, share: f64) -> Option<f64> {
    if share >= q {
        return None;
    }
    let (reported, least) = (samples.quantile(q)? as f64, samples.quantile(q - share)? as f64);
    (reported > 0.0).then(|| 1.0 - least / reported)
}

/// The workers of which `figure` exceeds `limit`: the worst verdict, its threshold, and the figure of each.
fn exceeding(
    facts: &TrialFacts,
    limit: Limit,
    figure: impl Fn(&WorkerHealth) -> Option<f64>,
) -> Option<(Verdict, f64, Vec<OfWorker>)> {
    let mut worst: Option<(Verdict, f64)> = None;
    let mut names = Vec::new();
    for worker in &facts.health {
        let Some(figure) = figure(worker) else { continue };
        let Some(found) = over(figure, limit) else { continue };
        worst = match worst {
            Some(before) if before.0 >= found.0 => Some(before),
            _ => Some(found),
        };
        names.push(OfWorker { worker: worker.name.clone(), figure });
    }
    let (verdict, threshold) = worst?;
    Some((verdict, threshold, names))
}

/// A worker that stalled could neither send nor receive, so the longest pause has its own limit.
pub(super) fn no_worker_stood_still(facts: &TrialFacts) -> Option<Finding> {
    let allowed = Limits::of(facts).standstill_ns;
    let stood = |worker: &&WorkerHealth| hiccup(worker, 1.0).is_some_and(|ns| ns > allowed);
    let figure = |worker: &WorkerHealth| {
        let figure = hiccup(worker, 1.0)?;
        Some(OfWorker { worker: worker.name.clone(), figure })
    };
    let workers: Vec<OfWorker> = facts.health.iter().filter(stood).filter_map(figure).collect();
    if workers.is_empty() {
        return None;
    }
    let target = facts.target.distribution(Metric::TargetHiccup).and_then(Distribution::max);
    Some(invalid(Reason::WorkerStalled {
        workers,
        limit_ns: allowed,
        target_ns: target.map(|ns| ns as f64),
        profile: facts.profile,
    }))
}

/// Ticks of a worker must wake it in time; where they do not, nothing else did either.
pub(super) fn ticks_woke_in_time(facts: &TrialFacts) -> Option<Finding> {
    if facts.window_start_ns == 0 {
        return None;
    }
    let blind = facts.health.iter().filter(|worker| worker.hiccups.is_none());
    let workers: Vec<String> = blind.map(|worker| worker.name.clone()).collect();
    if facts.health.is_empty() || !workers.is_empty() {
        return Some(degraded(Reason::TimersUnmeasured { workers }));
    }
    let limits = Limits::of(facts);
    let p999 = |worker: &WorkerHealth| {
        // A stalled worker has its own reason.
        hiccup(worker, 1.0).filter(|longest| *longest <= limits.standstill_ns)?;
        hiccup(worker, 0.999)
    };
    let (verdict, limit_ns, workers) = exceeding(facts, limits.hiccup_ns, p999)?;
    Some((verdict, Reason::WorkerTimerLate { workers, limit_ns, profile: facts.profile }))
}

/// The same for the target's process: not a check of a verdict, because a target can cause its own hiccups.
pub(super) fn target_ticks_woke_in_time(facts: &TrialFacts) -> Option<Finding> {
    let p999_ns = facts.target.distribution(Metric::TargetHiccup)?.quantile(0.999)? as f64;
    let (verdict, limit_ns) = over(p999_ns, Limits::of(facts).hiccup_ns)?;
    Some((verdict, Reason::TargetTimerLate { p999_ns, limit_ns, profile: facts.profile }))
}

pub(super) fn tasks_ran_when_they_could(facts: &TrialFacts) -> Option<Finding> {
    let share =
        |worker: &WorkerHealth| worker.counters.share(Counter::RunDelay, Counter::RunDelayWatched);
    let limit = Limits::of(facts).run_delay_share;
    let (verdict, limit, workers) = exceeding(facts, limit, share)?;
    Some((verdict, Reason::CpuContended { workers, limit, profile: facts.profile }))
}

pub(super) fn nothing_stolen(facts: &TrialFacts) -> Option<Finding> {
    let share = facts.workers.counters.share(Counter::Steal, Counter::StealWatched)?;
    let (verdict, limit) = over(share, Limits::of(facts).taken_share)?;
    Some((verdict, Reason::CpuStolen { share, limit, profile: facts.profile }))
}

pub(super) fn nothing_throttled(facts: &TrialFacts) -> Option<Finding> {
    let share = facts.workers.counters.share(Counter::Throttled, Counter::ThrottledWatched)?;
    let (verdict, limit) = over(share, Limits::of(facts).taken_share)?;
    Some((verdict, Reason::CpuThrottled { share, limit, profile: facts.profile }))
}

#[cfg(test)]
mod tests {
    use super::super::verdict;
    use super::*;
    use crate::measure::Counters;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::{PatternKind, Profile};
    use Profile::{Dedicated, Shared};
    use Verdict::{Degraded, Invalid, Valid};

    /// A worker with `late` of 10,000 ticks late by `ns`.
    fn worker(name: &str, late: u64, ns: u64) -> WorkerHealth {
        let mut hiccups = Distribution::new();
        for tick in 0..10_000 {
            hiccups.record(if tick < late { ns } else { 60_000 });
        }
        WorkerHealth {
            name: name.to_owned(),
            hiccups: Some(hiccups),
            counters: Counters::default(),
        }
    }

    fn sound() -> TrialFacts {
        let mut facts = facts(&case(PatternKind::Sse, 60, ""), 1);
        facts.health = vec![worker("worker 1", 0, 0), worker("worker 2", 0, 0)];
        facts
    }

    #[test]
    fn hiccups_are_judged_by_profile_and_name_the_worker() {
        const MS: u64 = 1_000_000;
        for (what, profile, late, ns, expected, words) in [
            ("late by a little", Shared, 20, 4 * MS, Valid, ""),
            ("the same on a dedicated host", Dedicated, 20, 4 * MS, Degraded, "limit 500 us"),
            ("late by more, and too rarely to matter", Shared, 20, 6 * MS, Valid, "limit 5 ms"),
            ("late by more, and often", Shared, 1_500, 6 * MS, Degraded, "limit 5 ms"),
            ("rarely late: under the 99.9th percentile", Shared, 5, 400 * MS, Valid, ""),
            ("late by far more", Shared, 20, 60 * MS, Invalid, "limit 50 ms"),
            ("far more, dedicated", Dedicated, 20, 6 * MS, Invalid, "limit 5 ms"),
            ("a standstill, however long the window", Shared, 5, 900 * MS, Invalid, "stalled"),
            ("a short one, dedicated", Dedicated, 5, 60 * MS, Invalid, "stalled for 60"),
        ] {
            let mut facts = sound();
            facts.profile = profile;
            facts.health[1] = worker("worker 2", late, ns);
            let (verdict, reasons) = verdict(&facts);
            assert_eq!(verdict, expected, "{what}: {reasons:?}");
            let named = reasons
                .iter()
                .map(Reason::to_string)
                .any(|r| r.contains("worker 2") && r.contains(words));
            assert!(named || expected == Valid, "{what}: {reasons:?}");
            assert!(
                reasons.len() <= 2 && !reasons.iter().any(|r| r.to_string().contains("worker 1")),
                "{what}: {reasons:?}"
            );
        }
    }

    #[test]
    fn pauses_that_cannot_change_the_median_are_a_remark() {
        let with = |profile, spread_ns: u64, per_mille: u64| {
            let mut facts = sound();
            facts.profile = profile;
            facts.resources.cores = 2;
            let mut samples = Distribution::new();
            // From 1 ms up by even steps: the median of 1,200 of them is 1 ms + 600 steps.
            let all = facts.workers.distribution(Metric::Freshness).unwrap().count();
            (0..all).for_each(|at| {
                samples.record(1_000_000 + at * spread_ns * 1_000 / all);
            });
            facts.workers.distributions.insert(Metric::Freshness, samples);
            facts.workers.counters = Counters::default();
            facts.workers.counters.add(Counter::Connections, 60);
            facts.workers.counters.add(Counter::Steal, per_mille);
            facts.workers.counters.add(Counter::StealWatched, 1_000);
            let (verdict, reasons) = verdict(&facts);
            let effect = reasons.iter().find_map(|reason| match reason {
                Reason::DisturbanceEffect { p50_effect, .. } => Some(*p50_effect),
                _ => None,
            });
            (verdict, reasons.len(), effect)
        };
        // 1.3 % of two cores' time reach 5.2 % of the samples at most.
        let (verdict, reasons, effect) = with(Shared, 100, 13);
        assert_eq!((verdict, reasons), (Valid, 2), "the reason is kept");
        assert!((0.0..0.01).contains(&effect.unwrap()), "{effect:?}");
        let (verdict, _, effect) = with(Shared, 100_000, 13);
        assert!(verdict == Degraded && effect.unwrap() > 0.05, "a wide distribution: {effect:?}");
        assert_eq!(with(Shared, 100, 300).0, Invalid, "a third of the host is no remark");
        assert_eq!(with(Dedicated, 100, 5), (Degraded, 1, None), "such a host has no pauses");
        assert_eq!(with(Shared, 100, 0), (Valid, 0, None));
    }

    #[test]
    fn hiccups_of_the_target_are_a_strain_and_no_reason() {
        let mut facts = sound();
        assert_eq!(super::super::strains(&facts), Vec::new());
        let late = worker("", 20, 6_000_000).hiccups.unwrap();
        facts.target.distributions.insert(Metric::TargetHiccup, late);
        assert_eq!(verdict(&facts), (Valid, Vec::new()));
        let strains = super::super::strains(&facts);
        assert!(strains.len() == 1 && strains[0].code().name == "target_timer_late", "{strains:?}");
    }

    #[test]
    fn a_stopped_worker_is_distinguished_from_a_paused_machine() {
        for (target_ns, words) in
            [(70_000, "The machine did not pause"), (950_000_000, "The machine paused")]
        {
            let mut facts = sound();
            facts.health[0] = worker("worker 1", 250, 1_000_000_000);
            let mut hiccups = Distribution::new();
            hiccups.record(target_ns);
            facts.target.distributions.insert(Metric::TargetHiccup, hiccups);
            let (verdict, reasons) = verdict(&facts);
            assert_eq!(verdict, Invalid);
            assert!(reasons[0].to_string().starts_with("worker 1 stalled for 1"), "{reasons:?}");
            assert!(reasons[0].to_string().contains(words), "{reasons:?}");
        }
    }

    #[test]
    fn a_stopped_target_is_a_result() {
        let mut facts = sound();
        let hiccups = worker("", 1_000, 1_000_000_000).hiccups.unwrap();
        facts.target.distributions.insert(Metric::TargetHiccup, hiccups);
        assert_eq!(verdict(&facts), (Valid, Vec::new()));
    }

    #[test]
    fn unmeasured_hiccups_degrade_the_trial() {
        let mut facts = sound();
        facts.health[1].hiccups = None;
        let (verdict, reasons) = verdict(&facts);
        assert_eq!(verdict, Degraded);
        assert!(
            reasons[0] == Reason::TimersUnmeasured { workers: vec!["worker 2".to_owned()] },
            "{reasons:?}"
        );
    }

    #[test]
    fn stolen_and_throttled_time_is_judged_by_profile() {
        use Counter::{
            RunDelay, RunDelayWatched, Steal, StealWatched, Throttled, ThrottledWatched,
        };
        for (what, part, watched, per_mille, dedicated, shared, words) in [
            ("no steal", Steal, StealWatched, 0, Valid, Valid, ""),
            ("a trace of steal", Steal, StealWatched, 1, Degraded, Valid, "limit 0 %"),
            ("some steal", Steal, StealWatched, 20, Invalid, Degraded, "the hypervisor took 2 %"),
            ("much steal", Steal, StealWatched, 110, Invalid, Invalid, "took 11 %"),
            ("throttled a little", Throttled, ThrottledWatched, 5, Degraded, Valid, "quota"),
            (
                "throttled",
                Throttled,
                ThrottledWatched,
                500,
                Invalid,
                Invalid,
                "for 50 % of the window",
            ),
            ("hardly waiting", RunDelay, RunDelayWatched, 4, Valid, Valid, ""),
            ("waiting", RunDelay, RunDelayWatched, 15, Degraded, Valid, "1.5 % (worker 2)"),
            ("waiting long", RunDelay, RunDelayWatched, 100, Invalid, Degraded, "10 % (worker 2)"),
            ("waiting always", RunDelay, RunDelayWatched, 900, Invalid, Invalid, "fewer shards"),
        ] {
            for (profile, expected) in [(Dedicated, dedicated), (Shared, shared)] {
                let mut facts = sound();
                facts.profile = profile;
                let mut counters = Counters::default();
                counters.add(part, per_mille);
                counters.add(watched, 1_000);
                facts.workers.counters = {
                    let mut sum = Counters::default();
                    sum.add(Counter::Connections, 60);
                    sum.merge(&counters);
                    sum
                };
                facts.health[1].counters = counters;
                let (verdict, reasons) = verdict(&facts);
                assert_eq!(verdict, expected, "{what}, {profile:?}: {reasons:?}");
                let told = reasons.iter().any(|reason| reason.to_string().contains(words));
                assert!(told || expected == Valid, "{what}, {profile:?}: {reasons:?}");
                // A remark does not change the verdict.
                assert!(expected == Valid || !reasons.is_empty(), "{what}: {reasons:?}");
            }
        }
    }
}
