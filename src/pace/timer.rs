//! A shard's deadline queue: one absolute timerfd, and a heap of who waits for when.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use slab::Slab;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::{self, SECOND_NS};

/// Wakes tasks of one shard at absolute monotonic stamps.
///
/// tokio's own timer rounds up to a millisecond; a timerfd through the same epoll wakes within tens of
/// microseconds. Time-outs, which need no precision, stay with tokio's.
#[derive(Clone, Debug)]
pub struct Timer(Rc<RefCell<Queue>>);

#[derive(Debug)]
struct Queue {
    descriptor: Rc<AsyncFd<OwnedFd>>,
    /// Deadline and key of every sleeper; those that gave up are skipped when their time comes.
    heap: BinaryHeap<Reverse<(u64, usize, u64)>>,
    sleepers: Slab<(u64, Option<Waker>)>,
    armed_ns: u64,
    /// Tells a reused slot from its former sleeper.
    generation: u64,
}

impl Timer {
    /// A queue on the current runtime, and the future that drives it: spawn it on the same thread.
    pub fn new() -> io::Result<(Self, impl Future<Output = io::Result<()>> + 'static)> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timerfd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(unsafe_code, reason = "tokio left the safe constructor to types of its own")]
        // SAFETY: an `OwnedFd` is open, and stays the same descriptor, until it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(timerfd, Interest::READABLE) };
        let descriptor = Rc::new(registered.map_err(|error| error.into_parts().1)?);
        let timer = Self(Rc::new(RefCell::new(Queue {
            descriptor: Rc::clone(&descriptor),
            heap: BinaryHeap::new(),
            sleepers: Slab::new(),
            armed_ns: u64::MAX,
            generation: 0,
        })));
        let queue = Rc::downgrade(&timer.0);
        let drive = async move {
            loop {
                let mut ready = descriptor.readable().await?;
                let mut expirations = [0; 8];
                match rustix::io::read(descriptor.get_ref(), &mut expirations) {
                    Ok(_) | Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
                let Some(queue) = queue.upgrade() else { return Ok(()) };
                let due = queue.borrow_mut().expire(clock::now())?;
                due.into_iter().for_each(Waker::wake);
            }
        };
        Ok((timer, drive))
    }

    /// Completes at `deadline_ns` or as soon after as the kernel wakes this thread; at once where it is past.
    pub fn sleep_until(&self, deadline_ns: u64) -> Sleep {
        Sleep { timer: self.clone(), deadline_ns, key: None }
    }
}

impl Queue {
    /// Takes the wakers of everyone due at `now`, and arms the descriptor for the next.
    fn expire(&mut self, now: u64) -> io::Result<Vec<Waker>> {
        let mut due = Vec::new();
        while let Some(&Reverse((deadline, key, generation))) = self.heap.peek() {
            if deadline > now {
                break;
            }
            self.heap.pop();
            if let Some((g, waker)) = self.sleepers.get_mut(key)
                && *g == generation
            {
                due.extend(waker.take());
            }
        }
        self.armed_ns = u64::MAX;
        if let Some(&Reverse((deadline, ..))) = self.heap.peek() {
            self.arm(deadline)?;
        }
        Ok(due)
    }

    fn arm(&mut self, deadline_ns: u64) -> io::Result<()> {
        self.armed_ns = deadline_ns;
        let time = Timespec {
            tv_sec: (deadline_ns / SECOND_NS) as i64,
            // A value of zero would disarm the timer.
            tv_nsec: (deadline_ns % SECOND_NS).max(1) as i64,
        };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: zero, it_value: time };
        timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        Ok(())
    }

    fn enlist(&mut self, deadline_ns: u64, waker: Waker) -> io::Result<usize> {
        self.generation += 1;
        let key = self.sleepers.insert((self.generation, Some(waker)));
        self.heap.push(Reverse((deadline_ns, key, self.generation)));
        if deadline_ns < self.armed_ns {
            self.arm(deadline_ns)?;
        }
        Ok(key)
    }
}

/// A pending deadline; see [`Timer::sleep_until`]. Dropping it takes it off the queue.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
    deadline_ns: u64,
    key: Option<usize>,
}

impl Future for Sleep {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if clock::now() >= self.deadline_ns {
            return Poll::Ready(Ok(()));
        }
        let queue = Rc::clone(&self.timer.0);
        let mut queue = queue.borrow_mut();
        match self.key {
            None => self.key = Some(queue.enlist(self.deadline_ns, cx.waker().clone())?),
            Some(key) => {
                if let Some(waker) = &mut queue.sleepers[key].1 {
                    waker.clone_from(cx.waker());
                } else {
                    // Woken, yet not due: only a clock that ran back could do it. Enlist anew.
                    queue.sleepers.remove(key);
                    self.key = Some(queue.enlist(self.deadline_ns, cx.waker().clone())?);
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.timer.0.borrow_mut().sleepers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_deadlines_and_never_early() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            let (timer, drive) = Timer::new().unwrap();
            tokio::task::spawn_local(drive);
            let woken = Rc::new(RefCell::new(Vec::new()));
            let start = clock::now();
            let sleepers: Vec<_> = [30u64, 10, 20, 0]
                .map(|ms| {
                    let (timer, woken) = (timer.clone(), Rc::clone(&woken));
                    tokio::task::spawn_local(async move {
                        let deadline = start + ms * 1_000_000;
                        timer.sleep_until(deadline).await.unwrap();
                        assert!(clock::now() >= deadline);
                        woken.borrow_mut().push(ms);
                    })
                })
                .into_iter()
                .collect();
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
            assert_eq!(*woken.borrow(), [0, 10, 20, 30]);
            let queue = timer.0.borrow();
            assert!(queue.sleepers.is_empty() && queue.heap.is_empty());
        });
    }

    #[test]
    fn a_sleeper_that_gives_up_leaves_the_queue() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            let (timer, drive) = Timer::new().unwrap();
            tokio::task::spawn_local(drive);
            let far = timer.sleep_until(clock::now() + 3600 * SECOND_NS);
            let soon = timer.sleep_until(clock::now() + 1_000_000);
            tokio::select! { _ = far => unreachable!(), done = soon => done.unwrap() }
            assert!(timer.0.borrow().sleepers.is_empty());
        });
    }
}
