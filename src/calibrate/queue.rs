//! Queues in front of one server: M/M/1 (3) and M/D/1 (4).
//!
//! By chance alone the mean of such a queue over ten seconds is off by 7 % (one standard deviation). But arrivals and
//! service times are seeded, so Lindley's recursion gives the path of a trial beforehand. The trials run the seeds of
//! `QUICK` and `FULL`, whose *simulated* paths have mean and percentiles close to the closed form. These representative
//! samples reduce the variance and hide nothing, because target and generator still have to carry them out.

use std::rc::Rc;

use super::Experiment;
use super::closed::Queue;
use super::finding::{Finding, Quantity, percent, time};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::measure::{Distribution, Metric};
use crate::pace::Schedule;
use crate::plan::Plan;
use crate::report::{Plot, PlotPoint, PlotUnit};
use crate::scenario::{Pattern, PatternKind, service_times};

/// Experiment 3.
pub(super) const EXPONENTIAL: Experiment = Experiment {
    id: 3,
    name: "M/M/1 at 70 %",
    proves: "Queueing delay is measured completely, from mean to tail.",
    quick: true,
    seconds: [16.5, 76.0],
    run: |lab| run(lab, true),
};

/// Experiment 4.
pub(super) const FIXED: Experiment = Experiment {
    id: 4,
    name: "M/D/1 at 70 %",
    proves: "The same with constant service time: half the queueing delay.",
    quick: false,
    seconds: [16.5, 76.0],
    run: |lab| run(lab, false),
};

/// Clients: each waits for its own response, so many are needed for some to be free.
pub(super) const CLIENTS: u64 = 200;
/// Arrivals per second, and the mean service time.
const RATE: f64 = 700.0;
const SERVICE_NS: f64 = 1e6;

/// Windows in seconds, and seeds of scenarios with representative paths: M/M/1, M/D/1.
const QUICK: (f64, [&[u64]; 2]) = (8.0, [&[89_420], &[59_544]]);
const FULL: (f64, [&[u64]; 2]) = (30.0, [&[24_747, 9_872], &[19_472, 14_162]]);

/// Tolerance of a representative path against the closed form: mean, p50, p90, p99.
const REPRESENTATIVE: f64 = 0.003;
/// Tolerance of the measurement: mean, p50, p90, p99.
const TOLERANCE: [f64; 4] = [0.02, 0.04, 0.04, 0.06];

/// The quantiles that are compared.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

const fn theory(exponential: bool) -> Queue {
    Queue { per_s: RATE, service_ns: SERVICE_NS, exponential }
}

/// The scenario of a queue; `faults` continue the table.
fn text(name: &str, window: f64, faults: &str) -> String {
    // Room for twice the expected number of raw samples.
    let samples = (2.0 * RATE * window) as u64;
    let tables = format!(
        "connect = \"200ms\"\nwarmup = \"1s\"\n[workload]\nclients = {CLIENTS}\n[request]\nrate = \"{RATE}/s\"\n\
         [target]\nshards = 1\n[worker]\nsamples = {samples}\n[faults]\nservice = \"1ms\"\n{faults}"
    );
    scenario_text(name, PatternKind::Request, window, &tables)
}

fn queue(exponential: bool, window: f64, seed: u64) -> String {
    let (name, distribution) = if exponential { ("mm1", "exponential") } else { ("md1", "fixed") };
    let text = text(name, window, &format!("distribution = \"{distribution}\"\n"));
    format!("seed = {seed}\n{text}")
}

/// The trials of a queue; each is run once however many experiments look at it.
pub(super) fn trials(lab: &Lab<'_>, exponential: bool) -> Result<Vec<(Plan, Rc<Measured>)>, Halt> {
    let (window, seeds) = lab.either(QUICK, FULL);
    let seeds = seeds[usize::from(!exponential)];
    let trial = |seed: &u64| {
        let text = queue(exponential, window, *seed);
        Ok((lab.plan(&text)?, lab.trial(&text)?))
    };
    seeds.iter().map(trial).collect()
}

