//! Whether a head is worse than its base: the statistics of `tidings gate`, its files, and its decision. It measures and prints nothing.
//!
//! A *block* is four trials of one case, in the order base, head, head, base or the opposite, drawn by lot. Per metric it has one
//! difference, the mean logarithm of its two head trials minus that of its two base trials: a drift of the machine that is
//! linear over the block cancels. If head and base are the same, the sign of that difference is + or − with probability ½ *because
//! it was drawn*, whatever its size and however trials are distributed (Fisher's randomisation, 1935). [`Evidence`] bets on these
//! signs and is valid however often one looks. [`find()`] turns it into bounds and an outcome.
//!
//! | what | file |
//! | --- | --- |
//! | the order within a block | `order` |
//! | evidence against "at most so much worse", and bounds from it | `evidence` |
//! | a metric as its blocks come in, and what they decide | `course` |
//! | estimate, bounds, controls, slots, outcome of one metric of one case | `find` |
//! | the smallest change that a gate can see | `visible` |
//! | which metrics decide, and how much change of each is tolerated | [`tolerance`] |
//! | what a budget buys | `budget` |
//! | blocks that were not whole, and whether chance explains them | [`broken`] |
//! | metrics that were to decide and were not measured | [`lacking`] |
//! | `gate.json`: what is decided, between what | [`document`] |
//! | `gate.csv`: a row per trial | [`table`] |
//! | lost and repeated deliveries, and what follows from them | [`losses`] |
//! | from rows to the decision of a gate | [`decide`] |

use serde::{Deserialize, Serialize};

pub mod broken;
mod budget;
mod course;
pub mod decide;
pub mod document;
mod evidence;
mod find;
pub mod lacking;
pub mod losses;
mod order;
#[cfg(test)]
mod samples;
pub mod table;
pub mod tolerance;
mod visible;

pub use course::{Bets, Contrast, Course};
pub use evidence::{Evidence, lower_bound};
pub use find::{Control, Finding, Outcome, find};
pub use order::{Arm, Order, arm};
pub use visible::{found, smallest_visible};

/// The share of gates that may fail falsely, over all metrics and cases.
pub const FALSE_FAILURES: f64 = 0.01;
/// The share of passes that may be wrong of a metric at the edge of its tolerance.
pub const FALSE_PASSES: f64 = 0.05;
/// The confidence with which a control must have moved.
pub const CONTROL_CONFIDENCE: f64 = 0.99;

/// Which way a metric becomes worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    /// As it grows.
    More,
    /// As it shrinks.
    Less,
}

impl Worse {
    /// The sign that makes worse positive.
    const fn sign(self) -> f64 {
        match self {
            Self::More => 1.0,
            Self::Less => -1.0,
        }
    }
}

/// A metric as a gate judges it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its column of `trials.csv`.
    pub column: &'static str,
    /// The tolerated change, a share above 0.
    pub tolerance: f64,
    /// Which way is worse.
    pub worse: Worse,
    /// Whether it decides.
    pub gated: bool,
}

/// A block of one metric of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// The order of its trials.
    pub order: Order,
    /// Their values in the order of the slots, all above 0.
    pub values: [f64; 4],
}

/// What a gate is to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Design {
    /// Metrics that decide, over all cases.
    pub claims: usize,
    /// Blocks that the budget buys.
    pub blocks: u32,
    /// Seed of what is resampled.
    pub seed: u64,
}

impl Design {
    /// The same for the blocks that count, where of those that were begun so many are whole and so many broken.
    #[must_use]
    pub fn of_whole_blocks(self, whole: usize, broken: usize) -> Self {
        let begun = (whole + broken).max(1) as u64;
        Self { blocks: (u64::from(self.blocks) * whole as u64 / begun) as u32, ..self }
    }

    /// The share of false failures that one claim may have (Bonferroni).
    fn alpha(&self) -> f64 {
        FALSE_FAILURES / self.claims.max(1) as f64
    }
}

/// The fewest blocks with which a fail is possible: each at most doubles the evidence, which must reach claims ÷ 0.01.
pub fn fewest_blocks(claims: usize) -> u32 {
    let mut evidence = Evidence::default();
    let mut blocks = 0;
    while evidence.value() < claims.max(1) as f64 / FALSE_FAILURES {
        evidence.push(f64::MAX);
        blocks += 1;
    }
    blocks
}

/// The centre of a symmetric sample: the median of all averages of two of its values (Hodges and Lehmann 1963).
fn centre(values: &[f64]) -> f64 {
    let pairs = values
        .iter()
        .enumerate()
        .flat_map(|(at, a)| values[at..].iter().map(move |b| f64::midpoint(*a, *b)));
    crate::stats::median(&pairs.collect::<Vec<_>>()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
