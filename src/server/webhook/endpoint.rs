//! A registered endpoint and its state, shared by its owner's requests and its delivery task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::watch;

use super::batch::Batch;
use super::destination::Destination;
use super::letters::{DeadLetter, DeadLetters};
use super::secret::Secret;
use crate::server::durable::SavedEndpoint;
use crate::server::hub::SharedTopic;

/// The owner's settings of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub destination: Arc<Destination>,
    /// Each topic with the sequence after which deliveries begin.
    pub topics: Vec<(Arc<SharedTopic>, u64)>,
    /// The secret that signs.
    pub secret: Secret,
    /// The one before it, and the Unix second until which it signs too.
    pub previous: Option<(Secret, u64)>,
    /// Why nothing is delivered; `None` where all is well.
    pub disabled: Option<String>,
}

impl Config {
    /// The secrets that sign at a Unix second.
    pub(crate) fn secrets(&self, now_unix_s: u64) -> impl Iterator<Item = &Secret> + Clone {
        let previous = self.previous.as_ref().filter(|(_, until)| now_unix_s < *until);
        std::iter::once(&self.secret).chain(previous.map(|(secret, _)| secret))
    }

    /// Returns the stored form.
    pub(crate) fn saved(&self) -> SavedEndpoint {
        let topics = self.topics.iter().map(|(topic, since)| (topic.name().to_owned(), *since));
        let previous = self.previous.as_ref();
        SavedEndpoint {
            url: self.destination.to_string(),
            topics: topics.collect(),
            secret: self.secret.text().to_owned(),
            previous: previous.map(|(secret, until)| (secret.text().to_owned(), *until)),
            disabled: self.disabled.clone(),
        }
    }
}

/// A registered endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    id: u64,
    /// `None` once it is deleted.
    config: watch::Sender<Option<Arc<Config>>>,
    delivered: AtomicU64,
    retries: AtomicU64,
    dead: Mutex<DeadLetters>,
    bell: Bell,
}

/// Wakes the delivery task once its endpoint has changed or letters are to be replayed.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Bell {
    fn listener(&self) -> MutexGuard<'_, Option<Waker>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        if let Some(listener) = &*self.listener() {
            listener.wake_by_ref();
        }
    }
}

impl Endpoint {
    /// A new one, or one that is known again.
    pub(crate) fn new(id: u64, config: Config, letters: Vec<DeadLetter>) -> Self {
        Self {
            id,
            config: watch::Sender::new(Some(Arc::new(config))),
            delivered: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            dead: Mutex::new(DeadLetters::from(letters)),
            bell: Bell::default(),
        }
    }

    /// Marks the endpoint as deleted: nothing more is delivered.
    pub(crate) fn close(&self) {
        self.config.send_replace(None);
        self.bell.ring();
    }

    /// Its number.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// The owner's latest settings; `None` once the endpoint is deleted.
    pub(crate) fn config(&self) -> Option<Arc<Config>> {
        self.config.borrow().clone()
    }

    /// Follows the owner's decisions.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Config>>> {
        self.config.subscribe()
    }

    /// Changes the configuration, unless the endpoint is deleted.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Config)) {
        self.config.send_if_modified(|config| match config {
            Some(config) => {
                change(Arc::make_mut(config));
                true
            }
            None => false,
        });
        self.bell.ring();
    }

    /// Wakes `listener` at each change, and when letters are to be replayed. One task at a time listens.
    pub(super) fn listen(&self, listener: Waker) {
        *self.bell.listener() = Some(listener);
    }

    /// Whether something has changed, or letters are to be replayed, since it was last asked.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.bell.rung.load(Ordering::Relaxed) && self.bell.rung.swap(false, Ordering::Acquire)
    }

    /// Counts acknowledged events.
    pub(crate) fn count_delivered(&self, events: u64) {
        self.delivered.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts an attempt that will be repeated.
    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Events delivered, attempts repeated, events given up.
    pub(crate) fn tally(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.delivered), load(&self.retries), self.dead().total())
    }

    /// Keeps an undelivered message, and returns its number and that of one it displaced.
    pub(crate) fn add_dead_letter(
        &self,
        batch: Batch,
        attempts: u32,
        reason: String,
    ) -> (u64, Option<u64>) {
        self.dead().add_dead_letter(batch, attempts, reason)
    }

    /// Counts events that fell out of the log before they could be tried.
    pub(crate) fn count_missed(&self, events: u64) {
        self.dead().miss(events);
    }

    /// The dead letters that are kept, oldest first.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead().kept()
    }

    /// Queues dead letters for replay: the one of that message id, or all; returns how many.
    pub(crate) fn replay(&self, webhook_id: Option<&str>) -> usize {
        let asked = self.dead().ask(webhook_id);
        self.bell.ring();
        asked
    }

    /// Takes the dead letters that are to be replayed.
    pub(super) fn replays(&self) -> Vec<DeadLetter> {
        self.dead().take_asked()
    }

    fn dead(&self) -> MutexGuard<'_, DeadLetters> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
