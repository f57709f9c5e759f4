//! Servers that fall silent: one task listens for all links of a shard, to the counts of reads of their sockets.
//!
//! A timer of its own would cost each link more memory than its stream does, and a look at it with every delivery.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;

use super::Link;
use super::recovery::Recovery;
use crate::clock;
use crate::net::Meter;

/// The links of a shard that expect to hear from their server.
#[derive(Debug, Default)]
pub(super) struct Silences {
    ears: RefCell<Slab<Ear>>,
    /// When each is looked at next: instant, key, and number of the ear; some are gone.
    due: RefCell<BinaryHeap<Reverse<(u64, usize, u64)>>>,
    /// Ears so far.
    count: Cell<u64>,
    /// What the task waits for; 0 before there is one.
    armed_ns: Cell<u64>,
    sooner: Notify,
    /// How often any link of the shard was called.
    calls: Rc<Cell<u64>>,
}

/// What is known of one link.
#[derive(Debug)]
struct Ear {
    /// Tells it from others in its place.
    number: u64,
    meter: Rc<Meter>,
    recovery: Rc<Recovery>,
    every_ns: u64,
    reads: u64,
    /// Looks in a row that found nothing new, and how many are too many.
    quiet: u32,
    patience: u32,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Listening<'a> {
    silences: &'a Silences,
    key: usize,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.silences.ears.borrow_mut().try_remove(self.key);
    }
}

impl Link {
    /// Has the link called once its connection has brought nothing for the scenario's number of times `every_ns`.
    pub(super) fn listen(&self, meter: Rc<Meter>, every_ns: u64) -> Listening<'_> {
        let silences = &self.context.silences;
        let recovery = self.recovery();
        recovery.hears();
        let patience = self.context.case.conditions.reconnect.silence;
        let number = silences.count.replace(silences.count.get() + 1);
        let reads = meter.reads();
        let ear = Ear { number, meter, recovery, every_ns, reads, quiet: 0, patience };
        let key = silences.ears.borrow_mut().insert(ear);
        let at_ns = clock::now().saturating_add(every_ns);
        silences.due.borrow_mut().push(Reverse((at_ns, key, number)));
        match silences.armed_ns.get() {
            0 => {
                silences.armed_ns.set(at_ns);
                tokio::task::spawn_local(Rc::clone(silences).run());
            }
            armed_ns if at_ns < armed_ns => silences.sooner.notify_one(),
            _ => {}
        }
        Listening { silences, key }
    }
}

impl Silences {
    /// Those of the links that `calls` counts the calls of.
    pub(super) fn calling(calls: Rc<Cell<u64>>) -> Rc<Self> {
        Rc::new(Self { calls, ..Self::default() })
    }

    /// Looks at each link when it is time.
    async fn run(self: Rc<Self>) {
        loop {
            let now = clock::now();
            let next_ns = self.look(now);
            self.armed_ns.set(next_ns);
            // Not the shard's precise timer, which may spin before a deadline: a millisecond does not matter here.
            tokio::select! {
                () = tokio::time::sleep(Duration::from_nanos(next_ns - now)) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Looks at those that are due at `now`; returns when the next is.
    fn look(&self, now: u64) -> u64 {
        let mut due = self.due.borrow_mut();
        while let Some(&Reverse((at_ns, key, number))) = due.peek() {
            if at_ns > now {
                return at_ns;
            }
            due.pop();
            let mut ears = self.ears.borrow_mut();
            let Some(ear) = ears.get_mut(key).filter(|ear| ear.number == number) else { continue };
            let reads = ear.meter.reads();
            ear.quiet = if reads == ear.reads { ear.quiet + 1 } else { 0 };
            ear.reads = reads;
            if ear.quiet >= ear.patience {
                ear.recovery.fell_silent(&self.calls);
            } else {
                due.push(Reverse((now.saturating_add(ear.every_ns), key, number)));
            }
        }
        u64::MAX
    }
}
