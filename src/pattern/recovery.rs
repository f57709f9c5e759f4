//! Recovery of links: the target's restart, churn, and when each link was open again.
//!
//! `redial` reconnects a link; this file keeps the shard's account.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{self, Poll, Waker, ready};

use super::{Context, Link, Timeline};
use crate::clock;
use crate::measure::{Counter, Metric};
use crate::net::Dialer;
use crate::pace::{ArrivalProcess, Arrivals, Rng};

/// Streams of a schedule's seed that belong to churn rather than topics or links.
const CHURN_STREAM: u64 = 1 << 49;

/// State that the links of a shard share about restarts and churn.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    /// When the target was last taken down, in monotonic nanoseconds; 0 before.
    down_ns: Cell<u64>,
    links: RefCell<Vec<Rc<Recovery>>>,
    /// How often any link was called so far: a link whose server speaks looks at its own account only if that changes.
    calls: Rc<Cell<u64>>,
}

/// One link's part.
pub(super) struct Recovery {
    index: u32,
    /// Whether the target was taken down, and the link has not looked since.
    down: Cell<bool>,
    /// Whether it has reopened since the target was taken down.
    recovered: Cell<bool>,
    /// Its last reconnection: the dial, and when it was open, in monotonic nanoseconds; 0 before.
    back_ns: Cell<(u64, u64)>,
    /// Whether it should leave.
    leaves: Cell<bool>,
    /// Whether its server has been silent for too long.
    silent: Cell<bool>,
    /// Who waits for either.
    waiting: Cell<Option<Waker>>,
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Recoveries {
    /// The count of calls, for who calls links by itself.
    pub(super) fn calls(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.calls)
    }

    /// Adds the next link, number `index` of the case.
    pub(super) fn add(&self, index: u64) {
        self.links.borrow_mut().push(Rc::new(Recovery {
            index: index as u32,
            down: Cell::new(false),
            recovered: Cell::new(false),
            back_ns: Cell::default(),
            leaves: Cell::new(false),
            silent: Cell::new(false),
            waiting: Cell::default(),
        }));
    }

    /// The numbers of the links, in the order in which they were added.
    pub(super) fn indices(&self) -> Vec<u64> {
        self.links.borrow().iter().map(|link| link.index.into()).collect()
    }
}

impl Context {
    /// The target was taken down at `at_ns`.
    pub fn target_down(&self, at_ns: u64) {
        for link in self.recoveries.links.borrow().iter() {
            // A delayed process may learn of the restart after its links have reconnected.
            let (dialled_ns, back_ns) = link.back_ns.get();
            link.recovered.set(dialled_ns > at_ns);
            if dialled_ns > at_ns {
                self.recorder.borrow_mut().record(Metric::Recovery, back_ns - at_ns);
            }
            link.down.set(true);
            link.ring(&self.recoveries.calls);
        }
        self.recoveries.down_ns.set(at_ns);
    }

    /// Lets links leave at the workload's rate until the window's end, each in its turn at random.
    pub async fn churn(self: Rc<Self>, timeline: Timeline) {
        let links = self.recoveries.links.borrow().clone();
        let share = links.len() as f64 / self.case.workload.clients as f64;
        let per_s = self.case.workload.churn.per_s() * share;
        let Some(first) = links.first().filter(|_| per_s > 0.0) else { return };
        let seed = self.seed();
        let arrivals = Rng::new(seed, CHURN_STREAM + 2 * u64::from(first.index));
        let mut turns = Rng::new(seed, CHURN_STREAM + 2 * u64::from(first.index) + 1);
        for offset_ns in Arrivals::new(ArrivalProcess::Poisson, per_s, arrivals) {
            let due_ns = timeline.window_ns + offset_ns;
            if due_ns >= timeline.end_ns || self.timer.sleep_until(due_ns).await.is_err() {
                return;
            }
            let link = &links[turns.below(links.len() as u64) as usize];
            link.leaves.set(true);
            link.ring(&self.recoveries.calls);
        }
    }
}

/// What ends a link's reading beside the stream itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    /// The link leaves.
    Away,
    /// Its server is silent.
    Silent,
}

