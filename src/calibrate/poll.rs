//! Short polls of random phase: how old news is when it is found (7), and how often nothing is found (8).

use std::rc::Rc;

use super::Experiment;
use super::closed::{empty_share, ks_limit, three_sigma};
use super::finding::{Finding, Quantity, percent, plain};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::measure::{Counter, Distribution, Metric};
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::PatternKind;

/// Experiment 7.
pub(super) const UNIFORM: Experiment = Experiment {
    id: 7,
    name: "short poll: freshness is uniform",
    proves: "An event waits for the next poll, uniformly between zero and the interval: freshness is measured \
             from due time to arrival.",
    quick: true,
    seconds: [10.0, 32.0],
    run: uniform,
};

/// Experiment 8.
pub(super) const EMPTY: Experiment = Experiment {
    id: 8,
    name: "short poll: share of empty polls",
    proves: "Empty polls are counted exactly.",
    quick: true,
    // It looks at the trial of experiment 7.
    seconds: [1.0, 1.0],
    run: empty,
};

/// Time between a client's polls.
const INTERVAL_NS: f64 = 500e6;
/// Events per second in each client's own topic: few, so that they are independent of each other and of the polls.
const PER_S: f64 = 1.0;

fn trial(lab: &Lab<'_>) -> Result<Rc<Measured>, Halt> {
    let window = lab.either(8.0, 30.0);
    let tables = format!(
        "connect = \"200ms\"\nwarmup = \"1s\"\n[workload]\nclients = 300\ntopics = \"per-client\"\nrate = \"{PER_S}/s\"\n\
         [short-poll]\ninterval = \"{}ms\"\n",
        INTERVAL_NS / 1e6
    );
    lab.trial(&scenario_text("polls", PatternKind::ShortPoll, window, &tables))
}

fn uniform(lab: &Lab<'_>) -> Result<Finding, Halt> {
    Ok(judge_uniform(&*trial(lab)?))
}

