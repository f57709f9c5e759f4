//! When links first do what they do at intervals: heartbeats, pings.
//!
//! Links that were opened together would beat together for ever. Their phases are spread over the interval instead, as those of
//! links are that came one by one over hours. So a stretch of time meets as many beats as it should, however short it is.

use std::cell::Cell;
use std::time::Duration;

use crate::stats::golden;

/// Draws the phases of a shard's links, evenly.
#[derive(Debug, Default)]
pub(super) struct Stagger(Cell<u64>);

impl Stagger {
    /// How long the next link waits before its first beat of `interval`.
    pub(super) fn first(&self, interval: Duration) -> Duration {
        let n = self.0.get();
        self.0.set(n + 1);
        interval.mul_f64(golden(n))
    }
}
