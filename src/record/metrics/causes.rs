//! What a case takes, by what causes it: a client that stands, a delivery, a connect.
//!
//! The idle phase shows what links take while nothing is published, and how many exchanges of upkeep that was: heartbeats, pings,
//! holds that ran out, polls. In the window the same exchanges cost as much each; what is left is the deliveries'.

use crate::measure::Counter;
use crate::record::{CpuReading, TrialFacts};

/// Fewest exchanges of upkeep in the idle phase that tell what one of them costs; with fewer, time is the measure.
const ENOUGH: u64 = 10;

fn counted(facts: &TrialFacts, counter: Counter) -> u64 {
    facts.workers.counters.get(counter)
}

fn clients(facts: &TrialFacts) -> f64 {
    facts.case.workload.clients as f64
}

fn finished(facts: &TrialFacts) -> bool {
    facts.failure.is_none()
}

/// CPU time of the target, in nanoseconds, and the time that passed, in seconds.
fn target_cpu((from, to): (CpuReading, CpuReading)) -> Option<(f64, f64)> {
    let used = to.since(&from)?;
    Some((used.target_ns? as f64, used.elapsed_ns as f64 / 1e9))
}

/// Whether the kernel tells what is on the wire.
fn wire_is_told(facts: &TrialFacts) -> bool {
    counted(facts, Counter::OpeningWireBytes) > 0
}

fn idle_cpu(facts: &TrialFacts) -> Option<(f64, f64)> {
    target_cpu(facts.resources.idle_cpu.filter(|_| finished(facts))?)
}

/// Bytes of the idle phase, and its length in seconds.
fn idle_wire(facts: &TrialFacts) -> Option<(f64, f64)> {
    let seconds = facts.phases.idle.secs();
    let told = finished(facts) && wire_is_told(facts) && seconds > 0.0;
    told.then(|| (counted(facts, Counter::IdleWireBytes) as f64, seconds))
}

fn per_client_s((amount, seconds): (f64, f64), facts: &TrialFacts) -> f64 {
    amount / seconds / clients(facts)
}

pub(super) fn idle_cpu_per_client_s(facts: &TrialFacts) -> Option<f64> {
    Some(per_client_s(idle_cpu(facts)?, facts))
}

pub(super) fn idle_wire_per_client_s(facts: &TrialFacts) -> Option<f64> {
    Some(per_client_s(idle_wire(facts)?, facts))
}

/// What upkeep took of `seconds` of the window, by what it took in the idle phase.
fn upkeep((amount, idle_s): (f64, f64), seconds: f64, facts: &TrialFacts) -> f64 {
    let (idle, window) = (counted(facts, Counter::IdleUpkeeps), counted(facts, Counter::Upkeeps));
    if idle >= ENOUGH { amount / idle as f64 * window as f64 } else { amount / idle_s * seconds }
}

/// What is `left` without the upkeep, for each delivery; nothing where chance took it.
fn added(left: f64, deliveries: u64) -> Option<f64> {
    (deliveries > 0).then(|| left.max(0.0) / deliveries as f64)
}

pub(super) fn added_cpu_per_delivery(facts: &TrialFacts) -> Option<f64> {
    let used = facts.cpu_used()?;
    let upkeep = upkeep(idle_cpu(facts)?, used.elapsed_ns as f64 / 1e9, facts);
    added(used.target_ns? as f64 - upkeep, facts.workers.ledger.delivered)
}

pub(super) fn added_wire_per_delivery(facts: &TrialFacts) -> Option<f64> {
    let bytes = counted(facts, Counter::WindowWireBytes) as f64;
    let upkeep = upkeep(idle_wire(facts)?, facts.phases.measure.secs(), facts);
    added(bytes - upkeep, counted(facts, Counter::WindowReceived))
}

/// Links stood for half of the phase on average, and cost what they cost.
pub(super) fn connect_cpu_per_link(facts: &TrialFacts) -> Option<f64> {
    let (ns, seconds) = target_cpu(facts.resources.connect_cpu.filter(|_| finished(facts))?)?;
    let standing = idle_cpu(facts).map_or(0.0, |(ns, idle_s)| ns / idle_s * seconds / 2.0);
    Some((ns - standing).max(0.0) / clients(facts))
}

