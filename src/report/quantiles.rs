//! Quantiles of a case's merged samples, on a grid for a nines axis.

use super::View;
use crate::measure::Metric;
use crate::record::Figure;

/// Places on a nines axis between two powers of ten.
const STEPS: u32 = 20;
/// Quantiles that people ask for by name.
const LANDMARKS: [f64; 7] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// The samples of one metric of one case, over its usable trials.
pub(super) struct Quantiles {
    /// Samples that were recorded.
    pub count: u64,
    /// Further ones, only known to lie above all that were recorded: what never arrived.
    pub censored: u64,
    /// Quantile and value in nanoseconds, ascending; the last is the largest value.
    pub points: Vec<(f64, Figure)>,
}

impl Quantiles {
    /// The quantiles of `metric` at `case`; `None` where there are no samples.
    pub(super) fn of(view: &View, case: &str, metric: Metric) -> Option<Self> {
        let samples = view.run.distributions.get(&(case.to_owned(), metric))?;
        let (count, censored) = (samples.count(), censored(view, case, metric));
        let at = |q| samples.quantile_censored(q, censored).map(|value| (q, Figure::from(value)));
        let points = grid(count + censored).into_iter().filter_map(at).collect();
        Some(Self { count, censored, points })
    }

    /// The points that at least ten samples lie above (METHODOLOGY): what a chart may show.
    pub(super) fn shown(&self) -> impl Iterator<Item = (f64, Figure)> + '_ {
        let all = (self.count + self.censored) as f64;
        self.points.iter().copied().filter(move |(q, _)| all * (1.0 - q) >= 9.999)
    }
}

/// What never arrived in the usable trials lies above every sample of what ends with an arrival.
pub(super) fn censored(view: &View, case: &str, metric: Metric) -> u64 {
    let trials = view.run.trials.iter().filter(|t| t.identity.case == case && t.verdict.usable());
    trials.map(|trial| trial.never_arrived(metric)).sum()
}

/// Quantiles evenly spread on the nines axis, as far as one sample lies above, with the landmarks, 0 and 1.
fn grid(all: u64) -> Vec<f64> {
    let spread = (0..).map(|i| 1.0 - 10f64.powf(-f64::from(i) / f64::from(STEPS)));
    let told = |q: &f64| all as f64 * (1.0 - q) >= 0.999;
    let mut grid: Vec<f64> = spread
        .take_while(told)
        .chain(LANDMARKS.into_iter().filter(told))
        .chain([1.0])
        .map(rounded)
        .collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    grid
}

/// A quantile whose share above has four significant digits: neighbours on the axis differ by an eighth.
fn rounded(q: f64) -> f64 {
    let above = 1.0 - q;
    if above <= 0.0 {
        return 1.0;
    }
    let scale = 10f64.powi(4 - above.log10().floor() as i32 - 1);
    (q * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_reaches_as_far_as_the_samples() {
        for (all, last) in [(1, 0.0), (10, 0.9), (1_000, 0.999), (123_456, 0.999_992)] {
            let grid = grid(all);
            assert!(grid.is_sorted() && grid[0] < 1e-12 && grid[grid.len() - 1] > 1.0 - 1e-12);
            let highest = grid[grid.len() - 2];
            assert!((highest - last).abs() < 1e-6, "{all}: {highest}");
        }
        assert!(grid(1_000_000).len() > 100);
        for (q, expected) in
            [(0.0, 0.0), (0.108_749_062, 0.1087), (0.99, 0.99), (0.999_992_056_7, 0.999_992_057)]
        {
            assert!((rounded(q) - expected).abs() < 1e-12, "{q}: {}", rounded(q));
        }
    }
}
