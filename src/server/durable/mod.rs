//! The durable outbox: events, endpoints and their positions on disk, so that a killed target continues where it was.
//!
//! One thread owns all writing. It commits everything requested since its last commit in one sync (group commit); only then
//! does an event return to its topic's home shard, which makes it visible and acknowledges it. A kill therefore takes back
//! nothing that was visible or acknowledged.
//!
//! Positions (up to where an endpoint has everything) lag by at most [`POSITIONS_EVERY`]: after a kill the events since
//! then are delivered once more, under the same `webhook-id`. Events that every endpoint of their topic has are removed.
//! After the disk refuses a write, nothing more is acknowledged.
//!
//! The store is redb: one file, copy-on-write B-trees, synced commits, no threads or dependencies of its own.

mod saved;
mod scratch;
mod tables;
mod writing;

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::hub::{Entry, Feed, Origin, Receipt, SharedTopic};
use crate::event::Epoch;
pub(super) use saved::{Restored, RestoredEndpoint, SavedEndpoint, SavedLetter};
pub use scratch::ScratchFolder;
use tables::{Change, Tables};

/// Longest time that a position is known in memory alone.
const POSITIONS_EVERY: Duration = Duration::from_millis(100);
/// Most changes in one commit.
const COMMIT_MAX: usize = 4096;

/// Why the store cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the durable outbox: {0}")]
pub(super) struct StoreError(String);

impl StoreError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// An event to be stored before it becomes visible.
#[derive(Debug)]
pub(super) struct Append {
    /// The topic.
    pub identity: Arc<SharedTopic>,
    /// Its place there.
    pub seq: u64,
    /// The publisher's metadata, with the due stamp.
    pub origin: Origin,
    /// The payload.
    pub data: Bytes,
    /// The topic's home shard.
    pub home: usize,
    /// The shard that awaits the receipt, and where.
    pub asker: (usize, oneshot::Sender<Receipt>),
}

/// A request to the writing thread.
#[derive(Debug)]
enum Order {
    Append(Append),
    Change(Change, Option<oneshot::Sender<()>>),
    Close,
}

