//! The hiccup meter: how late a thread wakes that only sleeps from millisecond to millisecond.
//!
//! It measures what machine, hypervisor and scheduler add to everything timed on that core, and pauses of its own process.
//! It knows nothing of load or patterns.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::{Distribution, pin};
use crate::clock::{self, SECOND_NS};

/// Time between two ticks.
const TICK_NS: u64 = 1_000_000;

/// Records on this thread, pinned to core number `core`, how late every tick of `window` (monotonic nanoseconds) woke it.
///
/// Returns when the window is over, or soon after `stop` is set. Missed ticks are each recorded with their own lateness, so
/// a pause weighs as many ticks as it lasted. If pinning fails, the thread runs on any core.
pub(super) fn measure(
    window: &Range<u64>,
    core: u32,
    stop: &AtomicBool,
) -> io::Result<Distribution> {
    pin(core);
    let timer = ticking_from(window.start)?;
    let mut ticks = Ticks { samples: Distribution::new(), next_ns: window.start };
    while ticks.next_ns < window.end && !stop.load(Ordering::Relaxed) {
        let mut expirations = [0; 8];
        match rustix::io::read(&timer, &mut expirations) {
            Ok(_) => ticks.expired(u64::from_ne_bytes(expirations), clock::now(), window.end),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ticks.samples)
}

/// A descriptor that expires at `start_ns` and every tick after it; one that is past expires at once, for every tick
/// since.
fn ticking_from(start_ns: u64) -> io::Result<OwnedFd> {
    let span = |ns: u64| Timespec {
        tv_sec: (ns / SECOND_NS) as i64,
        // A start of zero would disarm the timer.
        tv_nsec: (ns % SECOND_NS).max(1) as i64,
    };
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let spec = Itimerspec { it_interval: span(TICK_NS), it_value: span(start_ns) };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &spec)?;
    Ok(timer)
}

/// The ticks recorded so far.
struct Ticks {
    samples: Distribution,
    /// When the next tick is due.
    next_ns: u64,
}

impl Ticks {
    /// Books `count` ticks that this thread learns of at `now_ns`; ticks from `end_ns` on are not measured.
    fn expired(&mut self, count: u64, now_ns: u64, end_ns: u64) {
        for _ in 0..count {
            if self.next_ns >= end_ns {
                return;
            }
            self.samples.record(now_ns.saturating_sub(self.next_ns));
            self.next_ns += TICK_NS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks() -> Ticks {
        Ticks { samples: Distribution::new(), next_ns: 5_000_000 }
    }

    #[test]
    fn every_missed_tick_is_recorded_with_its_own_lateness() {
        let mut ticks = ticks();
        ticks.expired(1, 5_000_040, u64::MAX);
        assert_eq!(ticks.samples.max(), Some(40));
        // Ticks at 6, 7, … 15 ms, all of them learnt of at 15.1 ms.
        ticks.expired(10, 15_100_000, u64::MAX);
        assert_eq!((ticks.samples.count(), ticks.next_ns), (11, 16_000_000));
        let near = |q: f64, ns: u64| {
            let found = ticks.samples.quantile(q).unwrap();
            assert!(found.abs_diff(ns) <= ns / 1000, "{q}: {found}, not {ns}");
        };
        near(1.0, 9_100_000);
        near(6.0 / 11.0, 4_100_000);
        near(2.0 / 11.0, 100_000);
    }

    #[test]
    fn ticks_after_the_window_are_not_recorded() {
        let mut ticks = ticks();
        ticks.expired(1_000, 900_000_000, 8_000_000);
        assert_eq!((ticks.samples.count(), ticks.next_ns), (3, 8_000_000));
    }

    #[test]
    fn a_window_has_one_tick_per_millisecond_however_late_the_meter_starts() {
        let start = clock::now().saturating_sub(30_000_000);
        let window = start..start + 50_000_000;
        let core = 1; // Counted round: a host of one core has it, too.
        let samples = measure(&window, core, &AtomicBool::new(false)).unwrap();
        assert_eq!(samples.count(), 50);
        assert!(samples.max().unwrap() >= 30_000_000, "the start that was missed is not hidden");
        assert!(clock::now() >= window.end - TICK_NS);
    }

    #[test]
    fn a_meter_that_is_called_off_ends() {
        let start = clock::now();
        let samples = measure(&(start..u64::MAX), 0, &AtomicBool::new(true)).unwrap();
        assert!(samples.is_empty());
    }
}
