//! A shard's recorder: distributions and counters, swapped out whole.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::tally::Tally;
use super::{
    Counter, Counters, ErrorKind, Ledger, Metric, PackedInterval, Publishing, Receipts, Series,
    Snapshot, Specimens, Statuses, Storm,
};

/// One shard's samples: plain memory, no lock, no allocation after the first sample of a metric.
///
/// A shard owns some and swaps them every second; another thread encodes the full one.
#[derive(Debug, Default)]
pub struct Recorder {
    tallies: [Option<Box<Tally>>; Metric::ALL.len()],
    series: Series,
    storm: Storm,
    herd: Storm,
    counters: Counters,
    statuses: Statuses,
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
        let tally = self.tallies[metric as usize].get_or_insert_default();
        if !tally.record(ns) {
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

    /// Counts an answer with this status.
    #[inline]
    pub fn status(&mut self, status: u16) {
        self.statuses.count(status);
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
        self.statuses.clear();
        self.described.clear();
        self.series.clear();
        self.storm.clear();
        self.herd.clear();
        for tally in self.tallies.iter_mut().flatten() {
            tally.clear();
        }
    }

    /// Returns the records since the last [`Recorder::clear`].
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            series: self.series.clone(),
            storm: self.storm.clone(),
            herd: self.herd.clone(),
            counters: self.counters.clone(),
            statuses: self.statuses.clone(),
            described: self.described.clone(),
            ..Snapshot::default()
        };
        for metric in Metric::ALL {
            if let Some(samples) = &self.tallies[metric as usize]
                && !samples.is_empty()
            {
                snapshot.distributions.insert(metric, samples.distribution());
            }
        }
        snapshot
    }
}

/// The encoding of a full recorder in steps, which leaves it empty.
#[derive(Debug)]
pub struct Packing {
    recorder: Box<Recorder>,
    /// How many metrics are encoded.
    done: usize,
    distributions: BTreeMap<Metric, String>,
}

/// A [`Snapshot`] as it is encoded: the distributions already are.
#[derive(Serialize)]
struct Encoded<'a> {
    distributions: &'a BTreeMap<Metric, String>,
    series: &'a Series,
    storm: &'a Storm,
    herd: &'a Storm,
    counters: &'a Counters,
    #[serde(skip_serializing_if = "Statuses::is_empty")]
    statuses: &'a Statuses,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    described: &'a BTreeMap<ErrorKind, String>,
    // What only the last snapshot of a shard carries.
    unrecognised: Specimens,
    receipts: Receipts,
    publishing: Publishing,
    ledger: Ledger,
}

impl Packing {
    /// Begins to encode `recorder`.
    pub const fn new(recorder: Box<Recorder>) -> Self {
        Self { recorder, done: 0, distributions: BTreeMap::new() }
    }

    /// Encodes and empties the next metric that has samples; returns false where none is left.
    pub fn step(&mut self) -> bool {
        while let Some(slot) = self.recorder.tallies.get_mut(self.done) {
            let metric = Metric::ALL[self.done];
            self.done += 1;
            if let Some(tally) = slot.as_deref_mut().filter(|tally| !tally.is_empty()) {
                self.distributions.insert(metric, tally.encode());
                tally.clear();
                return true;
            }
        }
        false
    }

    /// The interval `span` of what was recorded, and the empty recorder.
    ///
    /// # Errors
    ///
    /// Where a count cannot be encoded.
    pub fn finish(
        mut self,
        span: Range<u64>,
    ) -> serde_json::Result<(PackedInterval, Box<Recorder>)> {
        while self.step() {}
        let Recorder { series, storm, herd, counters, statuses, described, .. } = &*self.recorder;
        let bytes = to_raw_value(&Encoded {
            distributions: &self.distributions,
            series,
            storm,
            herd,
            counters,
            statuses,
            described,
            unrecognised: Specimens::default(),
            receipts: Receipts::default(),
            publishing: Publishing::default(),
            ledger: Ledger::default(),
        })?;
        self.recorder.clear();
        Ok((PackedInterval::new(span, bytes), self.recorder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Interval;

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

    #[test]
    fn a_recorder_is_packed_as_its_snapshot_and_left_empty() {
        let mut recorder = Box::new(Recorder::new());
        let empty = Packing::new(Box::default()).finish(0..1).unwrap().0;
        assert_eq!(empty.unpack().unwrap().snapshot, Snapshot::default());
        recorder.record(Metric::Slip, 5);
        recorder.record(Metric::Freshness, 3_000_000);
        recorder.record_due(1, 5);
        recorder.record_dial(1);
        recorder.record_poll(2_000_000);
        recorder.error(ErrorKind::Timeout);
        recorder.describe(ErrorKind::Timeout, || "no \"answer\"".to_owned());
        let snapshot = recorder.snapshot();
        let mut packing = Packing::new(recorder);
        assert_eq!((packing.step(), packing.step(), packing.step()), (true, true, false));
        let (packed, recorder) = packing.finish(7..9).unwrap();
        let interval = Interval { start_ns: 7, end_ns: 9, snapshot };
        assert_eq!(packed.unpack().unwrap(), interval);
        assert_eq!(packed.bytes(), interval.pack().unwrap().bytes(), "encoded once, to the byte");
        assert_eq!(recorder.snapshot(), Snapshot::default());
    }
}
