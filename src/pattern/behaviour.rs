//! A webhook receiver's behaviour in the scenario: slow, failing, down, or healthy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Link;
use crate::measure::Metric;
use crate::pace::Rng;
use crate::scenario::{Down, FailOf, Pattern, ReceiverOptions};

/// Stream of a link's randomness that moods are drawn from.
const MOODS: u64 = 1 << 49;

/// The treatment of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiverMode {
    /// Acknowledged.
    Good,
    /// Acknowledged after a delay.
    Slow {
        /// The delay in nanoseconds.
        ns: u64,
    },
    /// Refused.
    Fails {
        /// The status.
        status: u16,
        /// Seconds for `Retry-After`.
        retry_after: Option<u64>,
    },
}

/// The behaviour of one receiver.
#[derive(Debug)]
pub(super) struct Behaviour {
    /// The same for all receivers of a shard.
    options: Rc<ReceiverOptions>,
    affected: bool,
    /// What only a receiver has that does more than acknowledge.
    own: Option<Box<Own>>,
}

/// The state of a receiver that misbehaves or works.
#[derive(Debug)]
struct Own {
    rng: RefCell<Rng>,
    /// First attempts that it has met, where its failures are a share of these.
    firsts: Cell<u64>,
    /// When its current work ends, in monotonic nanoseconds.
    busy_until_ns: Cell<u64>,
    /// When its outage ends, in monotonic nanoseconds; 0 before it has begun.
    outage_end_ns: Cell<u64>,
    /// Events due before that end which have not arrived.
    outstanding: Cell<u64>,
}

/// A planned outage.
#[derive(Debug)]
pub(super) struct Outage<'a>(&'a Behaviour);

impl Behaviour {
    /// The behaviour of a link's receiver.
    pub(super) fn of(link: &Link) -> Self {
        let options = link.context().callers.receivers(|| match &link.context().case.pattern {
            Pattern::Webhook(options) => options.receiver,
            _ => ReceiverOptions::default(),
        });
        let affected = options.affects(link.index());
        let down = affected && options.down_for.ns() > 0;
        let until_ns = options.down_at.ns() + options.down_for.ns();
        let outstanding = if down { link.due_before(until_ns) } else { 0 };
        Self::with(options, affected, link.rng_of(MOODS), outstanding)
    }

    fn with(options: Rc<ReceiverOptions>, affected: bool, rng: Rng, outstanding: u64) -> Self {
        let own = || Own {
            rng: RefCell::new(rng),
            firsts: Cell::new(0),
            busy_until_ns: Cell::new(0),
            outage_end_ns: Cell::new(0),
            outstanding: Cell::new(outstanding),
        };
        let works = options.work.ns() > 0;
        let falls_out = outstanding > 0 || (affected && options.down_for.ns() > 0);
        let mut behaviour = Self { options, affected, own: None };
        if works || falls_out || !behaviour.is_good() {
            behaviour.own = Some(Box::new(own()));
        }
        behaviour
    }

    /// Whether the scenario has it withhold answers: a server may then give up an exchange without being at fault.
    pub(super) fn withholds_answers(&self) -> bool {
        let ReceiverOptions { slow, slow_share, down_for, .. } = *self.options;
        self.affected && ((slow.ns() > 0 && slow_share > 0.0) || down_for.ns() > 0)
    }

    /// Whether it acknowledges every attempt at once.
    pub(super) fn is_good(&self) -> bool {
        !self.affected || (self.options.fail <= 0.0 && self.options.slow.ns() == 0)
    }

