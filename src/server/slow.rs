//! The policy for a link that lags behind its topic, as pure arithmetic.
//!
//! The log is the queue and a link is a cursor over it, so a link has newest − cursor events queued.

use crate::scenario::SlowConsumer;

/// How far a link may lag, and what happens beyond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    policy: SlowConsumer,
    queue: Option<u64>,
    /// Its lag on arrival, until it has caught up: a link that resumes is not slow.
    backlog: u64,
}

/// The policy's decision about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lag {
    /// Within its bound.
    Within,
    /// Closes the link, which may come back after `since`, where the log still has everything.
    Disconnect { since: u64 },
    /// Continues after `to`, and sends nothing in between.
    Skip {
        /// The last event that is left out.
        to: u64,
    },
}

impl Bound {
    /// The bound of a link that begins `backlog` events behind; without a `queue`, only the ring bounds it.
    pub(super) const fn new(policy: SlowConsumer, queue: Option<u64>, backlog: u64) -> Self {
        Self { policy, queue, backlog }
    }

    /// Whether it has to be looked at with every event, even while the link takes nothing.
    pub(super) const fn closes(&self) -> bool {
        matches!(self.policy, SlowConsumer::Disconnect) && self.queue.is_some()
    }

    /// Judges a link at `since` in a log of `oldest` to `newest`.
    pub(super) fn judge(&mut self, since: u64, oldest: u64, newest: u64) -> Lag {
        let lag = newest.saturating_sub(since);
        let queue = self.queue.unwrap_or(u64::MAX);
        if lag <= queue {
            self.backlog = 0;
        }
        // A cursor before this one has fallen off the ring.
        let floor = oldest.saturating_sub(1);
        if since >= floor && lag <= queue.saturating_add(self.backlog) {
            return Lag::Within;
        }
        self.backlog = 0;
        let to = match self.policy {
            SlowConsumer::Disconnect => return Lag::Disconnect { since: since.max(floor) },
            SlowConsumer::DropOldest => newest.saturating_sub(queue),
            SlowConsumer::Conflate => newest.saturating_sub(1),
        };
        Lag::Skip { to: to.max(floor).max(since) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use SlowConsumer::{Conflate, Disconnect, DropOldest};

    #[test]
    fn each_policy_acts_beyond_its_queue() {
        for (policy, queue, backlog, (since, oldest, newest), expected, why) in [
            (Disconnect, Some(5), 0, (10, 1, 15), Lag::Within, "as many as it may"),
            (
                Disconnect,
                Some(5),
                0,
                (10, 1, 16),
                Lag::Disconnect { since: 10 },
                "one more, and nothing is lost",
            ),
            (Disconnect, None, 0, (10, 1, 900), Lag::Within, "only the ring bounds it"),
            (
                Disconnect,
                None,
                0,
                (10, 12, 900),
                Lag::Disconnect { since: 11 },
                "it fell off the ring",
            ),
            (DropOldest, Some(5), 0, (10, 1, 16), Lag::Skip { to: 11 }, "five remain"),
            (
                DropOldest,
                Some(5),
                0,
                (10, 15, 16),
                Lag::Skip { to: 14 },
                "what the ring has remains",
            ),
            (DropOldest, None, 0, (10, 15, 16), Lag::Skip { to: 14 }, "the ring is the queue"),
            (Conflate, Some(5), 0, (10, 1, 16), Lag::Skip { to: 15 }, "one remains"),
            (
                Conflate,
                Some(5),
                0,
                (10, 17, 16),
                Lag::Skip { to: 16 },
                "an empty log after a restart",
            ),
            (Conflate, Some(5), 40, (10, 1, 55), Lag::Within, "it resumes from far behind"),
            (Conflate, Some(5), 40, (10, 1, 56), Lag::Skip { to: 55 }, "and does not catch up"),
        ] {
            let mut bound = Bound::new(policy, queue, backlog);
            assert_eq!(bound.judge(since, oldest, newest), expected, "{why}");
        }
    }

    #[test]
    fn a_backlog_is_forgiven_once() {
        let mut bound = Bound::new(DropOldest, Some(5), 40);
        assert_eq!(bound.judge(10, 1, 50), Lag::Within);
        assert_eq!(bound.judge(48, 1, 52), Lag::Within, "it has caught up");
        assert_eq!(bound.judge(48, 1, 60), Lag::Skip { to: 55 });
    }

    proptest! {
        #[test]
        fn a_skip_leads_forward_into_the_log(
            policy in prop_oneof![Just(DropOldest), Just(Conflate)], queue in proptest::option::of(1..50u64),
            backlog in 0..50u64, since in 0..200u64, kept in 0..60u64, newest in 0..200u64,
        ) {
            let oldest = (newest + 1).saturating_sub(kept).max(1);
            if let Lag::Skip { to } = Bound::new(policy, queue, backlog).judge(since, oldest, newest) {
                prop_assert!(to >= since && to + 1 >= oldest && to <= newest.max(since));
                prop_assert!(queue.is_none_or(|queue| newest.saturating_sub(to) <= queue));
            }
        }
    }
}
