//! How long a refused client waits before its next attempt.

use std::time::Duration;

use crate::pace::Rng;

/// Least jitter, in nanoseconds: without it all clients refused together would return together.
const JITTER_NS: u64 = 100_000_000;
/// Longest wait if the answer names none, in nanoseconds.
const UNSPOKEN_MAX_NS: u64 = 10_000_000_000;

/// Returns `asked` plus up to half of it at random, in nanoseconds.
pub(super) fn jittered(asked: Duration, rng: &mut Rng) -> u64 {
    let asked_ns = asked.as_nanos() as u64;
    asked_ns + rng.below((asked_ns / 2).max(JITTER_NS))
}

/// The wait after refusal number `attempt` in a row (from 0) without `Retry-After`, in nanoseconds: doubled for each
/// further one, half of it at random.
pub(super) fn unspoken(attempt: u32, rng: &mut Rng) -> u64 {
    let bound_ns = (JITTER_NS << attempt.min(16)).min(UNSPOKEN_MAX_NS);
    bound_ns / 2 + rng.below(bound_ns / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pace::Rng;

    proptest! {
        #[test]
        fn a_wait_is_between_the_requested_time_and_half_as_much_more(seconds in 0..1000u64, seed: u64) {
            let asked = Duration::from_secs(seconds);
            let wait = jittered(asked, &mut Rng::new(seed, 0));
            let asked_ns = asked.as_nanos() as u64;
            prop_assert!(wait >= asked_ns && wait < asked_ns + (asked_ns / 2).max(JITTER_NS));
        }

        #[test]
        fn a_wait_without_retry_after_is_bounded(attempt: u32, seed: u64) {
            let wait = unspoken(attempt, &mut Rng::new(seed, 0));
            prop_assert!((JITTER_NS / 2..UNSPOKEN_MAX_NS).contains(&wait));
        }
    }
}
