//! Faults in the pushes to one subscriber.

use std::cell::Cell;
use std::rc::Rc;

use hyper::Request;

use super::ShardFaults;
use crate::scenario::DropFilter;
use crate::server::hub::Topic;
use crate::server::shard::Shard;

/// A subscriber's drop filter, and the cost of writing to it; one empty word without faults.
#[derive(Debug, Default)]
pub(crate) struct Push(Option<Box<Wrong>>);

#[derive(Debug)]
struct Wrong {
    faults: Rc<ShardFaults>,
    drop_filter: Option<DropFilter>,
    /// The newest event whose write has been paid for: one that blocks is tried again.
    paid: Cell<u64>,
}

impl Push {
    /// Returns the faults in pushes of `topic` to the sender of `request`.
    pub(crate) fn of<B>(shard: &Shard, request: &Request<B>, topic: &Topic) -> Self {
        let wrong = shard.faults.as_ref().and_then(|faults| {
            let drop_filter = super::drop_filter(shard, request, topic);
            let costs = faults.faults.write_cost.ns() > 0;
            let wrong = || Wrong { faults: Rc::clone(faults), drop_filter, paid: Cell::new(0) };
            (drop_filter.is_some() || costs).then(|| Box::new(wrong()))
        });
        Self(wrong)
    }

    /// Whether the event of that sequence is dropped.
    #[inline]
    pub(crate) fn drops(&self, seq: u64) -> bool {
        let drop_filter = self.0.as_ref().and_then(|wrong| wrong.drop_filter);
        drop_filter.is_some_and(|drop_filter| drop_filter.drops(seq))
    }

    /// The cursor `since`, moved past the events up to `newest` that are dropped next.
    #[inline]
    pub(crate) fn pass_over(&self, since: u64, newest: u64) -> u64 {
        let mut since = since;
        while since < newest && self.drops(since + 1) {
            since += 1;
        }
        since
    }

    /// Keeps the shard busy before the event of that sequence is written, once.
    #[inline]
    pub(crate) fn pay(&self, seq: u64) {
        if let Some(wrong) = &self.0
            && wrong.paid.get() < seq
        {
            wrong.paid.set(seq);
            wrong.faults.pay();
        }
    }

    /// The number of events per write: one where a write has a cost, since each must be paid for first.
    #[inline]
    pub(crate) fn at_once(&self, most: usize) -> usize {
        match &self.0 {
            Some(wrong) if wrong.faults.faults.write_cost.ns() > 0 => 1,
            _ => most,
        }
    }
}