    /// Its outage, if it has one.
    pub(super) fn outage(&self) -> Option<Outage<'_>> {
        (self.affected && self.options.down_for.ns() > 0).then_some(Outage(self))
    }

    /// The mode in which it meets an attempt, of which `is_first` tells whether it is the first of its delivery.
    pub(super) fn mode(&self, is_first: impl FnOnce() -> bool) -> ReceiverMode {
        let ReceiverOptions { fail_status, retry_after, slow, slow_max, slow_share, .. } =
            *self.options;
        let Some(own) = self.own.as_ref().filter(|_| !self.is_good()) else {
            return ReceiverMode::Good;
        };
        if own.fails(&self.options, is_first) {
            let retry_after = retry_after.map(|wish| wish.secs().ceil() as u64);
            return ReceiverMode::Fails { status: fail_status, retry_after };
        }
        let mut rng = own.rng.borrow_mut();
        if slow.ns() > 0 && rng.unit() < slow_share {
            let more_ns = slow_max.ns().saturating_sub(slow.ns());
            let more_ns = if more_ns > 0 { rng.below(more_ns) } else { 0 };
            ReceiverMode::Slow { ns: slow.ns() + more_ns }
        } else {
            ReceiverMode::Good
        }
    }

    /// The additional metric of its freshness, if healthy and affected receivers are separate.
    pub(super) fn split(&self) -> Option<Metric> {
        let metric =
            if self.affected { Metric::FreshnessAffected } else { Metric::FreshnessHealthy };
        self.options.splits().then_some(metric)
    }

    /// Returns when the work on an event received at `received_ns` is done, one event after the other; `None` without work.
    pub(super) fn work(&self, received_ns: u64) -> Option<u64> {
        let work_ns = self.options.work.ns();
        let own = self.own.as_ref().filter(|_| work_ns > 0)?;
        let done_ns = own.busy_until_ns.get().max(received_ns) + work_ns;
        own.busy_until_ns.set(done_ns);
        Some(done_ns)
    }

    /// Books the first arrival of an event. Once everything due before the outage's end has arrived, returns how long that
    /// took.
    pub(super) fn arrived(&self, due_ns: u64, received_ns: u64) -> Option<u64> {
        let own = self.own.as_ref()?;
        let end_ns = own.outage_end_ns.get();
        // Before the outage, everything that arrives is due before its end.
        if own.outstanding.get() == 0 || (end_ns > 0 && due_ns >= end_ns) {
            return None;
        }
        own.outstanding.set(own.outstanding.get() - 1);
        (own.outstanding.get() == 0 && end_ns > 0).then(|| received_ns.saturating_sub(end_ns))
    }
}

impl Own {
    fn fails(&self, options: &ReceiverOptions, is_first: impl FnOnce() -> bool) -> bool {
        let ReceiverOptions { fail, fail_of, .. } = *options;
        match fail_of {
            FailOf::Attempts => self.rng.borrow_mut().unit() < fail,
            // Never asked where nothing fails: what is remembered for the answer costs memory.
            FailOf::FirstAttempts => fail > 0.0 && is_first() && self.is_next_of(fail),
        }
    }

    /// Whether the share of first attempts that fail wants this one.
    fn is_next_of(&self, share: f64) -> bool {
        let met = self.firsts.get();
        self.firsts.set(met + 1);
        let upto = |n: u64| (n as f64 * share).floor();
        upto(met + 1) > upto(met)
    }
}

