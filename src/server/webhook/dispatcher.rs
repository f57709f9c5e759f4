//! Bringing events to one endpoint, attempt by attempt.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::Batch;
use super::endpoint::{Config, Endpoint};
use super::exchange::Wait;
use super::outbox::unix_seconds;
use super::policy::{Pace, Verdict, backoff, judge};
use super::pool::{ConnectionPool, Message};
use super::progress::Progress;
use crate::clock::{self, SECOND_NS};
use crate::measure::{Counter, Metric};
use crate::pace::Rng;
use crate::scenario::DropFilter;
use crate::server::hub::{SharedTopic, Topic};
use crate::server::shard::Shard;

/// The source of a batch.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A topic's log.
    Log(Arc<SharedTopic>),
    /// The dead letters, under this number.
    Letter(u64),
}

/// The state that all attempts of one endpoint share.
#[derive(Debug)]
pub(super) struct Dispatcher {
    /// The shard that it lives on.
    pub shard: Rc<Shard>,
    pub endpoint: Arc<Endpoint>,
    pool: ConnectionPool,
    /// Attempts that may be under way at once.
    slots: Arc<Semaphore>,
    /// The receiver wants no attempt before this time.
    paused_until: Cell<Option<Instant>>,
    /// How many attempts in a row were throttled.
    throttled: Cell<u32>,
    /// When the current series of failures began.
    failing_since: Cell<Option<Instant>>,
    /// The earliest next attempt under the rate limit, in monotonic nanoseconds.
    next_ns: Cell<u64>,
    rng: RefCell<Rng>,
    /// By topic; only with a durable outbox.
    progress: RefCell<HashMap<usize, Progress>>,
}

impl Dispatcher {
    /// One for an endpoint, over the connections of `pool`.
    pub(super) fn new(shard: Rc<Shard>, endpoint: Arc<Endpoint>, pool: ConnectionPool) -> Self {
        let most = shard.options().webhook.concurrency.max(1) as usize;
        Self {
            pool,
            slots: Arc::new(Semaphore::new(most)),
            paused_until: Cell::new(None),
            throttled: Cell::new(0),
            failing_since: Cell::new(None),
            next_ns: Cell::new(0),
            rng: RefCell::new(Rng::new(shard.shared.epoch, endpoint.id())),
            progress: RefCell::default(),
            shard,
            endpoint,
        }
    }

    /// Applies the owner's changes.
    pub(super) fn follow(&self, former: &Config, now: &Config) {
        if former.destination != now.destination {
            self.pool.clear();
        }
        if former.disabled.is_some() && now.disabled.is_none() {
            self.failing_since.set(None);
        }
    }

    /// A topic is delivered from `since` on.
    pub(super) fn start(&self, topic: &SharedTopic, since: u64) {
        if self.shard.hub.store().is_some() {
            self.progress.borrow_mut().insert(topic.index(), Progress::after(since));
        }
    }

