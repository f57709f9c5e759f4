//! Fits a straight line through points with outliers.

use super::median;

/// The Theil-Sen slope: the median slope over all pairs of points with different x.
///
/// Up to 29 % of the points may be arbitrarily wrong without carrying it away: Sen, *JASA* 63 (1968),
/// 1379-1389. `None` where no two points differ in x.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in &points[i + 1..] {
            let dx = x2 - x1;
            if dx != 0.0 {
                slopes.push((y2 - y1) / dx);
            }
        }
    }
    median(&slopes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_wild_point_of_five_does_not_carry_the_slope_away() {
        let mut points: Vec<_> = (0..5).map(|x| (f64::from(x), 7.0 + 2.5 * f64::from(x))).collect();
        points[3].1 = 1e9;
        assert!((theil_sen(&points).unwrap() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn points_above_one_another_have_no_slope() {
        assert_eq!(theil_sen(&[(1.0, 2.0), (1.0, 5.0)]), None);
        assert_eq!(theil_sen(&[]), None);
    }

    proptest! {
        #[test]
        fn a_straight_line_has_its_own_slope(slope in -1e6..1e6f64, start in -1e6..1e6f64, n in 2..20u32) {
            let points: Vec<_> = (0..n).map(|x| (f64::from(x), start + slope * f64::from(x))).collect();
            prop_assert!((theil_sen(&points).unwrap() - slope).abs() < 1e-6 * slope.abs().max(1.0));
        }
    }
}
