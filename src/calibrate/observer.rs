//! The observer (19): what works beside the shards in the window must not show in what they measure.
//!
//! The same load is measured with nothing beside the shards, and with one part of the harness more at a time: the meters,
//! the hand-over of every second, the progress frames. Trials are interleaved in blocks of random order, and each part is
//! judged by the ratios within blocks.

use super::Experiment;
use super::finding::{Finding, Quantity, percent};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::control::Observers;
use crate::measure::Counter;
use crate::pace::Rng;
use crate::plan::Plan;
use crate::scenario::PatternKind;
use crate::stats::hodges_lehmann;

/// Experiment 19.
pub(super) const BESIDE: Experiment = Experiment {
    id: 19,
    name: "the same load with and without the parts of the harness beside it",
    proves: "Meters, the hand-over of every second and progress frames do not move what is measured.",
    quick: false,
    seconds: [130.0, 212.0],
    run,
};

/// What works beside the shards, one part more at a time.
const LADDER: [Observers; 4] = [
    Observers { meters: false, seconds: false, frames: false },
    Observers { meters: true, seconds: false, frames: false },
    Observers { meters: true, seconds: true, frames: false },
    Observers { meters: true, seconds: true, frames: true },
];
/// The parts, with their rungs of the ladder: without, and with.
const PARTS: [(&str, usize, usize); 4] = [
    ("the meters", 0, 1),
    ("the hand-over of a second", 1, 2),
    ("the progress frames", 2, 3),
    ("all of them", 0, 3),
];
/// The quantiles that are compared.
const QUANTILES: [(f64, &str); 2] = [(0.5, "p50"), (0.99, "p99")];
/// Confidence of each interval: 95 % for all of them together.
const CONFIDENCE: f64 = 1.0 - 0.05 / (PARTS.len() * QUANTILES.len()) as f64;
/// Largest accepted difference.
const MOST: f64 = 0.05;
/// Times that the main thread of a worker of one shard wakes over a trial: for its samples, and for its end.
const WAKE_UPS: f64 = 2.0;

/// A block: the quantiles at each rung, in nanoseconds.
type Block = [[f64; QUANTILES.len()]; LADDER.len()];

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let tables = "connect = \"20ms\"\nwarmup = \"200ms\"\n[workload]\nclients = 20\n[request]\nrate = \"500/s\"\n\
                  arrivals = \"constant\"\n[worker]\nprocesses = 1\nshards = 1\n[target]\nshards = 1\n";
    let plan = lab.plan(&scenario_text("observer", PatternKind::Request, 1.5, tables))?;
    let mut rng = Rng::new(19, 0);
    let (mut blocks, mut wake_ups) = (Vec::new(), 0);
    for _ in 0..lab.either(12, 20) {
        let mut order = [0, 1, 2, 3];
        rng.shuffle(&mut order);
        let mut block = Block::default();
        for rung in order {
            let trial = measure(lab, &plan, LADDER[rung])?;
            let woke = trial.facts.workers.counters.get(Counter::CoordinatorWakeUps);
            wake_ups = wake_ups.max(woke);
            block[rung] = QUANTILES.map(|(q, _)| trial.headline_ns(q).unwrap_or(0.0));
        }
        blocks.push(block);
    }
    Ok(judge(&blocks, wake_ups))
}

fn measure(lab: &Lab<'_>, plan: &Plan, observers: Observers) -> Result<Measured, Halt> {
    let trial = lab.run_beside(observers, plan, &plan.trials[0], |_, _| ())?;
    if observers.meters {
        lab.strained(&trial.strains);
    }
    Ok(trial)
}

