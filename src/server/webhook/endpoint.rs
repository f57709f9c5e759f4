//! A registered endpoint and its state, shared by its owner's requests and its delivery task.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::batch::Batch;
use super::destination::Destination;
use super::letters::{DeadLetter, DeadLetters};
use super::secret::Secret;
use crate::server::durable::SavedEndpoint;
use crate::server::hub::SharedTopic;

/// The owner's settings of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub destination: Destination,
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
    pub(crate) fn secrets(&self, now_unix_s: u64) -> Vec<&Secret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now_unix_s < *until);
        std::iter::once(&self.secret).chain(previous.map(|(secret, _)| secret)).collect()
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
    replay_asked: Notify,
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
            replay_asked: Notify::new(),
        }
    }

    /// Marks the endpoint as deleted: nothing more is delivered.
    pub(crate) fn close(&self) {
        self.config.send_replace(None);
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
        self.replay_asked.notify_one();
        asked
    }

    /// Waits for dead letters to replay, and takes them.
    pub(crate) async fn replays(&self) -> Vec<DeadLetter> {
        loop {
            let asked = self.dead().take_asked();
            if !asked.is_empty() {
                return asked;
            }
            self.replay_asked.notified().await;
        }
    }

    fn dead(&self) -> MutexGuard<'_, DeadLetters> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
