//! A target that answers later by a known time (11): the median must move by exactly that.

use super::Experiment;
use super::closed::line;
use super::finding::{Finding, Quantity, plain, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::measure::{Distribution, Metric};
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::PatternKind;

/// Experiment 11.
pub(super) const SHIFT: Experiment = Experiment {
    id: 11,
    name: "a delay shifts the response by itself",
    proves: "Timestamps are neither rounded nor scaled.",
    quick: true,
    seconds: [11.0, 26.0],
    run,
};

/// The least delay, in nanoseconds. A target that delays nothing does something else: it does not wait for a deadline.
const LEAST_NS: f64 = 1.2e6;
/// The added delays; not only whole milliseconds, because rounding to those would cancel out.
const SHIFTS_NS: [f64; 4] = [0.0, 1e6, 5.4e6, 50.7e6];
/// Tolerance of a shift.
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
    // No lateness makes an answer earlier than the target's delay.
    let early = trials.iter().zip(SHIFTS_NS).map(|(trial, shift)| {
        let least = trial.samples(Metric::Response).and_then(Distribution::min)?;
        Some(least as f64 / (LEAST_NS + shift))
    });
    let earliest =
        early.collect::<Option<Vec<f64>>>().and_then(|all| all.into_iter().reduce(f64::min));
    quantities.push(
        Quantity::at_least("shortest response by its delay", 0.999, earliest, plain)
            .inexcusable_if(true),
    );
    let points = points.iter().map(|(delay, median)| PlotPoint {
        x: *delay,
        expected: delay + floor,
        measured: *median,
    });
    let plot = Plot {
        title: "Median response time by added delay".to_owned(),
        x: ("added delay".to_owned(), PlotUnit::Time),
        y: ("response, p50".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    Finding { quantities, plot: Some(plot), undecided: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;

    #[test]
    fn a_shift_must_be_neither_rounded_nor_scaled() {
        let judged = |of: fn(f64) -> f64| {
            let trial = |delay: f64| {
                let mut trial = measured(PatternKind::Request);
                let mut recorder = Recorder::new();
                let response = of(LEAST_NS + delay + 230e3) as u64;
                (0..100).for_each(|_| recorder.record(Metric::Response, response));
                trial.facts.workers = recorder.snapshot();
                trial
            };
            let finding = judge(&SHIFTS_NS.map(trial));
            (finding.holds(), finding.inexcusable())
        };
        for (of, expected, why) in [
            ((|ns| ns) as fn(f64) -> f64, (true, false), "as it should be"),
            (|ns| (ns / 1e6).ceil() * 1e6, (false, false), "whole milliseconds, rounded up"),
            (
                |ns| (ns / 1e6).floor() * 1e6,
                (false, true),
                "rounded down: sooner than the target lets go",
            ),
            (|ns| ns * 1.01, (false, false), "a clock that is too fast"),
            (|ns| ns * 0.9, (false, true), "a clock that is too slow"),
            (|ns| if ns > 2e6 { ns + 80e3 } else { ns }, (false, false), "late after a long wait"),
        ] {
            assert_eq!(judged(of), expected, "{why}");
        }
        assert!(!judge(&[]).holds());
    }
}
