//! Deadlines of all push links of a shard, in one queue with one timer: heartbeats, pings, time-outs.
//!
//! A link that moves its deadline to later, as each event does to the next heartbeat, leaves the queue as it is: when its
//! entry comes up it is asked for its deadline, and put back. Only an earlier deadline is a new entry.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::task::{unconstrained, yield_now};

use crate::clock;
use crate::server::contain::contained;
use crate::server::stagger::Stagger;

/// Links that are asked before everything else in the shard has its turn.
const SLICE: usize = 64;

/// A link with a deadline.
pub(super) trait Timed: std::fmt::Debug {
    /// The deadline that was queued as `armed_ns` has come; returns the next one to queue, if any.
    fn due(&self, armed_ns: u64, now: u64) -> Option<u64>;
}

/// The deadlines of one shard's push links.
#[derive(Debug, Default)]
pub(in crate::server) struct Upkeep {
    /// Phases of what links do at intervals.
    pub(in crate::server) stagger: Stagger,
    links: RefCell<Slab<Rc<dyn Timed>>>,
    /// Deadlines in monotonic nanoseconds with the links' places; an entry may outlive its link.
    queue: RefCell<BinaryHeap<Reverse<(u64, u32)>>>,
    earlier: Notify,
}

impl Upkeep {
    /// Adds a link, without a deadline; returns its place.
    pub(super) fn enter(&self, link: Rc<dyn Timed>) -> u32 {
        self.links.borrow_mut().insert(link) as u32
    }

    /// Removes the link in that place.
    pub(super) fn leave(&self, place: u32) {
        let left = self.links.borrow_mut().try_remove(place as usize);
        drop(left);
        if self.links.borrow().is_empty() {
            self.queue.take();
        }
    }

    /// Asks the link in that place at `due_ns`.
    pub(super) fn arm(&self, place: u32, due_ns: u64) {
        let mut queue = self.queue.borrow_mut();
        let first = queue.peek().is_none_or(|Reverse((first_ns, _))| due_ns < *first_ns);
        queue.push(Reverse((due_ns, place)));
        if first {
            self.earlier.notify_one();
        }
    }

    /// Asks links as their deadlines come, for as long as the shard lives.
    pub(in crate::server) async fn run(self: Rc<Self>) {
        let asks = async {
            loop {
                while self.ask_due(clock::now()) {
                    yield_now().await;
                }
                let first_ns = self.queue.borrow().peek().map(|Reverse((first_ns, _))| *first_ns);
                let Some(first_ns) = first_ns else {
                    self.earlier.notified().await;
                    continue;
                };
                let wait = Duration::from_nanos(first_ns.saturating_sub(clock::now()));
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.earlier.notified() => {}
                }
            }
        };
        unconstrained(asks).await;
    }

    /// Asks a slice of the links whose deadlines have come by `now`; whether more may be due.
    fn ask_due(&self, now: u64) -> bool {
        for _ in 0..SLICE {
            let mut queue = self.queue.borrow_mut();
            let due = queue.peek().is_some_and(|Reverse((due_ns, _))| *due_ns <= now);
            let Some(Reverse((due_ns, place))) = due.then(|| queue.pop()).flatten() else {
                return false;
            };
            drop(queue);
            let link = self.links.borrow().get(place as usize).cloned();
            if let Some(next_ns) = link.and_then(|link| contained(|| link.due(due_ns, now))) {
                self.queue.borrow_mut().push(Reverse((next_ns, place)));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Keeps the book of a link as [`super::super::link::Link`] does.
    #[derive(Debug, Default)]
    struct Clockwork {
        armed_ns: Cell<u64>,
        due_ns: Cell<u64>,
        acted: RefCell<Vec<u64>>,
    }

    impl Timed for Clockwork {
        fn due(&self, armed_ns: u64, now: u64) -> Option<u64> {
            if self.armed_ns.get() != armed_ns {
                return None;
            }
            if self.due_ns.get() <= now {
                self.acted.borrow_mut().push(now);
                self.due_ns.set(now + 10);
            }
            self.armed_ns.set(self.due_ns.get());
            Some(self.due_ns.get())
        }
    }

    impl Clockwork {
        fn set(&self, upkeep: &Upkeep, place: u32, due_ns: u64) {
            self.due_ns.set(due_ns);
            if due_ns < self.armed_ns.get() {
                self.armed_ns.set(due_ns);
                upkeep.arm(place, due_ns);
            }
        }
    }

    fn link(upkeep: &Upkeep) -> (Rc<Clockwork>, u32) {
        let link = Rc::new(Clockwork { armed_ns: Cell::new(u64::MAX), ..Clockwork::default() });
        let place = upkeep.enter(Rc::clone(&link) as Rc<dyn Timed>);
        (link, place)
    }

    #[test]
    fn a_deadline_that_moves_is_met_once_wherever_it_moves() {
        for (what, moves, expected) in [
            ("stays", vec![5], vec![5, 15]),
            ("moves to later", vec![5, 12], vec![12]),
            ("moves to earlier", vec![12, 5], vec![5, 15]),
            ("moves to and fro", vec![12, 5, 9], vec![9, 19]),
        ] {
            let upkeep = Upkeep::default();
            let (link, place) = link(&upkeep);
            for due_ns in moves {
                link.set(&upkeep, place, due_ns);
            }
            for now in 0..20 {
                while upkeep.ask_due(now) {}
            }
            assert_eq!(*link.acted.borrow(), expected, "{what}");
        }
    }

    #[test]
    fn a_link_that_left_is_not_asked_and_its_place_is_anothers() {
        let upkeep = Upkeep::default();
        let (stays, kept) = link(&upkeep);
        let (leaves, place) = link(&upkeep);
        stays.set(&upkeep, kept, 50);
        leaves.set(&upkeep, place, 5);
        upkeep.leave(place);
        let (comes, taken) = link(&upkeep);
        assert_eq!(taken, place);
        comes.set(&upkeep, taken, 8);
        for now in 0..10 {
            upkeep.ask_due(now);
        }
        assert!(leaves.acted.borrow().is_empty() && stays.acted.borrow().is_empty());
        assert_eq!(*comes.acted.borrow(), [8], "not at the deadline of the one before");
        for place in [kept, taken] {
            upkeep.leave(place);
        }
        assert!(upkeep.queue.borrow().is_empty(), "nothing is kept without links");
    }

    #[test]
    fn many_deadlines_at_once_are_met_in_slices() {
        let upkeep = Upkeep::default();
        let links: Vec<_> = (0..3 * SLICE).map(|_| link(&upkeep)).collect();
        for (link, place) in &links {
            link.set(&upkeep, *place, 7);
        }
        let met = || links.iter().filter(|(link, _)| !link.acted.borrow().is_empty()).count();
        for slices in 1..=3 {
            assert!(upkeep.ask_due(7));
            assert_eq!(met(), slices * SLICE);
        }
        assert!(!upkeep.ask_due(7));
    }
}
