//! Requests to `/items` of the built-in server, or by the weighted calls of a dialect: every client keeps to its own
//! schedule (open loop), or sends the next request a while after each answer (closed loop).
//!
//! A client refused with 429 or 503 waits as long as requested, plus jitter, unless the scenario has it keep its schedule. While
//! it waits its schedule continues: requests due in the meantime are sent late, and their responses count from due.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use super::caller::{Caller, Outgoing};
use super::items::{Asked, ItemChange, Items};
use super::mix::Operation;
use super::poll::host;
use super::redial::{Ended, Redial};
use super::retry_after::{jittered, unspoken};
use super::voice::Voice;
use super::weighted::Weighted;
use super::{Link, Timeline, Turn};
use crate::clock;
use crate::measure::{Counter, ErrorKind};
use crate::net::{StampedResponse, retry_after};
use crate::pace::{ArrivalProcess, Rng, Wait};
use crate::scenario::{LoopKind, RequestOptions};

/// Attempts to open a link that is refused.
const STAND_ATTEMPTS: u32 = 20;

/// One client.
struct Client<'a> {
    link: &'a Link,
    options: &'a RequestOptions,
    caller: Caller<'a>,
    source: Source<'a>,
    refusals: Backoff,
}

/// Where requests come from.
enum Source<'a> {
    /// The mix of operations on `/items`.
    Items(Items<'a>),
    /// The calls of a dialect.
    Calls(Box<Weighted>),
}

/// A request that is under way.
enum Asking {
    Item(Asked),
    Call(usize),
}

impl<'a> Source<'a> {
    /// The source of a link's requests; the error says what its dialect lacks.
    fn of(link: &Link, options: &'a RequestOptions) -> Result<Self, &'static str> {
        let voice = Voice::of(link);
        if !voice.dialect().request.is_empty() {
            return Ok(Self::Calls(Box::new(Weighted::new(voice))));
        }
        if !voice.is_envelope() {
            return Err("the dialect has no [[target.request]]");
        }
        let payload = link.context().case.workload.payload();
        Ok(Self::Items(Items::new(options, host(link), &payload)))
    }

    /// Draws the next request.
    fn draw(
        &mut self,
        options: &RequestOptions,
        rng: &mut Rng,
        takes_bytes: bool,
    ) -> Result<(Asking, Outgoing), ErrorKind> {
        match self {
            Self::Items(items) => {
                let mix = &options.mix;
                let operation = mix.operation(rng.below(mix.total()));
                Ok(if takes_bytes {
                    let (asked, request) = items.ask_rendered(operation);
                    (Asking::Item(asked), Outgoing::Rendered(request))
                } else {
                    let (asked, request) = items.ask(operation);
                    (Asking::Item(asked), Outgoing::General(request.into()))
                })
            }
            Self::Calls(calls) => {
                calls.ask(rng, takes_bytes).map(|(chosen, request)| (Asking::Call(chosen), request))
            }
        }
    }

    fn check(&mut self, asking: Asking, answer: &StampedResponse) -> Result<ItemChange, ErrorKind> {
        match (self, asking) {
            (Self::Items(items), Asking::Item(asked)) => items.check(asked, answer),
            (Self::Calls(calls), Asking::Call(chosen)) => calls.check(chosen, answer),
            _ => Err(ErrorKind::Protocol),
        }
    }

    /// What the request is called in results.
    fn name(&self, asking: &Asking) -> &str {
        match (self, asking) {
            (Self::Calls(calls), Asking::Call(chosen)) => calls.name(*chosen),
            (_, Asking::Item(asked)) => asked.name(),
            (Self::Items(_), Asking::Call(_)) => "",
        }
    }

    /// What `said` says, where nothing is shown that the client took out of answers.
    fn conceal(&self, said: &impl Display) -> String {
        if let Self::Calls(calls) = self {
            calls.conceal();
        }
        said.to_string()
    }

    fn limit(&self, asking: &Asking) -> Option<Duration> {
        match (self, asking) {
            (Self::Calls(calls), Asking::Call(chosen)) => calls.limit(*chosen),
            _ => None,
        }
    }
}

/// Back-off after a refusal.
struct Backoff {
    rng: Rng,
    /// Its end in monotonic nanoseconds.
    until_ns: u64,
    /// Refusals in a row without `Retry-After`.
    unspoken: u32,
}

/// Sends each request of the link's schedule when it is due, or once the previous answer has arrived.
pub(super) async fn run(link: &Link, options: &RequestOptions) {
    let source = match Source::of(link, options) {
        Ok(source) => source,
        Err(lack) => return link.cannot_stand(&lack),
    };
    let mut client = Client {
        link,
        options,
        caller: Caller::new(link, options),
        source,
        refusals: Backoff {
            rng: Rng::new(link.rng().below(u64::MAX), 1),
            until_ns: 0,
            unspoken: 0,
        },
    };
    let dialled_ns = clock::now();
    // Boxed, because it goes with the opening of the link.
    match Box::pin(client.stand()).await {
        Ok(()) => link.ready(dialled_ns),
        // Its first request dials again.
        Err(Standing::Broken(ended)) if link.could_not_open(ended.kind(), &ended) => {}
        Err(Standing::Broken(_)) => return,
        Err(Standing::Unfit(reason)) => return link.cannot_stand(&reason),
    }
    client.caller.mark();

    let timeline = client.caller.attending(link.started()).await;
    match options.loop_kind {
        LoopKind::Open => client.open_loop(timeline).await,
        LoopKind::Closed => client.closed_loop(timeline).await,
    }
    link.finish();
}

/// A request before it is sent.
#[derive(Debug, Clone, Copy)]
struct Planned {
    /// Its place among the link's, from 1.
    seq: u64,
    due_ns: u64,
    /// When the previous answer had arrived.
    free_ns: u64,
    measured: bool,
}

impl Client<'_> {
    /// Sends the link's scheduled requests, however long the answers take.
    async fn open_loop(&mut self, timeline: Timeline) {
        let link = self.link;
        let mut rng = link.rng();
        let in_window = |offset: &u64| timeline.measures(timeline.start_ns + offset);
        let share = link.requests_share();
        let scheduled = link.due_offsets().filter(in_window).take(share as usize).count();
        link.count(Counter::Scheduled, scheduled as u64);
        let mut left = share;
        let mut free_ns = 0;
        for (seq, offset_ns) in (1..).zip(link.due_offsets()) {
            let due_ns = timeline.start_ns + offset_ns;
            let measured = timeline.measures(due_ns);
            if measured {
                // The next request is one more than there are to be.
                let Some(fewer) = left.checked_sub(1) else { return };
                left = fewer;
            }
            (free_ns, _) = self.turn(Planned { seq, due_ns, free_ns, measured }, &mut rng).await;
        }
    }

