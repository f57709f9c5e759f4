//! Facts of a stretch of time, merged over shards, workers, hosts and trials by one function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Counters, Distribution, ErrorKind, Ledger, Metric, Publishing, Receipts, Series, Specimens,
    Storm,
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
    /// The interval as its worker reports it: encoded here, and nowhere else until the results folder is written.
    ///
    /// # Errors
    ///
    /// Where a histogram cannot be encoded.
    pub fn pack(self) -> serde_json::Result<PackedInterval> {
        let bytes = to_raw_value(&self.snapshot)?;
        Ok(PackedInterval { interval: self, bytes })
    }
}

/// An interval together with the bytes that its worker encoded its snapshot in, to be passed on as they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Wire<Box<RawValue>>")]
pub struct PackedInterval {
    /// The interval.
    pub interval: Interval,
    bytes: Box<RawValue>,
}

/// How it crosses a process boundary: as the interval itself would.
#[derive(Serialize, Deserialize)]
struct Wire<T> {
    start_ns: u64,
    end_ns: u64,
    snapshot: T,
}

impl PackedInterval {
    /// The snapshot as it was encoded.
    pub fn bytes(&self) -> &str {
        self.bytes.get()
    }
}

impl PartialEq for PackedInterval {
    fn eq(&self, other: &Self) -> bool {
        self.interval == other.interval && self.bytes() == other.bytes()
    }
}

impl Serialize for PackedInterval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Interval { start_ns, end_ns, .. } = self.interval;
        Wire { start_ns, end_ns, snapshot: &self.bytes }.serialize(serializer)
    }
}

impl TryFrom<Wire<Box<RawValue>>> for PackedInterval {
    type Error = serde_json::Error;

    fn try_from(wire: Wire<Box<RawValue>>) -> serde_json::Result<Self> {
        let Wire { start_ns, end_ns, snapshot: bytes } = wire;
        let snapshot = serde_json::from_str(bytes.get())?;
        Ok(Self { interval: Interval { start_ns, end_ns, snapshot }, bytes })
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