fn judge_uniform(trial: &Measured) -> Finding {
    let Some(samples) = trial.samples(Metric::Freshness) else { return Finding::default() };
    // From the target's look into its log to the arrival: half of the way there and back.
    let delay =
        trial.samples(Metric::Service).and_then(|d| d.quantile(0.5)).unwrap_or(0) as f64 / 2.0;
    let distance = distance(samples, |ns| ((ns - delay) / INTERVAL_NS).clamp(0.0, 1.0));
    let points = (1..=20).filter_map(|step| {
        let q = f64::from(step) / 20.0;
        let measured = samples.quantile(q)? as f64;
        Some(PlotPoint { x: q * 100.0, expected: q * INTERVAL_NS + delay, measured })
    });
    let plot = Plot {
        title: "Freshness with a poll every 500 ms".to_owned(),
        x: ("percentile".to_owned(), PlotUnit::Percentile),
        y: ("freshness".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    let limit = ks_limit(samples.count());
    let name = format!("Kolmogorov-Smirnov distance, n = {}", samples.count());
    let lost = trial.facts.workers.ledger.lost;
    // Held against no way at all: even the way is noise, and only makes older.
    let young = younger(samples, |ns| (ns / INTERVAL_NS).clamp(0.0, 1.0));
    let quantities = vec![
        Quantity::at_most(name, limit, Some(distance), plain),
        Quantity::at_most("of it, too young", limit, Some(young), plain).inexcusable_if(true),
        Quantity::exactly("lost", 0, lost),
    ];
    Finding { quantities, plot: Some(plot), undecided: None }
}

/// Returns the greatest distance between the share of samples up to a value and `expected`.
fn distance(samples: &Distribution, expected: impl Fn(f64) -> f64) -> f64 {
    let all = samples.count().max(1) as f64;
    let (mut seen, mut greatest) = (0, 0.0_f64);
    for step in samples.histogram().iter_recorded() {
        let theory = expected(step.value_iterated_to() as f64);
        let below = seen as f64 / all;
        seen += step.count_at_value();
        greatest = greatest.max((theory - below).abs()).max((theory - seen as f64 / all).abs());
    }
    greatest
}

/// Returns the greatest excess of the share of samples up to a value over `expected`: how many more samples are that young
/// than should be; 0 if none are.
///
/// No disturbance makes news younger: publishing, reading or sending late only adds to its age. Late polls still happen, so
/// the gaps between a client's polls average T. News that falls into a gap g is evenly 0 to g old, so the share Σ min(g, x)
/// ÷ Σ g of all news is younger than x, and by Jensen's inequality that is at most min(T, x) ÷ T. (A late first poll of the
/// window may add its lateness ÷ the window.)
fn younger(samples: &Distribution, expected: impl Fn(f64) -> f64) -> f64 {
    let all = samples.count().max(1) as f64;
    let (mut seen, mut greatest) = (0, 0.0_f64);
    for step in samples.histogram().iter_recorded() {
        seen += step.count_at_value();
        greatest = greatest.max(seen as f64 / all - expected(step.value_iterated_to() as f64));
    }
    greatest
}

fn empty(lab: &Lab<'_>) -> Result<Finding, Halt> {
    Ok(judge_empty(&*trial(lab)?))
}

fn judge_empty(trial: &Measured) -> Finding {
    let expected = empty_share(PER_S, INTERVAL_NS);
    let polls = trial.facts.workers.counters.get(Counter::Answered);
    // As reports have it.
    let measured = trial.record().figures.number("empty_poll_share");
    Finding::of(vec![
        Quantity::near(
            format!("of {polls} polls"),
            expected,
            measured,
            three_sigma(expected, polls),
            percent,
        )
        .inexcusable_if(true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;
    use crate::pace::Rng;

    fn polled(freshness: impl Fn(f64) -> f64, empties: u64) -> Measured {
        let mut measured = measured(PatternKind::ShortPoll);
        let mut recorder = Recorder::new();
        let mut rng = Rng::new(3, 0);
        for _ in 0..2_000 {
            recorder.record(Metric::Freshness, freshness(rng.unit()) as u64);
            recorder.record(Metric::Service, 200_000);
        }
        recorder.count(Counter::Answered, 10_000);
        recorder.count(Counter::EmptyPolls, empties);
        measured.facts.workers = recorder.snapshot();
        measured
    }

    #[test]
    fn freshness_must_be_uniform_over_the_interval() {
        let uniform = |u: f64| 100_000.0 + u * INTERVAL_NS;
        for (freshness, holds, why) in [
            (&uniform as &dyn Fn(f64) -> f64, true, "uniform"),
            (&|u| uniform(u) + 40e6, false, "everything 40 ms later"),
            (&|u| uniform(u) * 0.9, false, "a shorter interval"),
            (&|u| uniform((u * 8.0).round() / 8.0), false, "clients in step"),
            (&|_| uniform(0.5), false, "averages in place of samples"),
        ] {
            assert_eq!(judge_uniform(&polled(freshness, 0)).holds(), holds, "{why}");
        }
        let mut losing = polled(uniform, 0);
        losing.facts.workers.ledger.lost = 1;
        assert!(!judge_uniform(&losing).holds(), "lost ones have no age");
    }

    #[test]
    fn news_that_is_too_young_has_no_excuse_and_news_that_is_too_old_has() {
        // Gaps of 0.3 T and 1.7 T in turn: late polls, which come all the same.
        let late = |u: f64| {
            let at = u * 2.0 * INTERVAL_NS;
            if at < 0.3 * INTERVAL_NS { at } else { at - 0.3 * INTERVAL_NS }
        };
        for (freshness, excused, why) in [
            (&(|u: f64| u * INTERVAL_NS) as &dyn Fn(f64) -> f64, true, "no way at all"),
            (&|u| u * INTERVAL_NS + 40e6, true, "everything 40 ms later"),
            (&|u| u * INTERVAL_NS * 1.2, true, "a longer interval"),
            (&late, true, "late polls"),
            (&|u| u * INTERVAL_NS * 0.9, false, "a shorter interval"),
            (&|u| u * INTERVAL_NS - 40e6, false, "stamps of 40 ms ago"),
            (&|_| 0.5 * INTERVAL_NS, false, "averages in place of samples"),
            (&|u| if u < 0.05 { 0.0 } else { u * INTERVAL_NS }, false, "some have no age"),
        ] {
            assert_eq!(judge_uniform(&polled(freshness, 0)).inexcusable(), !excused, "{why}");
        }
    }

    #[test]
    fn empty_polls_must_be_as_many_as_theory_says() {
        // e^(−0.5) of 10,000 polls, give or take three deviations of 49.
        for (empties, holds) in [(6_065, true), (5_930, true), (6_300, false), (5_500, false)] {
            assert_eq!(judge_empty(&polled(|u| u, empties)).holds(), holds, "{empties}");
        }
    }
}
