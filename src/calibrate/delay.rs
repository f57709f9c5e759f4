//! A target that answers later by a known time (11): the median must move by exactly that.

use super::Experiment;
use super::closed::line;
use super::finding::{Finding, Quantity, plain, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::PatternKind;

/// Experiment 11.
pub const SHIFT: Experiment = Experiment {
    id: 11,
    name: "a delay shifts the response by itself",
    proves: "A nanosecond is a nanosecond: stamps are neither rounded nor scaled.",
    quick: true,
    seconds: [11.0, 26.0],
    run,
};

/// The least delay, in nanoseconds. A target that delays nothing does something else: it does not wait for a deadline.
const LEAST_NS: f64 = 1.2e6;
/// What is added to it: not only whole milliseconds, for rounding to those would cancel out.
const SHIFTS_NS: [f64; 4] = [0.0, 1e6, 5.4e6, 50.7e6];
/// How far a shift may be off.
const SHIFT_NS: f64 = 50e3;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(1.5, 5.0);
    let delays = SHIFTS_NS.map(|ns| format!("\"{}us\"", (LEAST_NS + ns) / 1e3)).join(", ");
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"300ms\"\n[workload]\nclients = 60\n[request]\nrate = \"300/s\"\narrivals = \"constant\"\n\
         [target]\nshards = 1\n[sweep]\nfaults.delay = [{delays}]\n"
    );
    let trials = lab.block(&scenario_text("delay", PatternKind::Request, window, &tables))?;
    Ok(judge(&trials))
}

fn judge(trials: &[Measured]) -> Finding {
    let medians: Vec<f64> = trials.iter().filter_map(|trial| trial.headline_ns(0.5)).collect();
    if medians.len() != SHIFTS_NS.len() {
        return Finding::default();
    }
    let points: Vec<(f64, f64)> = SHIFTS_NS.into_iter().zip(medians).collect();
    let floor = points[0].1;
    let mut quantities = vec![Quantity::within(
        "slope of response over delay",
        1.0,
        line(&points).map(|(slope, ..)| slope),
        0.005,
        plain,
    )];
    quantities.extend(points[1..].iter().map(|(delay, median)| {
        let name = format!("shift by {}", time(*delay));
        // Noise may excuse it: a hypervisor that took a tenth of the time moved this median by 450 us.
        Quantity::near(name, *delay, Some(median - floor), SHIFT_NS, time)
    }));
    let points = points.iter().map(|(delay, median)| PlotPoint {
        x: *delay,
        expected: delay + floor,
        measured: *median,
    });
    let plot = Plot {
        title: "Median response by what is added to the target's delay".to_owned(),
        x: ("added delay".to_owned(), PlotUnit::Time),
        y: ("response, p50".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    Finding { quantities, plot: Some(plot) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::{Metric, Recorder};

    #[test]
    fn a_shift_must_be_neither_rounded_nor_scaled() {
        let judged = |of: fn(f64) -> f64| {
            let trial = |delay: f64| {
                let mut trial = measured(PatternKind::Request);
                let mut recorder = Recorder::new();
                (0..100).for_each(|_| recorder.record(Metric::Response, of(delay + 230e3) as u64));
                trial.facts.workers = recorder.snapshot();
                trial
            };
            judge(&SHIFTS_NS.map(trial)).holds()
        };
        assert!(judged(|ns| ns));
        assert!(!judged(|ns| (ns / 1e6).ceil() * 1e6), "whole milliseconds");
        assert!(!judged(|ns| ns * 1.01), "a clock that is too fast");
        assert!(!judged(|ns| if ns > 1e6 { ns + 80e3 } else { ns }), "late after a long wait");
        assert!(!judge(&[]).holds());
    }
}
