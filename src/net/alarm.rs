//! The time-out of a connection's exchanges.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::clock;

/// In place of a time-out that no clock reaches.
pub(super) const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

/// `timeout` after `from_ns`, in monotonic nanoseconds.
#[inline]
pub(super) fn deadline_ns(from_ns: u64, timeout: Duration) -> u64 {
    from_ns.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

/// Wakes at the deadline of an exchange: of an earlier one, mostly, because it is only set anew once it fires.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it fires, in monotonic nanoseconds.
    at_ns: u64,
}

impl Alarm {
    /// Ready once `deadline_ns` has passed.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        if self.sleep.is_none() || self.at_ns > deadline_ns {
            self.set(deadline_ns);
        }
        loop {
            let Some(sleep) = &mut self.sleep else { return Poll::Ready(()) };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.at_ns >= deadline_ns {
                // It has fired, and is of no more use.
                self.sleep = None;
                return Poll::Ready(());
            }
            self.set(deadline_ns);
        }
    }

    fn set(&mut self, deadline_ns: u64) {
        let left = Duration::from_nanos(deadline_ns.saturating_sub(clock::now()));
        let at = Instant::now() + left.min(FOR_EVER);
        self.at_ns = deadline_ns;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            none => *none = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}
