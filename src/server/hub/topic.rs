//! A shard's replica of a topic: its log, its waiters and its push links.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::fanout::{Audience, Fanout};
use super::{Entry, Gap, Log};
use crate::server::faults::DelayLine;

/// The part of a topic that all shards share.
#[derive(Debug)]
pub(crate) struct SharedTopic {
    name: Arc<str>,
    index: usize,
    newest: AtomicU64,
    /// What an earlier process left of it: the newest sequence, and the last events up to it.
    restored: OnceLock<(u64, Vec<Arc<Entry>>)>,
}

/// A topic as an earlier process left it: read from a durable outbox, or made again from the schedule.
#[derive(Debug)]
pub(crate) struct RestoredTopic {
    /// Its name.
    pub name: String,
    /// The newest sequence given out.
    pub newest: u64,
    /// The newest of the events kept, without holes, up to `newest`; none where they are lost.
    pub entries: Vec<Arc<Entry>>,
}

impl SharedTopic {
    fn restore(&self, newest: u64, entries: Vec<Arc<Entry>>) {
        self.newest.store(newest, Ordering::Release);
        let _ = self.restored.set((newest, entries));
    }

    /// Whether an earlier process left something of it.
    pub(super) fn is_restored(&self) -> bool {
        self.restored.get().is_some()
    }

    /// The topic's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The topic's number, in the order of creation; `index % shards` is its home.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// The newest sequence given out, which a replica may be about to receive.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }
}

/// A topic more than the target has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyTopics;

/// Every topic by name. The lock is taken when a shard first meets a topic, never to read a log.
#[derive(Debug)]
pub(crate) struct Directory {
    names: RwLock<HashMap<Arc<str>, Arc<SharedTopic>>>,
    topics_max: usize,
}

impl Directory {
    /// A directory with room for `topics_max` topics.
    pub(crate) fn new(topics_max: usize) -> Self {
        Self { names: RwLock::default(), topics_max }
    }

    /// The topic of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<SharedTopic>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Returns the topic of that name, creating it if needed.
    pub(crate) fn get_or_create(&self, name: &str) -> Result<Arc<SharedTopic>, TooManyTopics> {
        if let Some(identity) = self.get(name) {
            return Ok(identity);
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = names.get(name) {
            return Ok(Arc::clone(identity));
        }
        if names.len() >= self.topics_max {
            return Err(TooManyTopics);
        }
        let name: Arc<str> = Arc::from(name);
        let (index, newest) = (names.len(), AtomicU64::new(0));
        let restored = OnceLock::new();
        let identity = Arc::new(SharedTopic { name: Arc::clone(&name), index, newest, restored });
        names.insert(name, Arc::clone(&identity));
        Ok(identity)
    }

    /// Takes over a topic of an earlier process: every replica of it goes on where that was. Before any shard meets it.
    pub(crate) fn restore(&self, topic: RestoredTopic) -> Result<(), TooManyTopics> {
        let RestoredTopic { name, newest, entries } = topic;
        self.get_or_create(&name)?.restore(newest, entries);
        Ok(())
    }

    /// Every topic, in the order of creation.
    pub(crate) fn all(&self) -> Vec<Arc<SharedTopic>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = names.values().cloned().collect();
        all.sort_unstable_by_key(|identity| identity.index);
        all
    }
}

#[derive(Debug)]
pub(crate) struct Topic {
    identity: Arc<SharedTopic>,
    log: RefCell<Log>,
    waiters: RefCell<Slab<Option<Waker>>>,
    /// The links that events are written to without being asked for.
    audience: Rc<Audience>,
    /// The highest place given to an event that is not visible yet; at home, with a durable outbox.
    reserved: Cell<u64>,
    /// The log of its pushes and the way to it, where they are delayed.
    pushes: Option<(Rc<Topic>, Rc<DelayLine>)>,
}

impl Topic {
    pub(super) fn new(identity: Arc<SharedTopic>, log: Log, fanout: &Rc<Fanout>) -> Self {
        let (log, waiters) = (RefCell::new(log), RefCell::default());
        let audience = Rc::new(Audience::new(Rc::clone(fanout)));
        Self { identity, log, waiters, audience, reserved: Cell::new(0), pushes: None }
    }

    /// The links that events are written to without being asked for.
    pub(crate) const fn audience(&self) -> &Rc<Audience> {
        &self.audience
    }

    /// Forwards each event to `pushes` once it is in this log.
    pub(super) fn with_pushes(self, pushes: Rc<Self>, delay_line: Rc<DelayLine>) -> Self {
        Self { pushes: Some((pushes, delay_line)), ..self }
    }

    /// The log that pushes read: this one, unless they are delayed.
    pub(crate) fn for_pushes(self: &Rc<Self>) -> Rc<Self> {
        Rc::clone(self.pushes.as_ref().map_or(self, |(pushes, _)| pushes))
    }

