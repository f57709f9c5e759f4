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
pub fn deadline_ns(from_ns: u64, timeout: Duration) -> u64 {
    from_ns.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

/// Wakes at the deadline of an exchange: of an earlier one, mostly, because it is only set anew once it fires.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it fires, in monotonic nanoseconds.
    at_ns: u64,
    /// The address of the waker that it wakes.
    waker: usize,
}

impl Alarm {
    /// Whether it is set, will wake `cx`, and has not fired at `now_ns`: it need not be looked at.
    #[inline]
    pub(super) fn is_set(&self, cx: &Context<'_>, deadline_ns: u64, now_ns: u64) -> bool {
        let fires_in_time = now_ns < self.at_ns && self.at_ns <= deadline_ns;
        // While it holds the waker, nothing else is at that address.
        fires_in_time && self.sleep.is_some() && self.waker == cx.waker().data().addr()
    }

    /// Ready once `deadline_ns` has passed.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        if self.sleep.is_none() || self.at_ns > deadline_ns {
            self.set(deadline_ns);
        }
        loop {
            let Some(sleep) = &mut self.sleep else { return Poll::Ready(()) };
            if sleep.as_mut().poll(cx).is_pending() {
                self.waker = cx.waker().data().addr();
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    use super::*;

    struct Other;

    impl Wake for Other {
        fn wake(self: Arc<Self>) {}
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(flavor = "current_thread")]
    async fn each_deadline_is_kept_whatever_was_set_before() {
        const MS: u64 = 1_000_000;
        let (mut alarm, begin_ns) = (Alarm::default(), clock::now());
        for (deadline_ns, why) in [
            (begin_ns + MS, "the first"),
            (begin_ns + 3 * MS, "a later one"),
            (begin_ns + 2 * MS, "one that has passed"),
        ] {
            poll_fn(|cx| alarm.poll(cx, deadline_ns)).await;
            assert!(clock::now() >= deadline_ns, "{why}");
        }
        let far_ns = deadline_ns(clock::now(), Duration::from_secs(3600));
        assert!(alarm.poll(&mut Context::from_waker(Waker::noop()), far_ns).is_pending());
        let earlier_ns = clock::now() + MS;
        poll_fn(|cx| alarm.poll(cx, earlier_ns)).await;
        assert!(clock::now() >= earlier_ns, "one before the one that was set");
        let never_ns = deadline_ns(clock::now(), Duration::MAX);
        assert!(alarm.poll(&mut Context::from_waker(Waker::noop()), never_ns).is_pending());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_need_not_be_looked_at_where_it_fires_in_time_and_wakes_the_same() {
        let (mut alarm, now) = (Alarm::default(), clock::now());
        let at = |seconds| deadline_ns(now, seconds * SECOND);
        poll_fn(|cx| {
            assert!(!alarm.is_set(cx, at(60), now), "it is not set");
            assert!(alarm.poll(cx, at(60)).is_pending());
            for (deadline, when, expected, why) in [
                (at(60), now, true, "it is the same deadline"),
                (at(90), now, true, "it fires before the deadline, and is set anew then"),
                (at(30), now, false, "it would fire after the deadline"),
                (at(60), at(60), false, "it may have fired"),
            ] {
                assert_eq!(alarm.is_set(cx, deadline, when), expected, "{why}");
            }
            let other = Waker::from(Arc::new(Other));
            assert!(!alarm.is_set(&Context::from_waker(&other), at(60), now), "another waits");
            Poll::Ready(())
        })
        .await;
    }
}
