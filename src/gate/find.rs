//! What the blocks of one metric of one case show.

use super::evidence::{lower_bound, upper_bound};
use super::{
    Arm, Block, CONTROL_CONFIDENCE, Contrast, Course, Design, Evidence, FALSE_PASSES, Metric,
    centre,
};

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
    let contrasts: Vec<Contrast> =
        blocks.iter().map(|block| Contrast::of(block, metric.worse)).collect();
    let mut course = Course::<Evidence>::new(design, metric);
    for block in &contrasts {
        course.push(*block);
    }
    let all: Vec<f64> = contrasts.iter().map(|block| block.difference).collect();
    let estimate = centre(&all);
    let moved = course.moved();
    let controls = [0, 1].map(|side| {
        let later: Vec<f64> = contrasts.iter().map(|block| block.controls[side]).collect();
        let alpha = (1.0 - CONTROL_CONFIDENCE) / 2.0;
        let (lower, upper) = (lower_bound(&later, alpha), upper_bound(&later, alpha));
        Control { estimate: centre(&later), lower, upper, moved: moved[side] }
    });
    Finding {
        estimate,
        lower: lower_bound(&all, FALSE_PASSES),
        upper: upper_bound(&all, FALSE_PASSES),
        lower_of_all: lower_bound(&all, design.alpha()),
        outcome: course.outcome(),
        controls,
        slots: slots(metric, blocks, estimate),
        blocks: blocks.len(),
    }
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
