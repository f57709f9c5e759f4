//! What all links of a shard share, and where each stands in it; what it books there is in [`booking`].

mod booking;
mod numbered;
mod opening;

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;

use hyper::header::HeaderValue;
use tokio::sync::{Notify, watch};

pub(super) use self::booking::InFlight;
pub use self::booking::Turn;
use super::callers::Callers;
use super::conversation::Conversation;
use super::farewell::Farewells;
use super::recognise::Known;
use super::recovery::Recoveries;
use super::silence::Silences;
use crate::clock::SECOND_NS;
use crate::event::topic_name;
use crate::measure::{
    DeliverySample, Ledger, LinkLedger, RawSamples, Recorder, RequestSample, Samples,
};
use crate::net::Dialer;
use crate::pace::{Rng, Schedule, Sleep, Timer};
use crate::scenario::{Case, LoopKind, Pattern, built_in_dialect};

/// Streams of a schedule's seed that belong to links rather than topics.
const LINK_STREAM: u64 = 1 << 48;

/// The instants of a trial, in monotonic nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// Begin of the idle phase: clocks that polls go by start here.
    pub idle_ns: u64,
    /// Begin of the warm-up.
    pub start_ns: u64,
    /// Begin of the window.
    pub window_ns: u64,
    /// End of the window.
    pub end_ns: u64,
}

impl Timeline {
    /// Whether what is due at `due_ns` is measured.
    #[inline]
    pub const fn measures(&self, due_ns: u64) -> bool {
        self.window_ns <= due_ns && due_ns < self.end_ns
    }

    /// Whether `at_ns` lies in the idle phase.
    pub const fn is_idle(&self, at_ns: u64) -> bool {
        self.idle_ns <= at_ns && at_ns < self.start_ns
    }

    /// The end of the second that `at_ns` lies in: seconds count from the window's start, both ways, and the
    /// window's last one ends with it.
    pub const fn next_second(&self, at_ns: u64) -> u64 {
        let phase = self.window_ns % SECOND_NS;
        let next = (at_ns + SECOND_NS - phase) / SECOND_NS * SECOND_NS + phase;
        if at_ns < self.end_ns && self.end_ns < next { self.end_ns } else { next }
    }
}

/// What the links of one shard share. Single-threaded: no locks.
#[derive(Debug)]
pub struct Context {
    /// The case that is measured.
    pub case: Case,
    /// Opens sockets to the target.
    pub dialer: Dialer,
    /// Wakes links at their due stamps.
    pub timer: Timer,
    /// Where samples go; swapped every second by the shard.
    pub recorder: RefCell<Box<Recorder>>,
    /// The first requests and polls, raw; no room for any unless [`Context::keeping`] made it.
    pub samples: RefCell<Samples<RequestSample>>,
    /// The first deliveries, likewise.
    pub deliveries: RefCell<Samples<DeliverySample>>,
    /// How the target is spoken to.
    pub conversation: Rc<Conversation>,
    pub(super) known: Known,
    schedule: Schedule,
    window: Range<u64>,
    timeline: watch::Receiver<Option<Timeline>>,
    /// The same once it is known, as it then never changes.
    known_timeline: Cell<Option<Timeline>>,
    ledgers: RefCell<Vec<LinkLedger>>,
    /// The topic of each link.
    topics: RefCell<Vec<u64>>,
    finished: RefCell<Vec<bool>>,
    unfinished: Cell<usize>,
    ready: Cell<u64>,
    in_flight: Cell<u64>,
    /// Requests that are left to all shards of the worker, in a closed loop with a number of them.
    tickets: Option<Arc<AtomicU64>>,
    /// Of those in flight: requests and polls.
    asking: Cell<u64>,
    /// Of those that are ready: links that could not be opened yet.
    absent: Cell<u64>,
    /// Why one of these could not.
    excuse: RefCell<Option<String>>,
    failure: RefCell<Option<String>>,
    changed: Notify,
    pub(super) recoveries: Recoveries,
    pub(super) farewells: Farewells,
    pub(super) silences: Rc<Silences>,
    pub(super) callers: Callers,
    /// What requests name as the host.
    host: OnceCell<Rc<HeaderValue>>,
}

impl Context {
    /// A shard's context: `schedule` and `window` (offsets in nanoseconds) say what to expect.
    pub fn new(
        case: Case,
        dialer: Dialer,
        timer: Timer,
        schedule: Schedule,
        window: Range<u64>,
        timeline: watch::Receiver<Option<Timeline>>,
    ) -> Self {
        let schedule = match &case.pattern {
            // Every client has requests of its own: a schedule with a topic for each.
            Pattern::Request(options) => Schedule {
                topics: case.workload.clients,
                per_s: options.rate.per_s() / case.workload.clients as f64,
                process: options.arrivals,
                ..schedule
            },
            _ => schedule,
        };
        let recoveries = Recoveries::default();
        Self {
            case,
            dialer,
            timer,
            recorder: RefCell::default(),
            samples: RefCell::default(),
            deliveries: RefCell::default(),
            conversation: Rc::new(Conversation::built_in(built_in_dialect().clone())),
            known: Known::default(),
            schedule,
            window,
            timeline,
            known_timeline: Cell::new(None),
            ledgers: RefCell::default(),
            topics: RefCell::default(),
            finished: RefCell::default(),
            unfinished: Cell::new(0),
            ready: Cell::new(0),
            in_flight: Cell::new(0),
            tickets: None,
            asking: Cell::new(0),
            absent: Cell::new(0),
            excuse: RefCell::default(),
            failure: RefCell::default(),
            changed: Notify::new(),
            farewells: Farewells::default(),
            silences: Silences::calling(recoveries.calls()),
            recoveries,
            callers: Callers::default(),
            host: OnceCell::new(),
        }
    }