    /// Delivers a batch, within the allowed number of attempts.
    ///
    /// What most deliveries never come to is boxed, so that each takes little room.
    pub(super) async fn carry(
        self: Rc<Self>,
        batch: Batch,
        origin: Origin,
        mut first: Option<OwnedSemaphorePermit>,
    ) {
        let faults = self.shard.faults.as_ref();
        let delay = faults.map_or(Duration::ZERO, |faults| faults.delay());
        // Events from the log were delayed already.
        if matches!(origin, Origin::Letter(_)) && !delay.is_zero() {
            Box::pin(sleep(delay)).await;
        }
        let mut attempt = 0;
        let reason = loop {
            let slot = match first.take() {
                Some(slot) => slot,
                None => Box::pin(self.slot()).await,
            };
            let config = match self.leave_at_once() {
                Some(config) => config,
                None => match Box::pin(self.leave()).await {
                    Some(config) => config,
                    None => return,
                },
            };
            attempt += 1;
            let verdict = self.attempt(&config, &batch, attempt == 1).await;
            drop(slot);
            match verdict {
                Verdict::Delivered => {
                    self.failing_since.set(None);
                    self.throttled.set(0);
                    self.endpoint.count_delivered(batch.events());
                    return self.ended(&origin, &batch);
                }
                Verdict::Gone => {
                    let reason = "the receiver answered 410".to_owned();
                    self.disable(&reason);
                    break reason;
                }
                Verdict::Failed { reason, pace } => {
                    let options = &self.shard.options().webhook;
                    self.slow_down(pace);
                    self.still_failing(&reason);
                    if attempt >= options.attempts {
                        break reason;
                    }
                    self.endpoint.count_retry();
                    self.shard.recorder.borrow_mut().count(Counter::Retries, 1);
                    let unit = self.rng.borrow_mut().unit();
                    let longest = options.backoff_max.std();
                    let wait = backoff(options.backoff.std(), longest, attempt, unit) + delay;
                    Box::pin(sleep(wait)).await;
                }
            }
        };
        self.add_dead_letter(batch, &origin, attempt, reason);
    }

    /// The filter for events of a topic that the endpoint never gets.
    pub(super) fn drop_filter(&self, topic: &Topic) -> Option<DropFilter> {
        self.shard.faults.as_ref()?.drop_filter(self.endpoint.id(), topic)
    }

    /// Takes a free slot, unless all are taken or others wait for one.
    pub(super) fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Waits for a free slot.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => slot,
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// The settings for an attempt that nothing holds up.
    fn leave_at_once(&self) -> Option<Arc<Config>> {
        if self.shard.options().webhook.rate.is_some() || self.paused_until.get().is_some() {
            return None;
        }
        self.endpoint.config().filter(|config| config.disabled.is_none())
    }

    /// Waits until an attempt is allowed: the receiver's pause is over, the endpoint is enabled (deliveries in progress
    /// wait, and lose nothing), and the rate permits it. `None` once it is deleted.
    async fn leave(&self) -> Option<Arc<Config>> {
        if let Some(rate) = self.shard.options().webhook.rate {
            let at_ns = self.next_ns.get().max(clock::now());
            self.next_ns.set(at_ns + (SECOND_NS as f64 / rate.per_s()) as u64);
            let _ = self.shard.timer.sleep_until(at_ns).await;
        }
        while let Some(until) = self.paused_until.get().filter(|until| *until > Instant::now()) {
            sleep_until(until).await;
        }
        self.paused_until.set(None);
        match self.endpoint.config() {
            Some(config) if config.disabled.is_none() => return Some(config),
            None => return None,
            Some(_) => {}
        }
        let mut decisions = self.endpoint.watch();
        let enabled = decisions.wait_for(|c| c.as_ref().is_none_or(|c| c.disabled.is_none()));
        enabled.await.ok().and_then(|config| config.clone())
    }

    /// Posts a batch once; its events are written when the `first` attempt is.
    async fn attempt(&self, config: &Config, batch: &Batch, first: bool) -> Verdict {
        let now = unix_seconds();
        self.shard.recorder.borrow_mut().count(Counter::Attempts, 1);
        let options = self.shard.options();
        let limit: Duration = options.webhook.timeout.std();
        let message = Message {
            id: batch.id(),
            timestamp: now,
            body: batch.body(),
            written: first.then_some(batch),
        };
        let secrets = config.secrets(now);
        let allowed = options.allow_private_webhooks;
        if let Some(faults) = &self.shard.faults {
            batch.entries().for_each(|_| faults.pay());
        }
        let wait = (Wait::Status, limit);
        match self.pool.post(&config.destination, allowed, secrets, message, wait).await {
            Ok(answer) => {
                let verdict = judge(answer.status, answer.retry_after);
                let measured = self.shard.writes.measured(batch.first()).is_some();
                if let (Verdict::Delivered, true, Some(took)) = (&verdict, measured, answer.took_ns)
                {
                    self.shard.recorder.borrow_mut().record(Metric::Acknowledge, took);
                }
                verdict
            }
            Err(error) => Verdict::Failed { reason: error.to_string(), pace: Pace::Kept },
        }
    }