    /// Sends a request a while after the answer before, until the window ends.
    async fn closed_loop(&mut self, timeline: Timeline) {
        let link = self.link;
        let mut rng = link.rng();
        let ns = self.options.think.ns();
        let think = match self.options.arrivals {
            ArrivalProcess::Poisson => Wait::Exponential { ns },
            _ => Wait::Even { ns, jitter: 0.0 },
        };
        let mut redial = Redial::new(link);
        let mut free_ns = 0;
        let mut due_ns = timeline.start_ns + think.first(&mut rng);
        for seq in 1.. {
            if due_ns >= timeline.end_ns {
                return;
            }
            let measured = timeline.measures(due_ns);
            if measured {
                if !link.takes_ticket() {
                    return;
                }
                link.count(Counter::Scheduled, 1);
                link.expect(seq);
            }
            let failed;
            (free_ns, failed) =
                self.turn(Planned { seq, due_ns, free_ns, measured }, &mut rng).await;
            match failed {
                // A client that is refused at the door waits, because otherwise it would dial without pause.
                Some(ErrorKind::Connect | ErrorKind::Closed) => {
                    redial.wait(link).await;
                    free_ns = clock::now();
                }
                _ => redial.succeeded(),
            }
            due_ns = free_ns + think.draw(&mut rng);
        }
    }

