//! Lindley replay (5): the queue that the target says it was, computed again from the schedule, must never be slower than
//! what was measured, and hardly faster.

use std::collections::HashMap;

use super::Experiment;
use super::finding::{Finding, Quantity, time};
use super::lab::{Halt, Lab};
use super::queue::{floor, services, trials};
use crate::measure::{Metric, RequestSample};
use crate::plan::Plan;

/// Experiment 5.
pub const LINDLEY: Experiment = Experiment {
    id: 5,
    name: "Lindley replay of the M/M/1 queue",
    proves: "Request by request, what was measured is what the server did to it and a little more: nothing less, and the \
             little is the way there and back.",
    quick: true,
    // It looks at the trials of experiment 3.
    seconds: [1.0, 1.0],
    run,
};

/// What generator and machine may add to a request at the 99th percentile, beside the floor.
const SLIP_NS: f64 = 200e3;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let floor = floor(lab)?;
    let floor = floor.samples(Metric::Response).and_then(|floor| floor.quantile(0.99));
    let service = 1e6;
    let floor_ns = floor.map_or(0.0, |ns| (ns as f64 - service).max(0.0));
    let replayed = trials(lab, true)?
        .iter()
        .map(|(plan, trial)| replay(&seeded(plan), &trial.facts.samples))
        .collect::<Vec<_>>();
    Ok(judge(&replayed, floor_ns))
}

/// The place of each service time in the order of arrival; a time that occurs twice has no place.
fn seeded(plan: &Plan) -> HashMap<u64, usize> {
    let window = plan.window().end as f64 / 1e9;
    let crate::scenario::Pattern::Request(options) = &plan.scenario.cases[0].pattern else {
        return HashMap::new();
    };
    // More than can arrive.
    let most = (1.5 * options.rate.per_s() * window) as usize;
    let mut places = HashMap::new();
    let mut twice = Vec::new();
    for (place, service_ns) in services(plan).take(most).enumerate() {
        if places.insert(service_ns, place).is_some() {
            twice.push(service_ns);
        }
    }
    for service_ns in twice {
        places.remove(&service_ns);
    }
    places
}

/// What a replay of one trial came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Replay {
    /// Requests with stamps of their own and of the server.
    samples: usize,
    /// Those of them whose service time is none that was seeded.
    foreign: usize,
    /// Response less waiting and service of the replay, ascending, in nanoseconds.
    residuals: Vec<i64>,
}

/// Replays the queue over `samples`, in the order in which the server took them: the order of their service times in the
/// seeded sequence.
///
/// Begins with the first request that found the server idle by its own word; what waited before it is not known.
fn replay(places: &HashMap<u64, usize>, samples: &[RequestSample]) -> Replay {
    let mut taken: Vec<(usize, &RequestSample, u64)> = Vec::with_capacity(samples.len());
    let mut replay = Replay { samples: samples.len(), ..Replay::default() };
    for sample in samples {
        let place = sample.server_service_ns.and_then(|ns| Some((*places.get(&ns)?, ns)));
        match place {
            Some((place, service_ns)) => taken.push((place, sample, service_ns)),
            None => replay.foreign += 1,
        }
    }
    taken.sort_unstable_by_key(|(place, ..)| *place);
    let idle = |(_, sample, _): &&(usize, &RequestSample, u64)| sample.server_queue_ns != Some(0);
    let begin = taken.iter().take_while(idle).count();
    let mut free_ns = 0;
    for (_, sample, service_ns) in &taken[begin..] {
        free_ns = free_ns.max(sample.due_ns) + service_ns;
        replay.residuals.push(sample.done_ns as i64 - free_ns as i64);
    }
    replay.residuals.sort_unstable();
    replay
}

fn judge(replays: &[Replay], floor_ns: f64) -> Finding {
    let mut residuals: Vec<i64> =
        replays.iter().flat_map(|r| r.residuals.iter().copied()).collect();
    residuals.sort_unstable();
    let samples: usize = replays.iter().map(|replay| replay.samples).sum();
    let foreign: usize = replays.iter().map(|replay| replay.foreign).sum();
    let n = residuals.len();
    let at = |q: f64| {
        let rank = (q * n as f64).ceil() as usize;
        residuals.get(rank.max(1) - 1).map(|ns| *ns as f64)
    };
    // A service time that was drawn twice tells no order: one in thousands.
    let most = (samples as f64 * 0.005).ceil();
    Finding::of(vec![
        Quantity::at_least("requests replayed", 0.95 * samples as f64, Some(n as f64), |n| {
            format!("{}", n.ceil())
        }),
        Quantity::at_most("served by no seeded time", most, Some(foreign as f64), |n| {
            n.to_string()
        }),
        Quantity::at_least("least residual", 0.0, at(0.0), time).inexcusable_if(true),
        Quantity::at_most("residual, p99 (floor + 200 µs)", SLIP_NS + floor_ns, at(0.99), time),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Rng;

    const FLOOR: u64 = 120_000;

    /// Requests through one server, as they would be measured where nothing is wrong.
    fn queue() -> (HashMap<u64, usize>, Vec<RequestSample>) {
        let mut rng = Rng::new(4, 0);
        let (mut at, mut free) = (1e9, 0_u64);
        let mut places = HashMap::new();
        let sample = |n: usize| {
            at += rng.exponential() * 1.43e6;
            let (due_ns, mut service_ns) = (at as u64, (rng.exponential() * 1e6) as u64);
            while places.contains_key(&service_ns) {
                service_ns += 1;
            }
            places.insert(service_ns, n);
            // It arrives a little later than due.
            let begin = free.max(due_ns + 50_000);
            free = begin + service_ns;
            RequestSample {
                link: n as u64,
                seq: 1,
                due_ns,
                fired_ns: due_ns + 20_000,
                sent_ns: Some(due_ns + 30_000),
                first_ns: Some(free + 50_000),
                done_ns: free + 70_000,
                status: Some(200),
                error: None,
                server_queue_ns: Some(begin - due_ns - 50_000),
                server_service_ns: Some(service_ns),
            }
        };
        let samples = (0..2_000).map(sample).collect();
        (places, samples)
    }

    type Harm = fn(&mut RequestSample);

    #[test]
    fn a_residual_is_neither_negative_nor_long() {
        let harms: [(Harm, bool, &str); 6] = [
            (|_| (), true, "as it was"),
            (
                |s| s.done_ns = s.done_ns / 1_000_000 * 1_000_000,
                false,
                "stamps of whole milliseconds",
            ),
            (|s| s.done_ns += 400_000, false, "everything late"),
            (|s| s.done_ns -= 200_000, false, "everything early"),
            (|s| s.server_service_ns = Some(7), false, "service times of its own"),
            (|s| s.server_service_ns = None, false, "no word of the server"),
        ];
        for (harm, holds, why) in harms {
            let (places, mut samples) = queue();
            samples.iter_mut().for_each(harm);
            let finding = judge(&[replay(&places, &samples)], FLOOR as f64);
            assert_eq!(finding.holds(), holds, "{why}: {finding:?}");
        }
        let (places, _) = queue();
        assert!(!judge(&[replay(&places, &[])], FLOOR as f64).holds(), "nothing was kept");
    }

    #[test]
    fn the_order_of_the_samples_does_not_matter() {
        let (places, mut samples) = queue();
        let before = replay(&places, &samples);
        Rng::new(1, 1).shuffle(&mut samples);
        assert_eq!(replay(&places, &samples), before);
    }
}
