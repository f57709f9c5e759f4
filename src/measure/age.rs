//! The age of what clients know, over time: for topics of which only the newest state counts.
//!
//! Two sawtooth curves are integrated per client over the measure window, each exactly:
//!
//! - The **age** of information at `t` is `t − due` of the newest state that the client knows (Kaul, Yates and Gruteser,
//!   "Real-time status: how often should one update?", 2012). It grows while nothing happens at the source, too, so its mean
//!   contains the spacing of the events: about 1 ÷ rate for Poisson arrivals, even if delivery takes no time.
//! - The **lag** at `t` is the time since the client's state became outdated: `t − due` of the *first* event newer than what
//!   it knows, and 0 while it knows the newest (the age of Cho and Garcia-Molina, "Synchronizing a database to improve
//!   freshness", 2000; the age of synchronisation of Zhong, Yates and Soljanin, 2018). Only the path from publisher to client
//!   causes it, so patterns are compared by it.
//!
//! At each arrival of a newer state the pattern also records its freshness, `received − due` of that state. That is the usual
//! distribution; superseded states and states that arrive after a newer one add nothing to it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The ages of many clients' knowledge. Merging is associative and commutative; averages are per client and instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// Time over which clients were watched: the window, summed over clients, in nanoseconds.
    pub watched_ns: u64,
    /// Time of it during which a client knew any state.
    pub known_ns: u64,
    /// Time of it during which a client's state was outdated, or it knew none although one was due.
    pub outdated_ns: u64,
    /// The area under the age, while any state was known.
    age: Area,
    /// The area under the lag.
    lag: Area,
}

impl Ages {
    /// Adds the clients of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.watched_ns += other.watched_ns;
        self.known_ns += other.known_ns;
        self.outdated_ns += other.outdated_ns;
        self.age.0 += other.age.0;
        self.lag.0 += other.lag.0;
    }

    /// The mean age of the newest known state, in nanoseconds, while any was known; `None` if none ever was.
    pub fn mean_age_ns(&self) -> Option<f64> {
        self.age.mean_over(self.known_ns)
    }

    /// The mean lag, in nanoseconds; `None` if nobody was watched.
    pub fn mean_lag_ns(&self) -> Option<f64> {
        self.lag.mean_over(self.watched_ns)
    }

    /// The share of the time during which clients knew the newest state; `None` if nobody was watched.
    pub fn up_to_date(&self) -> Option<f64> {
        let up_to_date_ns = self.watched_ns - self.outdated_ns;
        (self.watched_ns > 0).then(|| up_to_date_ns as f64 / self.watched_ns as f64)
    }
}

/// Twice the area under a curve of ages, in square nanoseconds: exact, so that sums do not depend on their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
struct Area(u128);

impl Area {
    /// Adds a stretch of time in which an age counts from `zero_ns`.
    fn add(&mut self, stretch: &Range<u64>, zero_ns: u64) {
        let square = |at_ns: u64| {
            let age_ns = u128::from(at_ns.saturating_sub(zero_ns));
            age_ns * age_ns
        };
        self.0 += square(stretch.end) - square(stretch.start);
    }

    fn mean_over(self, span_ns: u64) -> Option<f64> {
        (span_ns > 0).then(|| self.0 as f64 / 2.0 / span_ns as f64)
    }
}

impl From<(u64, u64)> for Area {
    fn from((high, low): (u64, u64)) -> Self {
        Self(u128::from(high) << 64 | u128::from(low))
    }
}

impl From<Area> for (u64, u64) {
    fn from(area: Area) -> Self {
        ((area.0 >> 64) as u64, area.0 as u64)
    }
}

/// What one client knows of one topic.
#[derive(Debug, Clone)]
pub struct Knowledge {
    window: Range<u64>,
    /// Up to when the ages are integrated.
    at_ns: u64,
    /// The newest known state: its sequence, and when it was due.
    newest: Option<(u64, u64)>,
    /// When it became outdated, or will be.
    outdated_ns: Option<u64>,
    ages: Ages,
}

impl Knowledge {
    /// A client that knows nothing, watched over `window`, in monotonic nanoseconds. `first_due_ns` is the due stamp of the
    /// first event that it is expected to know; `None` if there is none.
    pub fn new(window: Range<u64>, first_due_ns: Option<u64>) -> Self {
        let at_ns = window.start;
        Self { window, at_ns, newest: None, outdated_ns: first_due_ns, ages: Ages::default() }
    }

    /// Books that event `seq`, due at `due_ns`, arrived at `at_ns`; returns whether it is newer than what was known.
    ///
    /// `next_due_ns` is the due stamp of the first event after it that was published: what makes it outdated; `None` if
    /// there is none.
    pub fn learn(&mut self, at_ns: u64, seq: u64, due_ns: u64, next_due_ns: Option<u64>) -> bool {
        if self.newest.is_some_and(|(newest, _)| seq <= newest) {
            return false;
        }
        self.integrate(at_ns);
        self.newest = Some((seq, due_ns));
        self.outdated_ns = next_due_ns;
        true
    }