    /// Speaks to the target by another dialect than the built-in one.
    #[must_use]
    pub fn speaking(mut self, conversation: Conversation) -> Self {
        self.conversation = Rc::new(conversation);
        self
    }

    /// Keeps the first `samples` measured requests or polls raw, and as many deliveries.
    #[must_use]
    pub fn keeping(mut self, samples: usize) -> Self {
        self.samples = RefCell::new(Samples::new(samples));
        self.deliveries = RefCell::new(Samples::new(samples));
        self
    }

    /// Takes what was kept raw.
    pub fn raw(&self) -> RawSamples {
        RawSamples {
            requests: self.samples.borrow_mut().take(),
            deliveries: self.deliveries.borrow_mut().take(),
        }
    }

    /// Whether links expect what they send themselves, as no schedule foretells it.
    fn is_closed_loop(&self) -> bool {
        matches!(&self.case.pattern, Pattern::Request(options) if options.loop_kind == LoopKind::Closed)
    }

    /// Adds link number `index` of the case.
    pub fn link(self: &Rc<Self>, index: u64) -> Link {
        let topic = index % self.schedule.topics;
        let expected = self.schedule.sequences(topic, &self.window);
        let share = self.share_of(index);
        let end = expected.end.min(expected.start.saturating_add(share));
        self.add(index, topic, expected.start..end)
    }

    /// Adds a link that publishes, and expects nothing.
    pub fn publisher(self: &Rc<Self>, index: u64) -> Link {
        self.add(index, index % self.schedule.topics.max(1), 1..1)
    }

    fn add(self: &Rc<Self>, index: u64, topic: u64, expected: Range<u64>) -> Link {
        let slot = self.ledgers.borrow().len();
        let nothing_expected = expected.is_empty() && !self.is_closed_loop();
        self.ledgers.borrow_mut().push(self.ledger_for(expected));
        self.topics.borrow_mut().push(topic);
        self.finished.borrow_mut().push(nothing_expected);
        self.recoveries.add(index);
        self.unfinished.set(self.unfinished.get() + usize::from(!nothing_expected));
        Link { context: Rc::clone(self), index, topic, slot }
    }

    /// What requests name as the host: one value for all links.
    pub(super) fn host(&self) -> Rc<HeaderValue> {
        let host = || {
            // A host that was read from a URL has no character that a header refuses.
            let host = HeaderValue::try_from(self.dialer.endpoint().host_header());
            Rc::new(host.unwrap_or(HeaderValue::from_static("target")))
        };
        Rc::clone(self.host.get_or_init(host))
    }

    /// The seed of everything random in the trial.
    pub const fn seed(&self) -> u64 {
        self.schedule.seed
    }

    /// The events of the trial.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// When the schedule began, in monotonic nanoseconds; `None` before.
    pub(super) fn start_ns(&self) -> Option<u64> {
        self.timeline().map(|timeline| timeline.start_ns)
    }

    /// The trial's instants; `None` until they are set.
    #[inline]
    fn timeline(&self) -> Option<Timeline> {
        if self.known_timeline.get().is_none() {
            self.known_timeline.set(*self.timeline.borrow());
        }
        self.known_timeline.get()
    }

    /// Why a link could not stand, if one could not.
    pub fn failed(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Waits until `links` links stand or are known not to, or one fails the trial.
    pub async fn ready(&self, links: u64) -> Result<(), String> {
        loop {
            if let Some(reason) = self.failed() {
                return Err(reason);
            }
            if self.ready.get() >= links {
                return Ok(());
            }
            self.changed.notified().await;
        }
    }

    /// Waits until every expected delivery has arrived and no measured request is under way.
    pub async fn complete(&self) {
        while self.unfinished.get() > 0 || self.in_flight.get() > 0 {
            self.changed.notified().await;
        }
    }

    /// The account of all links.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for ledger in self.ledgers.borrow().iter() {
            sum.merge(&ledger.totals());
        }
        sum
    }

    /// Calls `visit` with the topic and the ledger of every link.
    pub fn each_ledger(&self, mut visit: impl FnMut(u64, &LinkLedger)) {
        let (ledgers, topics) = (self.ledgers.borrow(), self.topics.borrow());
        topics.iter().zip(ledgers.iter()).for_each(|(topic, ledger)| visit(*topic, ledger));
    }

    /// Nobody waits for event `seq` of `topic` any longer.
    pub(super) fn give_up(&self, topic: u64, seq: u64) {
        let mut completed = 0;
        for (slot, own) in self.topics.borrow().iter().enumerate() {
            let ledger = &mut self.ledgers.borrow_mut()[slot];
            if *own == topic && !ledger.complete() {
                ledger.uncertain(seq);
                let finished = &mut self.finished.borrow_mut()[slot];
                completed += usize::from(ledger.complete() && !std::mem::replace(finished, true));
            }
        }
        if completed > 0 {
            self.unfinished.set(self.unfinished.get() - completed);
            self.changed.notify_waiters();
        }
    }

    /// Of the lost: those of links that read slowly on purpose.
    pub fn lost_slow(&self) -> u64 {
        let (ledgers, indices) = (self.ledgers.borrow(), self.recoveries.indices());
        let consumers = &self.case.conditions.consumers;
        let links = ledgers.iter().zip(indices);
        links.filter(|(_, index)| consumers.is_slow(*index)).map(|(l, _)| l.totals().lost).sum()
    }
}

