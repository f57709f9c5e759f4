//! The smallest change that a gate of so many blocks, as noisy as those that were measured, fails in four cases of five.

use super::{Block, Contrast, Course, Design, Evidence, Metric, Outcome, centre};
use crate::pace::Rng;

/// Gates that are resampled.
const GATES: u64 = 500;
/// Of these may miss the change.
const MISSED: usize = 100;
/// Changes that are tried.
const STEPS: u32 = 14;
/// The largest: a factor of e².
const LARGEST: f64 = 2.0;
/// Fewer blocks say too little of the noise.
const FEWEST: usize = 4;

/// The smallest change, as a logarithm, that the gate fails in 80 % of resampled gates at the full budget; `None` where the
/// blocks are too few to tell, or no change up to a factor of seven would do.
///
/// A resampled block is a measured one, less what its side adds, with its order drawn anew: the other order changes the sign of its
/// difference, and makes the controls of base those of head. So few blocks know the size of their noise only roughly, and a change
/// that suits their own size would be found too rarely, as power falls faster with more noise than it rises with less. So each
/// resampled gate has noise of another size: the measured one × √(f ÷ χ²) with f degrees, which is what so many values leave open of it.
pub fn smallest_visible(design: &Design, metric: &Metric, blocks: &[Block]) -> Option<f64> {
    if blocks.len() < FEWEST || design.blocks == 0 {
        return None;
    }
    let mut noise: Vec<Contrast> =
        blocks.iter().map(|block| Contrast::of(block, metric.worse)).collect();
    let middle = centre(&noise.iter().map(|block| block.difference).collect::<Vec<_>>());
    // What the centre, which was fitted to them, made the distances shorter.
    let longer = (noise.len() as f64 / (noise.len() as f64 - 1.0)).sqrt();
    for block in &mut noise {
        block.difference = (block.difference - middle) * longer;
    }
    let degrees = degrees(&noise);
    let gates: Vec<Vec<Contrast>> =
        (0..GATES).map(|gate| resampled(design, &noise, degrees, gate)).collect();
    let is_visible = |change: f64| {
        let misses = |gate: &&Vec<Contrast>| !found(design, metric, gate, change);
        gates.iter().filter(misses).nth(MISSED).is_none()
    };
    if !is_visible(LARGEST) {
        return None;
    }
    let (mut low, mut high) = (0.0, LARGEST);
    for _ in 0..STEPS {
        let change = f64::midpoint(low, high);
        if is_visible(change) { high = change } else { low = change }
    }
    Some(high)
}

fn resampled(design: &Design, noise: &[Contrast], degrees: u64, gate: u64) -> Vec<Contrast> {
    let mut rng = Rng::new(design.seed ^ 0x7669_7369_626c_6500, gate);
    let size = (degrees as f64 / chi_squared(&mut rng, degrees)).sqrt();
    let block = |_| {
        let of = noise[rng.below(noise.len() as u64) as usize];
        let difference = of.difference * size;
        if rng.next_u64() >> 63 == 0 {
            Contrast { difference, ..of }
        } else {
            Contrast { difference: -difference, controls: [of.controls[1], of.controls[0]] }
        }
    };
    (0..design.blocks).map(block).collect()
}

/// How well the size of the noise is known: as by n − 1 normal values, or by fewer where a few blocks make out most of it. The variance
/// of a variance is (κ − 1) ÷ n for a kurtosis of κ, and 2 ÷ f for f degrees.
fn degrees(noise: &[Contrast]) -> u64 {
    let most = noise.len() as f64 - 1.0;
    let mean = |power: i32| {
        noise.iter().map(|block| block.difference.powi(power)).sum::<f64>() / noise.len() as f64
    };
    let kurtosis = mean(4) / mean(2).powi(2);
    // Without any noise there is no kurtosis, and nothing to be unsure of.
    let degrees = if kurtosis.is_finite() { 2.0 * most / (kurtosis - 1.0).max(2.0) } else { most };
    (degrees.round() as u64).max(3)
}

/// A draw of χ²: two degrees are an exponential, and one is a squared normal value (Box and Muller 1958).
fn chi_squared(rng: &mut Rng, degrees: u64) -> f64 {
    let pairs: f64 = (0..degrees / 2).map(|_| 2.0 * rng.exponential()).sum();
    let single = 2.0 * rng.exponential() * (std::f64::consts::TAU * rng.unit()).cos().powi(2);
    pairs + if degrees % 2 == 1 { single } else { 0.0 }
}

/// Whether a gate with these blocks, and a head that is worse by `change`, fails by this metric: it looks after every block, and
/// stops at the first pass or fail.
pub fn found(design: &Design, metric: &Metric, blocks: &[Contrast], change: f64) -> bool {
    let mut course = Course::<Evidence>::new(design, metric);
    for block in blocks {
        course.push(Contrast { difference: block.difference + change, ..*block });
        match course.outcome() {
            Outcome::Fail => return true,
            Outcome::Pass => return false,
            Outcome::Inconclusive | Outcome::MachineMoved => {}
        }
    }
    false
}
