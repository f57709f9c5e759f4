//! Asking for news and being held until there is some (RFC 6202): one held request a client, always.

use std::time::Duration;

use super::Link;
use super::poll::{Brought, Poller};
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

    let mut rng = link.rng();
    let mut failures = 0;
    let wait = format!("{}ms", options.wait.ns() / 1_000_000);
    let timeout = options.wait.std() + GRACE;
    loop {
        let brought = match poller.ask(Some(&wait), timeout).await {
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
            Ok(_) => failures = 0,
            Err(kind) => {
                link.error(kind);
                link.back_off(failures, &mut rng).await;
                failures += 1;
            }
        }
    }
}
