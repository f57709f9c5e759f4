//! The density of a storm of dials, or of a herd of polls: counts per millisecond, which counts per second would smear.

use serde::{Deserialize, Serialize};

/// Length of a batch, in nanoseconds.
const BATCH_NS: u64 = 1_000_000;

/// Dials, or polls, by millisecond of the monotonic clock, ascending; empty milliseconds are left out.
///
/// Merging is associative and commutative: all shards and workers of a host form one storm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Storm(Vec<(u64, u64)>);

impl Storm {
    /// Adds a dial at `at_ns`.
    pub fn record(&mut self, at_ns: u64) {
        self.add(at_ns / BATCH_NS, 1);
    }

    fn add(&mut self, batch: u64, count: u64) {
        // Most dials belong to the newest milliseconds.
        let after = self.0.iter().rev().take_while(|(known, _)| *known > batch).count();
        let at = self.0.len() - after;
        match self.0[..at].last_mut() {
            Some((known, sum)) if *known == batch => *sum += count,
            _ => self.0.insert(at, (batch, count)),
        }
    }

    /// Adds every dial of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (batch, count) in &other.0 {
            self.add(*batch, *count);
        }
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the most dials within any `width_ms` consecutive milliseconds from `from_ns` on.
    pub fn peak(&self, from_ns: u64, width_ms: u64) -> u64 {
        let since = &self.0[self.0.partition_point(|(batch, _)| *batch < from_ns / BATCH_NS)..];
        let (mut first, mut within, mut most) = (0, 0, 0);
        for (batch, count) in since {
            within += count;
            while since[first].0 + width_ms <= *batch {
                within -= since[first].1;
                first += 1;
            }
            most = most.max(within);
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(dials_ms: &[u64]) -> Storm {
        let mut storm = Storm::default();
        for ms in dials_ms {
            storm.record(ms * BATCH_NS);
        }
        storm
    }

    #[test]
    fn the_peak_is_that_of_the_thickest_stretch() {
        for (dials, from_ms, peak, why) in [
            (vec![], 0, 0, "none"),
            (vec![5, 5, 5, 5], 0, 4, "all at once"),
            (vec![0, 10, 20, 30], 0, 1, "ten milliseconds apart are no two within ten"),
            (vec![0, 9, 18], 0, 2, "nine apart are two"),
            (vec![7, 8, 12, 13, 14], 0, 5, "a stretch need not begin at a multiple of ten"),
            (vec![1, 1, 1, 1, 50, 55], 20, 2, "what was before does not count"),
            (vec![90, 3, 91, 2, 90], 0, 3, "whatever order they came in"),
        ] {
            assert_eq!(of(&dials).peak(from_ms * BATCH_NS, 10), peak, "{why}");
        }
    }

    proptest! {
        #[test]
        fn neither_order_nor_place_of_the_dials_matters(
            dials in proptest::collection::vec(0..300u64, 0..80), cut in 0..80usize, from in 0..300u64, width in 1..40u64,
        ) {
            let cut = cut.min(dials.len());
            let (mut a, b) = (of(&dials[..cut]), of(&dials[cut..]));
            let mut turned = b.clone();
            turned.merge(&a);
            a.merge(&b);
            prop_assert_eq!(&a, &turned);
            prop_assert_eq!(&a, &of(&dials));
            let within = |begin: u64| dials.iter().filter(|at| **at >= from && (begin..begin + width).contains(at)).count();
            let most = (0..300).map(within).max().unwrap_or(0) as u64;
            prop_assert_eq!(a.peak(from * BATCH_NS, width), most);
        }
    }
}
