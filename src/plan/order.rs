//! The order of trials: seeded random blocks, each with every case once.
//!
//! Interleaved, a drift of the machine (heat, neighbours) affects every case alike; with one case after the other it would
//! look like a difference between cases.

use super::PlannedTrial;
use crate::pace::Rng;

/// The stream of a block's seed that orders its trials; topics and links draw from others.
const ORDER: u64 = u64::MAX;

/// `trials` blocks of `cases` cases.
pub(super) fn trials(cases: usize, trials: u32, seed: u64) -> Vec<PlannedTrial> {
    let block = |block: u32| {
        let seed = Rng::new(seed, u64::from(block)).next_u64();
        let mut order: Vec<usize> = (0..cases).collect();
        Rng::new(seed, ORDER).shuffle(&mut order);
        order.into_iter().map(move |case| PlannedTrial {
            case,
            trial: block,
            block,
            seed,
            null: false,
        })
    };
    (1..=trials).flat_map(block).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_holds_every_case_once(cases in 1..40usize, blocks in 1..8u32, seed: u64) {
            let planned = trials(cases, blocks, seed);
            prop_assert_eq!(planned.len(), cases * blocks as usize);
            for (n, block) in planned.chunks(cases).enumerate() {
                let mut held: Vec<usize> = block.iter().map(|trial| trial.case).collect();
                held.sort_unstable();
                prop_assert_eq!(held, (0..cases).collect::<Vec<_>>());
                let same = |t: &PlannedTrial| {
                    t.block == n as u32 + 1 && t.trial == t.block && t.seed == block[0].seed
                };
                prop_assert!(block.iter().all(same));
            }
            prop_assert_eq!(planned, trials(cases, blocks, seed));
        }
    }

    #[test]
    fn blocks_differ_in_seed_and_order() {
        let planned = trials(20, 3, 1);
        let order = |n: usize| planned[n * 20..][..20].iter().map(|t| t.case).collect::<Vec<_>>();
        assert_ne!(planned[0].seed, planned[20].seed);
        assert_ne!(order(0), order(1));
        assert_ne!(order(1), order(2));
        assert_ne!(planned, trials(20, 3, 2));
    }
}
