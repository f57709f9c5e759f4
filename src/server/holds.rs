//! How long polls are held: one timer for all of a shard's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock;

/// The polls of a shard that are held, by their ends.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// By monotonic nanoseconds and number.
    ends: RefCell<BTreeMap<(u64, u64), Waker>>,
    number: Cell<u64>,
    earlier: Notify,
}

impl Holds {
    /// Wakes each as its end comes, for as long as the shard lives.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            self.wake(clock::now());
            let first = self.ends.borrow().keys().next().copied();
            let Some((end_ns, _)) = first else {
                self.earlier.notified().await;
                continue;
            };
            let wait = Duration::from_nanos(end_ns.saturating_sub(clock::now()));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.earlier.notified() => {}
            }
        }
    }

    fn wake(&self, now: u64) {
        let mut ends = self.ends.borrow_mut();
        while let Some(first) = ends.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().wake();
        }
    }

    /// Holds a poll until `end_ns`.
    pub(super) fn begin(self: &Rc<Self>, end_ns: u64) -> Hold {
        let number = self.number.get();
        self.number.set(number + 1);
        Hold { holds: Rc::clone(self), key: (end_ns, number) }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Hold {
    holds: Rc<Holds>,
    key: (u64, u64),
}

impl Hold {
    /// Whether its end has come; until then whoever asks is woken at it.
    pub(super) fn is_over(&self, cx: &Context<'_>) -> bool {
        if clock::now() >= self.key.0 {
            return true;
        }
        let mut ends = self.holds.ends.borrow_mut();
        let is_first = ends.keys().next().is_none_or(|first| self.key < *first);
        ends.entry(self.key)
            .and_modify(|waker| waker.clone_from(cx.waker()))
            .or_insert_with(|| cx.waker().clone());
        if is_first {
            self.holds.earlier.notify_one();
        }
        false
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.ends.borrow_mut().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn polls_are_woken_at_their_ends_and_forgotten_when_they_go() {
        let holds = Rc::new(Holds::default());
        let woken: [Arc<Count>; 3] = Default::default();
        let ends = [u64::MAX - 2, u64::MAX - 4, u64::MAX - 2];
        let held = ends.map(|end_ns| holds.begin(end_ns));
        for (hold, count) in held.iter().zip(&woken) {
            let waker = Waker::from(Arc::clone(count));
            assert!(!hold.is_over(&Context::from_waker(&waker)));
            assert!(!hold.is_over(&Context::from_waker(&waker)), "asked again");
        }
        let counts = || woken.each_ref().map(|count| count.0.load(Ordering::Relaxed));
        holds.wake(u64::MAX - 5);
        assert_eq!(counts(), [0, 0, 0]);
        holds.wake(u64::MAX - 4);
        assert_eq!(counts(), [0, 1, 0]);
        let [first, _, _] = held;
        drop(first);
        holds.wake(u64::MAX);
        assert_eq!(counts(), [0, 1, 1], "who left is not woken");
        assert!(holds.ends.borrow().is_empty());
        assert!(holds.begin(0).is_over(&Context::from_waker(Waker::noop())));
    }
}
