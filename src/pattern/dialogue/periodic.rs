//! Messages by the clock.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::clock;
use crate::dialect::model::Periodic;
use crate::stats::golden;

/// When each of a connection's periodic messages is due next.
#[derive(Debug, Default)]
pub(super) struct Clock(Vec<Next>);

#[derive(Debug)]
struct Next {
    span_ns: u64,
    due_ns: u64,
    // The shard's precise timer may spin before a deadline: a millisecond does not matter here.
    sleep: Pin<Box<Sleep>>,
}

impl Clock {
    /// From now on: each link at a phase of its own, so that not all of them send at once.
    pub(super) fn start(every: &[Periodic], link: u64) -> Self {
        let now_ns = clock::now();
        let next = |periodic: &Periodic| {
            let span_ns = periodic.span.ns().max(1);
            let due_ns = next(now_ns, span_ns, (golden(link) * span_ns as f64) as u64);
            Next {
                span_ns,
                due_ns,
                sleep: Box::pin(tokio::time::sleep_until(instant(due_ns, now_ns))),
            }
        };
        Self(every.iter().map(next).collect())
    }

    /// Waits until one is due; returns which. May be dropped at any time.
    pub(super) async fn due(&mut self) -> usize {
        if self.0.is_empty() {
            return pending().await;
        }
        poll_fn(|cx| {
            for (at, next) in self.0.iter_mut().enumerate() {
                if next.sleep.as_mut().poll(cx).is_ready() {
                    let now_ns = clock::now();
                    // What a pause of the machine let pass is not made up for.
                    next.due_ns +=
                        next.span_ns * (now_ns.saturating_sub(next.due_ns) / next.span_ns + 1);
                    next.sleep.as_mut().reset(instant(next.due_ns, now_ns));
                    return Poll::Ready(at);
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn instant(due_ns: u64, now_ns: u64) -> Instant {
    Instant::now() + Duration::from_nanos(due_ns.saturating_sub(now_ns))
}

/// The first instant after `now_ns` that is `phase_ns` behind a multiple of `span_ns`.
const fn next(now_ns: u64, span_ns: u64, phase_ns: u64) -> u64 {
    let past = (now_ns + span_ns - phase_ns % span_ns) % span_ns;
    now_ns + span_ns - past
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_a_phase_behind_the_multiples_of_their_span() {
        for (now, span, phase, due) in [
            (1_000, 100, 0, 1_100),
            (1_000, 100, 30, 1_030),
            (1_030, 100, 30, 1_130),
            (1_031, 100, 30, 1_130),
            (5, 100, 99, 99),
        ] {
            assert_eq!(next(now, span, phase), due, "{now} {span} {phase}");
        }
    }

    #[test]
    fn links_are_spread_over_the_span() {
        let due: Vec<u64> =
            (0..100).map(|link| next(0, 1_000, (golden(link) * 1_000.0) as u64)).collect();
        for tenth in 0..10 {
            let there = due.iter().filter(|due| *due / 100 == tenth).count();
            assert!((8..=12).contains(&there), "{there} in tenth {tenth}");
        }
    }
}
