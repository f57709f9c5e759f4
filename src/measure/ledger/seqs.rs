//! Sets of sequences that are mostly contiguous.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A set of sequences, as ranges: disjoint, ascending, not touching.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Seqs(Vec<Range<u64>>);

impl Seqs {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `seq`; false if it was in the set.
    pub fn insert(&mut self, seq: u64) -> bool {
        let ranges = &mut self.0;
        let at = ranges.partition_point(|range| range.end < seq);
        match ranges.get_mut(at) {
            Some(range) if range.contains(&seq) => return false,
            Some(range) if range.end == seq => range.end += 1,
            Some(range) if range.start == seq + 1 => range.start = seq,
            _ => ranges.insert(at, seq..seq + 1),
        }
        if at + 1 < ranges.len() && ranges[at].end == ranges[at + 1].start {
            ranges[at].end = ranges.remove(at + 1).end;
        }
        true
    }

    /// Adds every sequence of `range`.
    pub fn insert_all(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|known| known.end < range.start);
        let to = self.0.partition_point(|known| known.start <= range.end);
        let touching = &self.0[from..to];
        let start = touching.first().map_or(range.start, |first| first.start.min(range.start));
        let end = touching.last().map_or(range.end, |last| last.end.max(range.end));
        self.0.splice(from..to, std::iter::once(start..end));
    }

    /// Removes `seq`; false if it was not in the set.
    pub fn remove(&mut self, seq: u64) -> bool {
        let at = self.0.partition_point(|range| range.end <= seq);
        let Some(range) = self.0.get(at).filter(|range| range.contains(&seq)).cloned() else {
            return false;
        };
        let rest = [range.start..seq, seq + 1..range.end];
        self.0.splice(at..=at, rest.into_iter().filter(|range| !range.is_empty()));
        true
    }

    /// Whether `seq` is in the set.
    pub fn contains(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|range| range.end <= seq);
        self.0.get(at).is_some_and(|range| range.contains(&seq))
    }

    /// How many sequences of `range` are in the set.
    pub fn count_within(&self, range: &Range<u64>) -> u64 {
        self.0.iter().map(|known| len(&common(known, range))).sum()
    }

    /// The sequences of `range` that are not in the set.
    pub fn holes(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let mut from = range.start;
        let ends = self.0.iter().cloned().chain(std::iter::once(range.end..range.end));
        ends.filter_map(move |known| {
            let hole = from..known.start.min(range.end);
            from = from.max(known.end);
            (!hole.is_empty()).then_some(hole)
        })
    }

    /// Whether the set is empty.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Adds every sequence of `other`.
    pub fn merge(&mut self, other: &Self) {
        for range in &other.0 {
            self.insert_all(range.clone());
        }
    }

    /// Removes the lowest range if it begins at `start`; returns its end.
    pub(super) fn take_from(&mut self, start: u64) -> Option<u64> {
        self.0.first().filter(|range| range.start == start)?;
        Some(self.0.remove(0).end)
    }
}

impl From<Vec<(u64, u64)>> for Seqs {
    /// The set of ranges that are given by their start and end, in any order.
    fn from(ranges: Vec<(u64, u64)>) -> Self {
        let mut seqs = Self::default();
        for (start, end) in ranges {
            seqs.insert_all(start..end);
        }
        seqs
    }
}

impl From<Seqs> for Vec<(u64, u64)> {
    fn from(seqs: Seqs) -> Self {
        seqs.0.into_iter().map(|range| (range.start, range.end)).collect()
    }
}

/// The sequences in both.
pub(super) fn common(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    a.start.max(b.start)..a.end.min(b.end)
}

/// How many sequences a range has; none if it ends before its start.
pub(super) const fn len(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u64),
        InsertAll(Range<u64>),
        Remove(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let range = (0..30u64, 0..8u64).prop_map(|(start, len)| start..start + len);
        prop_oneof![
            (0..30u64).prop_map(Op::Insert),
            range.prop_map(Op::InsertAll),
            (0..30u64).prop_map(Op::Remove),
        ]
    }

    proptest! {
        #[test]
        fn ranges_behave_as_a_plain_set(
            ops in proptest::collection::vec(op(), 0..40), start in 0..40u64, len in 0..20u64,
        ) {
            let (mut seqs, mut plain) = (Seqs::default(), BTreeSet::new());
            for op in ops {
                match op {
                    Op::Insert(seq) => prop_assert_eq!(seqs.insert(seq), plain.insert(seq)),
                    Op::Remove(seq) => prop_assert_eq!(seqs.remove(seq), plain.remove(&seq)),
                    Op::InsertAll(range) => {
                        plain.extend(range.clone());
                        seqs.insert_all(range);
                    }
                }
                let all: Vec<u64> = seqs.ranges().iter().cloned().flatten().collect();
                prop_assert_eq!(all, plain.iter().copied().collect::<Vec<_>>());
                prop_assert!(seqs.ranges().windows(2).all(|two| two[0].end < two[1].start));
            }
            let range = start..start + len;
            let within = plain.range(range.clone()).count() as u64;
            prop_assert_eq!(seqs.count_within(&range), within);
            let holes: Vec<u64> = seqs.holes(range.clone()).flatten().collect();
            prop_assert_eq!(holes, range.filter(|seq| !plain.contains(seq)).collect::<Vec<_>>());
            prop_assert!((0..60).all(|seq| seqs.contains(seq) == plain.contains(&seq)));
            let sent = serde_json::to_string(&seqs).unwrap();
            prop_assert_eq!(serde_json::from_str::<Seqs>(&sent).unwrap(), seqs);
        }
    }
}
