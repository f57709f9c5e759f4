//! Asking for news and being held until there is some (RFC 6202): one held request a client, always.

use std::time::Duration;

use super::Link;
use super::poll::{Brought, Poller};
use super::redial::Redial;
use crate::measure::{Counter, Metric};
use crate::scenario::LongPollOptions;

/// How much longer than the agreed hold an answer may take.
const GRACE: Duration = Duration::from_secs(10);

/// Polls, takes everything, and polls again at once; events of the gap in between come from the log.
pub async fn run(link: &Link, options: &LongPollOptions) {
    let mut poller = Poller::new(link, options.limit);
    if !poller.stand(GRACE).await {
        return;
    }

    let mut redial = Redial::new(link);
    let wait = format!("{}ms", options.wait.ns() / 1_000_000);
    let timeout = options.wait.std() + GRACE;
    loop {
        let answer = tokio::select! {
            biased;
            answer = poller.ask(Some(&wait), timeout) => answer,
            () = link.departure() => {
                poller.leave();
                continue;
            }
        };
        let brought = match answer {
            Ok(answer) => {
                let measured = link.measures(answer.done_ns);
                if measured {
                    link.record(Metric::Hold, answer.done_ns - answer.sent_ns);
                    link.count(Counter::Sent, 1);
                    link.count(Counter::Answered, 1);
                }
                let brought = poller.take(&answer);
                link.count(
                    Counter::EmptyPolls,
                    u64::from(measured && brought == Ok(Brought::Nothing)),
                );
                brought
            }
            Err(error) => Err(error.kind()),
        };
        match brought {
            Ok(_) => redial.succeeded(),
            Err(kind) => {
                link.error(kind);
                redial.wait(link).await;
            }
        }
    }
}
