//! A target that drops deliveries (13): they count as lost, and stay in the percentiles.

use super::Experiment;
use super::closed::three_sigma;
use super::finding::{Finding, Quantity, percent, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::record::Figure;
use crate::scenario::PatternKind;

/// Experiment 13.
pub(super) const BINOMIAL: Experiment = Experiment {
    id: 13,
    name: "1 % of the events are dropped",
    proves: "Lost events are counted, and rank above all that arrived: a percentile among them is printed as a bound.",
    quick: true,
    seconds: [7.5, 13.0],
    run,
};

/// The share that the target drops.
const SHARE: f64 = 0.01;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(4.0, 10.0);
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"500ms\"\ndrain = \"1s\"\n[workload]\nclients = 50\nrate = \"40/s\"\n\
         arrivals = \"constant\"\n[faults]\ndrop = {SHARE}\n"
    );
    Ok(judge(&*lab.trial(&scenario_text("drop", PatternKind::Sse, window, &tables))?))
}

fn judge(trial: &Measured) -> Finding {
    let ledger = &trial.facts.workers.ledger;
    let measured = (ledger.expected > 0).then(|| ledger.lost as f64 / ledger.expected as f64);
    let figure = |q| trial.facts.headline_at(q);
    let print = |figure: Option<Figure>| figure.map_or("nothing".to_owned(), |f| f.print(time));
    let (arrived, censored) = (figure(0.98), figure(0.995));
    Finding::of(vec![
        Quantity::near(
            format!("lost of {} deliveries", ledger.expected),
            SHARE,
            measured,
            three_sigma(SHARE, ledger.expected),
            percent,
        ),
        Quantity::must("p98", "a value", print(arrived), matches!(arrived, Some(Figure::Value(_)))),
        Quantity::must(
            "p99.5",
            "a bound",
            print(censored),
            matches!(censored, Some(Figure::MoreThan(_))),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::{Ledger, Metric, Recorder};

    fn judged(arrived: u64, ledger: Ledger) -> bool {
        let mut trial = measured(PatternKind::Sse);
        let mut recorder = Recorder::new();
        (0..arrived).for_each(|n| recorder.record(Metric::Freshness, 200_000 + n));
        trial.facts.workers = recorder.snapshot();
        trial.facts.workers.ledger = ledger;
        judge(&trial).holds()
    }

    #[test]
    fn losses_must_be_counted_and_stay_in_the_percentiles() {
        let ledger = |lost: u64| Ledger {
            expected: 8_000,
            delivered: 8_000 - lost,
            lost,
            ..Ledger::default()
        };
        for (lost, holds, why) in [
            (80, true, "one in a hundred"),
            (100, true, "two deviations more"),
            (120, false, "half as many again"),
            (48, false, "hardly half of them"),
            (0, false, "none is missed"),
        ] {
            assert_eq!(judged(8_000 - lost, ledger(lost)), holds, "{why}");
        }
        assert!(!judged(0, Ledger::default()), "nothing was expected");
    }
}
