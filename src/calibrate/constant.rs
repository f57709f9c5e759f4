//! D/D/1 under capacity (6): every count and every nanosecond must add up.

use super::Experiment;
use super::finding::{Finding, Quantity, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::measure::{Counter, Distribution, Metric};
use crate::scenario::PatternKind;

/// Experiment 6.
pub(super) const CONSTANT: Experiment = Experiment {
    id: 6,
    name: "constant arrivals under capacity (D/D/1)",
    proves: "Exactly the due requests are sent, and the stages of a request add up to its response time.",
    quick: true,
    seconds: [4.5, 11.5],
    run,
};

/// Requests per second.
const RATE: f64 = 200.0;
/// Clients, each at constant gaps of 50 ms: none waits for its own response, so slip and service add up to the response.
const CLIENTS: u64 = 10;
/// Service time.
const SERVICE_NS: f64 = 1e6;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(3.0, 10.0);
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"500ms\"\n[workload]\nclients = {CLIENTS}\n[request]\nrate = \"{RATE}/s\"\narrivals = \"constant\"\n\
         [faults]\nservice = \"1ms\"\n[target]\nshards = 1\n"
    );
    let trial = lab.trial(&scenario_text("constant", PatternKind::Request, window, &tables))?;
    Ok(judge(&trial, window))
}

fn judge(trial: &Measured, window: f64) -> Finding {
    let count = |counter| trial.facts.workers.counters.get(counter);
    let mean = |metric| trial.samples(metric).and_then(Distribution::mean);
    let sum = |metrics: &[Metric]| metrics.iter().map(|metric| mean(*metric)).sum::<Option<f64>>();
    let due = (RATE * window) as u64;
    let response = mean(Metric::Response).unwrap_or(0.0);
    let stages = [Metric::Fired, Metric::Dispatch, Metric::FirstByte, Metric::Reading];
    let least = trial.samples(Metric::Response).and_then(Distribution::min).map(|ns| ns as f64);
    Finding::of(vec![
        Quantity::exactly("requests due", due, count(Counter::Scheduled)),
        Quantity::exactly("sent", due, count(Counter::Sent)),
        Quantity::exactly("answered", due, count(Counter::Answered)),
        // Histograms know a mean to 0.05 % of each stage.
        Quantity::within(
            "slip + service, mean",
            response,
            sum(&[Metric::Slip, Metric::Service]),
            0.003,
            time,
        ),
        Quantity::within("four stages, mean", response, sum(&stages), 0.003, time)
            .inexcusable_if(true),
        Quantity::at_least("shortest response", 0.999 * SERVICE_NS, least, time)
            .inexcusable_if(true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;

    fn trial(requests: u64, slip: u64, service: u64, response: u64) -> Measured {
        let mut measured = measured(PatternKind::Request);
        let mut recorder = Recorder::new();
        for _ in 0..requests {
            recorder.record(Metric::Slip, slip);
            recorder.record(Metric::Service, service);
            recorder.record(Metric::Response, response);
            recorder.record(Metric::Fired, slip / 2);
            recorder.record(Metric::Dispatch, slip - slip / 2);
            recorder.record(Metric::FirstByte, service * 9 / 10);
            recorder.record(Metric::Reading, service - service * 9 / 10);
        }
        recorder.count(Counter::Scheduled, requests);
        recorder.count(Counter::Sent, requests);
        recorder.count(Counter::Answered, requests);
        measured.facts.workers = recorder.snapshot();
        measured
    }

    #[test]
    fn every_request_and_every_stage_must_be_accounted_for() {
        for (requests, slip, service, response, holds, why) in [
            (600, 60_000, 1_150_000, 1_210_000, true, "all of them, and the stages add up"),
            (599, 60_000, 1_150_000, 1_210_000, false, "one request is missing"),
            (601, 60_000, 1_150_000, 1_210_000, false, "one too many"),
            (600, 0, 1_150_000, 1_210_000, false, "the slip was not seen"),
            (600, 60_000, 900_000, 960_000, false, "faster than the server"),
        ] {
            let trial = trial(requests, slip, service, response);
            assert_eq!(judge(&trial, 3.0).holds(), holds, "{why}");
        }
        let mut unsent = trial(600, 60_000, 1_150_000, 1_210_000);
        unsent.facts.workers.counters.add(Counter::Sent, 1);
        assert!(!judge(&unsent, 3.0).holds(), "sent twice");
    }
}
