//! The beta distribution: what exact bounds on a share are quantiles of.

use statrs::function::beta::beta_reg;

/// P(B ≤ x), B beta distributed with `a` and `b`: the regularised incomplete beta function.
fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    beta_reg(a, b, x.clamp(0.0, 1.0))
}

/// The x with P(B ≤ x) = `p`, by bisection: as exact as [`beta_cdf`] is. That of `statrs` ends early: its bounds on
/// small shares are off by up to 3 parts in a million.
pub(super) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // A share near 0 has as many digits as one near 1: bisected by its logarithm once it is small.
    for _ in 0..200 {
        let middle =
            if low > 0.0 && high < 0.1 { f64::sqrt(low * high) } else { f64::midpoint(low, high) };
        if beta_cdf(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= high * 1e-12 {
            break;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_those_of_the_tables() {
        // I_x(a, 1) = x^a, I_x(1, b) = 1 − (1−x)^b.
        for (x, a, b, p) in
            [(0.3, 2.0, 1.0, 0.09), (0.3, 1.0, 3.0, 1.0 - 0.343), (0.5, 7.0, 7.0, 0.5)]
        {
            assert!((beta_cdf(x, a, b) - p).abs() < 1e-13, "{x} {a} {b}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_where_its_probability_is_reached(
            p in 0.001..0.999f64, a in 0.05..1e5f64, b in 0.05..1e5f64,
        ) {
            let x = beta_quantile(p, a, b);
            prop_assert!((0.0..=1.0).contains(&x));
            // Where the distribution is steep, the nearest doubles lie on both sides.
            let (below, above) = (x * (1.0 - 1e-9), x + (1.0 - x) * 1e-9);
            prop_assert!(beta_cdf(below, a, b) <= p + 1e-6 && beta_cdf(above, a, b) >= p - 1e-6);
        }
    }
}