/// Runs the same load without queueing: its response minus the service time is the floor.
pub(super) fn floor(lab: &Lab<'_>) -> Result<Rc<Measured>, Halt> {
    lab.trial(&text("floor", lab.either(3.0, 8.0), "servers = \"unlimited\"\n"))
}

fn run(lab: &Lab<'_>, exponential: bool) -> Result<Finding, Halt> {
    let floor = floor(lab)?;
    let (mut all, mut off) = (Distribution::new(), 0.0_f64);
    for (plan, trial) in trials(lab, exponential)? {
        off = deviations(&plan, exponential).into_iter().map(f64::abs).fold(off, f64::max);
        if let Some(samples) = trial.samples(Metric::Response) {
            all.merge(samples);
        }
    }
    let floor = floor.samples(Metric::Response);
    let beyond = |ns: Option<f64>| ns.map_or(0.0, |ns| (ns - SERVICE_NS).max(0.0));
    let floor_mean = beyond(floor.and_then(Distribution::mean));
    let floor_median = beyond(floor.and_then(|floor| floor.quantile(0.5)).map(|ns| ns as f64));
    let mut finding = judge(&all, exponential, floor_mean, floor_median);
    finding.quantities.push(Quantity::at_most(
        "simulated paths are off by",
        REPRESENTATIVE,
        Some(off),
        percent,
    ));
    Ok(finding)
}

fn judge(all: &Distribution, exponential: bool, floor_mean: f64, floor_median: f64) -> Finding {
    let theory = theory(exponential);
    let mean = theory.mean_ns();
    let near =
        |name: &str, expected: f64, floor: f64, measured: Option<f64>, share: f64| Quantity {
            tolerance: format!("±{} %", share * 100.0),
            ..Quantity::near(name, expected + floor, measured, expected * share, time)
                // A result faster than theory is wrong at any floor.
                .inexcusable_if(measured.is_none_or(|ns| ns < expected * (1.0 - share)))
        };
    let mut quantities = vec![near("mean", mean, floor_mean, all.mean(), TOLERANCE[0])];
    for ((q, name), share) in QUANTILES.into_iter().zip(&TOLERANCE[1..]) {
        let measured = all.quantile(q).map(|ns| ns as f64);
        quantities.push(near(name, theory.quantile_ns(q), floor_median, measured, *share));
    }
    let points = (1..=99).filter_map(|percentile| {
        let q = f64::from(percentile) / 100.0;
        let (expected, measured) = (theory.quantile_ns(q) + floor_median, all.quantile(q)? as f64);
        Some(PlotPoint { x: f64::from(percentile), expected, measured })
    });
    let kind = if exponential { "M/M/1" } else { "M/D/1" };
    let plot = Plot {
        title: format!("{kind} at 70 %, {} of service: response by percentile", time(SERVICE_NS)),
        x: ("percentile".to_owned(), PlotUnit::Percentile),
        y: ("response".to_owned(), PlotUnit::Time),
        points: points.collect(),
    };
    Finding { quantities, plot: Some(plot), undecided: None }
}

/// A request of a path: arrival, service time and completion, in nanoseconds from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a unit stands last in every name")]
pub(super) struct Step {
    /// Arrival.
    pub due_ns: u64,
    /// Service time.
    pub service_ns: u64,
    /// Completion.
    pub done_ns: u64,
}

/// The service times of a plan's first trial, in the order in which its scheduled requests arrive.
pub(super) fn services(plan: &Plan) -> impl Iterator<Item = u64> {
    let case = &plan.scenario.cases[plan.trials[0].case];
    // Every client creates its item first.
    service_times(plan.trials[0].seed, &case.faults).skip(case.workload.clients as usize)
}

