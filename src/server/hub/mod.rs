//! The logs of all topics, and publishing into them.
//!
//! Each shard has a hub with a replica of every topic. A topic's home shard (its index modulo the shards) assigns the
//! sequences and sends each event once to every other shard; a single shard sends no messages. The log is the queue: every
//! pattern reads it by a cursor; it waits with a [`Waiter`], or is a push link that [`Fanout`] brings events to. A slow consumer costs only its position, until it falls off
//! the ring and gets a [`Gap`].
//!
//! The hub knows nothing of HTTP. The feed between shards is unbounded: it carries references to events, and a running
//! shard drains it before it returns to its links.

mod durable;
mod entry;
mod fanout;
mod log;
mod topic;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

pub(super) use durable::PublishError;
pub(super) use entry::Entry;
pub(super) use fanout::{Fanout, Listener};
pub(super) use log::{Gap, Log};
pub(super) use topic::{Directory, RestoredTopic, SharedTopic, TooManyTopics, Topic, Waiter};

use crate::clock;
use crate::event::Head;
use crate::server::durable::DurableStore;
use crate::server::faults::DelayLine;

/// The receipt of a published event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The event's place in its topic.
    pub seq: u64,
    /// When it became visible, in monotonic nanoseconds.
    pub published_ns: u64,
}

/// What a publisher states about an event beside its payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The due stamp, in monotonic nanoseconds; `None` for "when it is published".
    pub due_ns: Option<u64>,
    /// The publisher's own number of it.
    pub key: Option<u64>,
}

impl Origin {
    /// An event of a schedule.
    pub(super) const fn due(due_ns: u64) -> Self {
        Self { due_ns: Some(due_ns), key: None }
    }
}

/// A message from one shard's hub to another's.
#[derive(Debug)]
pub(super) enum Feed {
    /// Asks a topic's home to publish.
    Publish {
        /// The topic.
        identity: Arc<SharedTopic>,
        /// The publisher's metadata.
        origin: Origin,
        /// The payload.
        data: Bytes,
        /// The asking shard.
        from: usize,
        /// Where the receipt is expected.
        receipt: oneshot::Sender<Receipt>,
    },
    /// Announces an event from its topic's home.
    Append {
        /// The topic.
        identity: Arc<SharedTopic>,
        /// The event.
        entry: Arc<Entry>,
        /// Answered once the event is in this replica, so that a publisher reads its own writes.
        receipt: Option<oneshot::Sender<Receipt>>,
    },
    /// Announces to a topic's home that the durable outbox has stored an event.
    Stored {
        /// The topic.
        identity: Arc<SharedTopic>,
        /// The event's place there.
        seq: u64,
        /// The publisher's metadata.
        origin: Origin,
        /// The payload.
        data: Bytes,
        /// The shard that awaits the receipt, and where.
        asker: (usize, oneshot::Sender<Receipt>),
    },
}

/// Bounds of every topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring {
    /// Most events.
    pub entries_max: usize,
    /// Most bytes.
    pub bytes_max: usize,
}

/// One shard's replicas.
#[derive(Debug)]
pub(super) struct Hub {
    shard: usize,
    ring: Ring,
    directory: Arc<Directory>,
    /// The feeds of every shard, by index; this shard's own is unused.
    feeds: Vec<mpsc::UnboundedSender<Feed>>,
    /// The way of delayed pushes, where they are delayed.
    delay_line: Option<Rc<DelayLine>>,
    /// Spaces after the payload of every event.
    padding: usize,
    /// Brings events to push links.
    fanout: Rc<Fanout>,
    by_name: RefCell<HashMap<Box<str>, Rc<Topic>>>,
    by_index: RefCell<Vec<Option<Rc<Topic>>>>,
    /// The store that events pass before they are visible, if there is one.
    store: OnceCell<Arc<DurableStore>>,
}

impl Hub {
    /// The hub of shard number `shard`.
    pub(super) fn new(
        shard: usize,
        ring: Ring,
        directory: Arc<Directory>,
        feeds: Vec<mpsc::UnboundedSender<Feed>>,
    ) -> Self {
        Self {
            shard,
            ring,
            directory,
            feeds,
            delay_line: None,
            padding: 0,
            fanout: Rc::default(),
            by_name: RefCell::default(),
            by_index: RefCell::default(),
            store: OnceCell::new(),
        }
    }

    /// Returns this hub with pushes from a delayed log of their own.
    pub(super) fn with_belt(self, delay_line: Option<Rc<DelayLine>>) -> Self {
        Self { delay_line, ..self }
    }

