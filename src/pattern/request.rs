//! Request and response on `/items`, open loop: every client has a schedule of its own and keeps to it.
//!
//! A client that is refused with 429 or 503 waits as long as it is told before it asks again, and jitter longer. Its
//! schedule goes on meanwhile: what became due is sent late, and its response counts from when it was due.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use super::items::{Items, Outcome};
use super::mix::Operation;
use super::poll::host;
use super::retry_after::{jittered, retry_after, unspoken};
use super::{Link, Turn};
use crate::clock;
use crate::measure::{Counter, ErrorKind};
use crate::net::{Answer, Http1, NetError};
use crate::pace::Rng;
use crate::scenario::RequestOptions;

/// Times that a client tries to stand where it is refused.
const STAND_ATTEMPTS: u32 = 20;

/// One client of `/items`, over one connection that is dialled again when it breaks.
struct Client<'a> {
    link: &'a Link,
    options: &'a RequestOptions,
    connection: Option<Http1>,
    items: Items<'a>,
    refusals: Refusals,
}

/// What was refused last, and until when the client holds back for it.
struct Refusals {
    rng: Rng,
    /// In monotonic nanoseconds.
    until_ns: u64,
    /// Refusals in a row that did not say when to come again.
    unspoken: u32,
}

/// Sends each request of the link's schedule when it is due, or as soon as the answer before has come.
pub async fn run(link: &Link, options: &RequestOptions) {
    let payload = link.context().case.workload.payload.bytes() as usize;
    let mut client = Client {
        link,
        options,
        connection: None,
        items: Items::new(options, host(link), payload),
        refusals: Refusals {
            rng: Rng::new(link.rng().below(u64::MAX), 1),
            until_ns: 0,
            unspoken: 0,
        },
    };
    let dialled_ns = clock::now();
    if let Err(reason) = client.stand().await {
        return link.cannot_stand(&reason);
    }
    link.ready(dialled_ns);
    if let Some(connection) = &client.connection {
        connection.meter().mark();
    }

    let timeline = link.started().await;
    let mut rng = link.rng();
    let late_after = link.context().case.workload.late_after.ns();
    let in_window = |offset: &u64| timeline.measures(timeline.start_ns + offset);
    link.count(Counter::Scheduled, link.request_offsets().filter(in_window).count() as u64);
    let mut free_ns = 0;
    for (seq, offset_ns) in (1..).zip(link.request_offsets()) {
        let due_ns = timeline.start_ns + offset_ns;
        // Holding back is no slip of the generator's.
        free_ns = client.refusals.until_ns.max(free_ns);
        let fired_ns = link.sleep_until(due_ns.max(client.refusals.until_ns)).await;
        let operation = options.mix.operation(rng.below(options.mix.total()));
        let measured = timeline.measures(due_ns);
        let guard = measured.then(|| link.in_flight());
        link.count(Counter::Sent, u64::from(measured));
        match client.carry_out(operation).await {
            Ok((answer, outcome)) => {
                link.book(seq, answer.done_ns.saturating_sub(due_ns) > late_after);
                link.count(Counter::Received, 1);
                link.record_due(due_ns, answer.done_ns.saturating_sub(due_ns));
                if measured {
                    link.answered(&answer, Turn { due_ns, free_ns, fired_ns });
                    link.count(Counter::NotModified, u64::from(outcome == Outcome::NotModified));
                }
                free_ns = answer.done_ns;
            }
            Err(kind) => {
                link.error(kind);
                free_ns = clock::now();
            }
        }
        drop(guard);
    }
    link.finish();
}

impl Client<'_> {
    /// Sends one operation and checks that its answer is the right one.
    async fn carry_out(&mut self, operation: Operation) -> Result<(Answer, Outcome), ErrorKind> {
        let (asked, request) = self.items.ask(operation);
        let answer = self.exchange(request).await.map_err(|error| error.kind())?;
        match self.items.check(asked, &answer) {
            Err(ErrorKind::Refused) => {
                self.refusals.refused(&answer);
                Err(ErrorKind::Refused)
            }
            outcome => {
                self.refusals.unspoken = 0;
                outcome.map(|outcome| (answer, outcome))
            }
        }
    }

    /// Creates the item that this client reads and changes.
    async fn stand(&mut self) -> Result<(), String> {
        for _ in 0..STAND_ATTEMPTS {
            self.link.sleep_until(self.refusals.until_ns).await;
            let (asked, request) = self.items.ask(Operation::Create);
            let answer = self.exchange(request).await.map_err(|error| error.to_string())?;
            match self.items.check(asked, &answer) {
                Ok(_) => return Ok(()),
                Err(ErrorKind::Refused) => self.refusals.refused(&answer),
                Err(ErrorKind::Protocol) => {
                    return Err(
                        "POST /items answers with what is no item of this format".to_owned()
                    );
                }
                Err(_) => return Err(format!("POST /items answers {}", answer.status)),
            }
        }
        Err(format!(
            "POST /items was refused {STAND_ATTEMPTS} times with 429 or 503: raise the target's limits"
        ))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, NetError> {
        let connection = match &mut self.connection {
            Some(connection) if connection.is_open() => connection,
            slot => {
                let dialer = &self.link.context().dialer;
                slot.insert(Http1::connect(dialer, self.link.index()).await?)
            }
        };
        let answer = connection.exchange(request, self.options.timeout.std()).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }
}

impl Refusals {
    /// Takes note of a refusal.
    fn refused(&mut self, answer: &Answer) {
        let wait_ns = if let Some(asked) = retry_after(&answer.headers, SystemTime::now()) {
            jittered(asked, &mut self.rng)
        } else {
            self.unspoken += 1;
            unspoken(self.unspoken - 1, &mut self.rng)
        };
        self.until_ns = clock::now().saturating_add(wait_ns);
    }
}
