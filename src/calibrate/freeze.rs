//! A target that freezes once: an open loop must show it (1), a closed loop hides it (2), and nothing may get lost at the
//! window's end (17).

use std::rc::Rc;

use super::Experiment;
use super::closed::frozen;
use super::finding::{Finding, Quantity, percent, time};
use super::lab::{Halt, Lab, Measured, scenario_text, secs};
use crate::measure::{Counter, Metric};
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::PatternKind;

/// Experiment 1.
pub(super) const OPEN: Experiment = Experiment {
    id: 1,
    name: "a freeze in an open loop",
    proves: "A frozen server delays every request due during the freeze, and each is counted with all \
             its waiting time: no coordinated omission.",
    quick: true,
    seconds: [12.0, 63.0],
    run: open,
};

/// Experiment 2.
pub(super) const CLOSED: Experiment = Experiment {
    id: 2,
    name: "the same freeze in a closed loop of 10",
    proves: "What a closed loop hides of the same freeze: each client is delayed once, and the requests it would have sent \
             meanwhile are never sent.",
    quick: false,
    seconds: [24.0, 63.0],
    run: closed,
};

/// Experiment 17.
pub(super) const AT_THE_END: Experiment = Experiment {
    id: 17,
    name: "a freeze beyond the window's end",
    proves: "Requests in flight at the end of the window are awaited and counted: none is dropped for being slow.",
    quick: true,
    seconds: [6.5, 12.5],
    run: at_the_end,
};

/// Requests per second over all clients.
const RATE: f64 = 400.0;
/// Service time of the single server, which makes its utilisation known.
const SERVICE_S: f64 = 200e-6;
/// Clients of the closed loop.
const LOOPS: u64 = 10;

/// A freeze and its window, in seconds.
#[derive(Debug, Clone, Copy)]
struct Freeze {
    at: f64,
    length: f64,
    window: f64,
}

const fn once(lab: &Lab<'_>) -> Freeze {
    lab.either(
        Freeze { at: 3.0, length: 0.5, window: 10.0 },
        Freeze { at: 20.0, length: 1.0, window: 60.0 },
    )
}

fn faults(freeze: Freeze) -> String {
    format!(
        "[faults]\nfreeze_at = \"{}s\"\nfreeze_for = \"{}s\"\nservice = \"{}us\"\n[target]\nshards = 1\n",
        freeze.at,
        freeze.length,
        SERVICE_S * 1e6
    )
}

/// Four clients at constant gaps: the number of requests that a freeze meets is then known to within one or two, where
/// Poisson arrivals would add their own spread to the quantiles.
fn open_loop(freeze: Freeze) -> String {
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"1s\"\n[workload]\nclients = 4\n[request]\nrate = \"{RATE}/s\"\narrivals = \"constant\"\n{}",
        faults(freeze)
    );
    scenario_text("freeze", PatternKind::Request, freeze.window, &tables)
}

fn open_trial(lab: &Lab<'_>) -> Result<Rc<Measured>, Halt> {
    lab.trial(&open_loop(once(lab)))
}

fn open(lab: &Lab<'_>) -> Result<Finding, Halt> {
    Ok(judge_open(&*open_trial(lab)?, once(lab)))
}

fn expected(freeze: Freeze, q: f64, base_ns: f64) -> f64 {
    frozen(secs(freeze.length), secs(freeze.window), RATE * SERVICE_S, q, base_ns)
}

