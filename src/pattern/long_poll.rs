//! Asking for news and being held until there is some (RFC 6202): one held request a client, but for the gap that the
//! scenario may put between an answer and the next poll.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::poll::{Brought, Poller};
use super::redial::Redial;
use super::{Link, Turn};
use crate::clock;
use crate::measure::{Counter, ErrorKind, Metric};
use crate::net::StampedResponse;
use crate::scenario::LongPollOptions;
use crate::stats::golden;

/// How much longer than the agreed hold an answer may take.
const GRACE: Duration = Duration::from_secs(10);

/// What of the options a link needs at each poll.
struct Holding {
    /// The hold that the first poll asks for, in milliseconds.
    first_ms: u64,
    /// The hold of the others.
    hold_ms: u64,
    timeout: Duration,
    gap_ns: u64,
}

impl Holding {
    fn of(link: &Link, options: &LongPollOptions) -> Self {
        let polling = link.context().conversation.dialect.long_poll.as_ref();
        let hold = polling.and_then(|polling| polling.hold).unwrap_or(options.wait);
        Self {
            // As if the link had stood for long: holds of links that were opened together would run out together, or none
            // within the window.
            first_ms: (options.wait.ns() as f64 * golden(link.index()) / 1e6).ceil() as u64,
            hold_ms: hold.ns() / 1_000_000,
            timeout: hold.std() + GRACE,
            gap_ns: options.gap.ns(),
        }
    }
}

/// Polls, takes everything, and polls again after the gap; the log has the events of the time in between.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its arguments twice")]
pub(super) fn run(link: &Link, options: &LongPollOptions) -> impl Future<Output = ()> {
    async move {
        let polling = link.context().conversation.dialect.long_poll.as_ref();
        let mut poller = Poller::new(link, polling, options.limit);
        let holds = polling.is_some_and(|polling| polling.hold.is_some());
        if !Box::pin(poller.stand(holds, GRACE)).await {
            return;
        }

        let mut redial = Redial::new(link);
        let holding = Holding::of(link, options);
        let mut free_ns = clock::now();
        let mut seq = 0;
        loop {
            seq += 1;
            let due_ns = free_ns + holding.gap_ns;
            let fired_ns = link.sleep_about(due_ns).await;
            if link.measures(fired_ns) {
                link.context().recorder.borrow_mut().record_poll(fired_ns);
            }
            let hold_ms = if seq == 1 { holding.first_ms } else { holding.hold_ms };
            let answer = {
                let mut asking = pin!(poller.ask(Some(hold_ms), holding.timeout));
                let or_departs = poll_fn(|cx| match asking.as_mut().poll(cx) {
                    Poll::Ready(answer) => Poll::Ready(Some(answer)),
                    Poll::Pending => link.poll_departure(cx).map(|()| None),
                });
                or_departs.await
            };
            let turn = Turn { due_ns, free_ns, fired_ns };
            let brought = match answer {
                None => {
                    poller.leave();
                    free_ns = clock::now();
                    continue;
                }
                Some(Ok(answer)) => {
                    free_ns = answer.done_ns;
                    taken(link, &mut poller, seq, turn, &answer)
                }
                Some(Err(error)) => {
                    // Nor has one that failed been answered: it counts when it did.
                    let failed = u64::from(link.measures(clock::now()));
                    link.count(Counter::Sent, failed);
                    link.count(Counter::Failed, failed);
                    Err(error.kind())
                }
            };
            match brought {
                Ok(_) => redial.succeeded(),
                Err(kind) => {
                    link.error(kind);
                    Box::pin(redial.wait(link)).await;
                    free_ns = clock::now();
                }
            }
        }
    }
}

/// Takes the answer to poll number `seq`, and books it.
fn taken(
    link: &Link,
    poller: &mut Poller<'_>,
    seq: u64,
    turn: Turn,
    answer: &StampedResponse,
) -> Result<Brought, ErrorKind> {
    let brought = poller.take(answer);
    if brought == Ok(Brought::Nothing) {
        link.upkeep(answer.done_ns);
    }
    // When a poll is due says nothing of a held one: those answered in the window are measured.
    if link.measures(answer.done_ns) {
        let well = u64::from(brought.is_ok());
        if seq > 1 {
            link.record(Metric::Hold, answer.done_ns - answer.sent_ns);
        }
        link.count(Counter::Sent, 1);
        link.count(Counter::Answered, well);
        link.count(Counter::Failed, 1 - well);
        link.status(answer.status.as_u16());
        link.count(Counter::EmptyPolls, u64::from(brought == Ok(Brought::Nothing)));
        link.keep(seq, turn, Some(answer), brought.err());
    }
    brought
}