    /// Pauses as the receiver requests: for its stated delay, or else increasingly long.
    fn slow_down(&self, pace: Pace) {
        let options = &self.shard.options().webhook;
        let wait = match pace {
            Pace::Kept => return,
            Pace::After(wish) => wish,
            Pace::Slower => {
                let throttled = self.throttled.get().saturating_add(1);
                self.throttled.set(throttled);
                let unit = self.rng.borrow_mut().unit();
                backoff(options.backoff.std(), options.backoff_max.std(), throttled, unit)
            }
        };
        self.paused_until.set(self.paused_until.get().max(Some(Instant::now() + wait)));
    }

    /// An attempt has failed: an endpoint that does nothing else for too long is disabled.
    fn still_failing(&self, reason: &str) {
        let since = self.failing_since.get().unwrap_or_else(Instant::now);
        self.failing_since.set(Some(since));
        let limit = self.shard.options().webhook.disable_after;
        if let Some(limit) = limit.filter(|limit| since.elapsed() >= limit.std()) {
            self.disable(&format!("nothing was acknowledged for {limit}; last: {reason}"));
        }
    }

    fn disable(&self, reason: &str) {
        let enabled = self.endpoint.config().is_some_and(|config| config.disabled.is_none());
        if !enabled {
            return;
        }
        self.failing_since.set(None);
        self.endpoint.change(|config| config.disabled = Some(reason.to_owned()));
        self.shard.recorder.borrow_mut().count(Counter::EndpointsDisabled, 1);
        if let (Some(store), Some(config)) = (self.shard.hub.store(), self.endpoint.config()) {
            store.note_endpoint(self.endpoint.id(), config.saved());
        }
    }

    /// Records that a batch ended, delivered or as a dead letter.
    fn ended(&self, origin: &Origin, batch: &Batch) {
        let Some(store) = self.shard.hub.store() else { return };
        match origin {
            Origin::Log(topic) => self.passed(topic, batch.first().seq()..=batch.last_seq()),
            Origin::Letter(number) => store.forget_letter(self.endpoint.id(), *number),
        }
    }

    /// Records that events ended: delivered, dead letters, missed, or dropped on purpose.
    pub(super) fn passed(&self, topic: &Arc<SharedTopic>, seqs: RangeInclusive<u64>) {
        let Some(store) = self.shard.hub.store() else { return };
        let mut progress = self.progress.borrow_mut();
        let moved = progress.get_mut(&topic.index()).and_then(|topic| topic.ended(seqs));
        if let Some(upto) = moved {
            store.note_position(self.endpoint.id(), topic, upto);
        }
    }

    fn add_dead_letter(&self, batch: Batch, origin: &Origin, attempts: u32, reason: String) {
        self.shard.recorder.borrow_mut().count(Counter::DeadLetters, batch.events());
        let store = self.shard.hub.store();
        let saved = store.map(|_| batch.saved(attempts, &reason));
        let ended = batch.clone();
        let (number, gone) = self.endpoint.add_dead_letter(batch, attempts, reason);
        if let (Some(store), Some(saved)) = (store, saved) {
            store.note_letter(self.endpoint.id(), number, saved);
            if let Some(gone) = gone {
                store.forget_letter(self.endpoint.id(), gone);
            }
        }
        self.ended(origin, &ended);
    }

    /// Counts events that left the log before they were delivered.
    pub(super) fn miss(&self, topic: &Arc<SharedTopic>, seqs: RangeInclusive<u64>) {
        let events = seqs.end() + 1 - seqs.start();
        self.endpoint.count_missed(events);
        self.shard.recorder.borrow_mut().count(Counter::DeadLetters, events);
        self.passed(topic, seqs);
    }
}