    /// Restores the topic from the durable outbox; its pushes were in progress then, and are not delayed again.
    pub(super) fn restore(&self) {
        if let Some((newest, entries)) = self.identity.restored.get() {
            let mut log = self.log.borrow_mut();
            log.begin_after(newest - entries.len() as u64);
            for entry in entries {
                log.push(Arc::clone(entry));
            }
            if let Some((pushes, _)) = &self.pushes {
                pushes.restore();
            }
        }
    }

    /// The next place, given to an event that becomes visible later.
    pub(super) fn reserve(&self) -> u64 {
        let seq = self.reserved.get().max(self.newest()) + 1;
        self.reserved.set(seq);
        seq
    }

    /// The part that shards share.
    pub(crate) const fn identity(&self) -> &Arc<SharedTopic> {
        &self.identity
    }

    /// The topic's name.
    pub(crate) fn name(&self) -> &str {
        self.identity.name()
    }

    /// The newest sequence of this replica; 0 before the first event.
    pub(crate) fn newest(&self) -> u64 {
        self.log.borrow().newest()
    }

    /// The oldest sequence still kept.
    pub(crate) fn oldest(&self) -> u64 {
        self.log.borrow().oldest()
    }

    /// Hands the events after `since` to `read`, without copying them.
    pub(crate) fn read<R>(
        &self,
        since: u64,
        read: impl FnOnce(&mut dyn Iterator<Item = &Arc<Entry>>) -> R,
    ) -> Result<R, Gap> {
        let log = self.log.borrow();
        let mut after = log.after(since)?;
        Ok(read(&mut after))
    }

    /// Appends the next event at its home shard, which assigns the sequences.
    pub(super) fn append_at_home(&self, entry: &Arc<Entry>) {
        self.identity.newest.store(entry.seq(), Ordering::Release);
        self.append(Arc::clone(entry));
    }

    /// Appends the next event, wakes everyone who waits, and has it written to the push links.
    pub(crate) fn append(&self, entry: Arc<Entry>) {
        if let Some((pushes, delay_line)) = &self.pushes {
            delay_line.put(pushes, Arc::clone(&entry));
        }
        self.log.borrow_mut().push(entry);
        self.wake();
    }

    /// Wakes all waiters, and has all push links visited.
    pub(super) fn wake(&self) {
        self.audience.mark();
        for (_, waiter) in self.waiters.borrow_mut().iter_mut() {
            if let Some(waker) = waiter.take() {
                waker.wake();
            }
        }
    }

    /// Registers a waiter until it is dropped.
    pub(crate) fn waiter(self: &Rc<Self>) -> Waiter {
        let key = self.waiters.borrow_mut().insert(None);
        Waiter { topic: Rc::clone(self), key }
    }

    /// The number of waiters.
    #[cfg(test)]
    pub(crate) fn waiters(&self) -> usize {
        self.waiters.borrow().len()
    }
}

/// A waiter for a topic's next event; dropping it unregisters it at once.
#[derive(Debug)]
pub(crate) struct Waiter {
    topic: Rc<Topic>,
    key: usize,
}

impl Waiter {
    /// The topic that is waited for.
    pub(crate) const fn topic(&self) -> &Rc<Topic> {
        &self.topic
    }

    /// Ready once the replica holds an event after `since`.
    pub(crate) fn poll_after(&self, since: u64, cx: &Context<'_>) -> Poll<()> {
        if self.topic.newest() > since {
            return Poll::Ready(());
        }
        match &mut self.topic.waiters.borrow_mut()[self.key] {
            Some(waker) => waker.clone_from(cx.waker()),
            vacant => *vacant = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.topic.waiters.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;
    use crate::event::Head;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn topic() -> Rc<Topic> {
        let identity = Directory::new(1).get_or_create("t").unwrap();
        Rc::new(Topic::new(identity, Log::new(10, usize::MAX), &Rc::default()))
    }

    fn publish(topic: &Topic) {
        let head = Head { seq: topic.newest() + 1, due_ns: 0, published_ns: 0, key: None };
        topic.append_at_home(&Arc::new(Entry::new("t", head, b"1")));
    }

    #[test]
    fn a_waiter_is_woken_once_per_event_and_leaves_when_dropped() {
        let (topic, woken) = (topic(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let (stays, leaves) = (topic.waiter(), topic.waiter());
        assert!(stays.poll_after(0, &cx).is_pending() && leaves.poll_after(0, &cx).is_pending());
        assert_eq!(topic.waiters(), 2);
        drop(leaves);
        assert_eq!(topic.waiters(), 1);
        publish(&topic);
        publish(&topic);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "nobody is woken who did not wait again");
        assert!(stays.poll_after(1, &cx).is_ready() && stays.poll_after(2, &cx).is_pending());
        assert_eq!(topic.identity().newest(), 2);
    }

    #[test]
    fn a_directory_is_bounded_and_numbers_in_the_order_of_creation() {
        let directory = Directory::new(2);
        assert_eq!(directory.get_or_create("a").unwrap().index(), 0);
        assert_eq!(directory.get_or_create("b").unwrap().index(), 1);
        assert_eq!(directory.get_or_create("a").unwrap().index(), 0);
        assert_eq!(directory.get_or_create("c").unwrap_err(), TooManyTopics);
        assert!(directory.get("c").is_none());
    }
}
