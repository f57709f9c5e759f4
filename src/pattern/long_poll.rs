//! Asking for news and being held until there is some (RFC 6202): one held request a client, but for the gap that the
//! scenario may put between an answer and the next poll.

use std::time::Duration;

use super::poll::{Brought, Poller};
use super::redial::Redial;
use super::{Link, Turn};
use crate::clock;
use crate::measure::{Counter, Metric};
use crate::scenario::LongPollOptions;
use crate::stats::golden;

/// How much longer than the agreed hold an answer may take.
const GRACE: Duration = Duration::from_secs(10);

/// Polls, takes everything, and polls again after the gap; the log has the events of the time in between.
pub(super) async fn run(link: &Link, options: &LongPollOptions) {
    let polling = link.context().conversation.dialect.long_poll.as_ref();
    let mut poller = Poller::new(link, polling, options.limit);
    let hold = polling.and_then(|polling| polling.hold);
    if !Box::pin(poller.stand(hold.is_some(), GRACE)).await {
        return;
    }

    let mut redial = Redial::new(link);
    let hold_ms = hold.unwrap_or(options.wait).ns() / 1_000_000;
    // As if the link had stood for long: holds of links that were opened together would run out together, or none within
    // the window.
    let first_ms = (options.wait.ns() as f64 * golden(link.index()) / 1e6).ceil() as u64;
    let timeout = hold.unwrap_or(options.wait).std() + GRACE;
    let mut free_ns = clock::now();
    for seq in 1.. {
        let due_ns = free_ns + options.gap.ns();
        let fired_ns = link.sleep_until(due_ns).await;
        if link.measures(fired_ns) {
            link.context().recorder.borrow_mut().record_poll(fired_ns);
        }
        let answer = tokio::select! {
            biased;
            answer = poller.ask(Some(if seq == 1 { first_ms } else { hold_ms }), timeout) => answer,
            () = link.departure() => {
                poller.leave();
                free_ns = clock::now();
                continue;
            }
        };
        let brought = match answer {
            Ok(answer) => {
                let brought = poller.take(&answer);
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
                    let turn = Turn { due_ns, free_ns, fired_ns };
                    link.keep(seq, turn, Some(&answer), brought.err());
                }
                free_ns = answer.done_ns;
                brought
            }
            Err(error) => {
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
