//! The shift between two independent samples: Hodges-Lehmann's estimate with the exact rank-sum interval.

use super::binomial::place_from_end;
use super::distribution::normal_deviate;
use super::median;
use super::shift::Shift;

/// Samples of both sides together beyond which the null distribution is the normal approximation, which is then within a
/// hundredth of the exact tails that matter.
const EXACT: usize = 120;

/// P(U = u) for u in `0..=m·n`, U Mann and Whitney's count of pairs in which the second sample is greater, without a shift.
///
/// The largest of all m+n values is of the first sample with probability m ÷ (m+n), and adds nothing; else it is of the second
/// and exceeds all m: Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed., section 4.1.
fn rank_sum(m: usize, n: usize) -> Vec<f64> {
    if m + n > EXACT {
        return normal(m, n);
    }
    // by[j]: the distribution of i values against j.
    let mut by: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
    for i in 1..=m {
        by[0] = vec![1.0];
        for j in 1..=n {
            let (first, second) = (i as f64 / (i + j) as f64, j as f64 / (i + j) as f64);
            let mut next = vec![0.0; i * j + 1];
            for (u, p) in by[j].iter().enumerate() {
                next[u] += first * p;
            }
            for (u, p) in by[j - 1].iter().enumerate() {
                next[u + i] += second * p;
            }
            by[j] = next;
        }
    }
    by.swap_remove(n)
}

/// The same by the normal distribution of equal mean and variance.
fn normal(m: usize, n: usize) -> Vec<f64> {
    let (m, n) = (m as f64, n as f64);
    let (mean, variance) = (m * n / 2.0, m * n * (m + n + 1.0) / 12.0);
    let density = |u: usize| (-(u as f64 - mean).powi(2) / (2.0 * variance)).exp();
    let densities: Vec<f64> = (0..=(m * n) as usize).map(density).collect();
    let all: f64 = densities.iter().sum();
    densities.iter().map(|density| density / all).collect()
}

/// Returns how much `new` is shifted against `base`, two independent samples, with an interval of `wanted` confidence if
/// their numbers allow it. `None` if either is empty.
///
/// Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed., sections 4.1-4.3: the estimate is the median of
/// the m·n differences; the interval reaches from the c-th smallest to the c-th largest with confidence 1 − 2·P(U ≤ c−1).
/// Ties count against a shift.
pub fn two_sample_shift(base: &[f64], new: &[f64], wanted: f64) -> Option<Shift> {
    let mut differences: Vec<f64> =
        base.iter().flat_map(|base| new.iter().map(move |new| new - base)).collect();
    differences.sort_by(f64::total_cmp);
    let estimate = median(&differences)?;
    let null = rank_sum(base.len(), new.len());
    let (place, confidence) = place_from_end(&null, differences.len(), wanted);
    let above = differences.iter().filter(|d| **d > 0.0).count();
    let below = differences.iter().filter(|d| **d < 0.0).count();
    let tail: f64 = null[above.max(below)..].iter().sum();
    Some(Shift {
        estimate,
        low: differences[place - 1],
        high: differences[differences.len() - place],
        confidence: confidence.max(0.0),
        p: (2.0 * tail).min(1.0),
        p_least: (2.0 * null[0]).min(1.0),
    })
}

/// Fewest samples per side whose exact interval can reach `confidence`: four for 95 %, five for 99 %.
pub fn samples_for_confidence(confidence: f64) -> u32 {
    // C(2n, n) grows by (2n − 1)·2 ÷ n with each.
    let (mut n, mut arrangements) = (1_u32, 2.0);
    while 2.0 / arrangements > 1.0 - confidence + 1e-12 && n < 500 {
        n += 1;
        arrangements *= 2.0 * f64::from(2 * n - 1) / f64::from(n);
    }
    n
}

