//! Two kinds of requests (12): a percentile must fall on the right side of the gap between them.

use super::Experiment;
use super::finding::{Finding, Quantity, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::scenario::PatternKind;

/// Experiment 12.
pub(super) const SIDES: Experiment = Experiment {
    id: 12,
    name: "99 % take 1 ms, 1 % take 100 ms",
    proves: "Percentiles are ranks of merged samples, never averages: no value is reported that no request took.",
    quick: true,
    seconds: [7.0, 13.0],
    run,
};

/// Response times of most requests, and of every hundredth.
const TIMES_NS: [f64; 2] = [1e6, 100e6];

/// Every client sends a request every two seconds, at constant gaps, so none waits for its own slow request.
fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(4.0, 10.0);
    let tables = "connect = \"500ms\"\nwarmup = \"1s\"\n[workload]\nclients = 1000\n[request]\nrate = \"500/s\"\n\
                  arrivals = \"constant\"\n[target]\nshards = 1\n[faults]\nservice = \"1ms\"\ndistribution = \"bimodal\"\n\
                  slow = \"100ms\"\nslow_share = 0.01\nservers = \"unlimited\"\n";
    Ok(judge(&*lab.trial(&scenario_text("bimodal", PatternKind::Request, window, tables))?))
}

fn judge(trial: &Measured) -> Finding {
    let [fast, slow] = TIMES_NS;
    let at = |q| trial.headline_ns(q);
    Finding::of(vec![
        Quantity::near("p50", fast, at(0.5), fast, time),
        // The last of the fast ones: a hiccup of the machine may be on it, a slow request may not.
        Quantity::at_most("p98.9, of the fast", slow / 4.0, at(0.989), time),
        Quantity::near("p99.1, of the slow", slow, at(0.991), 0.05 * slow, time)
            .inexcusable_if(at(0.991).is_none_or(|ns| ns < slow)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::{Metric, Recorder};

    fn judged(responses: impl Iterator<Item = u64>) -> bool {
        let mut trial = measured(PatternKind::Request);
        let mut recorder = Recorder::new();
        responses.for_each(|ns| recorder.record(Metric::Response, ns));
        trial.facts.workers = recorder.snapshot();
        judge(&trial).holds()
    }

    #[test]
    fn each_percentile_must_be_on_its_side_of_the_step() {
        let of = |every: u64, slow: u64| {
            (0..2_000_u64).map(move |n| if n % every == 0 { slow } else { 1_200_000 })
        };
        assert!(judged(of(100, 100_300_000)));
        assert!(!judged(of(80, 100_300_000)), "more are slow");
        assert!(!judged(of(130, 100_300_000)), "fewer are slow");
        assert!(!judged(of(100, 50_000_000)), "the mean of two shards' percentiles");
        assert!(!judged(of(100, 100_300_000).map(|ns| ns / 2)), "half the time");
        assert!(!judged(std::iter::empty()));
    }
}