    /// Returns this hub with so many spaces after the payload of every event.
    pub(super) fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    fn entry(&self, topic: &Topic, head: Head, data: &[u8]) -> Arc<Entry> {
        if self.padding == 0 {
            return Arc::new(Entry::new(topic.name(), head, data));
        }
        let longer = [data, &vec![b' '; self.padding]].concat();
        Arc::new(Entry::new(topic.name(), head, &longer))
    }

    /// What brings this shard's events to its push links.
    pub(super) const fn fanout(&self) -> &Rc<Fanout> {
        &self.fanout
    }

    /// The replica of the topic of that name, if any shard knows it.
    pub(super) fn topic(&self, name: &str) -> Option<Rc<Topic>> {
        if let Some(topic) = self.by_name.borrow().get(name) {
            return Some(Rc::clone(topic));
        }
        self.directory.get(name).map(|identity| self.replica(&identity))
    }

    /// The replica of a topic.
    pub(super) fn replica(&self, identity: &Arc<SharedTopic>) -> Rc<Topic> {
        let mut by_index = self.by_index.borrow_mut();
        if by_index.len() <= identity.index() {
            by_index.resize(identity.index() + 1, None);
        }
        let topic = by_index[identity.index()].get_or_insert_with(|| {
            let empty = || {
                let log = Log::new(self.ring.entries_max, self.ring.bytes_max);
                Topic::new(Arc::clone(identity), log, &self.fanout)
            };
            let topic = Rc::new(match &self.delay_line {
                None => empty(),
                Some(delay_line) => empty().with_pushes(Rc::new(empty()), Rc::clone(delay_line)),
            });
            topic.restore();
            self.by_name.borrow_mut().insert(identity.name().into(), Rc::clone(&topic));
            topic
        });
        Rc::clone(topic)
    }

    /// Makes the replicas of what an earlier process left now, not with the first request for them.
    pub(super) fn restore(&self) {
        for identity in self.directory.all().iter().filter(|identity| identity.is_restored()) {
            self.replica(identity);
        }
    }

    /// Wakes every waiter of every topic, and has every push link visited.
    pub(super) fn wake(&self) {
        let topics: Vec<_> = self.by_index.borrow().iter().flatten().cloned().collect();
        for topic in topics {
            topic.wake();
        }
    }

    /// The shard that gives out a topic's sequences.
    fn home(&self, identity: &SharedTopic) -> usize {
        identity.index() % self.feeds.len()
    }

    /// Publishes an event in the topic of that name, creating it if needed.
    ///
    /// `data` must be one JSON value on one line. When the receipt arrives, this shard's replica has the event.
    pub(super) async fn publish(
        &self,
        topic: &str,
        origin: Origin,
        data: Bytes,
    ) -> Result<Receipt, PublishError> {
        let topic = match self.topic(topic) {
            Some(topic) => topic,
            None => self.replica(&self.directory.get_or_create(topic)?),
        };
        let identity = topic.identity();
        let home = self.home(identity);
        if home == self.shard {
            return match self.store() {
                None => Ok(self.publish_at_home(&topic, origin, &data)),
                Some(_) => self.stored(self.publish_stored(&topic, origin, data)).await,
            };
        }
        let (receipt, answer) = oneshot::channel();
        let (identity, from) = (Arc::clone(identity), self.shard);
        let _ = self.feeds[home].send(Feed::Publish { identity, origin, data, from, receipt });
        self.stored(answer).await
    }

    /// Publishes an event of a topic whose home this shard is.
    pub(super) fn publish_at_home(
        &self,
        topic: &Rc<Topic>,
        origin: Origin,
        data: &[u8],
    ) -> Receipt {
        self.publish_and_feed(topic, origin, data, None)
    }

    /// Publishes at once; `None` if that needs another shard or the durable outbox.
    pub(super) fn publish_now(
        &self,
        topic: &Rc<Topic>,
        origin: Origin,
        data: &[u8],
    ) -> Option<Receipt> {
        let here = self.home(topic.identity()) == self.shard && self.store().is_none();
        here.then(|| self.publish_at_home(topic, origin, data))
    }

    fn publish_and_feed(
        &self,
        topic: &Rc<Topic>,
        origin: Origin,
        data: &[u8],
        mut asker: Option<(usize, oneshot::Sender<Receipt>)>,
    ) -> Receipt {
        debug_assert_eq!(self.home(topic.identity()), self.shard);
        let published_ns = clock::now();
        let seq = topic.newest() + 1;
        let Origin { due_ns, key } = origin;
        let head = Head { seq, due_ns: due_ns.unwrap_or(published_ns), published_ns, key };
        let entry = self.entry(topic, head, data);
        topic.append_at_home(&entry);
        for (shard, feed) in self.feeds.iter().enumerate().filter(|(i, _)| *i != self.shard) {
            let receipt = asker.take_if(|(from, _)| *from == shard).map(|(_, receipt)| receipt);
            let (identity, entry) = (Arc::clone(topic.identity()), Arc::clone(&entry));
            let _ = feed.send(Feed::Append { identity, entry, receipt });
        }
        Receipt { seq, published_ns }
    }