/// One link of a shard: where it stands in the case, and where it books what happens to it.
#[derive(Debug)]
pub struct Link {
    pub(super) context: Rc<Context>,
    index: u64,
    topic: u64,
    pub(super) slot: usize,
}

impl Link {
    /// What the shard's links share.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The same link, for a further task of it.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { context: Rc::clone(&self.context), ..*self }
    }

    /// Its number in the case, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The name of its topic.
    pub fn topic(&self) -> String {
        topic_name(self.topic)
    }

    /// The number of its topic.
    pub const fn topic_index(&self) -> u64 {
        self.topic
    }

    /// Random numbers of its own.
    pub fn rng(&self) -> Rng {
        Rng::new(self.context.schedule.seed, LINK_STREAM + self.index)
    }

    /// The same for a purpose of its own, which the others' draws do not move.
    pub fn rng_of(&self, purpose: u64) -> Rng {
        Rng::new(self.context.schedule.seed, purpose + self.index)
    }

    /// How many events of its topic are due before an offset from the window's start, in nanoseconds, since the
    /// schedule began.
    pub fn due_before(&self, offset_ns: u64) -> u64 {
        let until_ns = self.context.window.start.saturating_add(offset_ns);
        let due = self.context.schedule.sequences(self.topic, &(0..until_ns));
        due.end - due.start
    }

    /// Due offsets of its topic's events, from the start, in nanoseconds; of its own requests where the pattern is
    /// `request`.
    pub fn due_offsets(&self) -> impl Iterator<Item = u64> + use<> {
        self.context.schedule.topic(self.topic)
    }

    /// Waits for the start and returns the trial's instants.
    pub async fn started(&self) -> Timeline {
        let mut timeline = self.context.timeline.clone();
        match timeline.wait_for(Option::is_some).await {
            Ok(timeline) => (*timeline).unwrap_or(NEVER),
            // The shard is ending: it drops this link next.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether `at_ns` lies in the measure window.
    pub fn measures(&self, at_ns: u64) -> bool {
        self.context.timeline().is_some_and(|timeline| timeline.measures(at_ns))
    }

    /// Sleeps until `deadline_ns`; returns when it woke.
    pub fn sleep_until(&self, deadline_ns: u64) -> impl Future<Output = u64> {
        woken(self.context.timer.sleep_until(deadline_ns))
    }

    /// The same for what may leave together with others (`worker.gather`): requests and polls.
    pub fn sleep_about(&self, deadline_ns: u64) -> impl Future<Output = u64> {
        woken(self.context.timer.sleep_about(deadline_ns))
    }
}

/// When a sleep ended. An `async fn` would hold the sleep twice.
fn woken(mut sleep: Sleep) -> impl Future<Output = u64> {
    poll_fn(move |cx| match Pin::new(&mut sleep).poll(cx) {
        Poll::Ready(Ok(woken_ns)) => Poll::Ready(woken_ns),
        // A timer that cannot be armed would let every due stamp pass at once.
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
    })
}

const NEVER: Timeline =
    Timeline { idle_ns: u64::MAX, start_ns: u64::MAX, window_ns: u64::MAX, end_ns: u64::MAX };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_count_from_the_window_and_the_last_ends_with_it() {
        let s = SECOND_NS;
        let start_ns = 10 * s;
        let (window_ns, end_ns) = (10 * s + 300, 12 * s + 500);
        let timeline = Timeline { idle_ns: start_ns, start_ns, window_ns, end_ns };
        for (at, next, why) in [
            (10 * s, 10 * s + 300, "the warm-up's part of a second"),
            (10 * s + 300, 11 * s + 300, "the first second of the window"),
            (11 * s + 299, 11 * s + 300, "just before its end"),
            (12 * s + 300, 12 * s + 500, "what is left of the window"),
            (12 * s + 500, 13 * s + 300, "the drain"),
        ] {
            assert_eq!(timeline.next_second(at), next, "{why}");
        }
    }
}
