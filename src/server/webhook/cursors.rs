//! An endpoint's position in each of its topics, and the next events to send.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::OwnedSemaphorePermit;

use super::batch::{BATCH_BYTES, Batch};
use super::dispatcher::Dispatcher;
use super::endpoint::Config;
use crate::clock;
use crate::pace::Sleep;
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
    waiting: Waiting,
}

/// How far the next batch is from its delivery.
#[derive(Default)]
struct Waiting {
    /// The slot for it, once it has one.
    slot: Option<OwnedSemaphorePermit>,
    /// Waits for a slot where none was free.
    queued: Option<Pin<Box<dyn Future<Output = OwnedSemaphorePermit>>>>,
    /// Until when its first event waits for others.
    lingers: Option<Sleep>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("slot", &self.slot.is_some()).finish_non_exhaustive()
    }
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
    pub(super) fn poll_slot(
        &mut self,
        dispatcher: &Rc<Dispatcher>,
        cx: &mut Context<'_>,
    ) -> Poll<OwnedSemaphorePermit> {
        if self.waiting.slot.is_none() {
            ready!(self.poll_events(1, cx));
            self.waiting.slot = Some(ready!(self.waiting.poll_queue(dispatcher, cx)));
        }
        let webhook = &dispatcher.shard.options().webhook;
        if webhook.batch > 1
            && webhook.linger.ns() > 0
            && self.poll_events(webhook.batch.into(), cx).is_pending()
        {
            let timer = &dispatcher.shard.timer;
            let until = || timer.sleep_until(clock::now() + webhook.linger.ns());
            let lingers = self.waiting.lingers.get_or_insert_with(until);
            // A timer that fails is at its end with its shard.
            let _ = ready!(Pin::new(lingers).poll(cx));
        }
        self.waiting.lingers = None;
        match self.waiting.slot.take() {
            Some(slot) => Poll::Ready(slot),
            // It was set above.
            None => Poll::Pending,
        }
    }

    /// Leaves a slot to others: nothing is to be delivered for now.
    pub(super) fn let_go(&mut self) {
        (self.waiting.slot, self.waiting.queued) = (None, None);
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

impl Waiting {
    /// Waits for a slot, in a queue where others wait for one.
    fn poll_queue(
        &mut self,
        dispatcher: &Rc<Dispatcher>,
        cx: &mut Context<'_>,
    ) -> Poll<OwnedSemaphorePermit> {
        if self.queued.is_none() {
            if let Some(slot) = dispatcher.free_slot() {
                return Poll::Ready(slot);
            }
            let dispatcher = Rc::clone(dispatcher);
            self.queued = Some(Box::pin(async move { dispatcher.slot().await }));
        }
        let Some(queued) = &mut self.queued else { return Poll::Pending };
        let slot = ready!(queued.as_mut().poll(cx));
        self.queued = None;
        Poll::Ready(slot)
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
