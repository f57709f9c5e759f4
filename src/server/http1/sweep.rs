//! Coarse deadlines of connections: one look at all of them now and then costs less than a timer for each.
//!
//! A deadline is a number of looks. They are counted, not read from a clock: a target that was paused looks late, and
//! gives every client its whole time in spite of that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

/// Looks that the shortest of the waits spans.
const LOOKS: u32 = 32;
/// Shortest and longest time between two looks.
const TICK: [Duration; 2] = [Duration::from_millis(2), Duration::from_secs(1)];
/// A deadline that has passed.
const OVER: u64 = u64::MAX;

/// The client has so long to end the connection after the last answer, if it may not have been read.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing with a deadline.
    Nothing,
    /// A whole head.
    Head,
    /// A client that takes some of what is written.
    Write,
    /// The end after the last answer.
    End,
}

/// The deadlines of a shard's connections.
#[derive(Debug)]
pub(crate) struct Sweep {
    tick: Duration,
    /// The looks that each kind of wait lasts; 0 for ever.
    waits: [u64; 4],
    looks: Cell<u64>,
    places: RefCell<Slab<Place>>,
}

#[derive(Debug)]
struct Place {
    /// The look at which it passes; 0 for never.
    due: u64,
    waker: Waker,
}

impl Sweep {
    /// Looks often enough for waits of these lengths; those of zero never end.
    pub(crate) fn new(head: Duration, write: Duration) -> Self {
        let shortest = [head, write].into_iter().filter(|wait| !wait.is_zero()).min();
        let tick = shortest.map_or(TICK[1], |wait| (wait / LOOKS).clamp(TICK[0], TICK[1]));
        let looks = |wait: Duration| wait.as_nanos().div_ceil(tick.as_nanos()) as u64;
        let waits = [0, looks(head), looks(write), looks(LINGER)];
        Self { tick, waits, looks: Cell::new(0), places: RefCell::default() }
    }

    /// Looks at all of them, for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            tokio::time::sleep(self.tick).await;
            self.look();
        }
    }

    fn look(&self) {
        let now = self.looks.get() + 1;
        self.looks.set(now);
        for (_, place) in self.places.borrow_mut().iter_mut() {
            if place.due != 0 && place.due <= now {
                place.due = OVER;
                place.waker.wake_by_ref();
            }
        }
    }
}

/// A connection's place in the sweep.
#[derive(Debug)]
pub(super) struct Seat {
    sweep: Rc<Sweep>,
    key: usize,
}

impl Seat {
    /// A place whose connection is woken with `waker`.
    pub(super) fn new(sweep: &Rc<Sweep>, waker: &Waker) -> Self {
        let key = sweep.places.borrow_mut().insert(Place { due: 0, waker: waker.clone() });
        Self { sweep: Rc::clone(sweep), key }
    }

    /// Begins a wait.
    #[inline]
    pub(super) fn set(&self, wait: Wait) {
        let looks = self.sweep.waits[wait as usize];
        // The look under way may come at once.
        let due = if looks == 0 { 0 } else { self.sweep.looks.get() + looks + 1 };
        self.sweep.places.borrow_mut()[self.key].due = due;
    }

    /// Whether the wait is over.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.sweep.places.borrow()[self.key].due == OVER
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sweep.places.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_after_its_looks_and_never_before() {
        let sweep = Sweep::new(Duration::from_millis(3_500), Duration::from_secs(2));
        let sweep = Rc::new(Sweep { tick: Duration::from_secs(1), waits: [0, 4, 2, 1], ..sweep });
        let [head, write, never] = [(); 3].map(|()| Seat::new(&sweep, Waker::noop()));
        head.set(Wait::Head);
        write.set(Wait::Write);
        never.set(Wait::Nothing);
        let mut over = Vec::new();
        for _ in 0..6 {
            sweep.look();
            over.push([&head, &write, &never].map(Seat::is_over));
        }
        let (none, one, two) = ([false; 3], [false, true, false], [true, true, false]);
        assert_eq!(over, [none, none, one, one, two, two]);
        write.set(Wait::End);
        assert!(!write.is_over() && head.is_over());
        drop([head, write, never]);
        sweep.look();
        assert!(sweep.places.borrow().is_empty());
    }

    #[test]
    fn the_looks_are_fine_enough_for_the_shortest_wait() {
        let sweep =
            |head, write| Sweep::new(Duration::from_millis(head), Duration::from_millis(write));
        let fine = sweep(320, 30_000);
        assert_eq!((fine.tick, fine.waits), (Duration::from_millis(10), [0, 32, 3_000, 100]));
        let usual = sweep(75_000, 0);
        assert_eq!((usual.tick, usual.waits), (Duration::from_secs(1), [0, 75, 0, 1]));
        assert_eq!(sweep(1, 1).tick, Duration::from_millis(2));
    }
}
