//! The median, and its interval by order statistics.

use super::binomial::{fair_coin, place_from_end};

/// The median of `values`; of an even number, the mean of the middle two. `None` where there are none.
///
/// Values that cannot be ordered (NaN) are not allowed.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Which of n ordered values bound their median, and how surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankInterval {
    /// Index of the lower bound among the ordered values, from 0.
    pub low: usize,
    /// Index of the upper bound.
    pub high: usize,
    /// Probability that the bounds hold the population's median between them.
    pub confidence: f64,
}

/// Returns the narrowest symmetric order-statistic interval of a median of `n` values with `wanted` confidence, or least to
/// greatest with its lower confidence if none reaches it; `None` for no values.
///
/// Values k and n+1−k of n contain the median with probability 1 − 2·P(B ≤ k−1), B binomial(n, 1/2), whatever the values'
/// distribution: David and Nagaraja, *Order Statistics*, 3rd ed., section 7.1. Three values give 75 %; six are the fewest
/// that reach 95 %.
pub fn median_interval(n: usize, wanted: f64) -> Option<RankInterval> {
    if n == 0 {
        return None;
    }
    let (place, confidence) = place_from_end(&fair_coin(n), n, wanted);
    Some(RankInterval { low: place - 1, high: n - place, confidence: confidence.max(0.0) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        for (values, expected) in [
            (vec![], None),
            (vec![4.0], Some(4.0)),
            (vec![3.0, 1.0, 2.0], Some(2.0)),
            (vec![10.0, 1.0, 4.0, 2.0], Some(3.0)),
        ] {
            assert_eq!(median(&values), expected, "{values:?}");
        }
    }

    #[test]
    fn intervals_are_those_of_the_table() {
        // Le Boudec, Performance Evaluation of Computer and Communication Systems, table A.1 (95 %).
        for (n, low, high, confidence) in [
            (1, 0, 0, 0.0),
            (2, 0, 1, 0.5),
            (3, 0, 2, 0.75),
            (5, 0, 4, 0.9375),
            (6, 0, 5, 0.968_75),
            (8, 0, 7, 0.992_187_5),
            (9, 1, 7, 0.960_937_5),
            (10, 1, 8, 0.978_515_625),
            (20, 5, 14, 0.958_6),
            (30, 9, 20, 0.957_2),
        ] {
            let interval = median_interval(n, 0.95).unwrap();
            assert_eq!((interval.low, interval.high), (low, high), "{n}");
            assert!((interval.confidence - confidence).abs() < 1e-4, "{n}: {interval:?}");
        }
        assert_eq!(median_interval(0, 0.95), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_the_middle_and_keeps_its_word(n in 6..200usize) {
            let interval = median_interval(n, 0.95).unwrap();
            prop_assert!(interval.low <= (n - 1) / 2 && interval.high >= n / 2);
            prop_assert_eq!(interval.low + interval.high, n - 1);
            prop_assert!(interval.confidence >= 0.95 && interval.confidence < 1.0);
        }
    }
}
