//! Delivering a topic's events to one endpoint.
//!
//! The outbox of an endpoint is a cursor over the log and the few events that are under way. Events begin in
//! order; one that fails steps aside until its next attempt, and later ones overtake it. With a concurrency of
//! 1 the order is therefore kept as long as nothing fails. When too many have stepped aside the cursor waits,
//! and what then falls off the ring is counted as dead letters. Endpoints share nothing but the shard's time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::endpoint::{Config, DeadLetter, Endpoint};
use super::line::{Lines, Message};
use super::policy::{Verdict, backoff, judge};
use crate::measure::Counter;
use crate::pace::Rng;
use crate::target::gauges::Kind;
use crate::target::hub::{Entry, Gap, Topic, Waiter};
use crate::target::shard::Shard;

/// Most events of an endpoint that are under way or wait for another attempt.
const UNDER_WAY_MAX: usize = 1024;

/// Delivers to an endpoint until it is deleted.
pub async fn deliver(shard: Rc<Shard>, endpoint: Arc<Endpoint>) {
    let _held = shard.gauges().hold(Kind::Webhook);
    let slots = Arc::new(Semaphore::new(shard.options().webhook.concurrency.max(1) as usize));
    let rng = RefCell::new(Rng::new(shard.shared.epoch, endpoint.id()));
    let lines = Lines::new(Rc::clone(&shard.writes));
    let courier =
        Rc::new(Courier { shard, endpoint, lines, slots, paused_until: Cell::new(None), rng });
    let mut decisions = courier.endpoint.watch();
    let mut cursors = Cursors::default();
    let mut under_way = JoinSet::new();
    let mut followed: Option<Arc<Config>> = None;
    loop {
        let Some(config) = decisions.borrow_and_update().clone() else { return };
        if !followed.as_ref().is_some_and(|known| Arc::ptr_eq(known, &config)) {
            cursors.follow(&courier.shard, &config);
            if followed.is_some_and(|known| known.destination != config.destination) {
                courier.lines.clear();
            }
            followed = Some(Arc::clone(&config));
        }
        let ready = config.disabled.is_none() && under_way.len() < UNDER_WAY_MAX;
        tokio::select! {
            biased;
            changed = decisions.changed() => if changed.is_err() { return },
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            slot = cursors.wait_for_slot(&courier), if ready => {
                if let Some((waiter, entry)) = cursors.take(&courier) {
                    let id = format!("msg_{waiter}_{}", entry.seq());
                    under_way.spawn_local(Rc::clone(&courier).carry(id, entry, slot));
                }
            }
        }
    }
}

/// Where an endpoint stands in each of its topics.
#[derive(Debug, Default)]
struct Cursors {
    cursors: Vec<(Waiter, u64)>,
    /// The topic to look at first, so that a busy one does not starve the others.
    turn: usize,
}

impl Cursors {
    /// Takes over the topics of a configuration; those that stay keep their place.
    fn follow(&mut self, shard: &Shard, config: &Config) {
        let mut former = std::mem::take(&mut self.cursors);
        for (identity, since) in &config.topics {
            let same = |(waiter, _): &(Waiter, u64)| waiter.topic().name() == identity.name();
            let cursor = match former.iter().position(same) {
                Some(at) => former.swap_remove(at),
                None => (shard.hub.replica(identity).for_pushes().waiter(), *since),
            };
            self.cursors.push(cursor);
        }
    }