/// Returns about how many samples per side would show a shift of the size and spread of these, at `confidence` and with 80 %
/// power; `None` if they show no shift, or for more than a thousand.
///
/// The t test's number 2·(z + 0.842)²·σ²/δ² per side, σ² pooled, times π/3 for the rank-sum test's efficiency (Lehmann,
/// *Nonparametrics*, section 2.4); never below the need of the exact interval.
pub fn samples_needed(base: &[f64], new: &[f64], confidence: f64) -> Option<u32> {
    let mean = |sample: &[f64]| sample.iter().sum::<f64>() / sample.len() as f64;
    let squares = |sample: &[f64]| {
        let mean = mean(sample);
        sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let freedom = (base.len() + new.len()).saturating_sub(2).max(1) as f64;
    let (variance, shift) = ((squares(base) + squares(new)) / freedom, mean(new) - mean(base));
    let z = normal_deviate((1.0 - confidence) / 2.0);
    let t_test = 2.0 * (z + 0.842).powi(2) * variance / shift.powi(2);
    let needed = t_test * std::f64::consts::PI / 3.0;
    let least = samples_for_confidence(confidence);
    (needed.is_finite() && needed <= 1000.0).then(|| (needed.ceil() as u32).max(least))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rank_sum_table_of_the_textbooks_is_met() {
        for (m, n) in [(1, 1), (3, 4), (10, 7), (60, 40)] {
            let null = rank_sum(m, n);
            assert!((null.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{m}, {n}");
            assert!(null.iter().all(|p| *p >= 0.0), "{m}, {n}");
            assert!((null[m * n] / null[0] - 1.0).abs() < 1e-6, "{m}, {n}: symmetric");
        }
        // R: pwilcox(3, 4, 5) = 0.05555556, pwilcox(13, 8, 9) = 0.01357
        let below = |m, n, u: usize| rank_sum(m, n)[..=u].iter().sum::<f64>();
        assert!((below(4, 5, 3) - 7.0 / 126.0).abs() < 1e-12);
        assert!((rank_sum(3, 3)[0] - 1.0 / 20.0).abs() < 1e-15);
    }

    #[test]
    fn the_normal_approximation_joins_the_exact_distribution() {
        let (exact, near) = (rank_sum(60, 60), normal(60, 60));
        let tail = |null: &[f64]| null[..=1_400].iter().sum::<f64>();
        assert!((tail(&near) / tail(&exact) - 1.0).abs() < 0.05);
    }

    #[test]
    fn the_textbook_example_is_met() {
        // Hollander and Wolfe's example 4.1, permeability of a membrane at term and at 12 to 26 weeks.
        // R: wilcox.test(at_term, early, conf.int = TRUE): W = 35, p = 0.2544, estimate 0.305, [-0.15, 0.76] at 96.0 %
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let early = [1.15, 0.88, 0.90, 0.74, 1.21];
        let shift = two_sample_shift(&early, &at_term, 0.95).unwrap();
        assert!((shift.p - 0.2544).abs() < 5e-5, "{shift:?}");
        assert!((shift.estimate - 0.305).abs() < 1e-9, "{shift:?}");
        assert!((shift.low + 0.15).abs() < 1e-9 && (shift.high - 0.76).abs() < 1e-9, "{shift:?}");
        assert!(!shift.excludes_zero());
    }

    #[test]
    fn the_least_p_value_depends_on_the_numbers() {
        for (n, least) in [(1, 1.0), (3, 0.1), (4, 2.0 / 70.0), (5, 2.0 / 252.0)] {
            let base: Vec<f64> = (0..n).map(f64::from).collect();
            let new: Vec<f64> = base.iter().map(|x| x + 100.0).collect();
            let shift = two_sample_shift(&base, &new, 0.95).unwrap();
            assert!((shift.p - least).abs() < 1e-12 && (shift.p_least - least).abs() < 1e-12);
            assert_eq!(shift.excludes_zero(), n > 1, "{shift:?}");
        }
        assert_eq!(two_sample_shift(&[], &[1.0], 0.95), None);
        assert_eq!([0.9, 0.95, 0.99, 0.999].map(samples_for_confidence), [3, 4, 5, 7]);
    }

    #[test]
    fn the_samples_that_would_be_needed() {
        assert_eq!(samples_needed(&[1.0, 1.0], &[2.0, 2.0], 0.95), Some(4), "no spread");
        assert_eq!(samples_needed(&[0.0, 1.0], &[1.0, 0.0], 0.95), None, "no shift");
        // σ² = 0.5, δ = 1: 2·7.851·0.5·1.047 = 8.2
        assert_eq!(samples_needed(&[0.0, 1.0], &[1.0, 2.0], 0.95), Some(9));
    }

    proptest! {
        #[test]
        fn a_shift_turns_round_with_its_samples(
            base in proptest::collection::vec(-10.0..10.0f64, 1..9),
            new in proptest::collection::vec(-10.0..10.0f64, 1..9),
        ) {
            let there = two_sample_shift(&base, &new, 0.95).unwrap();
            let back = two_sample_shift(&new, &base, 0.95).unwrap();
            prop_assert!((there.estimate + back.estimate).abs() < 1e-9);
            prop_assert!((there.low + back.high).abs() < 1e-9 && (there.p - back.p).abs() < 1e-9);
            prop_assert!(there.low <= there.estimate && there.estimate <= there.high);
            prop_assert!((there.confidence - back.confidence).abs() < 1e-9);
        }
    }
}
