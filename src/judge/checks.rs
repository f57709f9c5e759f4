//! Checks of the generator and the machine: what makes a trial degraded or invalid, one small function per check.
//!
//! This file checks the accounts: expected, published, received. `generator` checks the workers' load, `closed` what bounds a closed loop, `machine` the host,
//! `transport` the connections; `limits` has the thresholds.
//!
//! A check judges the generator and the machine, never the pattern: losses and delays are results. Each reason gives the
//! figure, the threshold and the remedy.

mod closed;
mod generator;
mod limits;
mod machine;
mod sends;
mod transport;
mod upkeep;

use super::Reason;
use crate::measure::Counter;
use crate::record::{TrialFacts, Verdict};
use crate::scenario::Publish;

/// The result of a failed check: the verdict that it requires, and why.
pub(super) type Finding = (Verdict, Reason);

type Check = fn(&TrialFacts) -> Option<Finding>;

const CHECKS: &[Check] = &[
    window_reached,
    something_expected,
    ledger_balances,
    published_as_scheduled,
    sends::sends_balance,
    machine::no_worker_stood_still,
    generator::sent_as_scheduled,
    no_negative_freshness,
    transport::links_stood,
    transport::shaken_as_configured,
    generator::workers_had_cpu_to_spare,
    machine::ticks_woke_in_time,
    machine::tasks_ran_when_they_could,
    machine::nothing_stolen,
    machine::nothing_throttled,
    nothing_saturated,
    upkeep::upkeep_met_its_share,
    super::steady::steady,
];

/// Checks of the generator's share in a figure, which a noise floor exists to show.
const SLIP_CHECKS: &[Check] = &[generator::slip_is_small, generator::slip_is_a_small_share];

/// Returns the verdict on a trial: the worst of all checks, with every reason.
///
/// A trial that did not finish is failed for that reason alone.
pub fn verdict(facts: &TrialFacts) -> (Verdict, Vec<Reason>) {
    judge(facts, SLIP_CHECKS.iter().chain(CHECKS))
}

/// The verdict on a trial of the noise floor: that of any other, but for the generator's own share in the figures.
pub fn floor_verdict(facts: &TrialFacts) -> (Verdict, Vec<Reason>) {
    judge(facts, CHECKS.iter())
}

fn judge<'a>(
    facts: &TrialFacts,
    checks: impl Iterator<Item = &'a Check>,
) -> (Verdict, Vec<Reason>) {
    if let Some(why) = &facts.failure {
        return (Verdict::Failed, vec![Reason::TrialFailed { why: why.clone() }]);
    }
    let mut findings: Vec<Finding> = checks.filter_map(|check| check(facts)).collect();
    machine::weigh_by_effect(facts, &mut findings);
    let worst = findings.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Valid);
    (worst, findings.into_iter().map(|(_, reason)| reason).collect())
}

/// The checks that look at the machine and at how it treated the generator, and at nothing that was measured.
const STRAINS: &[Check] = &[
    machine::no_worker_stood_still,
    generator::slip_is_small,
    generator::slip_is_a_small_share,
    machine::ticks_woke_in_time,
    machine::target_ticks_woke_in_time,
    machine::tasks_ran_when_they_could,
    machine::nothing_stolen,
    machine::nothing_throttled,
];

/// Returns how the machine disturbed a trial.
///
/// Unlike a verdict this includes the hiccups of the target's process, which a verdict treats as a result: they show a
/// disturbance only if the target itself did nothing to cause them.
pub fn strains(facts: &TrialFacts) -> Vec<Reason> {
    STRAINS.iter().filter_map(|check| check(facts)).map(|(_, reason)| reason).collect()
}

const fn invalid(reason: Reason) -> Finding {
    (Verdict::Invalid, reason)
}

const fn degraded(reason: Reason) -> Finding {
    (Verdict::Degraded, reason)
}

fn window_reached(facts: &TrialFacts) -> Option<Finding> {
    if facts.window_start_ns > 0 {
        return None;
    }
    Some(invalid(Reason::WindowNotReached))
}

fn something_expected(facts: &TrialFacts) -> Option<Finding> {
    let listens = facts.case.workload.publish == Publish::Nobody;
    if facts.workers.ledger.expected > 0 || listens {
        return None;
    }
    Some(invalid(Reason::NothingDue))
}

fn ledger_balances(facts: &TrialFacts) -> Option<Finding> {
    let ledger = &facts.workers.ledger;
    if ledger.balances() {
        return None;
    }
    let (expected, delivered, lost) = (ledger.expected, ledger.delivered, ledger.lost);
    Some(invalid(Reason::LedgerUnbalanced { expected, delivered, lost }))
}

