//! Facts of a stretch of time, merged over shards, workers, hosts and trials by one function.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Counters, Distribution, ErrorKind, Ledger, Metric, Publishing, Receipts, Series, Specimens,
    Statuses, Storm,
};

/// Raw facts: distributions, counters and the ledger. Merging is associative and commutative.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Samples by metric; a metric without samples has no entry.
    pub distributions: BTreeMap<Metric, Distribution>,
    /// The headline metric (freshness; response, for `request`) over time, warm-up included.
    #[serde(default)]
    pub series: Series,
    /// Dials since the target was taken down; empty where it was left alone.
    #[serde(default)]
    pub storm: Storm,
    /// Long polls that were sent in the window.
    #[serde(default)]
    pub herd: Storm,
    /// Counts.
    pub counters: Counters,
    /// Answers of the window by their status.
    #[serde(default, skip_serializing_if = "Statuses::is_empty")]
    pub statuses: Statuses,
    /// What one failure of each kind said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub described: BTreeMap<ErrorKind, String>,
    /// Messages in which no event was recognised.
    #[serde(default)]
    pub unrecognised: Specimens,
    /// Events that links lack; only the last snapshot of a shard carries them.
    #[serde(default)]
    pub receipts: Receipts,
    /// Events whose publishing failed, or may have failed.
    #[serde(default)]
    pub publishing: Publishing,
    /// The account of deliveries; only the last snapshot of a shard carries one.
    pub ledger: Ledger,
    /// When the last of a number of requests was done, in monotonic nanoseconds; `None` where the window has its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhausted_ns: Option<u64>,
}

impl Snapshot {
    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (metric, theirs) in &other.distributions {
            match self.distributions.get_mut(metric) {
                Some(mine) => mine.merge(theirs),
                None => {
                    self.distributions.insert(*metric, theirs.clone());
                }
            }
        }
        self.series.merge(&other.series);
        self.storm.merge(&other.storm);
        self.herd.merge(&other.herd);
        self.counters.merge(&other.counters);
        self.statuses.merge(&other.statuses);
        for (kind, text) in &other.described {
            // The least, so that the order of merging does not matter.
            let mine = self.described.entry(*kind).or_insert_with(|| text.clone());
            if text < mine {
                mine.clone_from(text);
            }
        }
        self.unrecognised.merge(&other.unrecognised);
        self.receipts.merge(&other.receipts);
        self.publishing.merge(&other.publishing);
        self.ledger.merge(&other.ledger);
        self.exhausted_ns = self.exhausted_ns.max(other.exhausted_ns);
    }

    /// The samples of `metric`, if there are any.
    pub fn distribution(&self, metric: Metric) -> Option<&Distribution> {
        self.distributions.get(&metric)
    }
}

/// A snapshot of one period, usually a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its start, in monotonic nanoseconds.
    pub start_ns: u64,
    /// Its end, in monotonic nanoseconds.
    pub end_ns: u64,
    /// The measurements of the period.
    pub snapshot: Snapshot,
}

impl Interval {
    /// The interval, encoded.
    ///
    /// # Errors
    ///
    /// Where a histogram cannot be encoded.
    pub fn pack(&self) -> serde_json::Result<PackedInterval> {
        Ok(PackedInterval::new(self.start_ns..self.end_ns, to_raw_value(&self.snapshot)?))
    }
}

/// An interval whose snapshot is encoded: by its worker, once. It is passed on and kept as it is, until it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PackedInterval {
    /// Its start, in monotonic nanoseconds.
    pub start_ns: u64,
    /// Its end, in monotonic nanoseconds.
    pub end_ns: u64,
    snapshot: Box<RawValue>,
}

impl PackedInterval {
    /// The interval `span` with a snapshot that was encoded.
    pub(super) const fn new(span: Range<u64>, snapshot: Box<RawValue>) -> Self {
        Self { start_ns: span.start, end_ns: span.end, snapshot }
    }

    /// The snapshot as it was encoded.
    pub fn bytes(&self) -> &str {
        self.snapshot.get()
    }

    /// The interval.
    ///
    /// # Errors
    ///
    /// Where what was encoded is no snapshot.
    pub fn unpack(&self) -> serde_json::Result<Interval> {
        let Self { start_ns, end_ns, .. } = *self;
        Ok(Interval { start_ns, end_ns, snapshot: serde_json::from_str(self.bytes())? })
    }
}

impl PartialEq for PackedInterval {
    fn eq(&self, other: &Self) -> bool {
        (self.start_ns, self.end_ns, self.bytes()) == (other.start_ns, other.end_ns, other.bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::{Counter, Recorder};

    fn snapshot() -> impl Strategy<Value = Snapshot> {
        let samples = proptest::collection::vec((0..Metric::ALL.len(), 0..u64::MAX), 0..20);
        (samples, 0..1000u64, 0..50u64).prop_map(|(samples, sent, delivered)| {
            let mut recorder = Recorder::new();
            for (metric, ns) in samples {
                recorder.record(Metric::ALL[metric], ns);
                recorder.record_due(ns % 1_000_000_000, ns);
                recorder.record_dial(ns % 1_000_000_000);
                recorder.record_poll(ns % 700_000_000);
            }
            recorder.count(Counter::Sent, sent);
            recorder.status(200 + (sent % 3) as u16);
            let mut snapshot = recorder.snapshot();
            snapshot.ledger =
                Ledger { expected: delivered + 1, delivered, lost: 1, ..Ledger::default() };
            snapshot
        })
    }

    fn merged(parts: &[&Snapshot]) -> Snapshot {
        let mut sum = Snapshot::default();
        for part in parts {
            sum.merge(part);
        }
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn merging_is_associative_and_commutative(a in snapshot(), b in snapshot(), c in snapshot()) {
            let left = merged(&[&merged(&[&a, &b]), &c]);
            prop_assert_eq!(&left, &merged(&[&a, &merged(&[&b, &c])]));
            prop_assert_eq!(&left, &merged(&[&c, &a, &b]));
        }
    }
}
