//! A distribution of nanoseconds: an `HdrHistogram` that can cross a process boundary and be merged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrReader, Serializer as _, V2Serializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Smallest distinguishable value, in nanoseconds.
pub(super) const LOW_NS: u64 = 1;
/// Largest distinguishable value, in nanoseconds: 60 s.
pub(super) const HIGH_NS: u64 = 60_000_000_000;
/// Significant decimal digits kept of every value.
pub(super) const DIGITS: u8 = 3;

/// A quantile of a distribution with samples that are only known to exceed all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// The value, in nanoseconds.
    Value(u64),
    /// The quantile falls among lost samples: it is more than this, in nanoseconds.
    MoreThan(u64),
}

/// Samples in nanoseconds, 1 ns to 60 s with three significant digits (216 KiB however many there are).
///
/// Serialises as base64 of the `HdrHistogram` V2 encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(Histogram<u64>);

impl Default for Distribution {
    fn default() -> Self {
        Self::new()
    }
}

impl Distribution {
    /// An empty distribution.
    pub fn new() -> Self {
        match Histogram::new_with_bounds(LOW_NS, HIGH_NS, DIGITS) {
            Ok(histogram) => Self(histogram),
            Err(_) => unreachable!("the bounds are constants that the crate accepts"),
        }
    }

    /// Records `ns`; returns false if it exceeded 60 s and was recorded as the highest value.
    #[inline]
    pub fn record(&mut self, ns: u64) -> bool {
        self.0.saturating_record(ns.max(LOW_NS));
        ns <= HIGH_NS
    }

    /// Records `ns` so many times.
    pub(super) fn record_n(&mut self, ns: u64, count: u64) {
        self.0.saturating_record_n(ns.max(LOW_NS), count);
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Smallest sample in nanoseconds, `None` where there is none.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.0.min())
    }

    /// Largest sample in nanoseconds, `None` where there is none.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.0.max())
    }

    /// Mean in nanoseconds, `None` without samples.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.0.mean())
    }

    /// Variance in square nanoseconds, `None` without samples.
    pub fn variance(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.0.stdev().powi(2))
    }

    /// The `q`-quantile (0 to 1) in nanoseconds, `None` without samples.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        (!self.is_empty()).then(|| self.0.value_at_quantile(q))
    }

    /// The share of samples above `ns`, to the precision of the buckets; `None` without samples.
    pub fn share_above(&self, ns: u64) -> Option<f64> {
        (!self.is_empty()).then(|| 1.0 - self.histogram().quantile_below(ns))
    }

    /// The `q`-quantile where `censored` further samples are only known to lie above all that were recorded.
    ///
    /// `None` without samples and censored ones.
    pub fn quantile_censored(&self, q: f64, censored: u64) -> Option<Quantile> {
        let (seen, all) = (self.count(), self.count() + censored);
        if all == 0 {
            return None;
        }
        let rank = ((q * all as f64).ceil() as u64).clamp(1, all);
        if rank > seen {
            return Some(Quantile::MoreThan(self.max().unwrap_or(0)));
        }
        // Half a rank down: the crate rounds q·n up, and must not round past the rank that is meant.
        self.quantile((rank as f64 - 0.5) / seen as f64).map(Quantile::Value)
    }

    /// Adds every sample of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// Forgets every sample, keeping the memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// The histogram itself, for writers of its formats.
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Wraps a histogram read from a file, with any bounds.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        let mut distribution = Self::new();
        for step in histogram.iter_recorded() {
            let value = step.value_iterated_to().clamp(LOW_NS, HIGH_NS);
            distribution.0.saturating_record_n(value, step.count_at_value());
        }
        distribution
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.0, &mut bytes).map_err(ser::Error::custom)?;
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(de::Error::custom)?;
        let histogram = HdrReader::new().deserialize(&mut bytes.as_slice());
        histogram.map(Self).map_err(|error| de::Error::custom(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = u64>) -> Distribution {
        let mut distribution = Distribution::new();
        for ns in samples {
            distribution.record(ns);
        }
        distribution
    }

    #[test]
    fn a_snapshot_crosses_a_process_boundary_unchanged() {
        let distribution = of([1, 5, 1_000, 59_000_000_000]);
        let text = serde_json::to_string(&distribution).unwrap();
        assert_eq!(serde_json::from_str::<Distribution>(&text).unwrap(), distribution);
    }

    #[test]
    fn a_quantile_among_the_censored_is_only_a_bound() {
        let distribution = of(1..=98);
        assert_eq!(distribution.quantile_censored(0.5, 2), Some(Quantile::Value(50)));
        assert_eq!(distribution.quantile_censored(0.98, 2), Some(Quantile::Value(98)));
        assert_eq!(distribution.quantile_censored(0.99, 2), Some(Quantile::MoreThan(98)));
        assert_eq!(Distribution::new().quantile_censored(0.5, 0), None);
        assert_eq!(Distribution::new().quantile_censored(0.5, 3), Some(Quantile::MoreThan(0)));
    }

    #[test]
    fn a_value_above_the_range_saturates_and_is_counted() {
        let mut distribution = Distribution::new();
        assert!(distribution.record(60_000_000_000));
        assert!(!distribution.record(61_000_000_000));
        assert_eq!(distribution.count(), 2);
    }
}