/// published × subscribers = expected; if topics differ in subscribers, expected is between the products with the fewest
/// and the most of them.
fn published_as_scheduled(facts: &TrialFacts) -> Option<Finding> {
    let (workload, expected) = (&facts.case.workload, facts.workers.ledger.expected);
    // A target that was taken down took its count along; the ledger holds the deliveries to account.
    let counted = facts.case.conditions.restart.is_none();
    let own = !sends::harness_publishes(facts);
    if !facts.case.pattern.kind().delivers() || workload.topics == 0 || !counted || !own {
        return None;
    }
    let published = facts.target.counters.get(Counter::Published);
    let least = published * (workload.clients / workload.topics);
    let most = published * workload.clients.div_ceil(workload.topics);
    if (least..=most).contains(&expected) {
        return None;
    }
    Some(invalid(Reason::PublishedOffSchedule {
        published,
        clients: workload.clients,
        topics: workload.topics,
        deliveries: most,
        expected,
    }))
}

fn no_negative_freshness(facts: &TrialFacts) -> Option<Finding> {
    let deliveries = facts.workers.counters.get(Counter::NegativeFreshness);
    (deliveries > 0).then(|| invalid(Reason::FreshnessNegative { deliveries }))
}

fn nothing_saturated(facts: &TrialFacts) -> Option<Finding> {
    let samples = facts.workers.counters.get(Counter::Saturated)
        + facts.target.counters.get(Counter::Saturated);
    (samples > 0).then(|| degraded(Reason::SamplesSaturated { samples }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Ledger, Metric, Recorder, Snapshot};
    use crate::record::synthetic::{case, facts, losing};
    use crate::scenario::{PatternKind, Profile};

    type Harm = fn(&mut TrialFacts);

    fn slip(facts: &mut TrialFacts, ns: u64) {
        // One in fifty, so that it is the 99th percentile and little of the mean.
        let mut recorder = Recorder::new();
        for request in 0..500 {
            recorder.record(Metric::Slip, if request % 50 == 0 { ns } else { 1 });
        }
        let slip = recorder.snapshot().distributions[&Metric::Slip].clone();
        facts.workers.distributions.insert(Metric::Slip, slip);
    }

    /// Every request late by as much.
    fn even_slip(facts: &mut TrialFacts, ns: u64) {
        let mut recorder = Recorder::new();
        recorder.record(Metric::Slip, ns);
        let slip = recorder.snapshot().distributions[&Metric::Slip].clone();
        facts.workers.distributions.insert(Metric::Slip, slip);
    }

    fn cpu(facts: &mut TrialFacts, share: f64) {
        let elapsed = facts.cpu_used().unwrap().elapsed_ns;
        let first = facts.resources.cpu[0].workers_ns;
        facts.resources.cpu.last_mut().unwrap().workers_ns =
            first + (elapsed as f64 * share) as u64 + facts.workers.counters.get(Counter::MeterCpu);
    }

    #[test]
    fn a_sound_trial_of_any_pattern_is_valid() {
        for kind in PatternKind::ALL {
            let (verdict, reasons) = verdict(&facts(&case(kind, 60, ""), 1));
            assert_eq!((verdict, reasons), (Verdict::Valid, Vec::new()), "{kind:?}");
        }
    }

    use PatternKind::{Request, ShortPoll, Sse, WebSocket};
    use Verdict::{Degraded, Failed, Invalid};

    /// What is done to a sound trial of a pattern, and the verdict and words that must follow.
    const HARMS: [(&str, PatternKind, Harm, Verdict, &str); 19] = [
        (
            "a process died",
            Sse,
            |f| f.failure = Some("the target ended: signal 9".into()),
            Failed,
            "signal 9",
        ),
        ("stopped while connecting", Sse, |f| f.window_start_ns = 0, Invalid, "window_not_reached"),
        (
            "no events at all",
            Sse,
            |f| {
                f.workers.ledger = Ledger::default();
                f.target = Snapshot::default();
            },
            Invalid,
            "nothing_due",
        ),
        (
            "a delivery is not accounted for",
            Sse,
            |f| f.workers.ledger.lost += 1,
            Invalid,
            "ledger_unbalanced",
        ),
        (
            "the target fell behind",
            Sse,
            |f| f.target = Snapshot::default(),
            Invalid,
            "published_off_schedule",
        ),
        (
            "requests were not sent",
            Request,
            |f| f.workers.counters.add(Counter::Scheduled, 30),
            Invalid,
            "requests_unsent",
        ),
        (
            "news from the future",
            WebSocket,
            |f| f.workers.counters.add(Counter::NegativeFreshness, 1),
            Invalid,
            "freshness_negative",
        ),
        (
            "links were lost",
            WebSocket,
            |f| f.workers.counters.add(Counter::Connections, 2),
            Degraded,
            "2 unplanned reconnections: 62 connections for 60 links",
        ),
        ("requests left late", Request, |f| slip(f, 300_000), Degraded, "limit 200 us"),
        (
            "the generator is a good part of the response",
            Request,
            |f| even_slip(f, 40_000),
            Degraded,
            "of the response (mean 40",
        ),
        ("the generator is most of it", Request, |f| even_slip(f, 190_000), Invalid, "limit 50 %"),
        (
            "a dedicated host slips less",
            Request,
            |f| {
                f.profile = Profile::Dedicated;
                slip(f, 60_000);
            },
            Degraded,
            "limit 50 us on a dedicated host",
        ),
        (
            "requests that were to wait for each other left later than that",
            Request,
            |f| {
                f.resources.gather_ns = 1_000_000;
                slip(f, 1_300_000);
            },
            Degraded,
            "limit 1.2 ms",
        ),
        ("requests left very late", Request, |f| slip(f, 3_000_000), Invalid, "generator_late"),
        ("the workers were busy", Sse, |f| cpu(f, 0.8), Degraded, "80 % of their core"),
        ("the workers were the bottleneck", Sse, |f| cpu(f, 0.97), Invalid, "97 % of their core"),
        (
            "busy for a dedicated host",
            Sse,
            |f| {
                f.profile = Profile::Dedicated;
                cpu(f, 0.7);
            },
            Degraded,
            "limit 60 %",
        ),
        ("CPU was not measured", Sse, |f| f.resources.cpu.clear(), Degraded, "worker_cpu_unknown"),
        (
            "samples above the range",
            ShortPoll,
            |f| f.workers.counters.add(Counter::Saturated, 1),
            Degraded,
            "samples_saturated",
        ),
    ];

    #[test]
    fn each_harm_is_found_and_blamed() {
        for (what, kind, harm, expected, words) in HARMS {
            let mut facts = facts(&case(kind, 60, ""), 1);
            harm(&mut facts);
            let (verdict, reasons) = verdict(&facts);
            assert_eq!(verdict, expected, "{what}: {reasons:?}");
            assert!(reasons.iter().any(|reason| reason.to_string().contains(words) || reason.code().name == words), "{what}: {reasons:?}");
        }
    }

    #[test]
    fn reasons_are_written_with_code_and_figures_in_the_order_of_the_texts() {
        let mut facts = facts(&case(Request, 60, ""), 1);
        slip(&mut facts, 3_000_000);
        facts.workers.ledger.lost += 1;
        let (verdict, reasons) = verdict(&facts);
        let record = crate::record::TrialRecord::new(&facts, verdict, reasons);
        let late = record.verdict_codes.iter().find(|code| code.name == "generator_late").unwrap();
        assert_eq!(late.figures["limit_ns"], 200_000.0);
        assert_eq!(
            (&late.figures["load"], &late.figures["profile"]),
            (&"requests".into(), &"shared".into())
        );
        let at =
            record.verdict_codes.iter().position(|code| code.name == "generator_late").unwrap();
        assert!(
            record.verdict_reasons[at]
                .starts_with("the worker sent requests late: p99 3 ms, limit")
        );
        assert_eq!(record.verdict_codes.len(), record.verdict_reasons.len());
    }

    #[test]
    fn slip_is_compared_with_the_reported_median() {
        let mut facts = facts(&case(ShortPoll, 60, ""), 1);
        slip(&mut facts, 20_000_000);
        assert_eq!(verdict(&facts).0, Verdict::Valid, "5 % of 500 ms are 25 ms");
    }

    #[test]
    fn a_floor_is_judged_like_a_trial_but_for_its_slip() {
        let mut slips = facts(&case(Request, 60, ""), 1);
        even_slip(&mut slips, 190_000);
        slip(&mut slips, 3_000_000);
        assert_eq!(verdict(&slips).0, Invalid);
        assert_eq!(floor_verdict(&slips), (Verdict::Valid, Vec::new()));
        slips.workers.ledger.lost += 1;
        assert_eq!(floor_verdict(&slips).0, Invalid, "its ledger must balance");
        slips.failure = Some("the target ended".to_owned());
        assert_eq!(floor_verdict(&slips).0, Failed);
    }

    #[test]
    fn a_lost_delivery_is_a_result() {
        let mut facts = losing(&case(Sse, 60, ""), 1, 60);
        facts.target.counters.add(Counter::Published, 1);
        assert_eq!(verdict(&facts).0, Verdict::Valid);
    }

    #[test]
    fn topics_need_not_have_equally_many_subscribers() {
        let mut facts = facts(&case(Sse, 60, ""), 1);
        facts.case.workload.topics = 7;
        for (expected, verdict_expected) in
            [(159, Invalid), (160, Verdict::Valid), (180, Verdict::Valid), (181, Invalid)]
        {
            facts.workers.ledger.expected = expected;
            facts.workers.ledger.delivered = expected;
            assert_eq!(verdict(&facts).0, verdict_expected, "{expected}");
        }
    }
}
