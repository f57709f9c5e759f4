//! What the blocks of one metric of one case show.

use super::evidence::{lower_bound, upper_bound};
use super::{Arm, Block, CONTROL_CONFIDENCE, Design, FALSE_PASSES, Metric, centre, differences};

/// What a gate comes to, or a metric of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The head is worse, and by more than is tolerated.
    Fail,
    /// The head is not worse by more than is tolerated.
    Pass,
    /// Neither is shown.
    Inconclusive,
    /// The machine changed by itself: a difference may be its own.
    MachineMoved,
}

/// What two trials of the same side within a block differ by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    /// Logarithm of the later trial ÷ the earlier one, worse positive.
    pub estimate: f64,
    /// Lower end of its confidence sequence.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Whether it is not 0 and exceeds half the tolerance.
    pub moved: bool,
}

/// What a metric of a case shows; logarithms of ratios, worse positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Head ÷ base.
    pub estimate: f64,
    /// Its lower bound, with 95 % confidence.
    pub lower: f64,
    /// Its upper bound, with 95 % confidence: what a pass is decided by.
    pub upper: f64,
    /// Its lower bound at the confidence of the whole gate: what a fail is decided by.
    pub lower_of_all: f64,
    /// What follows.
    pub outcome: Outcome,
    /// The two trials of base, and those of head.
    pub controls: [Control; 2],
    /// What each of the four slots adds, on average over the blocks.
    pub slots: [f64; 4],
    /// Blocks.
    pub blocks: usize,
}

/// Judges the blocks of one metric of one case.
pub fn find(design: &Design, metric: &Metric, blocks: &[Block]) -> Finding {
    let all = differences(blocks, metric.worse);
    let tolerated = metric.tolerance.ln_1p();
    let estimate = centre(&all);
    let lower_of_all = lower_bound(&all, design.alpha());
    let upper = upper_bound(&all, FALSE_PASSES);
    let controls = [Arm::Base, Arm::Head].map(|arm| control(metric, blocks, arm));
    let outcome = if controls.iter().any(|control| control.moved) {
        Outcome::MachineMoved
    } else if lower_of_all > 0.0 && estimate > tolerated {
        Outcome::Fail
    } else if upper < tolerated {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    };
    Finding {
        estimate,
        lower: lower_bound(&all, FALSE_PASSES),
        upper,
        lower_of_all,
        outcome,
        controls,
        slots: slots(metric, blocks, estimate),
        blocks: blocks.len(),
    }
}

fn control(metric: &Metric, blocks: &[Block], arm: Arm) -> Control {
    let later: Vec<f64> = blocks
        .iter()
        .map(|block| {
            let arms = block.order.arms();
            let of_arm = arms.iter().zip(block.values).filter(|(of, _)| **of == arm);
            let values: Vec<f64> = of_arm.map(|(_, value)| value.ln()).collect();
            metric.worse.sign() * (values[1] - values[0])
        })
        .collect();
    let alpha = (1.0 - CONTROL_CONFIDENCE) / 2.0;
    let (lower, upper) = (lower_bound(&later, alpha), upper_bound(&later, alpha));
    let estimate = centre(&later);
    let half = metric.tolerance.ln_1p() / 2.0;
    let moved = (lower > 0.0 || upper < 0.0) && estimate.abs() > half;
    Control { estimate, lower, upper, moved }
}

/// The mean of each slot over the blocks, less the mean of its block and what its side adds.
fn slots(metric: &Metric, blocks: &[Block], estimate: f64) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for block in blocks {
        let logs = block.values.map(|value| metric.worse.sign() * value.ln());
        let mean = logs.iter().sum::<f64>() / 4.0;
        for (slot, arm) in block.order.arms().into_iter().enumerate() {
            let of_arm = if arm == Arm::Head { estimate / 2.0 } else { -estimate / 2.0 };
            sums[slot] += logs[slot] - mean - of_arm;
        }
    }
    sums.map(|sum| sum / blocks.len().max(1) as f64)
}
