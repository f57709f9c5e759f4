//! Polls whose interval the clock alone sets: what theory says of them, for [flips](super::flip) and [sweeps](super::sweep).

use crate::pace::PollPace;
use crate::scenario::{Case, Pattern};

/// Whether the interval of a case's polls is all that sets when a client polls; also of patterns without polls by the clock.
///
/// Jitter spreads ages and hits (the median age rises from 0.5 · I to 0.59 · I at jitter 1, the 99th percentile to 1.8 · I), a poll
/// after a response is later by that, and a client that keeps an answer polls as seldom as the answer says.
pub(super) fn is_by_the_clock(case: &Case) -> bool {
    match &case.pattern {
        Pattern::ShortPoll(options) => {
            options.pace == PollPace::FixedRate && options.jitter == 0.0 && !options.cache
        }
        pattern => pattern.kind().delivers(),
    }
}

/// Seconds between two polls, of short polls.
pub(super) fn interval_s(case: &Case) -> Option<f64> {
    match &case.pattern {
        Pattern::ShortPoll(options) => Some(options.interval.secs()),
        _ => None,
    }
}

/// Polls per second that bring something, of Poisson arrivals at `rate`.
pub(super) fn hits(rate: f64, interval: f64) -> f64 {
    -(-rate * interval).exp_m1() / interval
}