    /// Waits for an event to deliver, then for a free slot.
    async fn wait_for_slot(&self, courier: &Courier) -> OwnedSemaphorePermit {
        std::future::poll_fn(|cx| {
            let mut ready = false;
            for (waiter, since) in &self.cursors {
                ready |= waiter.poll_after(*since, cx).is_ready();
            }
            if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        courier.slot().await
    }

    /// The next event and its topic's name; what the log has lost in the meantime is counted.
    fn take(&mut self, courier: &Courier) -> Option<(String, Arc<Entry>)> {
        for step in 0..self.cursors.len() {
            let at = (self.turn + step) % self.cursors.len();
            let (waiter, since) = &mut self.cursors[at];
            let topic = waiter.topic();
            if topic.newest() <= *since {
                continue;
            }
            if let Err(Gap { oldest }) = topic.read(*since, |_| ()) {
                courier.miss(oldest - 1 - *since);
                *since = oldest - 1;
            }
            let next = topic.read(*since, |events| courier.first(topic, events));
            match next {
                Ok(Some(entry)) => {
                    *since = entry.seq();
                    self.turn = at + 1;
                    return Some((topic.name().to_owned(), entry));
                }
                // All of them are dropped.
                Ok(None) => *since = topic.newest(),
                Err(_) => {}
            }
        }
        None
    }
}

/// What the attempts of one endpoint share.
#[derive(Debug)]
struct Courier {
    shard: Rc<Shard>,
    endpoint: Arc<Endpoint>,
    lines: Lines,
    /// Attempts that may be under way at once.
    slots: Arc<Semaphore>,
    /// The receiver asked to be left alone until then.
    paused_until: Cell<Option<Instant>>,
    rng: RefCell<Rng>,
}

impl Courier {
    /// Brings one event, in as many attempts as it takes and is allowed.
    async fn carry(self: Rc<Self>, id: String, entry: Arc<Entry>, slot: OwnedSemaphorePermit) {
        let mut first = Some(slot);
        let mut attempt = 0;
        let reason = loop {
            let slot = match first.take() {
                Some(slot) => slot,
                None => self.slot().await,
            };
            while let Some(until) = self.paused_until.get().filter(|until| *until > Instant::now())
            {
                sleep_until(until).await;
            }
            // The endpoint may be disabled; what is under way then waits, and loses nothing.
            let mut decisions = self.endpoint.watch();
            let enabled = decisions.wait_for(|c| c.as_ref().is_none_or(|c| c.disabled.is_none()));
            let Some(config) = enabled.await.ok().and_then(|config| config.clone()) else { return };
            attempt += 1;
            let verdict = self.attempt(&config, &id, &entry, attempt == 1).await;
            drop(slot);
            match verdict {
                Verdict::Delivered => return self.endpoint.count_delivered(),
                Verdict::Gone => {
                    let reason = "the receiver answered 410".to_owned();
                    self.endpoint.change(|config| config.disabled = Some(reason.clone()));
                    break reason;
                }
                Verdict::Failed { reason, retry_after } => {
                    let options = &self.shard.options().webhook;
                    if let Some(wish) = retry_after {
                        let until = self.paused_until.get().max(Some(Instant::now() + wish));
                        self.paused_until.set(until);
                    }
                    if attempt >= options.attempts {
                        break reason;
                    }
                    self.endpoint.count_retry();
                    self.shard.recorder.borrow_mut().count(Counter::Retries, 1);
                    let unit = self.rng.borrow_mut().unit();
                    let faults = self.shard.faults.as_ref();
                    let delay = faults.map_or(Duration::ZERO, |faults| faults.delay());
                    sleep(backoff(options.backoff.std(), attempt, unit) + delay).await;
                }
            }
        };
        self.shard.recorder.borrow_mut().count(Counter::DeadLetters, 1);
        self.endpoint.bury(DeadLetter { entry, id, attempts: attempt, reason });
    }

    /// The first of a topic's events that is not dropped.
    fn first(
        &self,
        topic: &Topic,
        events: &mut dyn Iterator<Item = &Arc<Entry>>,
    ) -> Option<Arc<Entry>> {
        let faults = self.shard.faults.as_ref();
        let sieve = faults.and_then(|faults| faults.sieve(self.endpoint.id(), topic));
        for event in events {
            if !sieve.is_some_and(|sieve| sieve.drops(event.seq())) {
                return Some(Arc::clone(event));
            }
        }
        None
    }

    /// Waits for leave to make an attempt.
    async fn slot(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => slot,
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Posts an event once; a delivery is written when its `first` attempt is.
    async fn attempt(&self, config: &Config, id: &str, entry: &Entry, first: bool) -> Verdict {
        let now = unix_seconds();
        let limit: Duration = self.shard.options().webhook.timeout.std();
        let published_ns = if first { self.shard.writes.measured(entry) } else { None };
        let message = Message { id, timestamp: now, body: entry.json_shared(), published_ns };
        let allow_private = self.shard.options().allow_private_webhooks;
        let secrets = config.secrets(now);
        if let Some(faults) = &self.shard.faults {
            faults.pay();
        }
        let post = self.lines.post(&config.destination, allow_private, &secrets, message);
        let failed = |reason: String| Verdict::Failed { reason, retry_after: None };
        match timeout(limit, post).await {
            Ok(Ok(answer)) => judge(answer.status, answer.retry_after.as_deref(), now),
            Ok(Err(error)) => failed(error.to_string()),
            Err(_) => failed(format!("no answer in {} s", limit.as_secs_f64())),
        }
    }

    /// Counts events that fell off the ring.
    fn miss(&self, events: u64) {
        self.endpoint.count_missed(events);
        self.shard.recorder.borrow_mut().count(Counter::DeadLetters, events);
    }
}

/// Now, in Unix seconds.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs())
}
