//! The exponent of a power law: a straight line through logarithms, by least squares.

use super::distribution::student_deviate;
use super::median::median;

/// y = factor · x^exponent, as far as points are on such a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// The slope of ln y over ln x.
    pub exponent: f64,
    /// Ends of the exponent's interval; `None` where two points leave nothing to judge it by.
    pub interval: Option<(f64, f64)>,
    /// Half of the width that the points' interval has, each counted as one of its own.
    half_of_points: Option<f64>,
    /// y at x = 1.
    pub factor: f64,
    /// The slope between the two largest x alone: where it differs, the points lie on a bent line.
    pub at_the_end: f64,
}

impl PowerLaw {
    /// y at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }

    /// Whether the last step is steeper or flatter than the line, by more than 0.1 and beyond what its points scatter by.
    pub fn is_bent(&self) -> bool {
        let off = (self.at_the_end - self.exponent).abs();
        off > 0.1 && self.half_of_points.is_none_or(|half| off > half)
    }
}

/// Returns the power law through `points` (x, y), all of them above 0; `None` for fewer than two different x.
///
/// Ordinary least squares of ln y over ln x; the interval is Student's, with n − 2 degrees of freedom (Montgomery, Peck and
/// Vining, *Introduction to Linear Regression Analysis*, section 2.4). That of all points holds where each scatters around the
/// line on its own. On a bent line all points at an x are off it by the same, and repeating them would narrow the interval
/// without end. The half-width is therefore the larger of two: that of all points, and that of a line through the medians at
/// each x, where there are three or more.
pub fn power_law(points: &[(f64, f64)], confidence: f64) -> Option<PowerLaw> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0 && x.is_finite() && y.is_finite())
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    let line = Line::through(&logs)?;
    let half_of_points = line.half_width(&logs, confidence);
    let medians: Vec<(f64, f64)> =
        places(&logs).into_iter().filter_map(|x| Some((x, median(&at(&logs, x))?))).collect();
    let half_of_medians =
        Line::through(&medians).and_then(|line| line.half_width(&medians, confidence));
    let half = half_of_points.into_iter().chain(half_of_medians).reduce(f64::max);
    Some(PowerLaw {
        exponent: line.slope,
        interval: half.map(|half| (line.slope - half, line.slope + half)),
        half_of_points,
        factor: line.intercept.exp(),
        at_the_end: last_step(&logs).unwrap_or(line.slope),
    })
}

/// A straight line by least squares.
struct Line {
    slope: f64,
    intercept: f64,
    /// Σ (x − mean)².
    spread: f64,
}

impl Line {
    /// The line through `points`; `None` for fewer than two different x.
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        if points.len() < 2 || spread < 1e-12 {
            return None;
        }
        let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
        Some(Self { slope, intercept: y - slope * x, spread })
    }

    /// Half of the interval of its slope, by how `points` scatter around it; `None` for two.
    fn half_width(&self, points: &[(f64, f64)], confidence: f64) -> Option<f64> {
        let freedom = points.len().checked_sub(2).filter(|freedom| *freedom > 0)?;
        let off = |p: &(f64, f64)| (p.1 - self.intercept - self.slope * p.0).powi(2);
        let rest: f64 = points.iter().map(off).sum();
        let deviate = student_deviate((1.0 - confidence) / 2.0, freedom);
        Some(deviate * (rest / freedom as f64 / self.spread).sqrt())
    }
}

