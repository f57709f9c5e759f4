//! A shard's recorder: distributions and counters, swapped out whole.

use super::{Counter, Counters, Distribution, ErrorKind, Metric, Series, Snapshot, Storm};

/// One shard's samples: plain memory, no lock, no allocation after the first sample of a metric.
///
/// A shard owns two and swaps them every second; another thread turns the full one into a [`Snapshot`].
#[derive(Debug, Default)]
pub struct Recorder {
    distributions: [Option<Box<Distribution>>; Metric::ALL.len()],
    series: Series,
    storm: Storm,
    herd: Storm,
    counters: Counters,
}

impl Recorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a sample of `ns` nanoseconds.
    #[inline]
    pub fn record(&mut self, metric: Metric, ns: u64) {
        let distribution = self.distributions[metric as usize].get_or_insert_default();
        if !distribution.record(ns) {
            self.counters.add(Counter::Saturated, 1);
        }
    }

    /// Adds a sample of the headline metric, due at `due_ns`, to the series over time; measured or not.
    #[inline]
    pub fn record_due(&mut self, due_ns: u64, ns: u64) {
        self.series.record(due_ns, ns);
    }

    /// Adds a dial at `at_ns` to the storm that follows upon a target's end.
    pub fn record_dial(&mut self, at_ns: u64) {
        self.storm.record(at_ns);
    }

    /// Counts a long poll sent at `at_ns` in the herd that follows an event.
    pub fn record_poll(&mut self, at_ns: u64) {
        self.herd.record(at_ns);
    }

    /// Adds `n` to `counter`.
    #[inline]
    pub const fn count(&mut self, counter: Counter, n: u64) {
        self.counters.add(counter, n);
    }

    /// Counts one failure.
    #[inline]
    pub const fn error(&mut self, kind: ErrorKind) {
        self.count(kind.counter(), 1);
    }

    /// The count of `counter` since the last [`Recorder::clear`].
    pub const fn counted(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.counters = Counters::default();
        self.series.clear();
        self.storm.clear();
        self.herd.clear();
        for distribution in self.distributions.iter_mut().flatten() {
            distribution.clear();
        }
    }

    /// Returns the records since the last [`Recorder::clear`].
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            series: self.series.clone(),
            storm: self.storm.clone(),
            herd: self.herd.clone(),
            counters: self.counters.clone(),
            ..Snapshot::default()
        };
        for metric in Metric::ALL {
            if let Some(samples) = &self.distributions[metric as usize]
                && !samples.is_empty()
            {
                snapshot.distributions.insert(metric, samples.as_ref().clone());
            }
        }
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_recorder_is_as_new() {
        let mut recorder = Recorder::new();
        recorder.record(Metric::Slip, 5);
        recorder.record_due(1, 5);
        recorder.record_dial(1);
        recorder.record_poll(1);
        recorder.error(ErrorKind::Timeout);
        assert_eq!(recorder.snapshot().counters.errors(), 1);
        recorder.clear();
        assert_eq!(recorder.snapshot(), Snapshot::default());
    }

    #[test]
    fn a_value_above_the_range_is_counted() {
        let mut recorder = Recorder::new();
        recorder.record(Metric::Freshness, u64::MAX);
        assert_eq!(recorder.counted(Counter::Saturated), 1);
        assert_eq!(recorder.snapshot().distributions[&Metric::Freshness].count(), 1);
    }
}
