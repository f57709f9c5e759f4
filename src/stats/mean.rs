//! How well a mean is known, over dependent samples and differing trials.

use super::distribution::normal_deviate;
use super::quantile::{Z, student};

/// A mean, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanBounds {
    /// The mean over all trials, each weighing the same.
    pub mean: f64,
    /// It is at least this, with the one-sided confidence asked for.
    pub low: f64,
    /// It is at most this, with the same one-sided confidence.
    pub high: f64,
}

/// The one-sided bounds on a mean over trials of (mean, variance, independent samples), each bound at `confidence`;
/// `None` where no trial has a sample.
///
/// The standard error is that of the trials' own samples. Where their means differ by more, the excess counts by
/// Student's t of T−1 degrees, as in [`super::share_bounds`].
pub fn mean_bounds(trials: &[(f64, f64, f64)], confidence: f64) -> Option<MeanBounds> {
    let told: Vec<_> = trials.iter().filter(|(.., n)| *n > 0.0).collect();
    if told.is_empty() {
        return None;
    }
    let count = told.len() as f64;
    let mean = told.iter().map(|(mean, ..)| mean).sum::<f64>() / count;
    // With n−1 in place of n: of a single sample the variance is not known.
    let own = |(_, variance, n): &(f64, f64, f64)| variance / (n - 1.0).max(0.01);
    let within = told.iter().map(|trial| own(trial)).sum::<f64>() / (count * count);
    let mut of_mean = within;
    if told.len() > 1 {
        let squares = told.iter().map(|(own, ..)| (own - mean).powi(2)).sum::<f64>();
        let between = squares / (count - 1.0) / count;
        let excess = (between - within).max(0.0);
        of_mean += excess * (student(told.len() - 1) / Z).powi(2);
    }
    let half = normal_deviate(1.0 - confidence) * of_mean.sqrt();
    Some(MeanBounds { mean, low: mean - half, high: mean + half })
}

/// Bounds on the mean of a figure that each trial has one of, by Student's t; the figure itself, where there is but one
/// trial, which tells nothing of others.
pub fn figure_bounds(figures: &[f64], confidence: f64) -> Option<MeanBounds> {
    let count = figures.len() as f64;
    if figures.is_empty() {
        return None;
    }
    let mean = figures.iter().sum::<f64>() / count;
    if figures.len() == 1 {
        return Some(MeanBounds { mean, low: mean, high: mean });
    }
    let squares = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>();
    let of_mean = squares / (count - 1.0) / count;
    let deviate = normal_deviate(1.0 - confidence) * student(figures.len() - 1) / Z;
    let half = deviate * of_mean.sqrt();
    Some(MeanBounds { mean, low: mean - half, high: mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::noise::Noise;

    #[test]
    fn bounds_hold_the_mean_as_often_as_they_say() {
        for (trials, spread) in [(1, 0.0), (3, 0.0), (3, 0.5), (10, 0.5)] {
            let (mut wrong, rounds) = (0, 1_000);
            for seed in 0..rounds {
                let mut noise = Noise::new(seed * 31 + trials);
                let trial = |noise: &mut Noise| {
                    let own = spread * noise.normal();
                    let samples: Vec<f64> = (0..50).map(|_| own + noise.normal()).collect();
                    let mean = samples.iter().sum::<f64>() / 50.0;
                    let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 50.0;
                    (mean, variance, 50.0)
                };
                let told: Vec<_> = (0..trials).map(|_| trial(&mut noise)).collect();
                wrong += u32::from(mean_bounds(&told, 0.95).unwrap().high < 0.0);
            }
            assert!(wrong <= 80, "{trials} trials, spread {spread}: {wrong} of {rounds} at 5 %");
        }
        assert_eq!(mean_bounds(&[], 0.95), None);
    }

    #[test]
    fn figures_of_trials_are_bounded_by_their_spread() {
        assert_eq!(figure_bounds(&[], 0.95), None);
        let one = figure_bounds(&[3.0], 0.95).unwrap();
        assert_eq!((one.low, one.high), (3.0, 3.0));
        // R: t.test(c(1, 2, 3), alternative = "less") has the upper bound 2 + 2.92 / sqrt(3).
        let three = figure_bounds(&[1.0, 2.0, 3.0], 0.95).unwrap();
        assert!((three.high - 3.686).abs() < 0.5, "{three:?}");
    }
}
