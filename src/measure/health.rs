//! Watches the machine from one process of a trial over the measure window: hiccups, and CPU time taken away.
//!
//! It runs on its own threads, whose CPU time is counted separately, and judges nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, park_timeout};
use std::time::Duration;

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec};

use super::core::cores;
use super::pressure::{METER, Sources};
use super::{Counter, Distribution, Metric, Snapshot, hiccup};
use crate::clock::{self, SECOND_NS};

/// The meters start so long before the window.
const LEAD_NS: u64 = 20_000_000;

/// What to watch.
#[derive(Debug, Clone)]
struct Orders {
    metric: Metric,
    window: Range<u64>,
    shards: u32,
    first_core: u32,
}

/// A watch over one window, which ends by itself. Dropping it cancels it.
#[derive(Debug)]
pub struct Watch {
    end_ns: u64,
    called_off: Arc<AtomicBool>,
    thread: Option<JoinHandle<Snapshot>>,
}

impl Watch {
    /// Watches over `window` (monotonic nanoseconds) a process that works on `shards` threads; hiccups go to `metric`.
    ///
    /// It starts as many meters as shards, at most one per core: together the processes of a trial then watch about every
    /// core once, where a meter on every core in every process would wake it once per process. Meters are pinned to the
    /// process's cores from number `first_core` on (modulo their number), so that the processes can take turns.
    pub fn start(metric: Metric, window: Range<u64>, shards: u32, first_core: u32) -> Self {
        let called_off = Arc::new(AtomicBool::new(false));
        let (end_ns, stop) = (window.end, Arc::clone(&called_off));
        let orders = Orders { metric, window, shards, first_core };
        let thread = Builder::new().name("health".to_owned()).spawn(move || watch(&orders, &stop));
        Self { end_ns, called_off, thread: thread.ok() }
    }

    /// Returns the measurements, or nothing if the window is not over yet; the watch is then cancelled.
    pub fn finish(mut self) -> Snapshot {
        let over = clock::now() >= self.end_ns;
        match self.thread.take().filter(|_| over) {
            Some(thread) => thread.join().unwrap_or_default(),
            None => Snapshot::default(),
        }
    }
}

impl Watch {
    /// Ends the watch, whose window ends now, and returns the measurements.
    pub fn finish_now(mut self) -> Snapshot {
        self.called_off.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Snapshot::default() };
        thread.thread().unpark();
        thread.join().unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Does not join the threads, which may sleep until the window.
        self.called_off.store(true, Ordering::Relaxed);
    }
}

fn watch(orders: &Orders, stop: &Arc<AtomicBool>) -> Snapshot {
    let window = &orders.window;
    let sources = Sources::of_this_process();
    sleep_until(window.start.saturating_sub(LEAD_NS));
    let meters = meters(orders, stop);
    sleep_until(window.start);
    let before = sources.read();
    // A window may end early.
    while clock::now() < window.end && !stop.load(Ordering::Relaxed) {
        park_timeout(Duration::from_nanos(window.end.saturating_sub(clock::now())));
    }
    let counters = sources.read().since(&before, orders.shards);
    let mut snapshot = Snapshot { counters, ..Snapshot::default() };
    snapshot.counters.add(Counter::MeterCpu, clock::thread_cpu_ns());
    for meter in meters {
        let Ok((samples, cpu_ns)) = meter.join() else { continue };
        snapshot.counters.add(Counter::MeterCpu, cpu_ns);
        if !samples.is_empty() {
            snapshot.distributions.entry(orders.metric).or_default().merge(&samples);
        }
    }
    snapshot
}

/// Starts the meters; each returns its samples and its CPU time. One that cannot start measures nothing.
fn meters(orders: &Orders, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<(Distribution, u64)>> {
    let count = orders.shards.max(1).min(cores().len().max(1) as u32);
    let start = |number: u32| {
        let core = orders.first_core + number;
        let (window, stop) = (orders.window.clone(), Arc::clone(stop));
        let meter = move || {
            let samples = hiccup::measure(&window, core, &stop);
            (samples, clock::thread_cpu_ns())
        };
        Builder::new().name(format!("{METER}-{number}")).spawn(meter).ok()
    };
    (0..count).filter_map(start).collect()
}

/// Sleeps until `at_ns` on the monotonic clock.
pub(super) fn sleep_until(at_ns: u64) {
    let at = Timespec { tv_sec: (at_ns / SECOND_NS) as i64, tv_nsec: (at_ns % SECOND_NS) as i64 };
    while clock::now() < at_ns {
        // A signal may end it early; the loop sees to that.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_watched_by_every_meter_and_its_cost_reported() {
        let start = clock::now() + 30_000_000;
        let window = start..start + 40_000_000;
        let watch = Watch::start(Metric::TargetHiccup, window.clone(), 1, 1);
        sleep_until(window.end);
        let seen = watch.finish();
        assert_eq!(seen.distribution(Metric::TargetHiccup).unwrap().count(), 4);
        let cpu_ns = seen.counters.get(Counter::MeterCpu);
        assert!(cpu_ns > 0 && cpu_ns <= clock::process_cpu_ns(), "{cpu_ns}");
    }

    #[test]
    fn a_window_that_ends_early_was_watched_until_then() {
        let start = clock::now() + 30_000_000;
        let watch = Watch::start(Metric::Hiccup, start..start + 3600 * SECOND_NS, 1, 0);
        sleep_until(start + 60_000_000);
        let seen = watch.finish_now();
        assert!(seen.distribution(Metric::Hiccup).unwrap().count() >= 5);
    }

    #[test]
    fn a_watch_that_is_called_off_measures_nothing_and_is_not_waited_for() {
        let start = clock::now() + 3600 * SECOND_NS;
        let watch = Watch::start(Metric::Hiccup, start..start + SECOND_NS, 1, 0);
        assert_eq!(watch.finish(), Snapshot::default());
    }
}
