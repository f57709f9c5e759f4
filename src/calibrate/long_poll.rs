//! Long polls that pause (9): what share of the news falls into a pause, and has to wait for its end.

use super::Experiment;
use super::closed::delayed_share;
use super::finding::{Finding, Quantity, percent};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::measure::Counter;
use crate::scenario::PatternKind;

/// Experiment 9.
pub const GAP: Experiment = Experiment {
    id: 9,
    name: "long poll: share delayed by a gap",
    proves: "News that comes while no poll is held is delivered, all of it, and told from news that a held poll had at once.",
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
    Finding::of(vec![
        Quantity::near(name, expected, measured, 3.0 * deviation, percent),
        Quantity::exactly("lost", 0, ledger.lost),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;

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
}