    /// Sends one request when it is due and books its outcome; returns when the link was free again, and how it failed.
    async fn turn(&mut self, planned: Planned, rng: &mut Rng) -> (u64, Option<ErrorKind>) {
        let link = self.link;
        let Planned { seq, due_ns, measured, .. } = planned;
        // Holding back is not the generator's slip.
        let free_ns = planned.free_ns.max(self.refusals.until_ns);
        let hold_ns = due_ns.max(self.refusals.until_ns);
        let fired_ns = if hold_ns <= planned.free_ns {
            // It waited for the answer before, and nothing but its booking has been done since.
            planned.free_ns
        } else {
            self.caller.attending(link.sleep_about(hold_ns)).await
        };
        let asking = self.source.draw(self.options, rng, self.caller.takes_bytes());
        let name = asking.as_ref().ok().filter(|_| measured && link.keeps());
        let name = name.map(|(asking, _)| self.source.name(asking).to_owned());
        let _guard = measured.then(|| link.asking());
        link.count(Counter::Sent, u64::from(measured));
        let (answer, outcome) = match self.carry_out(asking).await {
            Ok((answer, outcome)) => (Some(answer), outcome),
            Err(kind) => (None, Err(kind)),
        };
        let turn = Turn { due_ns, free_ns, fired_ns };
        if measured {
            link.keep_call(name, seq, turn, answer.as_ref(), outcome.err());
        }
        match (answer, outcome) {
            (Some(answer), Ok(outcome)) => {
                let response_ns = answer.done_ns.saturating_sub(due_ns);
                link.book(seq, response_ns > link.context().case.workload.late_after.ns());
                link.count_received(answer.done_ns);
                link.record_due(due_ns, response_ns);
                if measured {
                    link.answered(&answer, turn);
                    link.count(Counter::NotModified, u64::from(outcome == ItemChange::NotModified));
                }
                (answer.done_ns, None)
            }
            (answer, outcome) => {
                if measured {
                    link.unanswered(answer.as_ref());
                }
                let failed = outcome.err();
                if let Some(kind) = failed {
                    link.error(kind);
                }
                (clock::now(), failed)
            }
        }
    }

    /// Sends one request; returns its answer, and whether it is the right one.
    async fn carry_out(
        &mut self,
        asking: Result<(Asking, Outgoing), ErrorKind>,
    ) -> Result<(StampedResponse, Result<ItemChange, ErrorKind>), ErrorKind> {
        let (asking, request) = asking?;
        self.caller.wait_at_most(self.source.limit(&asking));
        let answer = self.caller.exchange(request).await.map_err(|error| {
            self.link.describe(error.kind(), || self.source.conceal(&error));
            error.kind()
        })?;
        let outcome = self.source.check(asking, &answer);
        match outcome {
            Err(ErrorKind::Refused) => {
                let said = || self.source.conceal(&answer.told());
                self.link.describe(ErrorKind::Refused, said);
                if self.options.retry_after {
                    self.refusals.refused(&answer);
                }
            }
            Err(kind) => {
                self.link.describe(kind, || self.source.conceal(&answer.told()));
                self.refusals.unspoken = 0;
            }
            _ => self.refusals.unspoken = 0,
        }
        Ok((answer, outcome))
    }

    /// Opens the connection; at `/items`, creates the item that this client reads and changes.
    async fn stand(&mut self) -> Result<(), Standing> {
        if let Source::Calls(calls) = &self.source {
            if let Some(reason) = calls.dead_end() {
                return Err(Standing::Unfit(reason));
            }
            return Ok(self.caller.dial().await?);
        }
        for _ in 0..STAND_ATTEMPTS {
            let woken = self.link.sleep_until(self.refusals.until_ns);
            self.caller.attending(woken).await;
            let Source::Items(items) = &mut self.source else { return Ok(()) };
            let (asked, request) = items.ask(Operation::Create);
            let answer = self.caller.exchange(Outgoing::General(request.into())).await;
            let answer = answer?;
            match items.check(asked, &answer) {
                Ok(_) => return Ok(()),
                Err(ErrorKind::Refused) => {
                    self.link.count(Counter::RefusedSetUps, 1);
                    self.refusals.refused(&answer);
                }
                Err(ErrorKind::Protocol) => {
                    let what = "POST /items answers with what is no item of this format";
                    return Err(Standing::Unfit(what.to_owned()));
                }
                Err(_) => {
                    let what = format!("POST /items answers {}", answer.status);
                    return Err(Standing::Unfit(what));
                }
            }
        }
        Err(Standing::Unfit(format!(
            "POST /items was refused {STAND_ATTEMPTS} times with 429 or 503: raise the target's limits"
        )))
    }
}

/// Why a client cannot begin.
enum Standing {
    /// There is no connection.
    Broken(Ended),
    /// It would have nothing to send.
    Unfit(String),
}

impl From<Ended> for Standing {
    fn from(ended: Ended) -> Self {
        Self::Broken(ended)
    }
}

impl Backoff {
    /// Takes note of a refusal.
    fn refused(&mut self, answer: &StampedResponse) {
        let wait_ns = if let Some(asked) = retry_after(&answer.headers, SystemTime::now()) {
            jittered(asked, &mut self.rng)
        } else {
            self.unspoken += 1;
            unspoken(self.unspoken - 1, &mut self.rng)
        };
        self.until_ns = clock::now().saturating_add(wait_ns);
    }
}