    /// The ages up to the end of the window.
    pub fn finish(mut self) -> Ages {
        self.integrate(self.window.end);
        self.ages
    }

    fn integrate(&mut self, until_ns: u64) {
        let stretch = self.at_ns..until_ns.clamp(self.at_ns, self.window.end.max(self.at_ns));
        self.at_ns = stretch.end;
        let span_ns = stretch.end - stretch.start;
        self.ages.watched_ns += span_ns;
        if let Some((_, due_ns)) = self.newest {
            self.ages.known_ns += span_ns;
            self.ages.age.add(&stretch, due_ns);
        }
        if let Some(outdated_ns) = self.outdated_ns {
            self.ages.outdated_ns += stretch.end.saturating_sub(outdated_ns.max(stretch.start));
            self.ages.lag.add(&stretch, outdated_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_that_polls_knows_old_states_in_between() {
        // Events at 10, 20, 30 and 40; polls at 25 and 45; watched from 0 to 50.
        let mut client = Knowledge::new(0..50, Some(10));
        assert!(client.learn(25, 2, 20, Some(30)));
        assert!(!client.learn(26, 1, 10, Some(20)), "older than what is known");
        assert!(client.learn(45, 4, 40, None));
        let ages = client.finish();
        // Outdated from 10 to 25 and from 30 to 45: two triangles of 15 × 15 ÷ 2.
        assert_eq!((ages.watched_ns, ages.known_ns, ages.outdated_ns), (50, 25, 30));
        assert_eq!(ages.mean_lag_ns(), Some(225.0 / 50.0));
        assert_eq!(ages.up_to_date(), Some(0.4));
        // From 5 at 25 to 25 at 45, then from 5 at 45 to 10 at 50.
        assert_eq!(ages.mean_age_ns(), Some((15.0 * 20.0 + 7.5 * 5.0) / 25.0));
        assert_eq!(Ages::default().mean_lag_ns(), None);
    }

    /// The ages of a client at each nanosecond, summed.
    fn summed(window: Range<u64>, dues: &[u64], arrivals: &[(u64, usize)]) -> Ages {
        let mut ages = Ages::default();
        for at in window {
            ages.watched_ns += 1;
            let known = arrivals.iter().filter(|(when, _)| *when <= at).map(|(_, n)| *n).max();
            // The area from `at` to `at + 1`, twice.
            let area = |zero: u64| u128::from(2 * at.saturating_sub(zero) + u64::from(at >= zero));
            if let Some(n) = known {
                ages.known_ns += 1;
                ages.age.0 += area(dues[n]);
            }
            if let Some(outdated) = dues.get(known.map_or(0, |n| n + 1)) {
                ages.outdated_ns += u64::from(at >= *outdated);
                ages.lag.0 += area(*outdated);
            }
        }
        ages
    }

    proptest! {
        #[test]
        fn ages_are_the_sum_over_every_instant(
            gaps in proptest::collection::vec(1..20u64, 1..12), start in 0..80u64, len in 0..80u64,
            mut arrivals in proptest::collection::vec((0..200u64, 0..12_usize), 0..12),
        ) {
            let dues: Vec<u64> = gaps.iter().scan(0, |due, gap| { *due += gap; Some(*due) }).collect();
            arrivals.retain(|(_, n)| *n < dues.len());
            for (at, n) in &mut arrivals {
                *at += dues[*n];
            }
            arrivals.sort_unstable();
            let window = start..start + len;
            let mut client = Knowledge::new(window.clone(), dues.first().copied());
            for (at, n) in &arrivals {
                client.learn(*at, *n as u64 + 1, dues[*n], dues.get(n + 1).copied());
            }
            let ages = client.finish();
            prop_assert_eq!(ages, summed(window, &dues, &arrivals));
            let sent = serde_json::to_string(&ages).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ages>(&sent).unwrap(), ages);
            let mut both = ages;
            both.merge(&ages);
            prop_assert_eq!((both.mean_lag_ns(), both.mean_age_ns()), (ages.mean_lag_ns(), ages.mean_age_ns()));
        }
    }

    #[test]
    fn an_hour_of_a_million_clients_does_not_overflow() {
        let hour_ns = 3600 * 1_000_000_000;
        let mut all = Knowledge::new(0..hour_ns, Some(0)).finish();
        for _ in 0..20 {
            let half = all;
            all.merge(&half);
        }
        assert_eq!(all.mean_lag_ns(), Some(hour_ns as f64 / 2.0));
        let sent = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Ages>(&sent).unwrap(), all);
    }
}