pub(super) fn connect_wire_per_link(facts: &TrialFacts) -> Option<f64> {
    let bytes = counted(facts, Counter::OpeningWireBytes) as f64;
    (finished(facts) && wire_is_told(facts)).then(|| bytes / clients(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::record::synthetic::{WINDOW_S, case, facts};
    use crate::scenario::PatternKind;

    /// A trial of 100 clients whose target takes `upkeep_ns` for each of `per_s` exchanges of upkeep a second, and `event_ns`
    /// for each delivery.
    fn trial(upkeep_ns: u64, per_s: u64, event_ns: u64) -> TrialFacts {
        let mut facts = facts(&case(PatternKind::Sse, 100, ""), 1);
        let counters = &mut facts.workers.counters;
        let delivered = facts.workers.ledger.delivered;
        let bytes = counters.get(Counter::WindowWireBytes);
        counters.add(Counter::IdleUpkeeps, per_s);
        counters.add(Counter::Upkeeps, per_s * WINDOW_S);
        counters.add(Counter::IdleWireBytes, 107 * per_s);
        counters.add(Counter::WindowWireBytes, 107 * per_s * WINDOW_S);
        assert_eq!(bytes, 330 * delivered);
        let reading = |s: u64, target_ns| CpuReading {
            at_ns: s * SECOND_NS,
            target_ns: Some(target_ns),
            workers_ns: 0,
        };
        let idle = upkeep_ns * per_s;
        facts.resources.idle_cpu = Some((reading(1, 0), reading(2, idle)));
        facts.resources.connect_cpu = Some((reading(0, 0), reading(1, 100 * 50_000 + idle / 2)));
        let meters = facts.target.counters.get(Counter::MeterCpu);
        let used = WINDOW_S * idle + event_ns * delivered + meters;
        facts.resources.cpu = vec![reading(4, idle), reading(4 + WINDOW_S, idle + used)];
        facts
    }

    #[test]
    fn a_cost_is_split_into_what_causes_it() {
        for (upkeep_ns, per_s, event_ns) in
            [(40_000, 100, 8_000), (40_000, 20, 300_000), (9, 0, 5_000)]
        {
            let facts = trial(upkeep_ns, per_s, event_ns);
            let close = |found: Option<f64>, expected: f64| {
                let found = found.unwrap();
                assert!((found - expected).abs() < 1.0, "{found} for {expected}");
            };
            close(idle_cpu_per_client_s(&facts), (upkeep_ns * per_s) as f64 / 100.0);
            close(idle_wire_per_client_s(&facts), (107 * per_s) as f64 / 100.0);
            close(added_cpu_per_delivery(&facts), event_ns as f64);
            close(added_wire_per_delivery(&facts), 330.0);
            close(connect_cpu_per_link(&facts), 50_000.0);
            close(connect_wire_per_link(&facts), 900.0);
        }
    }

    #[test]
    fn upkeep_of_the_window_is_counted_where_the_idle_phase_met_enough() {
        // Busy streams are never quiet for long enough: no heartbeat falls into the window.
        let mut busy = trial(40_000, 100, 8_000);
        let heartbeats = busy.workers.counters.get(Counter::Upkeeps);
        let delivered = busy.workers.ledger.delivered;
        let mut quiet = busy.workers.counters.clone();
        quiet = std::mem::take(&mut quiet);
        let mut without = crate::measure::Counters::default();
        for counter in Counter::ALL.into_iter().filter(|c| *c != Counter::Upkeeps) {
            without.add(counter, quiet.get(counter));
        }
        busy.workers.counters = without;
        let all = 8_000.0 + (40_000 * heartbeats) as f64 / delivered as f64;
        assert!((added_cpu_per_delivery(&busy).unwrap() - all).abs() < 1.0);
    }

    #[test]
    fn without_an_idle_phase_nothing_is_split() {
        let mut facts = trial(40_000, 100, 8_000);
        facts.resources.idle_cpu = None;
        facts.phases.idle = crate::unit::Span::default();
        assert_eq!((idle_cpu_per_client_s(&facts), idle_wire_per_client_s(&facts)), (None, None));
        assert_eq!((added_cpu_per_delivery(&facts), added_wire_per_delivery(&facts)), (None, None));
        assert!(connect_wire_per_link(&facts).is_some());
    }
}
