//! A distribution in the making: counts by bucket, with the range of buckets that were touched.
//!
//! A second of one metric touches a few of 27,648 buckets (108 KiB). Reading, encoding and emptying a tally costs what was
//! touched; a whole histogram is neither cloned nor cleared. Buckets and encoding are those of [`Distribution`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Distribution;
use super::distribution::{DIGITS, HIGH_NS, LOW_NS};

/// log₂ of the buckets of an octave: three significant digits need 1,024 of them.
const OCTAVE: u32 = 10;
/// Buckets from 0 to the first power of two above [`HIGH_NS`].
const BUCKETS: usize = 27 << OCTAVE;
/// The first word of an `HdrHistogram` in V2 encoding.
const COOKIE: u32 = 0x1c84_9313;

/// Samples in nanoseconds, as a [`Distribution`] counts them.
#[derive(Debug)]
pub(super) struct Tally {
    /// Of 32 bits: a recorder is handed over each second, and smaller buckets share cache lines.
    counts: Box<[u32]>,
    /// The least and the greatest bucket that is not empty; the least is above the other where all are.
    low: usize,
    high: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), low: BUCKETS, high: 0 }
    }
}

/// The bucket of a value.
#[inline]
const fn bucket(ns: u64) -> usize {
    let octave = u64::BITS - 1 - OCTAVE - (ns | ((2 << OCTAVE) - 1)).leading_zeros();
    ((octave as usize) << OCTAVE) + (ns >> octave) as usize
}

/// The least value of a bucket.
const fn value(bucket: usize) -> u64 {
    let octave = (bucket >> OCTAVE).saturating_sub(1);
    ((bucket - (octave << OCTAVE)) as u64) << octave
}

impl Tally {
    /// Records `ns`; returns false if it exceeded 60 s and was recorded as the highest value.
    #[inline]
    pub(super) fn record(&mut self, ns: u64) -> bool {
        let mut at = bucket(if ns < LOW_NS { LOW_NS } else { ns });
        if at >= BUCKETS {
            at = bucket(HIGH_NS);
        }
        self.counts[at] = self.counts[at].saturating_add(1);
        self.low = self.low.min(at);
        self.high = self.high.max(at);
        ns <= HIGH_NS
    }

    /// Whether nothing was recorded.
    pub(super) const fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// Forgets every sample, keeping the memory.
    pub(super) fn clear(&mut self) {
        if !self.is_empty() {
            self.counts[self.low..=self.high].fill(0);
        }
        (self.low, self.high) = (BUCKETS, 0);
    }

    /// The buckets that were touched, with their counts.
    fn touched(&self) -> impl Iterator<Item = (usize, u64)> {
        let (low, high) = if self.is_empty() { (0, 0) } else { (self.low, self.high + 1) };
        let counts = self.counts[low..high].iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(move |(at, count)| (low + at, u64::from(*count)))
    }

    /// The samples so far.
    pub(super) fn distribution(&self) -> Distribution {
        let mut distribution = Distribution::new();
        for (bucket, count) in self.touched() {
            distribution.record_n(value(bucket), count);
        }
        distribution
    }

    /// The samples so far, as a [`Distribution`] serialises them.
    pub(super) fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(4_096);
        for word in [COOKIE, 0, 0, u32::from(DIGITS)] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(&LOW_NS.to_be_bytes());
        bytes.extend_from_slice(&HIGH_NS.to_be_bytes());
        bytes.extend_from_slice(&1.0_f64.to_be_bytes());
        let header = bytes.len();
        let mut next = 0;
        for (bucket, count) in self.touched() {
            match bucket - next {
                0 => {}
                // A single empty bucket is its count.
                1 => put(&mut bytes, 0),
                empty => put(&mut bytes, -(empty as i64)),
            }
            put(&mut bytes, count as i64);
            next = bucket + 1;
        }
        if next == 0 {
            put(&mut bytes, 0);
        }
        let length = (bytes.len() - header) as u32;
        bytes[4..8].copy_from_slice(&length.to_be_bytes());
        STANDARD_NO_PAD.encode(bytes)
    }
}

/// Appends a count, or a number of empty buckets below zero: zigzag, in groups of seven bits, of which a ninth has eight.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)) as u64;
    for _ in 0..8 {
        if left < 0x80 {
            return bytes.push(left as u8);
        }
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_begins_with_its_value() {
        assert_eq!(bucket(HIGH_NS) / (1 << OCTAVE), 26);
        for at in 0..BUCKETS {
            assert_eq!(bucket(value(at)), at);
            assert_eq!(bucket(value(at + 1) - 1), at);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_tally_is_the_distribution_to_the_byte(
            small in proptest::collection::vec(0..3_000_000_u64, 0..200),
            any in proptest::collection::vec(0..64_u32, 0..20),
            again in proptest::collection::vec(0..u64::MAX, 0..5),
        ) {
            let mut tally = Tally::default();
            for ns in again {
                tally.record(ns);
            }
            // A tally that was emptied is as new.
            tally.clear();
            let mut distribution = Distribution::new();
            for ns in small.into_iter().chain(any.into_iter().map(|bits| u64::MAX >> bits)) {
                prop_assert_eq!(tally.record(ns), distribution.record(ns));
            }
            prop_assert_eq!(tally.is_empty(), distribution.is_empty());
            prop_assert_eq!(&tally.distribution(), &distribution);
            let text = serde_json::to_string(&distribution).unwrap();
            prop_assert_eq!(serde_json::to_string(&tally.encode()).unwrap(), text);
        }
    }

    #[test]
    fn counts_of_any_size_are_read_as_they_were_written() {
        for shift in 0..32 {
            let mut tally = Tally::default();
            tally.record(5_000);
            let at = tally.low;
            tally.counts[at] = 1 << shift;
            let text = serde_json::to_string(&tally.encode()).unwrap();
            let read: Distribution = serde_json::from_str(&text).unwrap();
            assert_eq!((read.count(), read.min()), (1 << shift, Some(value(at))));
        }
    }
}
