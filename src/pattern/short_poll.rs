//! Asking for news at an interval, by the clock or after each answer.

use super::poll::{Brought, Poller};
use super::redial::Ended;
use super::{Link, Turn};
use crate::clock;
use crate::measure::{Counter, ErrorKind};
use crate::net::{StampedResponse, fresh_for};
use crate::pace::{Polls, Wait};
use crate::scenario::ShortPollOptions;

/// Polls every `options.interval` from a random phase, by the clock or from the end of the previous answer; a full page is
/// followed by another poll at once.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its arguments twice")]
pub(super) fn run(link: &Link, options: &ShortPollOptions) -> impl Future<Output = ()> {
    async move {
        let polling = link.context().conversation.dialect.short_poll.as_ref();
        let mut poller = Poller::new(link, polling, options.limit).conditional(options.conditional);
        let timeout = options.timeout.std();
        if !Box::pin(poller.stand(false, timeout)).await {
            return;
        }

        let (mut polls, scheduled) = Box::pin(begin(link, options)).await;
        let (mut free_ns, mut seq) = (0, 0);
        loop {
            seq += 1;
            let due_ns = polls.due_ns();
            let fired_ns = link.sleep_about(due_ns).await;
            if link.departs() {
                poller.leave();
            }
            link.upkeep(due_ns);
            let guard = link.measures(due_ns).then(|| link.asking());
            if guard.is_some() {
                link.count(Counter::Sent, 1);
                // No schedule foretold it.
                link.count(Counter::Scheduled, u64::from(!scheduled));
            }
            let answer = poller.ask(None, timeout).await;
            let turn = Turn { due_ns, free_ns, fired_ns };
            let (kept_ns, brought);
            (free_ns, kept_ns, brought) = took(link, options, &mut poller, seq, turn, answer);
            drop(guard);
            match brought {
                Ok(Brought::Nothing) if link.measures(due_ns) => link.count(Counter::EmptyPolls, 1),
                Ok(Brought::Events { full: true, .. } | Brought::Gap) => {
                    Box::pin(drain(link, &mut poller, options)).await;
                    free_ns = clock::now();
                }
                Ok(_) => {}
                Err(kind) => link.error(kind),
            }
            polls.answered(free_ns);
            polls.pass(kept_ns);
        }
    }
}

/// Waits for the start; returns when to poll, and whether the number of polls in the window is known, which is then counted.
async fn begin(link: &Link, options: &ShortPollOptions) -> (Polls, bool) {
    let timeline = link.started().await;
    let mut rng = link.rng();
    let wait = Wait::Even { ns: options.interval.ns(), jitter: options.jitter };
    let phase_ns = if options.synchronised { 0 } else { wait.first(&mut rng) };
    let polls = Polls::new(options.pace, wait, timeline.idle_ns + phase_ns, rng);
    // Where answers are kept, they decide which polls are sent.
    let foretold = polls.due_in(timeline.window_ns, timeline.end_ns);
    let scheduled = foretold.filter(|_| !options.cache);
    link.count(Counter::Scheduled, scheduled.unwrap_or(0));
    (polls, scheduled.is_some())
}

/// Books the answer to poll number `seq`, or that there is none; returns when the link is free, until when the answer is
/// kept, and what it brought.
fn took(
    link: &Link,
    options: &ShortPollOptions,
    poller: &mut Poller<'_>,
    seq: u64,
    turn: Turn,
    answer: Result<StampedResponse, Ended>,
) -> (u64, u64, Result<Brought, ErrorKind>) {
    let mut kept_ns = 0;
    let (answer, brought) = match answer {
        Ok(answer) => {
            let brought = poller.take(&answer);
            if options.cache && brought.is_ok() {
                kept_ns = answer.done_ns + fresh_for(&answer.headers).as_nanos() as u64;
            }
            (Some(answer), brought)
        }
        Err(error) => (None, Err(error.kind())),
    };
    if link.measures(turn.due_ns) {
        match (&answer, brought) {
            (Some(answer), Ok(_)) => link.answered(answer, turn),
            (answer, _) => link.unanswered(answer.as_ref()),
        }
        link.keep(seq, turn, answer.as_ref(), brought.err());
    }
    (answer.map_or_else(clock::now, |answer| answer.done_ns), kept_ns, brought)
}

/// Polls again until a page is not full, instead of leaving events to the next interval.
async fn drain(link: &Link, poller: &mut Poller<'_>, options: &ShortPollOptions) {
    loop {
        link.count(Counter::FollowingPolls, u64::from(link.measures(clock::now())));
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
