//! All endpoints.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::batch::Batch;
use super::destination::Destination;
use super::endpoint::{Config, Endpoint};
use super::letters::DeadLetter;
use super::secret::Secret;
use crate::server::durable::RestoredEndpoint;
use crate::server::hub::Directory;

/// Most endpoints.
const ENDPOINTS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    endpoints: RwLock<BTreeMap<u64, Arc<Endpoint>>>,
    last_id: AtomicU64,
}

impl Registry {
    /// Adds an endpoint; `None` if the registry is full.
    pub(crate) fn insert(&self, config: Config) -> Option<Arc<Endpoint>> {
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        if endpoints.len() >= ENDPOINTS_MAX {
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let endpoint = Arc::new(Endpoint::new(id, config, Vec::new()));
        endpoints.insert(id, Arc::clone(&endpoint));
        Some(endpoint)
    }

    /// An endpoint of a former process, known again; why it cannot be, where it cannot.
    pub(crate) fn restore(
        &self,
        directory: &Directory,
        restored: RestoredEndpoint,
    ) -> Result<Arc<Endpoint>, String> {
        let RestoredEndpoint { id, saved, positions, letters } = restored;
        let unusable =
            |what: &str, why: String| format!("webhook {id} in the outbox: {what}: {why}");
        let secret =
            |text: &str| Secret::parse(text).map_err(|e| unusable("secret", e.to_string()));
        let topic = |(name, since): &(String, u64)| {
            let known = directory.get_or_create(name);
            let known = known.map_err(|_| unusable(name, "there is no room for it".to_owned()))?;
            Ok::<_, String>((known, positions.get(name).copied().unwrap_or(*since)))
        };
        let previous = saved.previous.as_ref();
        let config = Config {
            destination: Arc::new(Destination::parse(&saved.url).map_err(|e| unusable("url", e))?),
            topics: saved.topics.iter().map(topic).collect::<Result<_, _>>()?,
            secret: secret(&saved.secret)?,
            previous: previous
                .map(|(text, until)| secret(text).map(|s| (s, *until)))
                .transpose()?,
            disabled: saved.disabled,
        };
        let letters = letters.into_iter().filter_map(|(number, letter)| {
            let batch = Batch::new(letter.id.clone(), letter.entries())?;
            Some(DeadLetter { number, batch, attempts: letter.attempts, reason: letter.reason })
        });
        let endpoint = Arc::new(Endpoint::new(id, config, letters.collect()));
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        endpoints.insert(id, Arc::clone(&endpoint));
        Ok(endpoint)
    }

    /// Numbers up to `id` were given out by a former process.
    pub(crate) fn go_on_after(&self, id: u64) {
        self.last_id.fetch_max(id, Ordering::Relaxed);
    }

    /// The endpoint of that number.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Endpoint>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Deletes an endpoint; false where there is none.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let removed = self.endpoints.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        removed.is_some_and(|endpoint| {
            endpoint.close();
            true
        })
    }

    /// Returns up to `limit` endpoints with numbers above `after`, in order.
    pub(crate) fn list(&self, after: u64, limit: usize) -> Vec<Arc<Endpoint>> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let range = endpoints.range(after.saturating_add(1)..);
        range.take(limit).map(|(_, endpoint)| Arc::clone(endpoint)).collect()
    }
}
