//! Recovery of links: the target's restart, churn, and when each link was open again.
//!
//! `redial` reconnects a link; this file keeps the shard's account.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::{Notify, watch};

use super::{Context, Link, Timeline};
use crate::clock;
use crate::measure::{Counter, Metric};
use crate::net::Dialer;
use crate::pace::{ArrivalProcess, Arrivals, Rng};

/// Streams of a schedule's seed that belong to churn rather than topics or links.
const CHURN_STREAM: u64 = 1 << 49;

/// State that the links of a shard share about restarts and churn.
#[derive(Debug)]
pub(super) struct Recoveries {
    /// When the target was last taken down, in monotonic nanoseconds; 0 before.
    down_ns: watch::Sender<u64>,
    links: RefCell<Vec<Rc<Recovery>>>,
}

/// One link's part.
#[derive(Debug)]
struct Recovery {
    index: u64,
    /// Whether it has reopened since the target was taken down.
    recovered: Cell<bool>,
    /// Its last reconnection: the dial, and when it was open, in monotonic nanoseconds; 0 before.
    back_ns: Cell<(u64, u64)>,
    /// Whether it should leave.
    leaves: Cell<bool>,
    asked: Notify,
}

impl Default for Recoveries {
    fn default() -> Self {
        Self { down_ns: watch::Sender::new(0), links: RefCell::default() }
    }
}

impl Recoveries {
    /// Adds the next link, number `index` of the case.
    pub(super) fn add(&self, index: u64) {
        let (recovered, leaves) = (Cell::new(false), Cell::new(false));
        let back_ns = Cell::default();
        self.links.borrow_mut().push(Rc::new(Recovery {
            index,
            recovered,
            back_ns,
            leaves,
            asked: Notify::new(),
        }));
    }

    /// The numbers of the links, in the order in which they were added.
    pub(super) fn indices(&self) -> Vec<u64> {
        self.links.borrow().iter().map(|link| link.index).collect()
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
        }
        self.recoveries.down_ns.send_replace(at_ns);
    }

    /// Lets links leave at the workload's rate until the window's end, each in its turn at random.
    pub async fn churn(self: Rc<Self>, timeline: Timeline) {
        let links = self.recoveries.links.borrow().clone();
        let share = links.len() as f64 / self.case.workload.clients as f64;
        let per_s = self.case.workload.churn.per_s() * share;
        let Some(first) = links.first().filter(|_| per_s > 0.0) else { return };
        let seed = self.seed();
        let arrivals = Rng::new(seed, CHURN_STREAM + 2 * first.index);
        let mut turns = Rng::new(seed, CHURN_STREAM + 2 * first.index + 1);
        for offset_ns in Arrivals::new(ArrivalProcess::Poisson, per_s, arrivals) {
            let due_ns = timeline.window_ns + offset_ns;
            if due_ns >= timeline.end_ns || self.timer.sleep_until(due_ns).await.is_err() {
                return;
            }
            let link = &links[turns.below(links.len() as u64) as usize];
            link.leaves.set(true);
            link.asked.notify_one();
        }
    }
}

impl Link {
    fn recovery(&self) -> Rc<Recovery> {
        Rc::clone(&self.context.recoveries.links.borrow()[self.slot])
    }

    /// Waits for the link's departure, and counts it.
    pub async fn departure(&self) {
        let recovery = self.recovery();
        while !self.departs() {
            recovery.asked.notified().await;
        }
    }

    /// Whether the link departs now, which is then counted.
    pub fn departs(&self) -> bool {
        let leaves = self.recovery().leaves.replace(false);
        self.count(Counter::Churned, u64::from(leaves));
        leaves
    }

    /// Waits until the target is taken down again.
    pub async fn target_down(&self, seen: &mut watch::Receiver<u64>) {
        if seen.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Follows the target's ends.
    pub fn watch_target(&self) -> watch::Receiver<u64> {
        self.context.recoveries.down_ns.subscribe()
    }

    /// Books that the link is open again: dialled at `dialled_ns`, after it ended at `lost_ns`, or left (`None`).
    pub fn back(&self, dialled_ns: u64, lost_ns: Option<u64>) {
        let now = clock::now();
        self.record(Metric::Connect, now - dialled_ns);
        // Who had left on purpose is back, too.
        let down_ns = *self.context.recoveries.down_ns.borrow();
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
        if *self.context.recoveries.down_ns.borrow() > 0 {
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