fn judge_open(trial: &Measured, freeze: Freeze) -> Finding {
    let base = trial.headline_ns(0.5).unwrap_or(0.0);
    let tolerance = 0.02 * secs(freeze.length);
    let quantities =
        [(0.97, "p97"), (0.99, "p99"), (0.995, "p99.5"), (0.999, "p99.9")].map(|(q, name)| {
            let (truth, measured) = (expected(freeze, q, base), trial.headline_ns(q));
            Quantity::near(name, truth, measured, tolerance, time)
                .inexcusable_if(measured.is_none_or(|measured| measured < truth))
        });
    let affected = freeze.length / freeze.window;
    let points = (0..=40).filter_map(|step| {
        let q = 1.0 - 1.5 * affected * f64::from(40 - step) / 40.0;
        let (expected, measured) = (expected(freeze, q, base), trial.headline_ns(q)?);
        Some(PlotPoint { x: q * 100.0 - 100.0 + 150.0 * affected, expected, measured })
    });
    let plot = Plot {
        title: format!(
            "Response with a freeze of {} in {}",
            time(secs(freeze.length)),
            time(secs(freeze.window))
        ),
        x: (
            format!("percentile, counted from {}", percent(1.0 - 1.5 * affected)),
            PlotUnit::Number,
        ),
        y: ("response".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    Finding { quantities: quantities.to_vec(), plot: Some(plot), undecided: None }
}

fn closed(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let freeze = once(lab);
    let think_us = LOOPS as f64 / RATE * 1e6;
    let tables = format!(
        "connect = \"50ms\"\nwarmup = \"1s\"\n[workload]\nclients = {LOOPS}\n[request]\nloop = \"closed\"\nthink = \"{think_us}us\"\n{}",
        faults(freeze)
    );
    let text = scenario_text("freeze-closed", PatternKind::Request, freeze.window, &tables);
    let trial = lab.trial(&text)?;
    Ok(judge_closed(&trial, &*open_trial(lab)?, freeze))
}

fn judge_closed(trial: &Measured, open: &Measured, freeze: Freeze) -> Finding {
    let (q, name) = if freeze.window > 30.0 { (0.999, "p99.9") } else { (0.99, "p99") };
    let truth = expected(freeze, q, 0.0);
    let slow_ns = 0.5 * secs(freeze.length);
    let slow = |measured: &Measured| above(measured, slow_ns);
    let waiting = RATE * (secs(freeze.length) - slow_ns) / 1e9;
    Finding::of(vec![
        Quantity::at_most(
            format!("{name} of the closed loop"),
            0.05 * truth,
            trial.headline_ns(q),
            time,
        ),
        Quantity::near(
            format!("{name} of the open loop"),
            truth,
            open.headline_ns(q),
            0.02 * secs(freeze.length),
            time,
        )
        .inexcusable_if(open.headline_ns(q).is_none_or(|ns| ns < truth)),
        Quantity::near("slow ones, closed", LOOPS as f64, Some(slow(trial)), 1.0, |n| {
            n.to_string()
        }),
        Quantity::near(
            "slow ones, open",
            waiting / (1.0 - RATE * SERVICE_S),
            Some(slow(open)),
            0.05 * waiting,
            |n| n.round().to_string(),
        ),
    ])
}

/// Requests that took longer than `ns`.
fn above(trial: &Measured, ns: f64) -> f64 {
    let Some(samples) = trial.samples(Metric::Response) else { return 0.0 };
    let steps = samples.histogram().iter_recorded();
    let slow = steps.filter(|step| step.value_iterated_to() as f64 > ns);
    slow.map(|step| step.count_at_value() as f64).sum()
}

fn at_the_end(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(4.0, 10.0);
    let freeze = Freeze { at: window - 0.5, length: 1.0, window };
    Ok(judge_end(&*lab.trial(&open_loop(freeze))?, freeze))
}

fn judge_end(trial: &Measured, freeze: Freeze) -> Finding {
    let counters = &trial.facts.workers.counters;
    let (due, answered) = (RATE * freeze.window, counters.get(Counter::Answered));
    let inside = freeze.window - freeze.at;
    let counted = trial.samples(Metric::Response).map_or(0, crate::measure::Distribution::count);
    // Whoever was due before the end waited for the rest of the freeze, which lasts beyond it.
    let least = secs(freeze.length - inside);
    let tolerance = 0.03 * secs(freeze.length);
    Finding::of(vec![
        Quantity::exactly("requests due", due as u64, counters.get(Counter::Scheduled)),
        Quantity::exactly("answered", due as u64, answered),
        Quantity::exactly("in the distribution", due as u64, counted),
        Quantity::near(
            "that met the freeze",
            RATE * inside,
            Some(above(trial, 0.95 * least)),
            4.0,
            |n| n.to_string(),
        ),
        Quantity::near("longest", secs(freeze.length), trial.headline_ns(1.0), tolerance, time),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::measure::Recorder;

    const FREEZE: Freeze = Freeze { at: 3.0, length: 0.5, window: 10.0 };

    /// What requests at constant gaps wait for that meet the freeze, in nanoseconds.
    fn waits(freeze: Freeze, until: f64) -> impl Iterator<Item = u64> {
        let n = (RATE * until) as u32;
        (0..n).map(move |k| {
            let past = (f64::from(k) + 0.5) / RATE - freeze.at;
            let late = freeze.length - past * (1.0 - RATE * SERVICE_S);
            (secs(if past >= 0.0 && late > 0.0 { late } else { 0.0 }) + 350e3) as u64
        })
    }

    fn trial(responses: impl Iterator<Item = u64>, due: u64) -> Measured {
        let mut measured = measured(PatternKind::Request);
        let mut recorder = Recorder::new();
        for ns in responses {
            recorder.record(Metric::Response, ns);
            recorder.count(Counter::Answered, 1);
        }
        recorder.count(Counter::Scheduled, due);
        measured.facts.workers = recorder.snapshot();
        measured
    }

    fn frozen() -> impl Iterator<Item = u64> {
        waits(FREEZE, FREEZE.window)
    }

    /// What a closed loop of ten would have recorded.
    fn looped() -> impl Iterator<Item = u64> {
        (0..3_800_u64).map(|n| if n < LOOPS { 480_000_000 + n } else { 400_000 })
    }

    #[test]
    fn an_open_loop_must_show_the_whole_freeze() {
        let whole = |ns: u64| ns / 1_000_000_000 * 1_000_000_000;
        let judged = |trial: Measured| judge_open(&trial, FREEZE).holds();
        assert!(judged(trial(frozen(), 4_000)), "as theory says");
        assert!(!judged(trial(looped(), 4_000)), "coordinated omission");
        assert!(
            !judged(trial(frozen().map(|ns| ns.min(300_000_000)), 4_000)),
            "the slowest dropped"
        );
        assert!(!judged(trial(frozen().map(whole), 4_000)), "stamps of whole seconds");
        assert!(!judged(trial(frozen().map(|_| 350_000), 4_000)), "due is when it was sent");
        assert!(!judged(trial(std::iter::empty(), 4_000)), "nothing at all");
    }

    #[test]
    fn a_closed_loop_must_hide_it_and_the_open_one_beside_must_not() {
        let judged =
            |closed: Measured, open: Measured| judge_closed(&closed, &open, FREEZE).holds();
        assert!(judged(trial(looped(), 0), trial(frozen(), 0)));
        assert!(!judged(trial(frozen(), 0), trial(frozen(), 0)), "a loop that is open");
        assert!(!judged(trial(looped(), 0), trial(looped(), 0)), "two closed loops");
    }

    #[test]
    fn requests_in_flight_at_the_end_must_be_counted() {
        let freeze = Freeze { at: 3.5, length: 1.0, window: 4.0 };
        let all: Vec<u64> = waits(freeze, freeze.window).collect();
        let judged =
            |kept: &[u64], due: u64| judge_end(&trial(kept.iter().copied(), due), freeze).holds();
        assert!(judged(&all, 1_600));
        let in_time: Vec<u64> = all.iter().copied().filter(|ns| *ns < 400_000_000).collect();
        assert!(!judged(&in_time, 1_600), "dropped at the end");
        assert!(!judged(&in_time, in_time.len() as u64), "and not even scheduled");
        assert!(!judged(&all[..1_599], 1_600), "one is missing");
        let cut: Vec<u64> = all.iter().map(|ns| (*ns).min(500_000_000)).collect();
        assert!(!judged(&cut, 1_600), "waited for until the window's end only");
    }
}
