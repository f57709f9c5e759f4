//! Overload protection: limits on requests and connections. Refusals name the time to retry.

use std::cell::Cell;

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};

use super::problem::Problem;
use crate::clock::SECOND_NS;
use crate::scenario::Limits;

/// The burst that the limit allows, as time in nanoseconds.
const BUNCH_NS: u64 = SECOND_NS / 10;
/// The `Retry-After` of a client without a connection, in seconds: nobody knows when connections end.
const CROWDED_S: u64 = 1;

/// One shard's share of the limits: a token bucket, stored as the instant at which it is full again (GCRA).
#[derive(Debug)]
pub(super) struct Admission {
    /// Time between two requests; `None` without a limit.
    interval_ns: Option<u64>,
    full_ns: Cell<u64>,
}

impl Admission {
    /// The share of one of `shards` shards.
    pub(super) fn new(limits: Limits, shards: u32) -> Self {
        let interval = |per_s: u64| SECOND_NS * u64::from(shards.max(1)) / per_s.max(1);
        Self { interval_ns: limits.requests_per_s.map(interval), full_ns: Cell::new(0) }
    }

    /// Whether every request is let in.
    pub(super) const fn is_open(&self) -> bool {
        self.interval_ns.is_none()
    }

    /// Lets a request in that arrives at `now`, or refuses it.
    pub(super) fn admit(&self, now: impl FnOnce() -> u64) -> Result<(), Problem> {
        let Some(interval_ns) = self.interval_ns else { return Ok(()) };
        let now = now();
        let full_ns = self.full_ns.get().max(now);
        let early_ns = (full_ns - now).saturating_sub(BUNCH_NS);
        if early_ns > 0 {
            let seconds = early_ns.div_ceil(SECOND_NS);
            let detail = format!("too many requests at once: come again in {seconds} s");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
                .header(RETRY_AFTER, HeaderValue::from(seconds)));
        }
        self.full_ns.set(full_ns + interval_ns);
        Ok(())
    }
}

/// The refusal of any request on a connection above the limit, which closes with it.
pub(super) fn crowded() -> Problem {
    let detail = format!("too many connections: come again in {CROWDED_S} s");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .header(RETRY_AFTER, HeaderValue::from(CROWDED_S))
        .header(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answer::Reply;

    fn admitted(admission: &Admission, nows: impl Iterator<Item = u64>) -> usize {
        nows.filter(|now| admission.admit(|| *now).is_ok()).count()
    }

    #[test]
    fn exactly_the_allowed_rate_is_admitted() {
        let limits = Limits { requests_per_s: Some(100), connections: None };
        // Two shards: 50 per second each. 5 s of 1,000 per second, after a burst of a tenth of a second.
        let admission = Admission::new(limits, 2);
        let flood = (0..5_000).map(|i| i * 1_000_000);
        assert_eq!(admitted(&admission, flood), 250 + 5);
        // Under the limit everything gets in.
        let calm = (300..400).map(|i| i * 21_000_000);
        assert_eq!(admitted(&admission, calm), 100);
        let unlimited = Admission::new(Limits::default(), 1);
        assert_eq!(admitted(&unlimited, std::iter::repeat_n(7, 1_000)), 1_000);
    }

    #[test]
    fn a_refusal_names_the_time_to_retry() {
        let admission = Admission::new(Limits { requests_per_s: Some(1), connections: None }, 4);
        assert!(admission.admit(|| 0).is_ok());
        let refusal = Reply::from(admission.admit(|| 0).unwrap_err());
        assert_eq!(
            (refusal.status().as_u16(), &refusal.headers()[RETRY_AFTER]),
            (429, &"4".parse().unwrap())
        );
        let refusal = Reply::from(crowded());
        assert_eq!(
            (refusal.status().as_u16(), &refusal.headers()[RETRY_AFTER]),
            (503, &"1".parse().unwrap())
        );
    }
}
