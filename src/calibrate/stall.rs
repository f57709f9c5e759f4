//! A stalled publisher (15): freshness must show the stall, transit must not.

use super::Experiment;
use super::closed::frozen;
use super::finding::{Finding, Quantity, time};
use super::lab::{Halt, Lab, Measured, scenario_text, secs};
use crate::measure::Metric;
use crate::scenario::PatternKind;

/// Experiment 15.
pub(super) const PUBLISHER: Experiment = Experiment {
    id: 15,
    name: "the publisher stalls",
    proves: "Freshness counts from the due time: a publisher that falls behind cannot hide it with a new timestamp.",
    quick: true,
    seconds: [6.5, 11.5],
    run,
};

/// Length of the stall in seconds.
const STALL: f64 = 0.5;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(5.0, 10.0);
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"500ms\"\n[workload]\nclients = 10\nrate = \"200/s\"\narrivals = \"constant\"\n\
         [faults]\nstall_at = \"2s\"\nstall_for = \"{STALL}s\"\n"
    );
    let text = scenario_text("stall", PatternKind::Sse, window, &tables);
    Ok(judge(&*lab.trial(&text)?, window))
}

fn judge(trial: &Measured, window: f64) -> Finding {
    let expected = |q| frozen(secs(STALL), secs(window), 0.0, q, 0.0);
    let tolerance = 0.03 * secs(STALL);
    let mut quantities: Vec<Quantity> =
        [(0.95, "received − due, p95"), (0.99, "received − due, p99")]
            .map(|(q, name)| {
                let measured = trial.headline_ns(q);
                Quantity::near(name, expected(q), measured, tolerance, time)
                    .inexcusable_if(measured.is_none_or(|measured| measured < expected(q)))
            })
            .to_vec();
    let transit = trial.samples(Metric::Transit).and_then(|d| d.quantile(0.99)).map(|ns| ns as f64);
    quantities.push(Quantity::at_most(
        "received − published, p99",
        0.1 * secs(STALL),
        transit,
        time,
    ));
    Finding::of(quantities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;

    #[test]
    fn a_stall_must_be_in_the_age_and_not_in_the_way() {
        let judged = |age: fn(f64) -> f64, way: fn(f64) -> f64| {
            let mut trial = measured(PatternKind::Sse);
            let mut recorder = Recorder::new();
            for n in 0..10_000 {
                // The first tenth of the window is due while the publisher is stalled.
                let left = (STALL - 5.0 * f64::from(n) / 10_000.0).max(0.0);
                recorder.record(Metric::Freshness, secs(age(left)) as u64 + 200_000);
                recorder.record(Metric::Transit, secs(way(left)) as u64 + 150_000);
            }
            trial.facts.workers = recorder.snapshot();
            judge(&trial, 5.0).holds()
        };
        assert!(judged(|left| left, |_| 0.0));
        assert!(!judged(|_| 0.0, |_| 0.0), "the publisher stamped due anew");
        assert!(!judged(|left| left, |left| left), "published is stamped as due");
        assert!(!judged(|left| left.min(0.1), |_| 0.0), "only a part of it is seen");
    }
}
