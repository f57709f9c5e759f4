//! What would settle an objective that is unknown.

use crate::stats::{CONFIDENCE, ShareBounds, binomial_bounds};
use crate::unit::{Span, significant};

use super::evidence::Evidence;
use super::samples::Length;
use super::text::thousands;

/// More than so many times what was measured is no advice.
const MOST: f64 = 1_000.0;
/// By so much of each step what is needed is searched.
const STEP: f64 = 1.1;

/// How many times as many samples as `effective` decide whether a share that is measured as `share` lies below or above
/// `limit`; `None` where more than [`MOST`] would be needed.
pub(super) fn factor(share: f64, effective: f64, limit: f64) -> Option<f64> {
    let decides = |factor: &f64| {
        let n = effective * factor;
        let (low, high) = binomial_bounds(share * n, n, CONFIDENCE);
        high < limit || low > limit
    };
    std::iter::successors(Some(1.0), |factor| Some(factor * STEP))
        .take_while(|factor| *factor <= MOST * STEP)
        .find(decides)
}

/// What would settle a bound on a share.
pub(super) fn more(evidence: &Evidence, share: &ShareBounds, limit: f64, length: Length) -> String {
    let Some(factor) = factor(share.share, share.effective, limit) else {
        return "too close to the limit to be decided by any run of practical length".to_owned();
    };
    let all = evidence.count() as f64 * factor;
    format!(
        "undecided: about {} {} at this share would decide ({})",
        thousands(rounded(all)),
        evidence.noun(),
        how(factor, length)
    )
}

/// What so many times as many samples take.
pub(super) fn times(factor: f64, trials: usize) -> String {
    if !factor.is_finite() || factor > MOST {
        return "too close to the limit to be decided by any run of practical length".to_owned();
    }
    let trials = (trials as f64 * factor.max(1.0)).ceil() as u64;
    format!("undecided: about {} trials would decide", thousands(trials))
}

fn how(factor: f64, length: Length) -> String {
    let trials = (length.trials as f64 * factor).ceil().max(length.trials as f64 + 1.0);
    let measure = Span::from_secs((length.measure.secs() * factor).ceil() as u64);
    format!("--trials {}, or measure = \"{measure}\"", significant(trials))
}

/// To two digits, upwards.
fn rounded(n: f64) -> u64 {
    let unit = 10_f64.powf((n.max(1.0).log10().floor() - 1.0).max(0.0));
    ((n / unit - 1e-9).ceil() * unit) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_decides_and_little_less_does_not() {
        for (share, effective, limit) in
            [(0.0, 100.0, 0.01), (0.012, 500.0, 0.01), (0.005, 200.0, 0.01), (0.4, 10.0, 0.5)]
        {
            let factor = factor(share, effective, limit).unwrap();
            let decides = |n: f64| {
                let (low, high) = binomial_bounds(share * n, n, CONFIDENCE);
                high < limit || low > limit
            };
            assert!(decides(effective * factor), "{share}");
            assert!(!decides(effective * factor / STEP / STEP), "{share}");
        }
        assert_eq!(factor(0.01, 500.0, 0.01), None, "at the limit itself nothing decides");
    }

    #[test]
    fn large_numbers_are_rounded_up_to_two_digits() {
        for (n, expected) in [(7.2, 8), (298.0, 300), (1_234.0, 1_300), (10_000.0, 10_000)] {
            assert_eq!(rounded(n), expected);
        }
    }
}
