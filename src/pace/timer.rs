//! A shard's deadline queue: one absolute timerfd, and a heap of sleepers.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use rustix::thread::set_current_timer_slack;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use slab::Slab;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Pacing, WakeMargin};
use crate::clock::{self, SECOND_NS};

/// Two readings of the clock less than this apart, in nanoseconds, had only the reactor between them: the shard spun idly.
/// A turn of the reactor takes about 1 us, an exchange 10 us and more.
const IDLE_TURN_NS: u64 = 4_000;

/// A deadline this near, in nanoseconds, is waited for awake, if somebody [minds](Timer::mind) the timer.
///
/// On a virtual machine an alarm, a sleep and a wake-up take as much CPU time, and are later than a look at the clock.
const NEAR_NS: u64 = 8_000;

/// Wakes tasks of one shard at absolute monotonic stamps.
///
/// tokio's own timer rounds up to a millisecond; a timerfd through the same epoll wakes within tens of microseconds, and
/// with [`Pacing::Spin`] the shard is already awake. Time-outs, which need no precision, use tokio's timer.
#[derive(Clone, Debug)]
pub struct Timer(Rc<RefCell<Queue>>);

/// Deadline and key of sleepers, the earliest first, with what tells the key's sleeper from later ones.
type Heap = BinaryHeap<Reverse<(u64, usize, u64)>>;

#[derive(Debug)]
struct Queue {
    descriptor: Rc<AsyncFd<OwnedFd>>,
    /// Deadline and key of every sleeper; cancelled ones are skipped when their time comes.
    heap: Heap,
    /// Those that may wait for each other.
    gathered: Heap,
    sleepers: Slab<(u64, Option<Waker>)>,
    /// When the driver runs at the latest; 0 while it spins and needs no alarm.
    armed_ns: u64,
    margin: WakeMargin,
    /// See [`Timer::gathering`].
    gather_ns: u64,
    spun_ns: u64,
    /// Woken when it is wanted; see [`Timer::mind`].
    minder: Option<Waker>,
    minded: bool,
    /// Empty between two turns: the room is kept.
    due: Vec<Waker>,
    /// Tells a reused slot from its former sleeper.
    generation: u64,
}

/// How near the next deadline is, as a [turn](Timer::turn) finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// Not near.
    No,
    /// So near that the thread should not sleep before it.
    Soon,
    /// It is the driver's to wake who is due, now.
    Now,
}

/// The driver's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Sleep until the timerfd's time.
    Sleep,
    /// The same, and have the minder take its turns first.
    Mind,
    /// A deadline is near: yield to all tasks, and check again.
    Spin,
}

impl Timer {
    /// A queue on the current runtime, and the future that drives it: spawn it on the same thread.
    ///
    /// Sets this thread's timer slack to a nanosecond: the kernel may else put off its sleeps by 50 us, to wake it
    /// together with others.
    pub fn new(
        pacing: Pacing,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>> + 'static)> {
        Self::with_lead(pacing.margin())
    }

