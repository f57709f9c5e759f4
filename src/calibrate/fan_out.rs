//! Fan-out to N subscribers at a known cost a write (10): the median must grow in a straight line.

use super::Experiment;
use super::closed::line;
use super::finding::{Finding, Quantity, plain, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::PatternKind;

/// Experiment 10.
pub(super) const LINEAR: Experiment = Experiment {
    id: 10,
    name: "fan-out: freshness grows with N",
    proves: "An event is published once, and each subscriber's arrival is measured by itself: the n-th of N waits \
             for n writes.",
    quick: false,
    seconds: [24.0, 60.0],
    run,
};

/// The added cost of a write; the experiment compares it with twice that, because the cost of a write itself is unknown.
///
/// Without an added cost a write is cheaper than between pauses: a busy receiver need not be woken.
const WRITE_NS: f64 = 50e3;

fn text(window: f64, write_ns: f64) -> String {
    let tables = format!(
        "connect = \"200ms\"\nwarmup = \"1s\"\n[workload]\nrate = \"10/s\"\narrivals = \"constant\"\npayload = \"64B\"\n\
         [faults]\nwrite_cost = \"{}us\"\n[target]\nshards = 1\n[sweep]\nclients = [50, 100, 200, 400]\n",
        write_ns / 1e3
    );
    scenario_text("fan-out", PatternKind::Sse, window, &tables)
}

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(3.0, 6.0);
    let cheap = lab.block(&text(window, WRITE_NS))?;
    Ok(judge(&cheap, &lab.block(&text(window, 2.0 * WRITE_NS))?))
}

fn medians(trials: &[Measured]) -> Vec<(f64, f64)> {
    let point = |trial: &Measured| {
        Some((trial.facts.case.workload.clients as f64, trial.headline_ns(0.5)?))
    };
    trials.iter().filter_map(point).collect()
}

fn judge(cheap: &[Measured], costly: &[Measured]) -> Finding {
    let (cheap, costly) = (medians(cheap), medians(costly));
    // What the cost added, by number of subscribers: the write itself and the way are in both.
    let added: Vec<(f64, f64)> =
        costly.iter().zip(&cheap).map(|((n, with), (_, without))| (*n, with - without)).collect();
    let fit = line(&costly);
    let slope = line(&added).map(|(slope, ..)| slope);
    let (whole, start) = fit.map_or((0.0, 0.0), |(slope, start, _)| (slope, start));
    let quantities = vec![
        Quantity::at_least("R² of the medians", 0.99, fit.map(|(_, _, r2)| r2), plain),
        Quantity::within("added for each subscriber", WRITE_NS / 2.0, slope, 0.05, time)
            .inexcusable_if(slope.is_none_or(|slope| slope < WRITE_NS / 4.0)),
    ];
    let points = costly.iter().map(|(n, median)| PlotPoint {
        x: *n,
        expected: start + whole * n,
        measured: *median,
    });
    let plot = Plot {
        title: format!("Median freshness by subscribers, {} per write", time(2.0 * WRITE_NS)),
        x: ("subscribers".to_owned(), PlotUnit::Number),
        y: ("freshness, p50 (line: fitted)".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    Finding { quantities, plot: Some(plot), undecided: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::{Metric, Recorder};

    #[test]
    fn the_median_must_grow_with_the_subscribers_by_half_a_write_each() {
        let trials = |median: &dyn Fn(f64) -> f64| {
            let trial = |n: u64| {
                let mut trial = measured(PatternKind::Sse);
                trial.facts.case.workload.clients = n;
                let mut recorder = Recorder::new();
                (0..99).for_each(|_| recorder.record(Metric::Freshness, median(n as f64) as u64));
                trial.facts.workers = recorder.snapshot();
                trial
            };
            [50, 100, 200, 400].map(trial)
        };
        let cheap = trials(&|n| 200e3 + 28e3 * n);
        for (median, holds, why) in [
            (&(|n| 200e3 + 53e3 * n) as &dyn Fn(f64) -> f64, true, "half a write for each"),
            (&|n| 200e3 + 103e3 * n, false, "everyone waits for the last"),
            (&|_| 10e6, false, "stamped once for all"),
            (&|n| 200e3 + 50e3 * n * n / 400.0, false, "no straight line"),
        ] {
            assert_eq!(judge(&cheap, &trials(median)).holds(), holds, "{why}");
        }
        assert!(!judge(&cheap, &[]).holds());
    }
}
