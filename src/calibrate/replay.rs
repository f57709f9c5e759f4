//! Lindley replay (5): the queue that the target reports, recomputed from the schedule, must never be slower than the
//! measurement, and hardly faster.

use std::collections::HashMap;

use super::Experiment;
use super::finding::{Finding, Quantity, time};
use super::lab::{Halt, Lab};
use super::queue::{floor, services, trials};
use crate::measure::{Metric, RequestSample};
use crate::plan::Plan;

/// Experiment 5.
pub(super) const LINDLEY: Experiment = Experiment {
    id: 5,
    name: "Lindley replay of the M/M/1 queue",
    proves: "Each measured response is the simulated one plus a small overhead: never less, and the \
             little is the way there and back.",
    quick: true,
    // It looks at the trials of experiment 3.
    seconds: [1.0, 1.0],
    run,
};

/// What generator and machine may add to a request at p99, beyond the floor.
const SLIP_NS: f64 = 200e3;

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let floor = floor(lab)?;
    let floor = floor.samples(Metric::Response).and_then(|floor| floor.quantile(0.99));
    let service = 1e6;
    let floor_ns = floor.map_or(0.0, |ns| (ns as f64 - service).max(0.0));
    let replayed = trials(lab, true)?
        .iter()
        .map(|(plan, trial)| replay(&seeded(plan), &trial.facts.samples.requests))
        .collect::<Vec<_>>();
    Ok(judge(&replayed, floor_ns))
}

/// The places of each service time in the order of arrival: nearly always one.
type Places = HashMap<u64, Vec<usize>>;

fn seeded(plan: &Plan) -> Places {
    let window = plan.window().end as f64 / 1e9;
    let crate::scenario::Pattern::Request(options) = &plan.scenario.cases[0].pattern else {
        return Places::new();
    };
    // More than can arrive.
    let most = (1.5 * options.rate.per_s() * window) as usize;
    let mut places = Places::new();
    for (place, service_ns) in services(plan).take(most).enumerate() {
        places.entry(service_ns).or_default().push(place);
    }
    places
}

/// The result of replaying one trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Replay {
    /// Requests with both their own and the server's stamps.
    samples: usize,
    /// Samples with a service time that was not seeded.
    foreign: usize,
    /// Response minus wait and service of the replay by due stamps, in nanoseconds.
    residuals: Vec<i64>,
    /// The same for the replay by sent stamps, which excludes the generator's lateness (slip accounts for that).
    from_sent: Vec<i64>,
}

/// Replays the queue over `samples`, in the order in which the server took them: the order of their service times in the
/// seeded sequence. A time that was drawn twice takes the place closest to its neighbours in time.
///
/// The replay begins with the first request that found the server idle, because earlier waits are unknown.
fn replay(places: &Places, samples: &[RequestSample]) -> Replay {
    let mut taken: Vec<(usize, &RequestSample, u64)> = Vec::with_capacity(samples.len());
    let mut replay = Replay { samples: samples.len(), ..Replay::default() };
    let mut ambiguous = Vec::new();
    for sample in samples {
        let known = sample.server_service_ns.and_then(|ns| Some((places.get(&ns)?.as_slice(), ns)));
        match known {
            Some(([place], service_ns)) => taken.push((*place, sample, service_ns)),
            Some((several, service_ns)) => ambiguous.push((several, sample, service_ns)),
            None => replay.foreign += 1,
        }
    }
    let mut by_time: Vec<(u64, usize)> =
        taken.iter().map(|(place, sample, _)| (sample.due_ns, *place)).collect();
    by_time.sort_unstable();
    for (several, sample, service_ns) in ambiguous {
        let after = by_time.partition_point(|(due_ns, _)| *due_ns < sample.due_ns);
        let near = by_time.get(after).or(by_time.last()).map_or(0, |(_, place)| *place);
        let place = several.iter().min_by_key(|place| place.abs_diff(near));
        taken.extend(place.map(|place| (*place, sample, service_ns)));
    }
    taken.sort_unstable_by_key(|(place, ..)| *place);
    let idle = |(_, sample, _): &&(usize, &RequestSample, u64)| sample.server_queue_ns != Some(0);
    let begin = taken.iter().take_while(idle).count();
    let (mut free_ns, mut free_of_sent_ns) = (0, 0);
    for (_, sample, service_ns) in &taken[begin..] {
        free_ns = free_ns.max(sample.due_ns) + service_ns;
        free_of_sent_ns = free_of_sent_ns.max(sample.sent_ns.unwrap_or(sample.due_ns)) + service_ns;
        replay.residuals.push(sample.done_ns as i64 - free_ns as i64);
        replay.from_sent.push(sample.done_ns as i64 - free_of_sent_ns as i64);
    }
    replay
}

fn judge(replays: &[Replay], floor_ns: f64) -> Finding {
    let sum = |of: fn(&Replay) -> usize| replays.iter().map(of).sum::<usize>();
    let ascending = |of: fn(&Replay) -> &[i64]| {
        let mut all: Vec<i64> =
            replays.iter().flat_map(|replay| of(replay).iter().copied()).collect();
        all.sort_unstable();
        all
    };
    let (residuals, from_sent) = (ascending(|r| &r.residuals), ascending(|r| &r.from_sent));
    let at = |residuals: &[i64], q: f64| {
        let rank = (q * residuals.len() as f64).ceil() as usize;
        residuals.get(rank.max(1) - 1).map(|ns| *ns as f64)
    };
    let (samples, foreign) = (sum(|r| r.samples), sum(|r| r.foreign));
    let n = residuals.len() as f64;
    Finding::of(vec![
        Quantity::at_least("requests replayed", 0.95 * samples as f64, Some(n), |n| {
            format!("{}", n.ceil())
        }),
        Quantity::at_most("served by no seeded time", 0.0, Some(foreign as f64), |n| n.to_string()),
        Quantity::at_least("least residual", 0.0, at(&residuals, 0.0), time).inexcusable_if(true),
        Quantity::at_most(
            "residual of what was sent, p99 (floor + 200 µs)",
            SLIP_NS + floor_ns,
            at(&from_sent, 0.99),
            time,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Rng;

    const FLOOR: u64 = 120_000;

    /// Requests through one server, as they would be measured where nothing is wrong.
    fn queue() -> (Places, Vec<RequestSample>) {
        let mut rng = Rng::new(4, 0);
        let (mut at, mut free) = (1e9, 0_u64);
        let mut places = Places::new();
        let mut services: Vec<u64> = Vec::new();
        let sample = |n: usize| {
            at += rng.exponential() * 1.43e6;
            let (due_ns, mut service_ns) = (at as u64, (rng.exponential() * 1e6) as u64);
            if n % 100 == 99 {
                // Drawn before, a long time ago.
                service_ns = services[n - 50];
            }
            services.push(service_ns);
            places.entry(service_ns).or_default().push(n);
            // It arrives a little later than due.
            let begin = free.max(due_ns + 50_000);
            free = begin + service_ns;
            RequestSample {
                call: None,
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
