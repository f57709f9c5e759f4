//! A shard's recorder: distributions and counters, swapped out whole.

use std::collections::BTreeMap;

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
    described: BTreeMap<ErrorKind, String>,
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

    /// Counts one failure, and the kind that its own is a part of.
    #[inline]
    pub const fn error(&mut self, kind: ErrorKind) {
        self.count(kind.counter(), 1);
        if let Some(whole) = kind.whole() {
            self.count(whole.counter(), 1);
        }
    }

    /// Keeps what one failure of a kind said, unless an earlier one is kept.
    pub fn describe(&mut self, kind: ErrorKind, text: impl FnOnce() -> String) {
        self.described.entry(kind).or_insert_with(text);
    }

    /// The count of `counter` since the last [`Recorder::clear`].
    pub const fn counted(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.counters = Counters::default();
        self.described.clear();
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
            described: self.described.clone(),
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
        recorder.describe(ErrorKind::Timeout, || "no answer".to_owned());
        assert_eq!(recorder.snapshot().counters.errors(), 1);
        recorder.clear();
        assert_eq!(recorder.snapshot(), Snapshot::default());
    }

    #[test]
    fn a_part_is_counted_under_its_whole_and_one_failure_of_each_kind_is_described() {
        let mut recorder = Recorder::new();
        for text in ["first", "second"] {
            recorder.error(ErrorKind::Redirect);
            recorder.describe(ErrorKind::Redirect, || text.to_owned());
        }
        recorder.error(ErrorKind::Status);
        let counted = [Counter::ErrorStatus, Counter::ErrorRedirect, Counter::ErrorDenied];
        assert_eq!(counted.map(|counter| recorder.counted(counter)), [3, 2, 0]);
        let snapshot = recorder.snapshot();
        assert_eq!(snapshot.counters.errors(), 3);
        assert_eq!(snapshot.described[&ErrorKind::Redirect], "first");
    }

    #[test]
    fn a_value_above_the_range_is_counted() {
        let mut recorder = Recorder::new();
        recorder.record(Metric::Freshness, u64::MAX);
        assert_eq!(recorder.counted(Counter::Saturated), 1);
        assert_eq!(recorder.snapshot().distributions[&Metric::Freshness].count(), 1);
    }
}
