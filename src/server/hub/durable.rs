//! Publishing through the durable outbox: first stored, then visible.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Hub, Origin, Receipt, TooManyTopics, Topic};
use crate::clock;
use crate::server::durable::{Append, DurableStore};

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PublishError {
    /// Its topic would be one too many.
    #[error("there is no room for another topic")]
    TooManyTopics,
    /// The event could not be stored.
    #[error("the event was not stored: {0}")]
    NotStored(String),
}

impl From<TooManyTopics> for PublishError {
    fn from(TooManyTopics: TooManyTopics) -> Self {
        Self::TooManyTopics
    }
}

impl Hub {
    /// Stores every event from now on before it becomes visible.
    pub(crate) fn keep_in(&self, store: &Arc<DurableStore>) {
        let _ = self.store.set(Arc::clone(store));
    }

    /// The store for events that are not visible yet.
    pub(crate) fn store(&self) -> Option<&Arc<DurableStore>> {
        self.store.get()
    }

    /// Publishes an event of a topic whose home is this shard, through the store; the receipt follows later.
    pub(crate) fn publish_stored(
        &self,
        topic: &Rc<Topic>,
        origin: Origin,
        data: Bytes,
    ) -> oneshot::Receiver<Receipt> {
        let (receipt, answer) = oneshot::channel();
        self.hand_over(topic, origin, data, (self.shard, receipt));
        answer
    }

    /// Gives an event its place and hands it to the store, which hands it back once it is on disk.
    pub(super) fn hand_over(
        &self,
        topic: &Rc<Topic>,
        origin: Origin,
        data: Bytes,
        asker: (usize, oneshot::Sender<Receipt>),
    ) {
        let Some(store) = self.store() else { return };
        let seq = topic.reserve();
        // Its due stamp is on disk before it has a published one.
        let origin = Origin { due_ns: origin.due_ns.or_else(|| Some(clock::now())), ..origin };
        let identity = Arc::clone(topic.identity());
        store.append(Append { identity, seq, origin, data, home: self.shard, asker });
    }

    /// Makes a stored event visible, in the order in which places were given.
    pub(super) fn make_visible(
        &self,
        topic: &Rc<Topic>,
        seq: u64,
        origin: Origin,
        data: &[u8],
        asker: (usize, oneshot::Sender<Receipt>),
    ) {
        debug_assert_eq!(seq, topic.newest() + 1, "stored in order");
        if asker.0 == self.shard {
            let receipt = self.publish_and_feed(topic, origin, data, None);
            let _ = asker.1.send(receipt);
        } else {
            self.publish_and_feed(topic, origin, data, Some(asker));
        }
    }

    /// Waits for a receipt.
    pub(super) async fn stored(
        &self,
        answer: oneshot::Receiver<Receipt>,
    ) -> Result<Receipt, PublishError> {
        match (answer.await, self.store().and_then(|store| store.failure())) {
            (Ok(receipt), _) => Ok(receipt),
            (Err(_), Some(error)) => Err(PublishError::NotStored(error.to_string())),
            // The home shard has ended: so does the target, and this future will be dropped.
            (Err(_), None) => std::future::pending().await,
        }
    }
}
