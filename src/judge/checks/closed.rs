//! What bounded a closed loop: its clients send as fast as responses come, so something always does.

use crate::judge::Reason;
use crate::judge::reason::Bound;
use crate::measure::Counter;
use crate::record::TrialFacts;
use crate::scenario::{LoopKind, Pattern};

/// Share of its cores from which a process is at their limit: the share from which an open loop is invalid.
const FULL: f64 = 0.95;
/// Share of its cores from which a server is at their limit. It sleeps between two batches of requests, however short.
const SERVER_FULL: f64 = 0.9;
/// A server of the user's own that uses so much of one core has probably a single thread.
const ONE_CORE: std::ops::RangeInclusive<f64> = SERVER_FULL..=1.05;

/// Whether each client of the trial sends its next request after the response before it, and none by the clock.
pub(super) fn is_closed_loop(facts: &TrialFacts) -> bool {
    matches!(&facts.case.pattern, Pattern::Request(options) if options.loop_kind == LoopKind::Closed)
}

/// Whether a client of the closed loop waits after a response.
pub(super) fn thinks(facts: &TrialFacts) -> bool {
    matches!(&facts.case.pattern, Pattern::Request(options) if options.think.ns() > 0)
}

/// Says what bounded the closed loop, in which the workers used the `share` of their cores, above `limit`.
pub(super) fn bound(facts: &TrialFacts, share: f64, limit: f64) -> Reason {
    Reason::ClosedLoopBound {
        bound: side(facts, share),
        share,
        limit,
        cores: facts.resources.worker_shards,
        server_cores: server_cores(facts),
        profile: facts.profile,
    }
}

fn side(facts: &TrialFacts, share: f64) -> Bound {
    // A worker that waited for its core would have used it.
    let waited = facts.workers.counters.share(Counter::RunDelay, Counter::RunDelayWatched);
    let workers = share + waited.unwrap_or(0.0) >= FULL;
    match (workers, server_is_full(facts)) {
        (true, Some(true)) => Bound::Both,
        (true, _) => Bound::Generator,
        (false, Some(true)) => Bound::Server,
        (false, _) => Bound::Unknown,
    }
}

/// Cores that the server used on average; `None` where its processes are not known.
fn server_cores(facts: &TrialFacts) -> Option<f64> {
    let used = facts.cpu_used().filter(|used| used.elapsed_ns > 0)?;
    Some(used.target_ns? as f64 / used.elapsed_ns as f64)
}

/// Whether the server was at the limit of its cores; `None` where its CPU time is unknown.
fn server_is_full(facts: &TrialFacts) -> Option<bool> {
    let cores = server_cores(facts)?;
    if !facts.is_external() {
        return Some(cores >= SERVER_FULL * f64::from(facts.resources.target_shards));
    }
    // Nobody knows how many threads it has: it is full with one core, or with all that the host has left.
    let used = facts.cpu_used()?;
    let workers = used.workers_ns as f64 / used.elapsed_ns.max(1) as f64;
    let host = f64::from(facts.resources.cores);
    let none_left = host > 0.0 && cores + workers >= SERVER_FULL * host;
    Some(ONE_CORE.contains(&cores) || (none_left && cores >= SERVER_FULL))
}

#[cfg(test)]
mod tests {
    use super::super::verdict;
    use super::*;
    use crate::measure::{Counters, Metric, Recorder};
    use crate::record::Verdict;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::PatternKind;
    use crate::unit::Span;

    /// Beside it, what a trial has counted already is nothing.
    const MANY: u64 = 1 << 50;

    /// A trial whose workers used so much of their core, and whose server used so many cores.
    fn trial(closed: bool, workers: f64, server: Option<f64>) -> TrialFacts {
        let mut facts = facts(&case(PatternKind::Request, 60, ""), 1);
        if closed && let Pattern::Request(options) = &mut facts.case.pattern {
            options.loop_kind = LoopKind::Closed;
        }
        (facts.resources.cores, facts.resources.spun_ns) = (4, 0);
        facts.resources.worker_shards = 1;
        // A server of the user's own.
        facts.resources.target_shards = 0;
        let elapsed = facts.cpu_used().unwrap().elapsed_ns as f64;
        let first = facts.resources.cpu[0];
        let meters = facts.workers.counters.get(Counter::MeterCpu);
        let of_target = facts.target.counters.get(Counter::MeterCpu);
        let last = facts.resources.cpu.last_mut().unwrap();
        last.workers_ns = first.workers_ns + (elapsed * workers) as u64 + meters;
        last.target_ns = server
            .zip(first.target_ns)
            .map(|(cores, before)| before + (elapsed * cores) as u64 + of_target);
        facts
    }