/// The path that the first trial of `plan` takes, warm-up and all, by Lindley's recursion on its seeded schedules.
pub(super) fn path(plan: &Plan) -> Vec<Step> {
    let trial = &plan.trials[0];
    let case = &plan.scenario.cases[trial.case];
    let Pattern::Request(options) = &case.pattern else { return Vec::new() };
    // The links' view: every client has its own schedule.
    let schedule = Schedule {
        topics: case.workload.clients,
        per_s: options.rate.per_s() / case.workload.clients as f64,
        process: options.arrivals,
        ..plan.schedule(trial)
    };
    let mut free_ns = 0;
    let arrivals = schedule.publications(0, 1).map(|request| request.offset_ns);
    let step = |(due_ns, service_ns): (u64, u64)| {
        free_ns = free_ns.max(due_ns) + service_ns;
        Step { due_ns, service_ns, done_ns: free_ns }
    };
    arrivals.zip(services(plan)).map(step).collect()
}

/// Returns the relative deviations of a path's mean, p50, p90 and p99 from the closed form, in the window of `plan`.
fn deviations(plan: &Plan, exponential: bool) -> [f64; 4] {
    let (theory, window) = (theory(exponential), plan.window());
    let mut responses: Vec<u64> = path(plan)
        .iter()
        .filter(|step| window.contains(&step.due_ns))
        .map(|step| step.done_ns - step.due_ns)
        .collect();
    responses.sort_unstable();
    let n = responses.len().max(1) as f64;
    let mean = responses.iter().sum::<u64>() as f64 / n;
    let at = |q: f64| {
        let rank = (q * n).ceil() as usize;
        responses.get(rank.saturating_sub(1)).map_or(0.0, |ns| *ns as f64)
    };
    let quantile = |n: usize| at(QUANTILES[n].0) / theory.quantile_ns(QUANTILES[n].0) - 1.0;
    [mean / theory.mean_ns() - 1.0, quantile(0), quantile(1), quantile(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::measure::Host;
    use crate::pace::Rng;
    use crate::scenario;

    fn plan(text: &str) -> Plan {
        let scenario = scenario::parse(text, "test.toml", &[], &|_| None).unwrap();
        Plan::new(scenario, &Host::read()).unwrap()
    }

    #[test]
    fn the_paths_of_the_chosen_seeds_are_representative() {
        for (window, seeds) in [QUICK, FULL] {
            for (exponential, seeds) in [true, false].into_iter().zip(seeds) {
                for seed in seeds {
                    let found = deviations(&plan(&queue(exponential, window, *seed)), exponential);
                    let near = found.iter().all(|d| d.abs() <= REPRESENTATIVE);
                    assert!(near, "{exponential} {window} s, seed {seed}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn the_measurement_must_match_the_queue() {
        let drawn = |of: &dyn Fn(f64) -> f64| {
            let mut all = Distribution::new();
            for step in 0..20_000 {
                all.record(of((f64::from(step) + 0.5) / 20_000.0) as u64);
            }
            all
        };
        let floor = 150_000.0;
        let queue = theory(true);
        let response = |u: f64| queue.quantile_ns(u) + floor;
        for (of, holds, why) in [
            (&response as &dyn Fn(f64) -> f64, true, "as theory says"),
            (&|u| response(u).min(10e6), false, "the tail is cut"),
            (&|u| (response(u) / 1e6).floor() * 1e6, false, "whole milliseconds"),
            (&|u| 0.9 * response(u), false, "a tenth is forgotten"),
            (&|_| queue.mean_ns() + floor, false, "the mean for everyone"),
        ] {
            assert_eq!(judge(&drawn(of), true, floor, floor).holds(), holds, "{why}");
        }
    }

    #[test]
    fn a_path_serves_in_order_and_never_early() {
        let plan = plan(&queue(true, 2.0, Rng::new(1, 1).below(1000)));
        let path = path(&plan);
        // 2,100 expected; five standard deviations are 229.
        assert!(path.len().abs_diff(2_100) < 229, "{}", path.len());
        assert!(
            path.windows(2).all(|w| w[0].due_ns <= w[1].due_ns && w[0].done_ns <= w[1].done_ns)
        );
        assert!(path.iter().all(|step| step.done_ns >= step.due_ns + step.service_ns));
        let busy: u64 = path.iter().map(|step| step.service_ns).sum();
        let share = busy as f64 / (3 * SECOND_NS) as f64;
        assert!((0.55..0.85).contains(&share), "{share}");
    }
}
