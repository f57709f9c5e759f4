//! Delivers topics' events to one endpoint.
//!
//! The outbox of an endpoint is a cursor over the log and the attempts in progress. Events begin in order; a failed one
//! waits for its next attempt, and later events overtake it. A concurrency of 1 therefore keeps the order while nothing
//! fails. If too many wait, the cursor stops; events that then fall off the ring are read from the durable outbox, or count
//! as dead letters without one. Endpoints share nothing but the shard's time.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;

use super::cursors::Cursors;
use super::dispatcher::{Dispatcher, Origin};
use super::endpoint::{Config, Endpoint};
use super::pool::ConnectionPool;
use crate::server::gauges::Kind;
use crate::server::shard::Shard;

/// Most attempts of an endpoint that are under way or wait for another try.
const UNDER_WAY_MAX: usize = 1024;

/// Delivers to an endpoint until it is deleted.
pub(crate) async fn deliver(shard: Rc<Shard>, endpoint: Arc<Endpoint>) {
    let pool = ConnectionPool::of(&shard);
    deliver_over(shard, endpoint, pool).await;
}

/// The same over the connections of `pool`, which may have some already.
pub(super) async fn deliver_over(shard: Rc<Shard>, endpoint: Arc<Endpoint>, pool: ConnectionPool) {
    let _held = shard.gauges().hold(Kind::Webhook);
    let mut outbox = Outbox::new(Dispatcher::new(shard, endpoint, pool));
    poll_fn(|cx| outbox.poll(cx)).await;
}

/// What an endpoint's delivery task looks after.
struct Outbox {
    dispatcher: Rc<Dispatcher>,
    cursors: Cursors,
    /// The attempt that is driven here: mostly there is no other, and this task is woken for it anyway.
    own: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// The other attempts.
    under_way: JoinSet<()>,
    /// The settings that apply; `None` before the first look.
    config: Option<Arc<Config>>,
    /// Whether dead letters may wait to be replayed.
    replays: bool,
    /// Who is woken by the endpoint's owner.
    listener: Option<Waker>,
}

impl Outbox {
    fn new(dispatcher: Dispatcher) -> Self {
        Self {
            dispatcher: Rc::new(dispatcher),
            cursors: Cursors::default(),
            own: None,
            under_way: JoinSet::new(),
            config: None,
            replays: true,
            listener: None,
        }
    }

    /// Delivers what there is; ready once the endpoint is deleted.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.listener.as_ref().is_some_and(|listener| listener.will_wake(cx.waker())) {
            self.dispatcher.endpoint.listen(cx.waker().clone());
            self.listener = Some(cx.waker().clone());
        }
        loop {
            let news = self.dispatcher.endpoint.has_news();
            if (news || self.config.is_none()) && !self.follow() {
                return Poll::Ready(());
            }
            if self.own.as_mut().is_some_and(|own| own.as_mut().poll(cx).is_ready()) {
                self.own = None;
            }
            while !self.under_way.is_empty()
                && let Poll::Ready(Some(_)) = self.under_way.poll_join_next(cx)
            {}
            let enabled = self.config.as_ref().is_some_and(|config| config.disabled.is_none());
            if !enabled || self.under_way.len() >= UNDER_WAY_MAX {
                self.cursors.let_go();
                return Poll::Pending;
            }
            if std::mem::take(&mut self.replays) {
                for letter in self.dispatcher.endpoint.replays() {
                    let origin = Origin::Letter(letter.number);
                    let carried = Rc::clone(&self.dispatcher).carry(letter.batch, origin, None);
                    self.under_way.spawn_local(carried);
                }
            }
            let slot = ready!(self.cursors.poll_slot(&self.dispatcher, cx));
            if let Some((topic, batch)) = self.cursors.take(&self.dispatcher) {
                let origin = Origin::Log(topic);
                let carried = Rc::clone(&self.dispatcher).carry(batch, origin, Some(slot));
                if self.own.is_none() {
                    self.own = Some(Box::pin(carried));
                } else {
                    self.under_way.spawn_local(carried);
                }
            }
        }
    }

    /// Applies what the owner has decided; false once the endpoint is deleted.
    fn follow(&mut self) -> bool {
        let Some(config) = self.dispatcher.endpoint.config() else { return false };
        self.replays = true;
        if !self.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, &config)) {
            self.cursors.follow(&self.dispatcher, &config);
            if let Some(known) = &self.config {
                self.dispatcher.follow(known, &config);
            }
            self.config = Some(config);
        }
        true
    }
}

/// Now, in Unix seconds.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs())
}
