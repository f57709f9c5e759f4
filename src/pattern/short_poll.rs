//! Asking for news at a fixed interval.

use super::poll::{Brought, Poller};
use super::{Link, Turn};
use crate::clock;
use crate::measure::Counter;
use crate::scenario::ShortPollOptions;

/// Polls every `options.interval` from a random phase, whatever an answer takes; a full page is followed by
/// another poll at once.
pub async fn run(link: &Link, options: &ShortPollOptions) {
    let mut poller = Poller::new(link, options.limit);
    if !poller.stand(options.timeout.std()).await {
        return;
    }

    let timeline = link.started().await;
    let interval = options.interval.ns();
    let phase = if options.synchronised { 0 } else { link.rng().below(interval) };
    let first_ns = timeline.start_ns + phase;
    let before = |at_ns: u64| at_ns.saturating_sub(first_ns).div_ceil(interval);
    link.count(Counter::Scheduled, before(timeline.end_ns) - before(timeline.window_ns));

    let mut free_ns = 0;
    for poll in 0.. {
        let due_ns = first_ns + poll * interval;
        let fired_ns = link.sleep_until(due_ns).await;
        let measured = timeline.measures(due_ns);
        if link.departs() {
            poller.leave();
        }
        let guard = measured.then(|| link.in_flight());
        if measured {
            link.count(Counter::Sent, 1);
        }
        let answer = poller.ask(None, options.timeout.std()).await;
        let brought = match answer {
            Ok(answer) => {
                if measured {
                    link.answered(&answer, Turn { due_ns, free_ns, fired_ns });
                }
                free_ns = answer.done_ns;
                poller.take(&answer)
            }
            Err(error) => Err(error.kind()),
        };
        drop(guard);
        match brought {
            Ok(Brought::Nothing) if measured => link.count(Counter::EmptyPolls, 1),
            Ok(Brought::Events { full: true, .. } | Brought::Gap) => {
                drain(link, &mut poller, options).await;
                free_ns = clock::now();
            }
            Ok(_) => {}
            Err(kind) => link.error(kind),
        }
    }
}

/// Asks on until a page is not full: what one answer could not carry is not left to the next interval.
async fn drain(link: &Link, poller: &mut Poller<'_>, options: &ShortPollOptions) {
    loop {
        let kind = match poller.ask(None, options.timeout.std()).await {
            Ok(answer) => match poller.take(&answer) {
                Ok(Brought::Events { full: true, .. } | Brought::Gap) => continue,
                Ok(_) => return,
                Err(kind) => kind,
            },
            Err(error) => error.kind(),
        };
        return link.error(kind);
    }
}