fn judge(blocks: &[Block], wake_ups: u64) -> Finding {
    let mut undecided = Vec::new();
    let mut quantities = Vec::new();
    for (part, without, with) in PARTS {
        for (at, (_, quantile)) in QUANTILES.iter().enumerate() {
            let name = format!("{part}, {quantile}");
            let ratios: Vec<f64> = blocks
                .iter()
                .filter(|block| block[without][at] > 0.0 && block[with][at] > 0.0)
                .map(|block| (block[with][at] / block[without][at]).ln())
                .collect();
            let shift =
                hodges_lehmann(&ratios, CONFIDENCE).filter(|_| ratios.len() == blocks.len());
            let (mut measured, mut holds) = ("nothing".to_owned(), false);
            if let Some(shift) = shift {
                let change = |log: f64| percent(log.exp_m1());
                let (estimate, low, high) =
                    (change(shift.estimate), change(shift.low), change(shift.high));
                measured = format!("{estimate} ({low} to {high})");
                let small = shift.estimate.exp_m1().abs() < MOST;
                holds = small && !shift.excludes_zero();
                if !small && !shift.excludes_zero() {
                    undecided.push(name.clone());
                }
            }
            let expected = format!("within {}, and its interval has 0", percent(MOST));
            let quantity = Quantity::must(name, expected, measured, holds);
            quantities.push(Quantity { excusable: true, ..quantity });
        }
    }
    let woke = Some(wake_ups as f64);
    let count = |n: f64| n.to_string();
    quantities.push(
        Quantity::at_most("wake-ups of a worker's main thread per trial", WAKE_UPS, woke, count)
            .inexcusable_if(true),
    );
    let undecided = (!undecided.is_empty()).then(|| {
        format!(
            "the machine is too noisy to tell whether {} differ by less than {}",
            undecided.join("; "),
            percent(MOST)
        )
    });
    Finding { quantities, plot: None, undecided }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of trials with noise and a drift that a block shares, and factors of p50 and p99 at each rung.
    fn blocks(noise: f64, factors: [[f64; 2]; 4]) -> Vec<Block> {
        let mut rng = Rng::new(7, 0);
        (0..20)
            .map(|_| {
                let drift = 1.0 + 0.3 * rng.unit();
                factors.map(|[p50, p99]| {
                    let mut off = || drift * (1.0 + noise * (rng.unit() + rng.unit() - 1.0));
                    [180e3 * p50 * off(), 900e3 * p99 * off()]
                })
            })
            .collect()
    }

    fn wrong(finding: &Finding) -> Vec<&str> {
        let wrong = finding.quantities.iter().filter(|quantity| !quantity.holds);
        wrong.map(|quantity| quantity.name.as_str()).collect()
    }

    #[test]
    fn a_harness_that_is_not_seen_passes() {
        let finding = judge(&blocks(0.04, [[1.0; 2]; 4]), 2);
        assert!(finding.holds() && finding.undecided.is_none(), "{finding:?}");
    }

    #[test]
    fn a_part_that_shows_is_named() {
        // A burst of 5 ms per second delays 0.5 % of the requests: the tail, and not the median.
        for (what, factors, named) in [
            (
                "meters that wake too often",
                [[1.0, 1.0], [1.2, 1.1], [1.2, 1.1], [1.2, 1.1]],
                &["the meters, p50", "the meters, p99", "all of them, p50", "all of them, p99"][..],
            ),
            (
                "seconds that are encoded in one burst",
                [[1.0, 1.0], [1.0, 1.0], [1.0, 1.4], [1.0, 1.4]],
                &["the hand-over of a second, p99", "all of them, p99"],
            ),
            (
                "a conductor that decodes each frame at once",
                [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.25]],
                &["the progress frames, p99", "all of them, p99"],
            ),
            (
                "a part that makes it faster is as suspicious",
                [[1.0, 1.0], [1.0, 1.0], [0.8, 1.0], [0.8, 1.0]],
                &["the hand-over of a second, p50", "all of them, p50"],
            ),
        ] {
            let finding = judge(&blocks(0.04, factors), 2);
            assert_eq!(wrong(&finding), named, "{what}: {finding:?}");
            assert_eq!(finding.undecided, None, "{what}: shown, and not noise");
        }
    }

    #[test]
    fn noise_decides_nothing() {
        let mut blocks = blocks(0.01, [[1.0; 2]; 4]);
        for (at, block) in blocks.iter_mut().enumerate() {
            block[1][1] *= if at % 2 == 0 { 3.0 } else { 0.4 };
        }
        let finding = judge(&blocks, 2);
        assert!(!finding.holds(), "{finding:?}");
        assert!(finding.undecided.is_some_and(|why| why.contains("the meters, p99")));
        assert!(!judge(&[], 2).holds(), "nothing was measured");
    }

    #[test]
    fn a_main_thread_that_polls_is_found_by_its_count() {
        let finding = judge(&blocks(0.01, [[1.0; 2]; 4]), 300);
        assert_eq!(wrong(&finding), ["wake-ups of a worker's main thread per trial"]);
        assert!(finding.inexcusable());
    }
}
