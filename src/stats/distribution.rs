//! The distributions of `statrs` that are asked here, at the points that they are asked at.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

/// P(Z > z).
pub(super) fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The z with P(Z > z) = `p`, 0 ≤ p ≤ 1.
pub(super) fn normal_deviate(p: f64) -> f64 {
    // The lower tail: 1 − p would lose the digits of a small p.
    -Normal::standard().inverse_cdf(p)
}

/// P(T > t), T Student's with `freedom` degrees, at least one.
pub(super) fn student_tail(t: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom.max(1.0)) {
        Ok(student) => student.sf(t),
        Err(_) => unreachable!("its scale and its degrees of freedom are above 0"),
    }
}

/// The t with P(T > t) = `p`, 0 ≤ p ≤ 1, T Student's with `freedom` degrees, at least one.
pub(super) fn student_deviate(p: f64, freedom: usize) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom.max(1) as f64) {
        Ok(student) => -student.inverse_cdf(p),
        Err(_) => unreachable!("its scale and its degrees of freedom are above 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_and_deviates_are_those_of_the_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.1; R: pnorm(z, lower.tail = FALSE).
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (3.290_526_731_491_9, 0.000_5),
            (6.0, 9.865_876_450_377e-10),
        ] {
            assert!((normal_tail(z) / p - 1.0).abs() < 1e-9, "{z}: {}", normal_tail(z));
            assert!((normal_deviate(p) - z).abs() < 1e-7, "{p}: {}", normal_deviate(p));
        }
        assert_eq!((normal_tail(f64::INFINITY), normal_deviate(0.0)), (0.0, f64::INFINITY));
    }

    #[test]
    fn quantiles_of_student_are_those_of_the_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2; one and two degrees have closed forms.
        for (freedom, p, t) in [
            (1, 0.025, 12.706_204_736),
            (2, 0.025, 4.302_652_730),
            (3, 0.025, 3.182),
            (4, 0.025, 2.776),
            (5, 0.025, 2.571),
            (7, 0.025, 2.365),
            (10, 0.025, 2.228),
            (19, 0.025, 2.093),
            (30, 0.025, 2.042),
            (100, 0.025, 1.984),
            (2, 0.05, 2.920),
            (2, 0.005, 9.925),
            (19, 0.001, 3.579),
        ] {
            let found = student_deviate(p, freedom);
            assert!((found - t).abs() < 6e-4, "{freedom} at {p}: {found} for {t}");
        }
        let z = normal_deviate(0.025);
        let many = student_deviate(0.025, 100_000);
        assert!((many / z - 1.0).abs() < 1e-4, "many degrees are the normal distribution: {many}");
        for freedom in 1..2_000 {
            let [wider, narrower] = [freedom, freedom + 1].map(|of| student_deviate(0.025, of));
            assert!(wider > narrower && narrower > z, "{freedom}: {wider} {narrower}");
        }
    }
}
