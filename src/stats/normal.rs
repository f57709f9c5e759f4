//! The normal distribution.

/// P(Z > z) for z ≥ 0: Abramowitz and Stegun 26.2.17, to 7.5e-8.
pub(super) fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    density * terms.iter().rev().fold(0.0, |sum, term| t * (term + sum))
}

/// The z with P(Z > z) = `p`, 0 < p ≤ 1/2: Abramowitz and Stegun 26.2.23, to 4.5e-4.
pub(super) fn normal_deviate(p: f64) -> f64 {
    let t = (-2.0 * p.ln()).sqrt();
    t - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
        / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_and_deviates_are_those_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.158_655), (1.96, 0.024_998), (3.29, 0.000_501)] {
            assert!((normal_tail(z) - p).abs() < 1e-6, "{z}: {}", normal_tail(z));
            assert!((normal_deviate(p) - z).abs() < 5e-4, "{p}: {}", normal_deviate(p));
        }
    }
}