/// The different x, ascending.
fn places(logs: &[(f64, f64)]) -> Vec<f64> {
    let mut places: Vec<f64> = logs.iter().map(|p| p.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    places
}

/// Every y at an x.
fn at(logs: &[(f64, f64)], x: f64) -> Vec<f64> {
    logs.iter().filter(|p| (p.0 - x).abs() < 1e-9).map(|p| p.1).collect()
}

/// The slope between the means at the two largest x.
fn last_step(logs: &[(f64, f64)]) -> Option<f64> {
    let places = places(logs);
    let [.., before, last] = places.as_slice() else { return None };
    let mean = |x: f64| {
        let here = at(logs, x);
        here.iter().sum::<f64>() / here.len() as f64
    };
    Some((mean(*last) - mean(*before)) / (last - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_found_exactly() {
        let points = [1.0, 10.0, 100.0].map(|x: f64| (x, 3.0 * x.powf(1.5)));
        let law = power_law(&points, 0.95).unwrap();
        assert!((law.exponent - 1.5).abs() < 1e-12 && (law.factor - 3.0).abs() < 1e-9, "{law:?}");
        let (low, high) = law.interval.unwrap();
        assert!(high - low < 1e-6 && !law.is_bent());
        assert!((law.at(4.0) - 24.0).abs() < 1e-9);
    }

    #[test]
    fn the_interval_is_students() {
        // Residuals of ±0.1 at three places: R: confint(lm(log(y) ~ log(x))).
        let y = [0.1f64, -0.2, 0.1].map(f64::exp);
        let e = std::f64::consts::E;
        let law = power_law(&[(1.0, y[0]), (e, y[1]), (e * e, y[2])], 0.95).unwrap();
        // s² = 0.06 / 1, se = sqrt(0.06 / 2), t(1, 0.975) = 12.7062.
        let half = 12.706_204_736 * (0.06f64 / 2.0).sqrt();
        let (low, high) = law.interval.unwrap();
        assert!(law.exponent.abs() < 1e-12, "{law:?}");
        assert!((low + half).abs() < 1e-6 && (high - half).abs() < 1e-6, "{law:?} {half}");
    }

    #[test]
    fn a_fixed_cost_bends_the_line() {
        let points: Vec<(f64, f64)> = [10.0, 100.0, 1_000.0, 10_000.0]
            .into_iter()
            .flat_map(|x| [(x, 500.0 + x), (x, 505.0 + x), (x, 495.0 + x)])
            .collect();
        let law = power_law(&points, 0.95).unwrap();
        assert!(law.exponent < 0.6 && law.at_the_end > 0.8 && law.is_bent(), "{law:?}");
    }

    #[test]
    fn more_trials_of_a_bent_line_leave_its_interval_as_wide() {
        let trials = |n: u32| -> Vec<(f64, f64)> {
            let of =
                |x: f64| (0..n).map(move |at| (x, (500.0 + x) * (1.0 + 0.001 * f64::from(at % 3))));
            [10.0, 100.0, 1_000.0, 10_000.0].into_iter().flat_map(of).collect()
        };
        let width = |n: u32| {
            let law = power_law(&trials(n), 0.95).unwrap();
            let (low, high) = law.interval.unwrap();
            assert!(
                law.is_bent() == (n > 1) && low < law.exponent && law.exponent < high,
                "{law:?}"
            );
            high - low
        };
        let (one, many) = (width(1), width(30));
        assert!((many / one - 1.0).abs() < 0.02, "{one} {many}");
        // At two places, their scatter is all that is known.
        let two = [(1.0, 1.0), (1.0, 1.1), (10.0, 10.0), (10.0, 11.0)];
        let (low, high) = power_law(&two, 0.95).unwrap().interval.unwrap();
        assert!(low < 1.0 && 1.0 < high && high - low < 0.5, "{low} {high}");
    }

    #[test]
    fn too_few_points_show_nothing() {
        assert_eq!(power_law(&[], 0.95), None);
        assert_eq!(power_law(&[(2.0, 1.0), (2.0, 3.0)], 0.95), None, "one place");
        let two = power_law(&[(1.0, 2.0), (10.0, 20.0), (0.0, 5.0)], 0.95).unwrap();
        assert!((two.exponent - 1.0).abs() < 1e-12 && two.interval.is_none(), "{two:?}");
    }
}
