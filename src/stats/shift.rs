//! The shift between paired values: Hodges-Lehmann's estimate with Wilcoxon's exact signed-rank interval.

use super::binomial::{place_from_end, signed_rank};
use super::distribution::normal_deviate;
use super::median;

/// How much the second of each pair differs from the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Hodges-Lehmann estimate: the median of all Walsh averages.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Confidence of the interval: the wanted one or slightly more, or the most that the number of pairs allows.
    pub confidence: f64,
    /// Exact two-sided p value of "no shift".
    pub p: f64,
    /// The smallest p value for this number of pairs, at any shift: 2^(1−n).
    pub p_least: f64,
}

impl Shift {
    /// Whether the interval leaves out "no shift".
    pub fn excludes_zero(&self) -> bool {
        self.confidence > 0.0 && (self.low > 0.0 || self.high < 0.0)
    }
}

/// Returns the shift that `differences` of pairs show (of log-ratios: the logarithm of a ratio), with an interval of
/// `wanted` confidence if the number of pairs allows it. `None` without pairs.
///
/// Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed., sections 3.1-3.3: the estimate is the median
/// of the M = n(n+1)/2 Walsh averages (dᵢ+dⱼ)/2, i ≤ j; the interval reaches from the c-th smallest to the c-th largest
/// with confidence 1 − 2·P(W ≤ c−1).
pub fn hodges_lehmann(differences: &[f64], wanted: f64) -> Option<Shift> {
    let n = differences.len();
    let mut walsh: Vec<f64> = Vec::with_capacity(n * (n + 1) / 2);
    for (i, a) in differences.iter().enumerate() {
        walsh.extend(differences[i..].iter().map(|b| f64::midpoint(*a, *b)));
    }
    walsh.sort_by(f64::total_cmp);
    let estimate = median(&walsh)?;
    let null = signed_rank(n);
    let (place, confidence) = place_from_end(&null, walsh.len(), wanted);
    Some(Shift {
        estimate,
        low: walsh[place - 1],
        high: walsh[walsh.len() - place],
        confidence: confidence.max(0.0),
        p: p_value(&walsh, &null),
        p_least: (2.0 * null[0]).min(1.0),
    })
}

/// The signed-rank sum is the number of Walsh averages above 0; a tie with 0 counts against a shift.
fn p_value(walsh: &[f64], null: &[f64]) -> f64 {
    let above = walsh.iter().filter(|w| **w > 0.0).count();
    let below = walsh.iter().filter(|w| **w < 0.0).count();
    let w = above.max(below);
    (2.0 * null[w..].iter().sum::<f64>()).min(1.0)
}

/// Fewest pairs whose exact interval can reach `confidence`: six for 95 %, eight for 99 %.
pub fn trials_for_confidence(confidence: f64) -> u32 {
    (1.0 - (1.0 - confidence).log2()).ceil().max(1.0) as u32
}

/// Returns about how many pairs would show a shift of the size and spread of `differences`, at `confidence` and with 80 %
/// power; `None` if they show no shift, or for more than a thousand.
///
/// The t test's number (z + 0.842)²·σ²/δ², z = 1.960 at 95 %, times π/3 for the signed-rank test's efficiency (Lehmann,
/// *Nonparametrics*, section 2.4); never below the need of the exact interval.
pub fn trials_needed(differences: &[f64], confidence: f64) -> Option<u32> {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let z = normal_deviate((1.0 - confidence) / 2.0);
    let needed = (z + 0.842).powi(2) * variance / mean.powi(2) * std::f64::consts::PI / 3.0;
    let least = trials_for_confidence(confidence);
    (needed.is_finite() && needed <= 1000.0).then(|| (needed.ceil() as u32).max(least))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hollander and Wolfe's example 3.1: Hamilton depression scale, after minus before.
    const DEPRESSION: [f64; 9] =
        [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010];

    #[test]
    fn the_textbook_example_is_met() {
        // R: wilcox.test(after, before, paired = TRUE, conf.int = TRUE) gives p = 0.03906, estimate -0.46,
        // and [-0.786, -0.010] at 96.09 %.
        let shift = hodges_lehmann(&DEPRESSION, 0.95).unwrap();
        assert!((shift.p - 0.039_062_5).abs() < 1e-9, "{shift:?}");
        assert!((shift.estimate + 0.46).abs() < 1e-9, "{shift:?}");
        assert!((shift.low + 0.786).abs() < 1e-9 && (shift.high + 0.010).abs() < 1e-9, "{shift:?}");
        assert!((shift.confidence - 0.960_937_5).abs() < 1e-9, "{shift:?}");
        assert!(shift.excludes_zero());
    }

    #[test]
    fn the_least_p_value_depends_on_the_number_of_pairs() {
        for (n, confidence, p_least) in [
            (1, 0.0, 1.0),
            (2, 0.5, 0.5),
            (3, 0.75, 0.25),
            (5, 0.9375, 0.0625),
            (6, 0.968_75, 0.031_25),
        ] {
            let differences: Vec<f64> = (1..=n).map(f64::from).collect();
            let shift = hodges_lehmann(&differences, 0.95).unwrap();
            assert!((shift.confidence - confidence).abs() < 1e-12, "{n}: {shift:?}");
            assert!((shift.p_least - p_least).abs() < 1e-12, "{n}: {shift:?}");
            assert!((shift.p - p_least).abs() < 1e-12, "all on one side: {n}: {shift:?}");
        }
        assert_eq!(hodges_lehmann(&[], 0.95), None);
    }

    #[test]
    fn the_trials_that_would_be_needed() {
        assert_eq!((trials_for_confidence(0.75), trials_for_confidence(0.95)), (3, 6));
        assert_eq!(trials_for_confidence(0.99), 8);
        assert_eq!(
            trials_needed(&[0.5, 0.5, 0.5], 0.95),
            Some(6),
            "no spread: what the interval needs"
        );
        assert_eq!(trials_needed(&[1.0, -1.0], 0.95), None, "no shift at all");
        // σ²/δ² = 4: 7.851·4·1.047 = 32.9
        assert_eq!(trials_needed(&[1.0 - 2f64.sqrt(), 1.0 + 2f64.sqrt()], 0.95), Some(33));
    }

    proptest! {
        #[test]
        fn a_shift_turns_round_with_its_differences(differences in proptest::collection::vec(-10.0..10.0f64, 1..12)) {
            let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
            let (a, b) = (hodges_lehmann(&differences, 0.95).unwrap(), hodges_lehmann(&turned, 0.95).unwrap());
            prop_assert!((a.estimate + b.estimate).abs() < 1e-9);
            prop_assert!((a.low + b.high).abs() < 1e-9 && (a.p - b.p).abs() < 1e-12);
            prop_assert!(a.low <= a.estimate && a.estimate <= a.high);
        }
    }
}
