//! The way of delayed pushes: events reach the log that pushes are read from so much later than the log itself.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::clock;
use crate::pace::Timer;
use crate::server::hub::{Entry, Topic};

/// Delays every event of a shard between a topic's log and the log of its pushes.
///
/// A queue suffices, because all events wait equally long: one sleeping task per shard, however many subscribers.
#[derive(Debug)]
pub(crate) struct DelayLine {
    delay_ns: u64,
    under_way: RefCell<VecDeque<Delayed>>,
    filled: Notify,
}

#[derive(Debug)]
struct Delayed {
    arrives_ns: u64,
    to: Rc<Topic>,
    entry: Arc<Entry>,
}

impl DelayLine {
    /// An empty delay line.
    pub(crate) fn new(delay_ns: u64) -> Self {
        Self { delay_ns, under_way: RefCell::default(), filled: Notify::new() }
    }

    /// Sends an event on its way to `to`.
    pub(crate) fn put(&self, to: &Rc<Topic>, entry: Arc<Entry>) {
        let arrives_ns = clock::now() + self.delay_ns;
        let to = Rc::clone(to);
        self.under_way.borrow_mut().push_back(Delayed { arrives_ns, to, entry });
        self.filled.notify_one();
    }

    /// Moves the events, for as long as the shard lives.
    pub(crate) async fn run(self: Rc<Self>, timer: Timer) {
        loop {
            let next = self.under_way.borrow().front().map(|carried| carried.arrives_ns);
            let Some(arrives_ns) = next else {
                self.filled.notified().await;
                continue;
            };
            // The timer fails only with its descriptor, at the end of the shard.
            let _ = timer.sleep_until(arrives_ns).await;
            let arrived = self.under_way.borrow_mut().pop_front();
            if let Some(Delayed { to, entry, .. }) = arrived {
                to.append(entry);
            }
        }
    }
}
