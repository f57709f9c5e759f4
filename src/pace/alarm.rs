//! A deadline that is mostly not reached.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A time-out for one exchange after another, set anew only once it fires: the runtime's list of timers is not touched for
/// each exchange.
#[derive(Debug, Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// An alarm that is not set.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Ready once `deadline` has passed.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let alarm = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if alarm.deadline() >= deadline {
                // It has fired, and is of no more use.
                self.0 = None;
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn each_deadline_is_kept_whatever_was_set_before() {
        let mut alarm = Alarm::new();
        let (begin, far) = (Instant::now(), Duration::from_secs(3600));
        // The earliest first, then one behind it, then one before what is set.
        for (deadline, why) in [
            (begin + Duration::from_millis(1), "the first"),
            (begin + Duration::from_millis(3), "a later one"),
            (begin + Duration::from_millis(2), "one that has passed"),
        ] {
            poll_fn(|cx| alarm.poll(cx, deadline)).await;
            assert!(Instant::now() >= deadline, "{why}");
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(alarm.poll(&mut cx, begin + far).is_pending());
        let earlier = Instant::now() + Duration::from_millis(1);
        poll_fn(|cx| alarm.poll(cx, earlier)).await;
        assert!(Instant::now() >= earlier, "one before the one that was set");
    }
}
