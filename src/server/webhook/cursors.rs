//! An endpoint's position in each of its topics, and the next events to send.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::OwnedSemaphorePermit;

use super::batch::{BATCH_BYTES, Batch};
use super::dispatcher::Dispatcher;
use super::endpoint::Config;
use crate::clock;
use crate::server::hub::{Entry, Gap, SharedTopic, Waiter};

/// Events read at once from the durable outbox for an endpoint that has fallen off the log.
const READ: usize = 256;

#[derive(Debug)]
struct Cursor {
    waiter: Waiter,
    since: u64,
    /// Read from the durable outbox, as the log has them no more.
    backlog: VecDeque<Arc<Entry>>,
}

#[derive(Debug, Default)]
pub(super) struct Cursors {
    topics: Vec<Cursor>,
    /// The topic to check first, so that a busy one does not starve the others.
    turn: usize,
    /// Until when the first event of a batch waits for others; kept here, as the waiting may be interrupted.
    lingers_until: Cell<Option<u64>>,
}

impl Cursors {
    /// Adopts the topics of a configuration; known ones keep their position.
    pub(super) fn follow(&mut self, dispatcher: &Dispatcher, config: &Config) {
        let mut former = std::mem::take(&mut self.topics);
        for (identity, since) in &config.topics {
            let same = |cursor: &Cursor| cursor.waiter.topic().name() == identity.name();
            let cursor = if let Some(at) = former.iter().position(same) {
                former.swap_remove(at)
            } else {
                dispatcher.start(identity, *since);
                let waiter = dispatcher.shard.hub.replica(identity).for_pushes().waiter();
                Cursor { waiter, since: *since, backlog: VecDeque::new() }
            };
            self.topics.push(cursor);
        }
    }

    /// Waits for an event to deliver, then for a free slot, then for the others of its batch.
    pub(super) async fn wait_for_slot(&self, dispatcher: &Dispatcher) -> OwnedSemaphorePermit {
        std::future::poll_fn(|cx| self.poll_events(1, cx)).await;
        let slot = dispatcher.slot().await;
        let webhook = &dispatcher.shard.options().webhook;
        if webhook.batch > 1 && webhook.linger.ns() > 0 {
            let until = self.lingers_until.get().unwrap_or_else(|| {
                let until = clock::now() + webhook.linger.ns();
                self.lingers_until.set(Some(until));
                until
            });
            tokio::select! {
                biased;
                () = std::future::poll_fn(|cx| self.poll_events(webhook.batch.into(), cx)) => {}
                _ = dispatcher.shard.timer.sleep_until(until) => {}
            }
        }
        slot
    }

    /// Ready once some topic has `events` more events.
    fn poll_events(&self, events: u64, cx: &Context<'_>) -> Poll<()> {
        let mut ready = false;
        for cursor in &self.topics {
            ready |= cursor.waiter.poll_after(cursor.since + events - 1, cx).is_ready();
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Returns the next events and their topic, and counts lost ones.
    pub(super) fn take(&mut self, dispatcher: &Dispatcher) -> Option<(Arc<SharedTopic>, Batch)> {
        self.lingers_until.set(None);
        let most = dispatcher.shard.options().webhook.batch.max(1) as usize;
        for step in 0..self.topics.len() {
            let at = (self.turn + step) % self.topics.len();
            let cursor = &mut self.topics[at];
            if cursor.waiter.topic().newest() <= cursor.since {
                continue;
            }
            let Some(first) = cursor.next(dispatcher) else { continue };
            let (mut rest, mut bytes) = (Vec::new(), first.json().len());
            while rest.len() + 1 < most && bytes < BATCH_BYTES {
                let Some(entry) = cursor.next(dispatcher) else { break };
                bytes += entry.json().len();
                rest.push(entry);
            }
            self.turn = at + 1;
            let topic = Arc::clone(self.topics[at].waiter.topic().identity());
            let batch = Batch::of(topic.name(), dispatcher.shard.shared.life, first, rest);
            return Some((topic, batch));
        }
        None
    }
}

impl Cursor {
    /// The next event that is not dropped on purpose.
    fn next(&mut self, dispatcher: &Dispatcher) -> Option<Arc<Entry>> {
        let drop_filter = dispatcher.drop_filter(self.waiter.topic());
        loop {
            let next = self.step(dispatcher)?;
            let seq = next.seq();
            if !drop_filter.is_some_and(|drop_filter| drop_filter.drops(seq)) {
                return Some(next);
            }
            // A durable outbox is not to wait for it.
            dispatcher.passed(self.waiter.topic().identity(), seq..=seq);
        }
    }

    /// The next event.
    fn step(&mut self, dispatcher: &Dispatcher) -> Option<Arc<Entry>> {
        let topic = self.waiter.topic();
        if self.backlog.is_empty()
            && let Err(Gap { oldest }) = topic.read(self.since, |_| ())
        {
            if let Some(store) = dispatcher.shard.hub.store() {
                let mut events = store.read(topic.name(), self.since, READ);
                // What is stored already may be on its way to the log yet.
                events.retain(|entry| entry.seq() <= topic.newest());
                self.backlog = events.into();
            }
            let found = self.backlog.front().map_or(oldest, |entry| entry.seq());
            if found > self.since + 1 {
                dispatcher.miss(topic.identity(), self.since + 1..=found - 1);
                self.since = found - 1;
            }
        }
        let next = match self.backlog.pop_front() {
            Some(entry) => Some(entry),
            None => topic.read(self.since, |events| events.next().map(Arc::clone)).ok().flatten(),
        };
        let next = next?;
        self.since = next.seq();
        Some(next)
    }
}
