//! The smallest change that a gate of so many blocks, as noisy as those that were measured, fails in four cases of five.

use super::{Block, Design, Evidence, FALSE_PASSES, Metric, centre, differences};
use crate::pace::Rng;

/// Gates that are resampled for each change that is tried.
const GATES: u64 = 500;
/// Of these must fail.
const POWER: f64 = 0.8;
/// Changes that are tried.
const STEPS: u32 = 14;
/// The largest: a factor of e².
const LARGEST: f64 = 2.0;
/// Fewer blocks say too little of the noise.
const FEWEST: usize = 4;

/// The smallest change, as a logarithm, that the gate fails in 80 % of resampled gates at the full budget; `None` where the
/// blocks are too few to tell, or no change up to a factor of seven would do.
///
/// The noise of a resampled block is the distance of a measured one from their centre, with a random sign: as in the gate itself,
/// signs are all that is random. Distances are made longer by what the centre, which was fitted to them, made them shorter.
pub fn smallest_visible(design: &Design, metric: &Metric, blocks: &[Block]) -> Option<f64> {
    let all = differences(blocks, metric.worse);
    if all.len() < FEWEST || design.blocks == 0 {
        return None;
    }
    let middle = centre(&all);
    let longer = (all.len() as f64 / (all.len() as f64 - 1.0)).sqrt();
    let residuals: Vec<f64> = all.iter().map(|value| (value - middle) * longer).collect();
    let power = |change: f64| {
        let of = |gate: &u64| resampled(design, metric, &residuals, change, *gate);
        (0..GATES).filter(of).count() as f64 / GATES as f64
    };
    if power(LARGEST) < POWER {
        return None;
    }
    let (mut low, mut high) = (0.0, LARGEST);
    for _ in 0..STEPS {
        let change = f64::midpoint(low, high);
        if power(change) < POWER { low = change } else { high = change }
    }
    Some(high)
}

fn resampled(design: &Design, metric: &Metric, residuals: &[f64], change: f64, gate: u64) -> bool {
    let mut rng = Rng::new(design.seed ^ 0x7669_7369_626c_6500, gate);
    let differences = (0..design.blocks).map(|_| {
        let bits = rng.next_u64();
        let residual = residuals[(bits >> 1) as usize % residuals.len()];
        change + if bits & 1 == 0 { residual } else { -residual }
    });
    found(design, metric, &differences.collect::<Vec<_>>())
}

/// Whether a gate with these differences fails: it looks after every block, and stops at the first pass or fail.
pub fn found(design: &Design, metric: &Metric, differences: &[f64]) -> bool {
    let tolerated = metric.tolerance.ln_1p();
    let (mut worse, mut harmless) = (Evidence::default(), Evidence::default());
    let (mut is_worse, mut is_harmless) = (false, false);
    for (at, difference) in differences.iter().enumerate() {
        worse.push(*difference);
        harmless.push(tolerated - difference);
        is_worse |= worse.value() >= 1.0 / design.alpha();
        is_harmless |= harmless.value() >= 1.0 / FALSE_PASSES;
        if is_worse && centre(&differences[..=at]) > tolerated {
            return true;
        }
        if is_harmless {
            return false;
        }
    }
    false
}