    /// The same, woken by `margin` before each deadline: for experiments with it.
    pub fn with_lead(
        margin: WakeMargin,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>> + 'static)> {
        set_current_timer_slack(NonZeroU64::new(1))?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timerfd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(unsafe_code, reason = "tokio left the safe constructor to types of its own")]
        // SAFETY: an `OwnedFd` is open, and stays the same descriptor, until it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(timerfd, Interest::READABLE) };
        let descriptor = Rc::new(registered.map_err(|error| error.into_parts().1)?);
        let timer = Self(Rc::new(RefCell::new(Queue {
            descriptor: Rc::clone(&descriptor),
            heap: Heap::new(),
            gathered: Heap::new(),
            sleepers: Slab::new(),
            armed_ns: u64::MAX,
            margin,
            gather_ns: 0,
            spun_ns: 0,
            minder: None,
            minded: false,
            due: Vec::new(),
            generation: 0,
        })));
        let queue = Rc::downgrade(&timer.0);
        Ok((timer, drive(queue, descriptor)))
    }

    /// The same, where deadlines that may wait ([`Timer::sleep_about`]) and are less than `ns` nanoseconds apart share a wake-up.
    ///
    /// A wake-up costs more than what is done in it where requests are due every few microseconds.
    #[must_use]
    pub fn gathering(self, ns: u64) -> Self {
        self.0.borrow_mut().gather_ns = ns;
        self
    }

    /// Completes at `deadline_ns` or as soon after as the kernel wakes this thread; at once where it is past.
    /// Returns when that was, in monotonic nanoseconds.
    pub fn sleep_until(&self, deadline_ns: u64) -> Sleep {
        Sleep { timer: self.clone(), deadline_ns, gathers: false, key: None }
    }

    /// The same for what may wait for others of its kind: it completes up to [the time set](Timer::gathering) later, together with them.
    pub fn sleep_about(&self, deadline_ns: u64) -> Sleep {
        let gathers = self.0.borrow().gather_ns > 0;
        Sleep { timer: self.clone(), deadline_ns, gathers, key: None }
    }

    /// Ready when the timer wants its minder: a deadline is so near that an alarm would come after it. The minder then
    /// [minds](Timer::mind) the timer before the thread sleeps.
    pub fn poll_wanted(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.0.borrow_mut();
        if queue.minded {
            return Poll::Ready(());
        }
        match &mut queue.minder {
            Some(minder) => minder.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// From now on the minder, which keeps the thread awake, takes [turns](Timer::turn) until it [lets go](Timer::let_go):
    /// no alarm is set meanwhile. A timer that spins minds itself.
    pub fn mind(&self) {
        let mut queue = self.0.borrow_mut();
        queue.minded = queue.margin.ns() == 0;
    }

    /// A minder's turn: wakes who is due, and tells how near the next deadline is.
    pub fn turn(&self) -> io::Result<Near> {
        let mut queue = self.0.borrow_mut();
        let now = clock::now();
        if !queue.minded {
            return Ok(if queue.armed_ns <= now { Near::Now } else { Near::No });
        }
        let mut due = std::mem::take(&mut queue.due);
        queue.expire(now, &mut due)?;
        let near = !due.is_empty() || queue.is_near(now);
        drop(queue);
        due.drain(..).for_each(Waker::wake);
        self.0.borrow_mut().due = due;
        Ok(if near { Near::Soon } else { Near::No })
    }

    /// The thread may sleep: sets the alarm.
    pub fn let_go(&self) -> io::Result<()> {
        let mut queue = self.0.borrow_mut();
        if !std::mem::take(&mut queue.minded) {
            return Ok(());
        }
        match queue.alarm() {
            None => queue.armed_ns = u64::MAX,
            Some(alarm) if alarm != queue.armed_ns => queue.arm(alarm)?,
            Some(_) => {}
        }
        Ok(())
    }

    /// Time that was spun away so far without any work done in it, in nanoseconds.
    pub fn spun_ns(&self) -> u64 {
        self.0.borrow().spun_ns
    }
}

/// Wakes sleepers that are due, while the queue exists.
async fn drive(queue: Weak<RefCell<Queue>>, descriptor: Rc<AsyncFd<OwnedFd>>) -> io::Result<()> {
    let mut due = Vec::new();
    let mut spun_at_ns = None;
    let mut slept = false;
    loop {
        let (next, minder) = {
            let Some(queue) = queue.upgrade() else { return Ok(()) };
            let mut queue = queue.borrow_mut();
            let now = clock::now();
            if let Some(turn_ns) = spun_at_ns.map(|before| now.saturating_sub(before))
                && turn_ns <= IDLE_TURN_NS
            {
                queue.spun_ns += turn_ns;
            }
            spun_at_ns = Some(now);
            // An alarm that was postponed is not the one that woke us.
            if std::mem::take(&mut slept) && queue.armed_ns <= now {
                let late_ns = now - queue.armed_ns;
                queue.margin.woke(late_ns);
            }
            let next = queue.expire(now, &mut due)?;
            let minder = queue.minder.clone().filter(|_| next == Next::Mind);
            (next, minder)
        };
        // Those who are due, and then the minder, who sees what they have brought about.
        due.drain(..).chain(minder).for_each(Waker::wake);
        match next {
            // Not a wake-up: tokio polls the reactor and every ready task before it returns here.
            Next::Spin => tokio::task::yield_now().await,
            Next::Sleep | Next::Mind => {
                spun_at_ns = None;
                // The count of expirations is not read: rearming resets it, and readiness is edge-triggered.
                descriptor.readable().await?.clear_ready();
                slept = true;
            }
        }
    }
}

impl Queue {
    /// Takes the wakers of everyone due at `now`, and arms the descriptor for the next.
    fn expire(&mut self, now: u64, due: &mut Vec<Waker>) -> io::Result<Next> {
        for heap in [&mut self.heap, &mut self.gathered] {
            while let Some(&Reverse((deadline, key, generation))) = heap.peek() {
                if deadline > now {
                    break;
                }
                heap.pop();
                if let Some((g, waker)) = self.sleepers.get_mut(key)
                    && *g == generation
                {
                    due.extend(waker.take());
                }
            }
        }
        let Some(alarm) = self.alarm() else {
            self.armed_ns = u64::MAX;
            return Ok(Next::Sleep);
        };
        if alarm <= now {
            self.armed_ns = 0;
            return Ok(Next::Spin);
        }
        if self.minded {
            return Ok(Next::Sleep);
        }
        if self.minder.is_some() && self.is_near(now) && self.margin.ns() == 0 {
            self.minded = true;
            return Ok(Next::Mind);
        }
        self.arm(alarm)?;
        Ok(Next::Sleep)
    }

    /// Whether a deadline is so near that waking for it would take longer.
    fn is_near(&self, now: u64) -> bool {
        self.alarm().is_some_and(|alarm| alarm <= now + NEAR_NS)
    }

    /// When the driver is to be woken.
    fn alarm(&self) -> Option<u64> {
        let exact = self.heap.peek().map(|Reverse((deadline, ..))| *deadline);
        let alarm = exact.into_iter().chain(self.gathered_ns()).min()?;
        Some(alarm.saturating_sub(self.margin.ns()))
    }

    /// When those that may wait for each other are to be woken: at the first deadline, unless another is close behind it.
    fn gathered_ns(&self) -> Option<u64> {
        let mut nearest = self.gathered.as_slice().iter().map(|Reverse((deadline, ..))| *deadline);
        let first = nearest.next()?;
        // The children of a heap's root: the second of all is one of them. One of the same stamp leaves with the first at any rate.
        let second = nearest.take(2).min().unwrap_or(u64::MAX);
        let latest_ns = first.saturating_add(self.gather_ns);
        Some(if first < second && second <= latest_ns { latest_ns } else { first })
    }

    fn arm(&mut self, at_ns: u64) -> io::Result<()> {
        self.armed_ns = at_ns;
        let time = Timespec {
            tv_sec: (at_ns / SECOND_NS) as i64,
            // A value of zero would disarm the timer.
            tv_nsec: (at_ns % SECOND_NS).max(1) as i64,
        };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: zero, it_value: time };
        timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        Ok(())
    }

    fn enlist(&mut self, deadline_ns: u64, gathers: bool, waker: Waker) -> io::Result<usize> {
        self.generation += 1;
        let key = self.sleepers.insert((self.generation, Some(waker)));
        let heap = if gathers { &mut self.gathered } else { &mut self.heap };
        heap.push(Reverse((deadline_ns, key, self.generation)));
        if !self.minded
            && let Some(alarm) = self.alarm()
            && alarm < self.armed_ns
        {
            self.arm(alarm)?;
        }
        Ok(key)
    }
}

/// A pending deadline; see [`Timer::sleep_until`]. Dropping it takes it off the queue.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
    deadline_ns: u64,
    gathers: bool,
    key: Option<usize>,
}

impl Future for Sleep {
    /// When the deadline was noticed, in monotonic nanoseconds.
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let now = clock::now();
        if now >= self.deadline_ns {
            return Poll::Ready(Ok(now));
        }
        let queue = Rc::clone(&self.timer.0);
        let mut queue = queue.borrow_mut();
        match self.key {
            None => {
                self.key =
                    Some(queue.enlist(self.deadline_ns, self.gathers, cx.waker().clone())?);
            }
            Some(key) => {
                if let Some(waker) = &mut queue.sleepers[key].1 {
                    waker.clone_from(cx.waker());
                } else {
                    // Woken before it is due: the clock must have run backwards. Enlist again.
                    queue.sleepers.remove(key);
                    self.key =
                        Some(queue.enlist(self.deadline_ns, self.gathers, cx.waker().clone())?);
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
mod tests;
