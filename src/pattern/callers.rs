//! What the webhook receivers of a shard share.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use super::conversation::Conversation;
use super::inbound::Rendered;
use super::receiver::Known;
use crate::dialect::model::{Callback, Signature};
use crate::dialect::signing::{Scheme, SchemeError};
use crate::net::Nursery;
use crate::scenario::ReceiverOptions;

/// The servers' connections to a shard's receivers, and how those are called.
#[derive(Debug, Default)]
pub(super) struct Callers {
    connections: OnceCell<Nursery>,
    callback: OnceCell<Option<Rc<Callback>>>,
    /// How deliveries are signed.
    scheme: OnceCell<Rc<Scheme>>,
    /// The ids of deliveries that have come, where they have any.
    known: RefCell<Option<Known>>,
    /// How the scenario has receivers behave.
    receivers: OnceCell<Rc<ReceiverOptions>>,
    /// The acknowledgement, where it is always the same.
    acknowledgement: OnceCell<Option<Rc<Rendered>>>,
    /// Rung when a receiver has learned its secret.
    pub(super) learned: Notify,
}

impl Callers {
    /// Runs a connection that a server has opened.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + 'static) {
        let connections = self.connections.get_or_init(|| {
            let connections = Nursery::new();
            tokio::task::spawn_local(connections.clone().drive());
            connections
        });
        connections.add(connection);
    }

    /// Whether a delivery is new, as `look` says of those that have come.
    pub(super) fn is_new(&self, look: impl FnOnce(&mut Known) -> bool) -> bool {
        look(self.known.borrow_mut().get_or_insert_default())
    }

    /// How the scenario has receivers behave, which `options` says the first time.
    pub(super) fn receivers(
        &self,
        options: impl FnOnce() -> ReceiverOptions,
    ) -> Rc<ReceiverOptions> {
        Rc::clone(self.receivers.get_or_init(|| Rc::new(options())))
    }

    /// The acknowledgement of all receivers, which `render` makes the first time; `None` where it is not always the same.
    pub(super) fn acknowledgement<E>(
        &self,
        render: impl FnOnce() -> Result<Option<Rendered>, E>,
    ) -> Result<Option<Rc<Rendered>>, E> {
        if let Some(known) = self.acknowledgement.get() {
            return Ok(known.clone());
        }
        let rendered = render()?.map(Rc::new);
        Ok(self.acknowledgement.get_or_init(|| rendered).clone())
    }

    /// How deliveries are signed, by the only `signature` of the shard's dialect.
    pub(super) fn scheme(&self, signature: &Signature) -> Result<Rc<Scheme>, SchemeError> {
        if let Some(scheme) = self.scheme.get() {
            return Ok(Rc::clone(scheme));
        }
        let scheme = Rc::new(Scheme::of(signature)?);
        Ok(Rc::clone(self.scheme.get_or_init(|| scheme)))
    }

    /// How the server calls its receivers; `None` if it calls none. Kept once for all of them.
    pub(super) fn callback(&self, conversation: &Conversation) -> Option<Rc<Callback>> {
        let callback = || conversation.dialect.webhook.clone().map(Rc::new);
        self.callback.get_or_init(callback).clone()
    }
}