/// The store of one target.
#[derive(Debug)]
pub(super) struct DurableStore {
    orders: Sender<Order>,
    tables: Arc<Tables>,
    failed: Arc<OnceLock<StoreError>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl DurableStore {
    /// Opens the store in a folder, creating it if missing, and reads its content, at most `ring` events per topic. Stored
    /// events go to the home shard's `feeds`. A new store begins the life `life`.
    pub(super) fn open(
        folder: &Path,
        ring: usize,
        life: Epoch,
        feeds: Vec<mpsc::UnboundedSender<Feed>>,
    ) -> Result<(Self, Restored), StoreError> {
        let (tables, restored) = Tables::open(folder, ring, life)?;
        let tables = Arc::new(tables);
        let (orders, inbox) = channel();
        let failed = Arc::new(OnceLock::new());
        let writer = Writer { tables: Arc::clone(&tables), failed: Arc::clone(&failed), feeds };
        let thread = thread::Builder::new().name("outbox".to_owned());
        let thread = thread.spawn(move || writer.run(&inbox)).map_err(StoreError::new)?;
        Ok((Self { orders, tables, failed, writer: Mutex::new(Some(thread)) }, restored))
    }

    /// Opens a store in a folder that disappears with the process: the name is removed at once, the file lives while it is
    /// open.
    pub(super) fn temporary(
        ring: usize,
        feeds: Vec<mpsc::UnboundedSender<Feed>>,
    ) -> Result<Self, StoreError> {
        let folder = ScratchFolder::new().map_err(StoreError::new)?;
        // Nobody reads its life: it ends with the process.
        let (store, _) = Self::open(folder.path(), ring, Epoch::from_bits(0), feeds)?;
        Ok(store)
    }

    /// Stores an event. The receipt arrives once it is stored and visible, and never if it cannot be stored.
    pub(super) fn append(&self, append: Append) {
        let _ = self.orders.send(Order::Append(append));
    }

    /// Why nothing can be stored any more, if so.
    pub(super) fn failure(&self) -> Option<&StoreError> {
        self.failed.get()
    }

    /// Stores an endpoint, or its deletion, and waits until that is on disk.
    pub(super) async fn save_endpoint(
        &self,
        id: u64,
        saved: Option<SavedEndpoint>,
    ) -> Result<(), StoreError> {
        let (done, stored) = oneshot::channel();
        let _ = self.orders.send(Order::Change(Change::Endpoint(id, saved), Some(done)));
        let gone = || self.failed.get().cloned().unwrap_or_else(|| StoreError::new("it is closed"));
        stored.await.map_err(|_| gone())
    }

    /// Stores an endpoint soon.
    pub(super) fn note_endpoint(&self, id: u64, saved: SavedEndpoint) {
        self.note(Change::Endpoint(id, Some(saved)));
    }

    /// An endpoint has every event of a topic up to `upto`.
    pub(super) fn note_position(&self, endpoint: u64, topic: &Arc<SharedTopic>, upto: u64) {
        self.note(Change::Position(endpoint, Arc::clone(topic), upto));
    }

    /// Keeps a dead letter under its number.
    pub(super) fn note_letter(&self, endpoint: u64, number: u64, letter: SavedLetter) {
        self.note(Change::Letter(endpoint, number, Some(letter)));
    }

    /// Forgets a dead letter, which was delivered after all, or failed again.
    pub(super) fn forget_letter(&self, endpoint: u64, number: u64) {
        self.note(Change::Letter(endpoint, number, None));
    }

    /// Returns up to `limit` events of a topic after `since`, oldest first, that have left the log in memory. It blocks on
    /// the disk, which only a consumer far behind needs.
    pub(super) fn read(&self, topic: &str, since: u64, limit: usize) -> Vec<Arc<Entry>> {
        self.tables.read(topic, since, limit).unwrap_or_default()
    }

    fn note(&self, change: Change) {
        let _ = self.orders.send(Order::Change(change, None));
    }
}

impl Drop for DurableStore {
    /// Commits the remaining requests.
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Close);
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Makes a folder that only its owner may read: it holds secrets.
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The thread that writes.
struct Writer {
    tables: Arc<Tables>,
    failed: Arc<OnceLock<StoreError>>,
    feeds: Vec<mpsc::UnboundedSender<Feed>>,
}

/// Requests that are committed together.
#[derive(Default)]
struct Batch {
    appends: Vec<Append>,
    changes: Vec<Change>,
    done: Vec<oneshot::Sender<()>>,
    /// When the oldest position arrived; positions alone do not hurry a commit.
    since: Option<Instant>,
    closing: bool,
}

impl Batch {
    fn take(&mut self, order: Order) {
        match order {
            Order::Append(append) => self.appends.push(append),
            Order::Change(change, done) => {
                self.changes.push(change);
                self.done.extend(done);
                self.since.get_or_insert_with(Instant::now);
            }
            Order::Close => self.closing = true,
        }
    }

    /// How long the commit may wait.
    fn patience(&self) -> Option<Duration> {
        if self.closing || !self.appends.is_empty() || !self.done.is_empty() {
            return Some(Duration::ZERO);
        }
        self.since.map(|since| POSITIONS_EVERY.saturating_sub(since.elapsed()))
    }
}

impl Writer {
    fn run(self, inbox: &Receiver<Order>) {
        loop {
            let batch = gather(inbox);
            let closing = batch.closing;
            self.commit(batch);
            if closing {
                return;
            }
        }
    }

    fn commit(&self, batch: Batch) {
        if self.failed.get().is_some() {
            // What cannot be stored is not acknowledged: its askers see their channels close.
            return;
        }
        if let Err(error) = self.tables.commit(&batch.appends, batch.changes) {
            let _ = self.failed.set(error);
            return;
        }
        for Append { identity, seq, origin, data, home, asker } in batch.appends {
            let _ = self.feeds[home].send(Feed::Stored { identity, seq, origin, data, asker });
        }
        for done in batch.done {
            let _ = done.send(());
        }
    }
}

/// Waits for something to commit, and takes everything that has arrived by then.
fn gather(inbox: &Receiver<Order>) -> Batch {
    let mut batch = Batch::default();
    loop {
        let next = match batch.patience() {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => inbox.recv_timeout(patience),
        };
        match next {
            Ok(order) => batch.take(order),
            Err(RecvTimeoutError::Timeout) => return batch,
            Err(RecvTimeoutError::Disconnected) => {
                batch.closing = true;
                return batch;
            }
        }
        if batch.appends.len() + batch.changes.len() >= COMMIT_MAX {
            return batch;
        }
    }
}
