//! What a receiver's answer means, and how long to wait: pure functions.

use std::time::Duration;

/// Longest wait that a receiver is granted.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Acknowledged.
    Delivered,
    /// Failed; another attempt follows.
    Failed {
        /// Why.
        reason: String,
        /// How the receiver wants to be slowed down.
        pace: Pace,
    },
    /// The receiver wants nothing more.
    Gone,
}

/// How to treat a receiver that failed an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Unchanged.
    Kept,
    /// Less often.
    Slower,
    /// Pause for this long.
    After(Duration),
}

/// Judges an answer: 2xx is success, 410 ends the endpoint, anything else is a failure; 429, 502, 503 and 504 slow it down,
/// and may name a delay of up to an hour.
pub(super) fn judge(status: u16, retry_after: Option<Duration>) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        _ => Verdict::Failed {
            reason: format!("status {status}"),
            pace: match status {
                429 | 502 | 503 | 504 => {
                    retry_after.map_or(Pace::Slower, |wish| Pace::After(wish.min(WAIT_MAX)))
                }
                _ => Pace::Kept,
            },
        },
    }
}

/// The wait after failed attempt number `attempt` (from 1): uniform in `[0, base·2^(attempt−1)]`, at most `longest`
/// ("full jitter"); `unit` is the random number in `[0, 1)`.
pub(super) fn backoff(base: Duration, longest: Duration, attempt: u32, unit: f64) -> Duration {
    let doubled = base.as_secs_f64() * 2f64.powi(attempt.saturating_sub(1).min(62) as i32);
    Duration::from_secs_f64(doubled.min(longest.as_secs_f64()) * unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_mean_what_the_standard_says() {
        let after = |seconds| Pace::After(Duration::from_secs(seconds));
        let failed =
            |status: u16, pace| Verdict::Failed { reason: format!("status {status}"), pace };
        for (status, retry_after, verdict) in [
            (200, None, Verdict::Delivered),
            (204, None, Verdict::Delivered),
            (301, None, failed(301, Pace::Kept)),
            (404, Some(5), failed(404, Pace::Kept)),
            (410, None, Verdict::Gone),
            (429, Some(7), failed(429, after(7))),
            (502, None, failed(502, Pace::Slower)),
            (504, None, failed(504, Pace::Slower)),
            (503, Some(0), failed(503, after(0))),
            (503, Some(999_999), failed(503, after(3600))),
            (503, None, failed(503, Pace::Slower)),
        ] {
            let wish = retry_after.map(Duration::from_secs);
            assert_eq!(judge(status, wish), verdict, "{status} {retry_after:?}");
        }
    }

    proptest! {
        #[test]
        fn backoff_doubles_under_its_bound(base_ms in 0..10_000u64, attempt in 1..200u32, unit in 0.0..1.0f64) {
            let wait = backoff(Duration::from_millis(base_ms), WAIT_MAX, attempt, unit);
            let bound = (base_ms as f64 * 2f64.powi(attempt as i32 - 1)).min(3_600_000.0);
            prop_assert!((wait.as_secs_f64() * 1e3 - bound * unit).abs() < 1e-3);
        }
    }
}
