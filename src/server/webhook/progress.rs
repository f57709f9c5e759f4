//! Up to where an endpoint has everything, for a durable outbox to remember.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One topic of one endpoint. Events may end out of order; those beyond a hole are kept as ranges.
#[derive(Debug)]
pub(super) struct Progress {
    upto: u64,
    /// First to last sequence of ended ranges beyond a hole: disjoint, not touching.
    beyond: BTreeMap<u64, u64>,
}

impl Progress {
    /// Everything up to `upto` has ended.
    pub(super) const fn after(upto: u64) -> Self {
        Self { upto, beyond: BTreeMap::new() }
    }

    /// These have ended; returns the new position where it has moved.
    pub(super) fn ended(&mut self, seqs: RangeInclusive<u64>) -> Option<u64> {
        let (mut first, mut last) = (*seqs.start(), *seqs.end());
        while let Some((&start, &end)) = self.beyond.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.beyond.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        if first > self.upto.saturating_add(1) {
            self.beyond.insert(first, last);
            return None;
        }
        (last > self.upto).then(|| {
            self.upto = last;
            last
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_is_what_a_plain_set_would_say(
            start in 0..5u64, ends in proptest::collection::vec((1..40u64, 0..4u64), 0..60),
        ) {
            let mut progress = Progress::after(start);
            let mut set: BTreeSet<u64> = (1..=start).collect();
            let mut position = start;
            for (first, more) in ends {
                set.extend(first..=first + more);
                if let Some(moved) = progress.ended(first..=first + more) {
                    prop_assert!(moved > position);
                    position = moved;
                }
                let plain = (1..=50).take_while(|seq| set.contains(seq)).count() as u64;
                prop_assert_eq!(position, plain);
            }
        }
    }
}
