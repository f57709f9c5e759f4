//! How long before a deadline a spinning shard wakes: as long as waking recently took. Pure arithmetic.

/// Least margin of [`WakeMargin::adaptive`], in nanoseconds: the usual wake-up time of a thread on an idle virtual machine.
const LEAST_NS: u64 = 100_000;
/// Its longest, in nanoseconds: a thread that wakes later is not late by habit, but was robbed of its core.
const MOST_NS: u64 = 1_000_000;
/// Every wake reduces the margin by this fraction, until the next late one.
const FORGET: u64 = 256;

/// How long before a deadline the timerfd wakes the shard, so that it is awake when the deadline comes.
///
/// The adaptive margin follows the largest lateness of the last few hundred wakes, plus a quarter: a later wake raises it
/// at once, and every other wake takes 1/256 off. About one wake in a few hundred is then late, which is beyond the 99th
/// percentile that pacing is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WakeMargin {
    ns: u64,
    least_ns: u64,
    most_ns: u64,
}

impl WakeMargin {
    /// Always `ns` nanoseconds.
    pub const fn fixed(ns: u64) -> Self {
        Self { ns, least_ns: ns, most_ns: ns }
    }

    /// Between 0.1 and 1 ms, following the lateness of recent wakes.
    pub const fn adaptive() -> Self {
        Self { ns: LEAST_NS, least_ns: LEAST_NS, most_ns: MOST_NS }
    }

    /// The current margin, in nanoseconds.
    #[inline]
    pub const fn ns(self) -> u64 {
        self.ns
    }

    /// The shard woke `late_ns` nanoseconds after its alarm.
    #[inline]
    pub fn woke(&mut self, late_ns: u64) {
        let wanted = late_ns.saturating_add(late_ns / 4);
        self.ns = wanted.max(self.ns - self.ns / FORGET).clamp(self.least_ns, self.most_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_follows_the_largest_recent_lateness() {
        let mut margin = WakeMargin::adaptive();
        for (late_ns, times, low_ns, high_ns, why) in [
            (50_000, 10, 100_000, 100_000, "wakes within the least margin leave it"),
            (
                200_000,
                1,
                250_000,
                250_000,
                "a later one raises it at once, with a quarter to spare",
            ),
            (50_000, 1, 249_000, 249_100, "and is forgotten slowly"),
            (50_000, 2_000, 100_000, 100_000, "but wholly"),
            (
                30_000_000,
                1,
                1_000_000,
                1_000_000,
                "a core that was taken away does not count whole",
            ),
            (u64::MAX, 1, 1_000_000, 1_000_000, "nor does nonsense"),
        ] {
            for _ in 0..times {
                margin.woke(late_ns);
            }
            assert!((low_ns..=high_ns).contains(&margin.ns()), "{why}: {}", margin.ns());
        }
        // One wake in a hundred takes 180 us: it is covered as long as the others do not have it forgotten.
        for wake in 0..10_000 {
            let late_ns = if wake % 100 == 0 { 180_000 } else { 20_000 };
            assert!(wake < 1 || margin.ns() >= 150_000, "{wake}: {}", margin.ns());
            margin.woke(late_ns);
        }
        let mut fixed = WakeMargin::fixed(7);
        fixed.woke(1_000_000);
        assert_eq!(fixed.ns(), 7);
    }
}
