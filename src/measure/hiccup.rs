//! The hiccup meter: how late a thread wakes that only sleeps, a hundred times per second.
//!
//! It measures what machine, hypervisor and scheduler add to everything timed on that core, and pauses of its own process.
//! It knows nothing of load or patterns.
//!
//! A wake-up costs about 10 µs on the very core that is measured, so the meter samples: one tick per 10 ms, at an instant
//! within them that differs each time. A tick's lateness is what anything due at that instant would have suffered. The
//! shares of late ticks are therefore those of a meter that ticks ten times as often, of fewer samples; a pause of length L
//! meets L ÷ 10 ms ticks on average, and at least one from 20 ms on.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::set_current_timer_slack;

use super::health::sleep_until;
use super::{Distribution, pin};
use crate::clock;

/// Time that has one tick.
pub(super) const TICK_NS: u64 = 10_000_000;
/// 2^64 ÷ the golden ratio: its multiples are spread evenly, and follow no period of the load.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Records on this thread, pinned to core number `core`, how late every tick of `window` (monotonic nanoseconds) woke it.
///
/// Returns when the window is over, or at the next tick after `stop` is set. Missed ticks are each recorded with their own
/// lateness, so a pause weighs as many ticks as it lasted. If pinning fails, the thread runs on any core.
pub(super) fn measure(window: &Range<u64>, core: u32, stop: &AtomicBool) -> Distribution {
    pin(core);
    // The kernel rounds a thread's wake-ups by 50 µs unless it is asked not to; where it refuses, they are measured.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut samples = Distribution::new();
    for due_ns in ticks(window) {
        sleep_until(due_ns);
        if stop.load(Ordering::Relaxed) {
            break;
        }
        samples.record(clock::now().saturating_sub(due_ns));
    }
    samples
}

/// The ticks of `window`: one in each of its whole stretches of [`TICK_NS`].
fn ticks(window: &Range<u64>) -> impl Iterator<Item = u64> {
    let start_ns = window.start;
    let count = window.end.saturating_sub(start_ns) / TICK_NS;
    (0..count).map(move |number| {
        let phase = (u128::from(number.wrapping_mul(GOLDEN)) * u128::from(TICK_NS)) >> 64;
        start_ns + number * TICK_NS + phase as u64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// What ticks record of one pause of `length` from `at` on, in a window of 100 s.
    fn late(at: u64, length: u64) -> Vec<u64> {
        let pause = at..at + length;
        let ticks = ticks(&(0..100_000 * MS));
        ticks.filter(|due| pause.contains(due)).map(|due| pause.end - due).collect()
    }

    #[test]
    fn a_tick_falls_into_every_ten_milliseconds_at_every_phase() {
        let window = 7 * MS..(7 + 100_000) * MS;
        let ticks: Vec<u64> = ticks(&window).collect();
        assert_eq!(ticks.len(), 10_000);
        for (number, due) in (0..).zip(&ticks) {
            assert_eq!((due - window.start) / TICK_NS, number);
        }
        // A load at constant gaps of 10 ms, or of 1 ms, meets no more ticks at one phase than at another.
        for period in [10 * MS, MS] {
            let mut tenths = [0; 10];
            for due in &ticks {
                tenths[((due - window.start) % period * 10 / period) as usize] += 1;
            }
            assert!(tenths.iter().all(|n| (990..=1_010).contains(n)), "{period}: {tenths:?}");
        }
    }

    #[test]
    fn a_pause_weighs_as_many_ticks_as_it_lasts() {
        for length in [MS, 3 * MS, 8 * MS] {
            let seen = (0..1_000).map(|n| late(n * 97 * MS + n * 31_337, length).len());
            let (seen, expected) = (seen.sum::<usize>() as u64, 1_000 * length / TICK_NS);
            assert!(seen.abs_diff(expected) <= 30, "{length}: {seen}, not {expected}");
        }
        for n in 0..1_000 {
            let seen = late(n * 97 * MS, 20 * MS);
            assert!(seen.iter().max().is_some_and(|ns| *ns <= 20 * MS), "never missed");
            let seen = late(n * 97 * MS, 1_000 * MS);
            assert!((99..=101).contains(&seen.len()), "{}", seen.len());
            assert!(seen[0] > 980 * MS, "the longest is understated by less than two ticks");
        }
    }

    #[test]
    fn a_window_has_one_tick_per_ten_milliseconds_however_late_the_meter_starts() {
        let start = clock::now().saturating_sub(30 * MS);
        let window = start..start + 50 * MS;
        let core = 1; // Counted round: a host of one core has it, too.
        let samples = measure(&window, core, &AtomicBool::new(false));
        assert_eq!(samples.count(), 5);
        assert!(samples.max().unwrap() >= 20 * MS, "the start that was missed is not hidden");
        assert!(clock::now() >= window.end - TICK_NS);
    }

    #[test]
    fn a_meter_that_is_called_off_ends() {
        let start = clock::now();
        let samples = measure(&(start..u64::MAX), 0, &AtomicBool::new(true));
        assert!(samples.is_empty());
    }
}
