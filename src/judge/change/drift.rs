//! What the machine did between two sides, as far as their noise floors saw it.

use crate::measure::Metric;
use crate::record::Run;
use crate::stats::median;

/// The noise floor of the same cases on both sides: the same load against a server that does next to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The metric of the floor.
    pub metric: Metric,
    /// The cases whose floor it is.
    pub cases: Vec<String>,
    /// Median of the floor's p50 in nanoseconds, base and new.
    pub p50_ns: [f64; 2],
}

impl Drift {
    /// New ÷ base.
    pub fn ratio(&self) -> f64 {
        self.p50_ns[1] / self.p50_ns[0]
    }

    /// Whether a change by this ratio is no greater than that of the floor.
    pub fn covers(&self, ratio: f64) -> bool {
        ratio > 0.0 && ratio.ln().abs() <= self.ratio().ln().abs()
    }
}

/// Every floor that both sides have, in the base's order.
pub(super) fn drifts(base: &[Run], new: &[Run]) -> Vec<Drift> {
    let mut drifts: Vec<Drift> = Vec::new();
    for floor in base.iter().flat_map(|run| &run.floors) {
        let known = |drift: &Drift| drift.metric == floor.metric && drift.cases == floor.cases;
        if drifts.iter().any(known) {
            continue;
        }
        let of = |runs: &[Run]| {
            let floors = runs.iter().flat_map(|run| &run.floors);
            let same = floors.filter(|other| {
                other.metric == floor.metric
                    && other.cases.iter().any(|case| floor.cases.contains(case))
            });
            let p50: Vec<f64> = same.filter_map(|floor| floor.at("p50")).collect();
            median(&p50).filter(|p50| *p50 > 0.0)
        };
        if let (Some(base), Some(new)) = (of(base), of(new)) {
            let (metric, cases) = (floor.metric, floor.cases.clone());
            drifts.push(Drift { metric, cases, p50_ns: [base, new] });
        }
    }
    drifts
}
