//! The beta distribution: what exact bounds on a share are quantiles of.

/// ln Γ(x) for x > 0, to 15 digits: Lanczos' approximation with g = 7 and nine terms (Press and others, *Numerical
/// Recipes*, 3rd ed., section 6.1; coefficients of Godfrey).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum =
        (1..).zip(TERMS).fold(0.999_999_999_999_809_9, |sum, (i, c)| sum + c / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// P(B ≤ x), B beta distributed with `a` and `b`: the regularised incomplete beta function.
///
/// Lentz' evaluation of the continued fraction, from the side where it converges in about √max(a, b) steps: *Numerical
/// Recipes*, section 6.4.
pub(super) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut upper = 1.0;
    let mut lower = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = lower;
    for step in 1..100_000 {
        let m = f64::from(step);
        for term in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            lower = 1.0 / away(1.0 + term * lower);
            upper = away(1.0 + term / upper);
            value *= lower * upper;
        }
        if (lower * upper - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// The x with P(B ≤ x) = `p`, by bisection: as exact as [`beta_cdf`] is.
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
        // ln Γ(n) = ln (n−1)!, Γ(1/2) = √π; I_x(a, 1) = x^a, I_x(1, b) = 1 − (1−x)^b; R: pbeta(0.3, 2.5, 4) = 0.3585137.
        for (x, expected) in [(1.0, 0.0), (6.0, 120f64.ln()), (0.5, 0.572_364_942_924_700_1)] {
            assert!((ln_gamma(x) - expected).abs() < 1e-13, "{x}: {}", ln_gamma(x));
        }
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
