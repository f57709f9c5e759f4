//! Long polls that pause (9): the share of events that fall into a pause and wait for its end.

use super::Experiment;
use super::closed::delayed_share;
use super::finding::{Finding, Quantity, percent};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::clock::SECOND_NS;
use crate::measure::{Counter, Metric};
use crate::scenario::PatternKind;

/// Experiment 9.
pub(super) const GAP: Experiment = Experiment {
    id: 9,
    name: "long poll: share delayed by a gap",
    proves: "Events published between two polls are all delivered, and counted apart from those that a waiting poll received at once.",
    quick: true,
    seconds: [9.0, 32.0],
    run,
};

/// Pause between an answer and the next poll.
const GAP_NS: f64 = 100e6;
/// Events a second of each client's own topic.
const PER_S: f64 = 4.0;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let tables = format!(
        "connect = \"100ms\"\nwarmup = \"1s\"\n[workload]\nclients = 100\ntopics = \"per-client\"\nrate = \"{PER_S}/s\"\n\
         [long-poll]\nwait = \"20s\"\ngap = \"{}ms\"\n",
        GAP_NS / 1e6
    );
    let window = lab.either(7.0, 30.0);
    Ok(judge(&*lab.trial(&scenario_text("gap", PatternKind::LongPoll, window, &tables))?))
}

fn judge(trial: &Measured) -> Finding {
    let ledger = &trial.facts.workers.ledger;
    let delayed = trial.facts.workers.counters.get(Counter::DelayedDeliveries);
    let (expected, deviation) = delayed_share(PER_S, GAP_NS, ledger.delivered);
    let measured = (ledger.delivered > 0).then(|| delayed as f64 / ledger.delivered as f64);
    let name = format!("of {} deliveries", ledger.delivered);
    let least = together(trial).map(|share| expected - 3.0 * deviation - share);
    let too_few = measured.zip(least).is_some_and(|(measured, least)| measured < least);
    Finding::of(vec![
        Quantity::near(name, expected, measured, 3.0 * deviation, percent).inexcusable_if(too_few),
        Quantity::exactly("lost", 0, ledger.lost),
    ])
}

/// Returns the share of events that a target as late as this one at its worst may have delivered together with the event
/// before, although they should have waited; `None` if the target's lateness is unknown.
///
/// A late client lengthens the gaps, so more events wait. A late target does the opposite: events that it publishes, or
/// notices, late by D are in the answer to a held poll together with those up to D before, and do not wait. With Poisson
/// arrivals at most 1 − e^(−λD) of them follow another that closely.
fn together(trial: &Measured) -> Option<f64> {
    let most = |metric| trial.facts.target.distribution(metric)?.max();
    let late_ns = most(Metric::PublishSlip)? + most(Metric::TargetHiccup)?;
    Some(1.0 - (-PER_S * late_ns as f64 / SECOND_NS as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;

    #[test]
    fn the_share_must_be_that_of_theory_and_nothing_may_be_lost() {
        let judged = |delayed: u64, lost: u64| {
            let mut trial = measured(PatternKind::LongPoll);
            let ledger = &mut trial.facts.workers.ledger;
            (ledger.expected, ledger.delivered, ledger.lost) = (2_800 + lost, 2_800, lost);
            trial.facts.workers.counters.add(Counter::DelayedDeliveries, delayed);
            judge(&trial).holds()
        };
        // 0.4 ÷ (0.4 + e^(−0.4)) = 37.4 %.
        assert!(judged(1_046, 0));
        assert!(!judged(1_046, 1), "one is lost");
        assert!(!judged(0, 0), "none is counted");
        assert!(!judged(1_300, 0), "too many");
        assert!(!judged(2_800, 0), "all of them");
    }

    #[test]
    fn too_few_that_wait_have_no_excuse_but_a_late_target() {
        let inexcusable = |delayed: u64, late_ns: Option<u64>| {
            let mut trial = measured(PatternKind::LongPoll);
            let ledger = &mut trial.facts.workers.ledger;
            (ledger.expected, ledger.delivered) = (2_800, 2_800);
            trial.facts.workers.counters.add(Counter::DelayedDeliveries, delayed);
            let mut recorder = Recorder::new();
            recorder.record(Metric::PublishSlip, late_ns.unwrap_or(0));
            trial.facts.target.merge(&recorder.snapshot());
            if late_ns.is_none() {
                trial.facts.target.distributions.clear();
            }
            judge(&trial).inexcusable()
        };
        // 1,046 of them should wait, give or take 86.
        for (delayed, late_ns, expected, why) in [
            (1_046, Some(0), false, "as many as should"),
            (1_300, Some(0), false, "too many: a late client"),
            (900, Some(0), true, "too few, and the target was on time"),
            (900, Some(60_000_000), false, "too few, and it was late"),
            (100, Some(60_000_000), true, "far too few for that"),
            (900, None, false, "nobody can tell how late it was"),
        ] {
            assert_eq!(inexcusable(delayed, late_ns), expected, "{why}");
        }
    }
}