    /// The verdict, and what the closed loop was limited by.
    fn judged(facts: &TrialFacts) -> (Verdict, Option<Bound>, String) {
        let (verdict, reasons) = verdict(facts);
        let bound = reasons.iter().find_map(|reason| match reason {
            Reason::ClosedLoopBound { bound, .. } => Some((*bound, reason.to_string())),
            _ => None,
        });
        let text = bound.as_ref().map_or_else(
            || reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; "),
            |(_, text)| text.clone(),
        );
        (verdict, bound.map(|(bound, _)| bound), text)
    }

    #[test]
    fn a_full_closed_loop_is_degraded_and_says_what_its_limit_was() {
        for (workers, server, expected, words) in [
            (0.99, Some(0.4), Bound::Generator, "is the generator's limit: 99 %"),
            (0.99, None, Bound::Generator, "The server's CPU is unknown"),
            (0.99, Some(0.97), Bound::Both, "is both sides' limit"),
            (0.99, Some(2.9), Bound::Both, "The server used 2.9 cores"),
            (0.99, Some(2.0), Bound::Generator, "The server used 2 cores"),
            (0.8, Some(0.97), Bound::Server, "is the server's limit"),
            (0.8, Some(0.3), Bound::Unknown, "has an unknown limit"),
            (0.8, None, Bound::Unknown, "has an unknown limit"),
        ] {
            let (verdict, bound, text) = judged(&trial(true, workers, server));
            assert_eq!(
                (verdict, bound),
                (Verdict::Degraded, Some(expected)),
                "{workers} {server:?}: {text}"
            );
            assert!(text.contains(words), "'{words}' is not in '{text}'");
        }
        assert_eq!(judged(&trial(true, 0.5, Some(0.97))).0, Verdict::Valid);
    }

    #[test]
    fn an_open_loop_at_the_same_limit_stays_invalid() {
        let (verdict, bound, text) = judged(&trial(false, 0.99, Some(0.4)));
        assert_eq!((verdict, bound), (Verdict::Invalid, None), "{text}");
        assert!(text.contains("the workers used 99 % of their core"), "{text}");
    }

    #[test]
    fn time_that_workers_waited_for_their_core_counts_as_used() {
        let mut facts = trial(true, 0.85, Some(0.3));
        facts.workers.counters.add(Counter::RunDelay, 12 * MANY);
        facts.workers.counters.add(Counter::RunDelayWatched, 100 * MANY);
        assert_eq!(judged(&facts).1, Some(Bound::Generator));
    }

    #[test]
    fn full_processors_degrade_a_closed_loop_and_pauses_that_spoil_it_do_not_go_unseen() {
        for (closed, share, expected) in
            [(true, 40, Verdict::Degraded), (false, 40, Verdict::Invalid)]
        {
            let mut facts = trial(closed, 0.5, Some(0.5));
            let worker = &mut facts.health[0].counters;
            *worker = Counters::default();
            worker.add(Counter::RunDelay, share);
            worker.add(Counter::RunDelayWatched, 100);
            assert_eq!(judged(&facts).0, expected, "closed: {closed}");
        }
        // The machine's doing remains what it is, and so does a generator that is late by the clock.
        let mut stolen = trial(true, 0.5, Some(0.5));
        stolen.workers.counters.add(Counter::Steal, 50 * MANY);
        stolen.workers.counters.add(Counter::StealWatched, 100 * MANY);
        assert_eq!(judged(&stolen).0, Verdict::Invalid);
        for (thinks, expected) in [(true, Verdict::Invalid), (false, Verdict::Degraded)] {
            let mut late = trial(true, 0.5, Some(0.5));
            if let Pattern::Request(options) = &mut late.case.pattern {
                options.think = Span::from_ms(u64::from(thinks));
            }
            let mut recorder = Recorder::new();
            recorder.record(Metric::Slip, 30_000_000);
            let slip = recorder.snapshot().distributions[&Metric::Slip].clone();
            late.workers.distributions.insert(Metric::Slip, slip);
            assert_eq!(judged(&late).0, expected, "thinks: {thinks}");
        }
    }
}
