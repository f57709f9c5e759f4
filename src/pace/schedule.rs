//! The seeded event schedule of a trial: which event of which topic is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ArrivalProcess, Arrivals, Rng};

/// A trial's event schedule as data: sent to target and workers, expanded by each for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Seed of the trial's block: every pattern of a block gets the same events.
    pub seed: u64,
    /// Number of topics.
    pub topics: u64,
    /// Events a second in each topic.
    pub per_s: f64,
    /// The distribution of arrivals.
    pub process: ArrivalProcess,
    /// The end of the schedule, as an offset from the start in nanoseconds (exclusive).
    pub until_ns: u64,
}

/// One event of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication {
    /// When it is due, in nanoseconds from the schedule's start.
    pub offset_ns: u64,
    /// Which topic it belongs to.
    pub topic: u64,
    /// Its place in the topic, from 1.
    pub seq: u64,
}

impl Schedule {
    /// Streams of the seed below this belong to others than topics.
    const FIRST_STREAM: u64 = 1 << 32;

    /// Due offsets of one topic's events, in order; the k-th (from 0) has sequence k+1.
    pub fn topic(&self, topic: u64) -> impl Iterator<Item = u64> + use<> {
        let until = self.until_ns;
        let rng = Rng::new(self.seed, Self::FIRST_STREAM + topic);
        Arrivals::new(self.process, self.per_s, rng).take_while(move |&at| at < until)
    }

    /// Sequences of `topic` that are due in `window` (offsets in nanoseconds).
    pub fn sequences(&self, topic: u64, window: &Range<u64>) -> Range<u64> {
        let mut range = 1..1;
        for offset in self.topic(topic).take_while(|&at| at < window.end) {
            range.start += u64::from(offset < window.start);
            range.end += 1;
        }
        range
    }

    /// The events of every topic with `topic % of == part`, in order of their due offsets.
    pub fn publications(&self, part: u64, of: u64) -> impl Iterator<Item = Publication> + use<> {
        let mut topics: Vec<_> = (0..self.topics)
            .filter(|topic| topic % of == part)
            .map(|topic| (topic, Box::new(self.topic(topic)) as Box<dyn Iterator<Item = u64>>))
            .collect();
        let mut heap: BinaryHeap<Reverse<(Publication, usize)>> = topics
            .iter_mut()
            .enumerate()
            .filter_map(|(slot, (topic, due))| {
                let first = Publication { offset_ns: due.next()?, topic: *topic, seq: 1 };
                Some(Reverse((first, slot)))
            })
            .collect();
        std::iter::from_fn(move || {
            let Reverse((publication, slot)) = heap.pop()?;
            if let Some(offset_ns) = topics[slot].1.next() {
                let seq = publication.seq + 1;
                heap.push(Reverse((Publication { offset_ns, seq, ..publication }, slot)));
            }
            Some(publication)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(seed: u64, topics: u64, per_s: f64) -> Schedule {
        Schedule { seed, topics, per_s, process: ArrivalProcess::Poisson, until_ns: 10_000_000_000 }
    }

    proptest! {
        #[test]
        fn any_number_of_parts_offers_the_same_events(seed: u64, topics in 1..20u64, parts in 1..7u64) {
            let schedule = schedule(seed, topics, 3.0);
            let whole: Vec<_> = schedule.publications(0, 1).collect();
            prop_assert!(whole.is_sorted());
            let mut pieces: Vec<_> = (0..parts).flat_map(|p| schedule.publications(p, parts)).collect();
            pieces.sort_unstable();
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn windows_that_touch_share_no_sequence_and_miss_none(seed: u64, cut in 0..10_000_000_000u64) {
            let schedule = schedule(seed, 1, 5.0);
            let before = schedule.sequences(0, &(0..cut));
            let after = schedule.sequences(0, &(cut..schedule.until_ns));
            prop_assert_eq!(before.start, 1);
            prop_assert_eq!(before.end, after.start);
            prop_assert_eq!(after.end - 1, schedule.topic(0).count() as u64);
        }
    }
}
