//! The headline metric over time: counts and sums by batches of 100 ms.
//!
//! A histogram forgets the order of its samples, and thereby their dependence. These batches keep enough of it for
//! intervals, the cut of the warm-up and the search for a trend, at 24 bytes each.

use serde::{Deserialize, Serialize};

/// Length of a batch, in nanoseconds.
pub const BATCH_NS: u64 = 100_000_000;

/// Samples are clamped to this, as histograms clamp them: 60 s.
const HIGH_NS: u64 = 60_000_000_000;

/// The samples that were due in one batch's 100 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)", into = "(u64, u64, u64)")]
pub struct Batch {
    /// Which: its begin is `index` × 100 ms on the monotonic clock, the same for all processes of a host.
    pub index: u64,
    /// Number of samples.
    pub count: u64,
    /// Their sum, in nanoseconds.
    pub sum_ns: u64,
}

impl From<(u64, u64, u64)> for Batch {
    fn from((index, count, sum_ns): (u64, u64, u64)) -> Self {
        Self { index, count, sum_ns }
    }
}

impl From<Batch> for (u64, u64, u64) {
    fn from(batch: Batch) -> Self {
        (batch.index, batch.count, batch.sum_ns)
    }
}

/// Batches in order of time; empty ones are left out.
///
/// Samples belong to the batch of their *due* stamp, as in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(Vec<Batch>);

impl Series {
    /// Adds a sample of `ns` nanoseconds that was due at `due_ns`.
    #[inline]
    pub fn record(&mut self, due_ns: u64, ns: u64) {
        let index = due_ns / BATCH_NS;
        self.add(Batch { index, count: 1, sum_ns: ns.min(HIGH_NS) });
    }

    #[inline]
    fn add(&mut self, batch: Batch) {
        // Most samples belong to the newest batches.
        let after = self.0.iter().rev().take_while(|known| known.index > batch.index).count();
        let at = self.0.len() - after;
        match self.0[..at].last_mut() {
            Some(known) if known.index == batch.index => {
                known.count += batch.count;
                known.sum_ns = known.sum_ns.saturating_add(batch.sum_ns);
            }
            _ => self.0.insert(at, batch),
        }
    }

    /// Adds every batch of `other`, by index.
    pub fn merge(&mut self, other: &Self) {
        for batch in &other.0 {
            self.add(*batch);
        }
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the nonempty batches that are entirely within `from_ns..until_ns`.
    pub fn within(&self, from_ns: u64, until_ns: u64) -> &[Batch] {
        let (first, end) = (from_ns.div_ceil(BATCH_NS), until_ns / BATCH_NS);
        let from = self.0.partition_point(|batch| batch.index < first);
        let until = self.0.partition_point(|batch| batch.index < end);
        &self.0[from..until.max(from)]
    }

    /// Returns count and sum of every batch entirely within `from_ns..until_ns`, including empty ones.
    pub fn stretches(&self, from_ns: u64, until_ns: u64) -> Vec<(u64, f64)> {
        let batches = self.within(from_ns, until_ns);
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
            return Vec::new();
        };
        let mut stretches = vec![(0, 0.0); (last.index - first.index + 1) as usize];
        for batch in batches {
            stretches[(batch.index - first.index) as usize] = (batch.count, batch.sum_ns as f64);
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(samples: &[(u64, u64)]) -> Series {
        let mut series = Series::default();
        for (due, ns) in samples {
            series.record(*due, *ns);
        }
        series
    }

    #[test]
    fn a_sample_belongs_where_it_was_due() {
        let series = of(&[(250_000_000, 7), (50_000_000, 5), (299_999_999, 2), (u64::MAX, 1)]);
        let batch = |index, count, sum_ns| Batch { index, count, sum_ns };
        assert_eq!(series.within(0, 400_000_000), [batch(0, 1, 5), batch(2, 2, 9)]);
        assert_eq!(series.within(1, 300_000_000), [batch(2, 2, 9)], "not wholly in it");
        assert_eq!(series.within(0, 299_999_999), [batch(0, 1, 5)], "not wholly in it");
        assert_eq!(series.within(900_000_000, 0), []);
        assert_eq!(series.stretches(0, 1_000_000_000), [(1, 5.0), (0, 0.0), (2, 9.0)]);
        assert_eq!(series.stretches(900_000_000, 0), []);
        let text = serde_json::to_string(&series).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), series);
    }

    proptest! {
        #[test]
        fn the_order_of_samples_and_merges_does_not_matter(
            samples in proptest::collection::vec((0..5_000_000_000u64, 0..u64::MAX), 0..60), cut in 0..60usize,
        ) {
            let cut = cut.min(samples.len());
            let (mut a, b) = (of(&samples[..cut]), of(&samples[cut..]));
            let mut turned = b.clone();
            turned.merge(&a);
            a.merge(&b);
            prop_assert_eq!(&a, &turned);
            prop_assert_eq!(&a, &of(&samples));
            prop_assert_eq!(a.within(0, u64::MAX).iter().map(|b| b.count).sum::<u64>(), samples.len() as u64);
        }
    }
}