impl Recovery {
    fn ring(&self, calls: &Cell<u64>) {
        calls.set(calls.get() + 1);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Tells the link that its server has been silent for too long.
    pub(super) fn fell_silent(&self, calls: &Cell<u64>) {
        self.silent.set(true);
        self.ring(calls);
    }

    /// What the link is called to, which is over with that.
    #[inline]
    pub(super) fn poll_called(&self, cx: &task::Context<'_>) -> Poll<Called> {
        if self.silent.take() {
            return Poll::Ready(Called::Silent);
        }
        if self.leaves.take() {
            return Poll::Ready(Called::Away);
        }
        let waiting = match self.waiting.take() {
            Some(waiting) if waiting.will_wake(cx.waker()) => waiting,
            _ => cx.waker().clone(),
        };
        self.waiting.set(Some(waiting));
        Poll::Pending
    }

    /// Whether the target was taken down since the last look.
    pub(super) fn fell(&self) -> bool {
        self.down.take()
    }

    /// Forgets that the server was silent, on a connection before this one.
    pub(super) fn hears(&self) {
        self.silent.set(false);
    }
}

impl Link {
    /// How often any link of the shard was called so far.
    #[inline]
    pub(super) fn calls(&self) -> u64 {
        self.context.recoveries.calls.get()
    }

    pub(super) fn recovery(&self) -> Rc<Recovery> {
        Rc::clone(&self.context.recoveries.links.borrow()[self.slot])
    }

    /// What the link is called to, which is over with that.
    pub(super) fn poll_called(&self, cx: &task::Context<'_>) -> Poll<Called> {
        self.context.recoveries.links.borrow()[self.slot].poll_called(cx)
    }

    /// Ready at the link's departure, which is then counted.
    pub fn poll_departure(&self, cx: &task::Context<'_>) -> Poll<()> {
        // Nobody listens for silence here.
        while ready!(self.poll_called(cx)) != Called::Away {}
        self.count(Counter::Churned, 1);
        Poll::Ready(())
    }

    /// Waits for the link's departure, and counts it.
    pub async fn departure(&self) {
        poll_fn(|cx| self.poll_departure(cx)).await;
    }

    /// Whether the link departs now, which is then counted.
    pub fn departs(&self) -> bool {
        let leaves = self.recovery().leaves.replace(false);
        self.count(Counter::Churned, u64::from(leaves));
        leaves
    }

    /// Books that the link is open again: dialled at `dialled_ns`, after it ended at `lost_ns`, or left (`None`).
    pub fn back(&self, dialled_ns: u64, lost_ns: Option<u64>) {
        let now = clock::now();
        self.record(Metric::Connect, now - dialled_ns);
        // Who had left on purpose is back, too.
        let down_ns = self.context.recoveries.down_ns.get();
        self.recovery().back_ns.set((dialled_ns, now));
        if down_ns > 0 && !self.recovery().recovered.replace(true) {
            self.record(Metric::Recovery, now.saturating_sub(down_ns));
        }
        let Some(lost_ns) = lost_ns else { return };
        self.count(Counter::Reconnects, 1);
        self.record(Metric::Reconnect, now.saturating_sub(lost_ns));
    }

    /// Whether this link reads slowly on purpose.
    pub fn is_slow(&self) -> bool {
        self.context.case.conditions.consumers.is_slow(self.index())
    }

    /// How long this link pauses after a read, in nanoseconds.
    pub fn pause_ns(&self) -> u64 {
        let pause_ns = self.context.case.conditions.consumers.pause.ns();
        if self.is_slow() { pause_ns } else { 0 }
    }

    /// After a read: a slow link does not read again for a while.
    pub async fn after_read(&self, slow: bool) {
        if slow {
            let pause_ns = self.context.case.conditions.consumers.pause.ns();
            self.sleep_until(clock::now() + pause_ns).await;
        }
    }

    /// Opens this link's sockets; each use is counted as an attempt.
    pub fn dialer(&self) -> Dialer {
        self.count(Counter::Dials, 1);
        if self.context.recoveries.down_ns.get() > 0 {
            self.context.recorder.borrow_mut().record_dial(clock::now());
        }
        let dialer = self.context.dialer.clone();
        if !self.is_slow() {
            return dialer;
        }
        let buffer = self.context.case.conditions.consumers.receive_buffer;
        dialer.with_receive_buffer(buffer.bytes() as u32)
    }
}