impl Outage<'_> {
    /// Waits for the outage and returns its scheduled begin, in monotonic nanoseconds.
    pub(super) async fn begins(&self, link: &Link) -> u64 {
        let begin_ns = link.started().await.window_ns + self.0.options.down_at.ns();
        if let Some(own) = &self.0.own {
            own.outage_end_ns.set(begin_ns + self.length_ns());
        }
        link.sleep_until(begin_ns).await;
        begin_ns
    }

    /// The length of the outage in nanoseconds.
    pub(super) fn length_ns(&self) -> u64 {
        self.0.options.down_for.ns()
    }

    /// What the outage takes down.
    pub(super) fn down(&self) -> Down {
        self.0.options.down
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Span;

    fn behaviour(options: ReceiverOptions, affected: bool, outstanding: u64) -> Behaviour {
        Behaviour::with(Rc::new(options), affected, Rng::new(1, 1), outstanding)
    }

    #[test]
    fn behaviours_have_the_configured_shares_and_only_affect_chosen_receivers() {
        let options = ReceiverOptions {
            fail: 0.25,
            fail_status: 503,
            retry_after: Some(Span::from_ms(1200)),
            slow: Span::from_ms(7),
            slow_share: 0.5,
            ..ReceiverOptions::default()
        };
        let troubled = behaviour(options, true, 0);
        let moods: Vec<ReceiverMode> = (0..10_000).map(|_| troubled.mode(|| true)).collect();
        let count = |mode: ReceiverMode| moods.iter().filter(|m| **m == mode).count();
        let failed = count(ReceiverMode::Fails { status: 503, retry_after: Some(2) });
        let slow = count(ReceiverMode::Slow { ns: 7_000_000 });
        assert!((2300..2700).contains(&failed), "{failed}");
        assert!((3500..4000).contains(&slow), "half of the others: {slow}");
        assert_eq!(failed + slow + count(ReceiverMode::Good), 10_000);
        let left_alone = behaviour(options, false, 0);
        assert!((0..100).all(|_| left_alone.mode(|| true) == ReceiverMode::Good));
    }

    #[test]
    fn an_exact_share_of_the_first_attempts_fails_and_what_is_tried_again_is_taken() {
        for (fail, attempts, expected) in [
            (0.2, 2_505, 501),
            (0.1, 2_000, 200),
            (0.3, 10_000, 3_000),
            (1.0, 40, 40),
            (0.25, 3, 0),
        ] {
            let fail_of = FailOf::FirstAttempts;
            let options = ReceiverOptions { fail, fail_of, ..ReceiverOptions::default() };
            let troubled = behaviour(options, true, 0);
            let mut refused = Vec::new();
            for first in 0..attempts {
                if matches!(troubled.mode(|| true), ReceiverMode::Fails { .. }) {
                    refused.push(first);
                    assert_eq!(troubled.mode(|| false), ReceiverMode::Good, "tried again");
                }
            }
            assert_eq!(refused.len(), expected, "{fail} of {attempts}");
            let apart = (1.0 / fail) as usize;
            assert!(refused.windows(2).all(|two| (apart..=apart + 1).contains(&(two[1] - two[0]))));
        }
    }

    #[test]
    fn slow_answers_are_uniform_between_the_shortest_and_the_longest() {
        let (slow, slow_max) = (Span::from_ms(500), Span::from_ms(1_000));
        let options = ReceiverOptions { slow, slow_max, ..ReceiverOptions::default() };
        let troubled = behaviour(options, true, 0);
        let took: Vec<u64> = (0..10_000)
            .map(|_| match troubled.mode(|| true) {
                ReceiverMode::Slow { ns } => ns,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(took.iter().all(|ns| (slow.ns()..slow_max.ns()).contains(ns)));
        // Five standard errors of the mean: 500 ms ÷ √12 ÷ 100 · 5.
        let mean_ms = took.iter().sum::<u64>() as f64 / 10_000.0 / 1e6;
        assert!((mean_ms - 750.0).abs() < 7.3, "{mean_ms}");
    }

    #[test]
    fn only_who_is_made_to_withhold_answers_excuses_a_server() {
        let (ms, none) = (Span::from_ms(5), ReceiverOptions::default());
        let slow = ReceiverOptions { slow: ms, ..none };
        for (options, withholds, why) in [
            (none, false, "the default"),
            (slow, true, "slow"),
            (ReceiverOptions { slow_share: 0.0, ..slow }, false, "never slow"),
            (ReceiverOptions { down_for: ms, ..none }, true, "down for a while"),
            (ReceiverOptions { down_at: ms, ..none }, false, "down for no time"),
            (ReceiverOptions { fail: 1.0, ..none }, false, "refuses, and does so at once"),
            (ReceiverOptions { work: ms, ..none }, false, "works after it has answered"),
        ] {
            assert_eq!(behaviour(options, true, 0).withholds_answers(), withholds, "{why}");
            assert!(!behaviour(options, false, 0).withholds_answers(), "{why}, but not affected");
        }
    }

    #[test]
    fn work_is_done_one_after_the_other() {
        let options = ReceiverOptions { work: Span::from_ns(10), ..ReceiverOptions::default() };
        let worker = behaviour(options, true, 0);
        let done: Vec<_> = [100, 101, 150].iter().map(|at| worker.work(*at).unwrap()).collect();
        assert_eq!(done, [110, 120, 160]);
        assert_eq!(behaviour(ReceiverOptions::default(), true, 0).work(5), None);
    }

    #[test]
    fn catching_up_ends_with_the_last_event_due_before_the_outage_ended() {
        let down = behaviour(ReceiverOptions::default(), true, 3);
        assert_eq!(down.arrived(10, 11), None, "before the outage");
        down.own.as_ref().unwrap().outage_end_ns.set(100);
        assert_eq!(down.arrived(100, 105), None, "due after it");
        assert_eq!(down.arrived(50, 120), None, "one is outstanding yet");
        assert_eq!(down.arrived(40, 130), Some(30));
        assert_eq!(down.arrived(60, 140), None, "told once");
    }
}
