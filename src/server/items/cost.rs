//! Times encoding and decoding of items.

use crate::clock;
use crate::measure::Metric;
use crate::server::shard::Shard;

/// Does `work` and records its time in the window of a trial; outside a trial it records nothing.
pub(super) fn timed<T>(shard: &Shard, metric: Metric, work: impl FnOnce() -> T) -> T {
    let Some(window) = shard.shared.window.get() else { return work() };
    let begin_ns = clock::now();
    let done = work();
    if window.contains(&begin_ns) {
        shard.recorder.borrow_mut().record(metric, clock::now() - begin_ns);
    }
    done
}
