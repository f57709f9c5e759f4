//! Where a series splits best: the statistic of E-divisive means.

/// A split of a series, and how far its sides lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// The first value of the right side.
    pub at: usize,
    /// The scaled energy distance of the sides.
    pub q: f64,
}

/// Returns the split of `values` with the greatest distance, of those with `least` values or more on each side; `None` where
/// there is none. Of equal ones it is the first.
///
/// Matteson and James, *A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data*, 2014, equations 4
/// to 7, with exponent 1: for X the n values before τ and Y the m values from τ to before κ,
/// Q(τ, κ) = 2/(m+n)·ΣΣ|xᵢ−yⱼ| − 2m/((m+n)(n−1))·Σ|xᵢ−xₖ| − 2n/((m+n)(m−1))·Σ|yⱼ−yₖ|, the latter two over pairs. κ varies as
/// well, so that what follows a second change does not hide the first.
pub(super) fn best_split(values: &[f64], least: usize) -> Option<Split> {
    let (count, least) = (values.len(), least.max(1));
    if count < 2 * least {
        return None;
    }
    // before[j][i]: the distances of value j to the first i values, i ≤ j.
    let before: Vec<Vec<f64>> = (0..count).map(|j| distances_before(values, j)).collect();
    let mut best: Option<Split> = None;
    let mut within_left = 0.0;
    for at in 1..=count - least {
        within_left += before[at - 1][at - 1];
        if at < least {
            continue;
        }
        let (mut across, mut within_right) = (0.0, 0.0);
        for end in at + 1..=count {
            let to_last = &before[end - 1];
            across += to_last[at];
            within_right += to_last[end - 1] - to_last[at];
            if end - at < least {
                continue;
            }
            let (n, m) = (at as f64, (end - at) as f64);
            let pairs = |sum: f64, size: f64, other: f64| {
                if size > 1.0 { 2.0 * other / ((m + n) * (size - 1.0)) * sum } else { 0.0 }
            };
            let q = 2.0 / (m + n) * across - pairs(within_left, n, m) - pairs(within_right, m, n);
            if best.is_none_or(|best| q > best.q) {
                best = Some(Split { at, q });
            }
        }
    }
    best
}

/// The running sums of the distances between value `j` and those before it.
fn distances_before(values: &[f64], j: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(j + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for value in &values[..j] {
        sum += (values[j] - value).abs();
        sums.push(sum);
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Q as the definition has it.
    fn by_definition(left: &[f64], right: &[f64]) -> f64 {
        let (n, m) = (left.len() as f64, right.len() as f64);
        let across: f64 = left.iter().flat_map(|x| right.iter().map(move |y| (x - y).abs())).sum();
        let within = |side: &[f64]| -> f64 {
            let pairs = side.len() * side.len().saturating_sub(1) / 2;
            let all: f64 = side.iter().flat_map(|x| side.iter().map(move |y| (x - y).abs())).sum();
            if pairs == 0 { 0.0 } else { all / 2.0 / pairs as f64 }
        };
        m * n / (m + n) * (2.0 * across / (m * n) - within(left) - within(right))
    }

    #[test]
    fn a_step_is_split_at_its_first_value() {
        let values: Vec<f64> = (0..20).map(|i| if i < 12 { 10.0 } else { 11.0 }).collect();
        let split = best_split(&values, 3).unwrap();
        assert_eq!(split.at, 12);
        assert!((split.q - by_definition(&values[..12], &values[12..])).abs() < 1e-12);
        assert_eq!(best_split(&values[..5], 3), None, "too few for two sides of three");
        assert!(best_split(&[1.0; 9], 3).unwrap().q.abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_split_is_the_best_of_all(
            values in proptest::collection::vec(-10.0..10.0f64, 2..24), least in 1..4usize,
        ) {
            let mut best = f64::NEG_INFINITY;
            for at in least..=values.len() {
                for end in at + least..=values.len() {
                    best = best.max(by_definition(&values[..at], &values[at..end]));
                }
            }
            match best_split(&values, least) {
                Some(found) => prop_assert!((found.q - best).abs() < 1e-9, "{found:?} {best}"),
                None => prop_assert!(values.len() < 2 * least),
            }
        }
    }
}
