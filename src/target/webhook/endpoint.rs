//! Registered endpoints and what is known of them. Touched by their owner's requests and their delivery task.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use super::destination::Destination;
use super::secret::Secret;
use crate::target::hub::{Entry, Identity};

/// Most endpoints.
const ENDPOINTS_MAX: usize = 100_000;
/// Dead letters that an endpoint keeps; of older ones only the count remains.
const DEAD_LETTERS_MAX: usize = 256;

/// What an endpoint's owner decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to deliver.
    pub destination: Destination,
    /// What to deliver: each topic with the sequence after which to begin.
    pub topics: Vec<(Arc<Identity>, u64)>,
    /// The secret that signs.
    pub secret: Secret,
    /// The one before it, and the Unix second until which it signs too.
    pub previous: Option<(Secret, u64)>,
    /// Why nothing is delivered; `None` where all is well.
    pub disabled: Option<String>,
}

impl Config {
    /// The secrets that sign at a Unix second.
    pub fn secrets(&self, now_unix_s: u64) -> Vec<&Secret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now_unix_s < *until);
        std::iter::once(&self.secret).chain(previous.map(|(secret, _)| secret)).collect()
    }
}

/// An event that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The event.
    pub entry: Arc<Entry>,
    /// Its message id.
    pub id: String,
    /// Attempts made.
    pub attempts: u32,
    /// How the last one failed.
    pub reason: String,
}

#[derive(Debug, Default)]
struct DeadLetters {
    kept: VecDeque<DeadLetter>,
    total: u64,
}

/// A registered endpoint.
#[derive(Debug)]
pub struct Endpoint {
    id: u64,
    /// `None` once it is deleted.
    config: watch::Sender<Option<Arc<Config>>>,
    delivered: AtomicU64,
    retries: AtomicU64,
    dead: Mutex<DeadLetters>,
}

impl Endpoint {
    /// Its number.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// What its owner decided last; `None` once it is deleted.
    pub fn config(&self) -> Option<Arc<Config>> {
        self.config.borrow().clone()
    }

    /// Follows the owner's decisions.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Config>>> {
        self.config.subscribe()
    }

    /// Changes the configuration, unless the endpoint is deleted.
    pub fn change(&self, change: impl FnOnce(&mut Config)) {
        self.config.send_if_modified(|config| match config {
            Some(config) => {
                change(Arc::make_mut(config));
                true
            }
            None => false,
        });
    }

    /// Counts an acknowledged event.
    pub fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an attempt that is to be repeated.
    pub fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Events delivered, attempts repeated, events given up.
    pub fn tally(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.delivered), load(&self.retries), self.dead().total)
    }

    /// Keeps an event that was given up.
    pub fn bury(&self, letter: DeadLetter) {
        let mut dead = self.dead();
        dead.total += 1;
        if dead.kept.len() == DEAD_LETTERS_MAX {
            dead.kept.pop_front();
        }
        dead.kept.push_back(letter);
    }

    /// Counts events that fell out of the log before they could be tried.
    pub fn count_missed(&self, events: u64) {
        self.dead().total += events;
    }

    /// The dead letters that are kept, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead().kept.iter().cloned().collect()
    }

    fn dead(&self) -> MutexGuard<'_, DeadLetters> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every endpoint by number.
#[derive(Debug, Default)]
pub struct Registry {
    endpoints: RwLock<BTreeMap<u64, Arc<Endpoint>>>,
    last_id: AtomicU64,
}

impl Registry {
    /// Adds an endpoint; `None` where there is no room.
    pub fn insert(&self, config: Config) -> Option<Arc<Endpoint>> {
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        if endpoints.len() >= ENDPOINTS_MAX {
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let endpoint = Arc::new(Endpoint {
            id,
            config: watch::Sender::new(Some(Arc::new(config))),
            delivered: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            dead: Mutex::default(),
        });
        endpoints.insert(id, Arc::clone(&endpoint));
        Some(endpoint)
    }

    /// The endpoint of that number.
    pub fn get(&self, id: u64) -> Option<Arc<Endpoint>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Deletes an endpoint; false where there is none.
    pub fn remove(&self, id: u64) -> bool {
        let removed = self.endpoints.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        removed.is_some_and(|endpoint| {
            endpoint.config.send_replace(None);
            true
        })
    }

    /// Up to `limit` endpoints of higher numbers than `after`, in order.
    pub fn list(&self, after: u64, limit: usize) -> Vec<Arc<Endpoint>> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let range = endpoints.range(after.saturating_add(1)..);
        range.take(limit).map(|(_, endpoint)| Arc::clone(endpoint)).collect()
    }
}
