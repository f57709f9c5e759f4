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
use std::task::Poll;
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
    let dispatcher = Rc::new(Dispatcher::new(shard, endpoint, pool));
    let mut decisions = dispatcher.endpoint.watch();
    let mut cursors = Cursors::default();
    let mut under_way = JoinSet::new();
    // The first attempt is driven here: mostly there is no other, and this task is woken for it anyway.
    let mut own: Option<Pin<Box<dyn Future<Output = ()>>>> = None;
    let mut followed: Option<Arc<Config>> = None;
    loop {
        let Some(config) = decisions.borrow_and_update().clone() else { return };
        if !followed.as_ref().is_some_and(|known| Arc::ptr_eq(known, &config)) {
            cursors.follow(&dispatcher, &config);
            if let Some(known) = followed {
                dispatcher.follow(&known, &config);
            }
            followed = Some(Arc::clone(&config));
        }
        let ready = config.disabled.is_none() && under_way.len() < UNDER_WAY_MAX;
        let has_own = own.is_some();
        tokio::select! {
            biased;
            changed = decisions.changed() => if changed.is_err() { return },
            letters = dispatcher.endpoint.replays(), if ready => for letter in letters {
                let origin = Origin::Letter(letter.number);
                under_way.spawn_local(Rc::clone(&dispatcher).carry(letter.batch, origin, None));
            },
            () = poll_fn(|cx| own.as_mut().map_or(Poll::Pending, |own| own.as_mut().poll(cx))), if has_own => {
                own = None;
            }
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            slot = cursors.wait_for_slot(&dispatcher), if ready => {
                if let Some((topic, batch)) = cursors.take(&dispatcher) {
                    let origin = Origin::Log(topic);
                    let carried = Rc::clone(&dispatcher).carry(batch, origin, Some(slot));
                    if own.is_none() {
                        own = Some(Box::pin(carried));
                    } else {
                        under_way.spawn_local(carried);
                    }
                }
            }
        }
    }
}

/// Now, in Unix seconds.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs())
}