    /// Carries out one message of another shard.
    pub(super) fn receive(&self, message: Feed) {
        match message {
            Feed::Publish { identity, origin, data, from, receipt } => {
                let (topic, asker) = (self.replica(&identity), (from, receipt));
                if self.store().is_some() {
                    self.hand_over(&topic, origin, data, asker);
                } else {
                    self.publish_and_feed(&topic, origin, &data, Some(asker));
                }
            }
            Feed::Stored { identity, seq, origin, data, asker } => {
                self.make_visible(&self.replica(&identity), seq, origin, &data, asker);
            }
            Feed::Append { identity, entry, receipt } => {
                let answer = Receipt { seq: entry.seq(), published_ns: entry.published_ns() };
                self.replica(&identity).append(entry);
                if let Some(receipt) = receipt {
                    let _ = receipt.send(answer);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hubs(of: usize) -> (Vec<Hub>, Vec<mpsc::UnboundedReceiver<Feed>>) {
        let directory = Arc::new(Directory::new(10));
        let ring = Ring { entries_max: 100, bytes_max: usize::MAX };
        let (feeds, mailboxes): (Vec<_>, Vec<_>) =
            (0..of).map(|_| mpsc::unbounded_channel()).unzip();
        let hub = |shard| Hub::new(shard, ring, Arc::clone(&directory), feeds.clone());
        ((0..of).map(hub).collect(), mailboxes)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_shard_sends_no_messages() {
        let (hubs, mut mailboxes) = hubs(1);
        let receipt = hubs[0].publish("a", Origin::due(5), Bytes::from_static(b"1")).await.unwrap();
        assert_eq!(receipt.seq, 1);
        assert!(mailboxes[0].try_recv().is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_published_event_is_in_every_replica_when_its_publisher_gets_the_receipt() {
        let (hubs, mut mailboxes) = hubs(3);
        for (asker, expected) in [(0, 1), (1, 2), (2, 3), (1, 4)] {
            let publish = hubs[asker].publish("a", Origin::default(), Bytes::from_static(b"1"));
            let deliver = async {
                for _ in 0..3 {
                    for (hub, mailbox) in hubs.iter().zip(&mut mailboxes) {
                        while let Ok(message) = mailbox.try_recv() {
                            hub.receive(message);
                        }
                    }
                    tokio::task::yield_now().await;
                }
            };
            let (receipt, ()) = tokio::join!(publish, deliver);
            assert_eq!(receipt.unwrap().seq, expected);
            for hub in &hubs {
                assert_eq!(hub.topic("a").unwrap().newest(), expected);
            }
        }
    }

    #[test]
    fn a_restored_topic_goes_on_where_it_was_wherever_its_pushes_are_read() {
        let entry = |seq| {
            Arc::new(Entry::new("t", Head { seq, due_ns: 0, published_ns: 0, key: None }, b"1"))
        };
        for (what, oldest, delayed) in [
            ("a log that survived", 5, false),
            ("a log that was lost", 8, false),
            ("a log that survived, its pushes delayed", 5, true),
            ("a log that was lost, its pushes delayed", 8, true),
        ] {
            let directory = Arc::new(Directory::new(2));
            let entries = (oldest..=7).map(entry).collect();
            directory.restore(RestoredTopic { name: "t".to_owned(), newest: 7, entries }).unwrap();
            let ring = Ring { entries_max: 100, bytes_max: usize::MAX };
            let (feed, _mailbox) = mpsc::unbounded_channel();
            let delay_line = delayed.then(|| Rc::new(DelayLine::new(1)));
            let hub = Hub::new(0, ring, Arc::clone(&directory), vec![feed]).with_belt(delay_line);
            hub.restore();
            let topic =
                hub.by_name.borrow().get("t").cloned().expect("made before it is asked for");
            assert_eq!(topic.identity().newest(), 7, "{what}");
            for log in [&topic, &topic.for_pushes()] {
                let told = (log.newest(), log.oldest());
                assert_eq!(told, (7, oldest), "{what}");
            }
            // The next event fits on both.
            let receipt = hub.publish_at_home(&topic, Origin::default(), b"1");
            assert_eq!(receipt.seq, 8, "{what}");
            if delayed {
                topic.for_pushes().append(entry(8));
            }
            assert_eq!(topic.for_pushes().newest(), 8, "{what}");
        }
    }
}
