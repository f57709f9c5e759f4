//! Request and response on `/items`: every client has a schedule of its own and keeps to it (open loop), or asks again
//! a while after each answer (closed loop).

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;

use super::poll::{get, host};
use super::{Link, Timeline, Turn};
use crate::clock;
use crate::event::filler;
use crate::measure::{Counter, ErrorKind};
use crate::net::{Answer, Http1, NetError};
use crate::pace::{ArrivalProcess, Rng, Wait};
use crate::scenario::{LoopKind, Mix, RequestOptions};

/// An operation on `/items`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Read,
    Replace,
    Delete,
    List,
}

impl Mix {
    /// The operation at `at` of `0..total`, each taking its share in turn.
    fn operation(&self, mut at: u64) -> Operation {
        for (operation, share) in self.shares() {
            if at < u64::from(share) {
                return operation;
            }
            at -= u64::from(share);
        }
        Operation::Read
    }

    fn total(&self) -> u64 {
        self.shares().iter().map(|(_, share)| u64::from(*share)).sum()
    }

    const fn shares(&self) -> [(Operation, u32); 5] {
        [
            (Operation::Create, self.create),
            (Operation::Read, self.read),
            (Operation::Replace, self.replace),
            (Operation::Delete, self.delete),
            (Operation::List, self.list),
        ]
    }
}

/// The part of a created item that is needed to name it again.
#[derive(Deserialize)]
struct Created {
    id: serde_json::Value,
}

/// One client of `/items`, over one connection that is dialled again when it breaks.
struct Client<'a> {
    link: &'a Link,
    options: &'a RequestOptions,
    connection: Option<Http1>,
    host: HeaderValue,
    body: Bytes,
    /// The item that is read and replaced.
    item: String,
    /// Items to be deleted, created for it.
    disposable: Vec<String>,
}

/// Sends each request when it is due, or as soon as the answer before has come.
pub async fn run(link: &Link, options: &RequestOptions) {
    let data = filler(link.context().case.workload.payload.bytes() as usize);
    let body = [b"{\"name\":\"item\",\"data\":", data.as_slice(), b"}"].concat().into();
    let mut client = Client {
        link,
        options,
        connection: None,
        host: host(link),
        body,
        item: String::new(),
        disposable: Vec::new(),
    };
    let dialled_ns = clock::now();
    match client.create().await {
        Ok(item) => client.item = item,
        Err(reason) => return link.cannot_stand(&reason),
    }
    link.ready(dialled_ns);
    if let Some(connection) = &client.connection {
        connection.meter().mark();
    }

    let timeline = link.started().await;
    match options.loop_kind {
        LoopKind::Open => client.open_loop(timeline).await,
        LoopKind::Closed => client.closed_loop(timeline).await,
    }
    link.finish();
}

/// What is known of a request before it is due.
#[derive(Debug, Clone, Copy)]
struct Planned {
    /// Its place among the link's, from 1.
    seq: u64,
    due_ns: u64,
    /// When the answer before had come.
    free_ns: u64,
    measured: bool,
}

impl Client<'_> {
    /// Sends what the link's schedule holds, whatever the answers take.
    async fn open_loop(&mut self, timeline: Timeline) {
        let link = self.link;
        let mut rng = link.rng();
        let in_window = |offset: &u64| timeline.measures(timeline.start_ns + offset);
        link.count(Counter::Scheduled, link.request_offsets().filter(in_window).count() as u64);
        let mut free_ns = 0;
        for (seq, offset_ns) in (1..).zip(link.request_offsets()) {
            let due_ns = timeline.start_ns + offset_ns;
            let measured = timeline.measures(due_ns);
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
        let (mut free_ns, mut failures) = (0, 0);
        let mut due_ns = timeline.start_ns + think.first(&mut rng);
        for seq in 1.. {
            if due_ns >= timeline.end_ns {
                return;
            }
            let measured = timeline.measures(due_ns);
            if measured {
                link.count(Counter::Scheduled, 1);
                link.expect(seq);
            }
            let failed;
            (free_ns, failed) =
                self.turn(Planned { seq, due_ns, free_ns, measured }, &mut rng).await;
            match failed {
                // Nothing holds a client up that is turned away at the door: it would do nothing but knock.
                Some(ErrorKind::Connect | ErrorKind::Closed) => {
                    link.back_off(failures, &mut rng).await;
                    free_ns = clock::now();
                    failures += 1;
                }
                _ => failures = 0,
            }
            due_ns = free_ns + think.draw(&mut rng);
        }
    }

    /// Sends one request when it is due and books what becomes of it; returns when the link was free again, and how
    /// it failed.
    async fn turn(&mut self, planned: Planned, rng: &mut Rng) -> (u64, Option<ErrorKind>) {
        let link = self.link;
        let Planned { seq, due_ns, free_ns, measured } = planned;
        let fired_ns = link.sleep_until(due_ns).await;
        let mix = &self.options.mix;
        let operation = mix.operation(rng.below(mix.total()));
        let _guard = measured.then(|| link.in_flight());
        link.count(Counter::Sent, u64::from(measured));
        let (answer, failed) = match self.carry_out(operation).await {
            Ok((answer, failed)) => (Some(answer), failed),
            Err(kind) => (None, Some(kind)),
        };
        let turn = Turn { due_ns, free_ns, fired_ns };
        if measured {
            link.keep(seq, turn, answer.as_ref(), failed);
        }
        match (answer, failed) {
            (Some(answer), None) => {
                let response_ns = answer.done_ns.saturating_sub(due_ns);
                link.book(seq, response_ns > link.context().case.workload.late_after.ns());
                link.count(Counter::Received, 1);
                link.record_due(due_ns, response_ns);
                if measured {
                    link.answered(&answer, turn);
                }
                (answer.done_ns, None)
            }
            (_, failed) => {
                if let Some(kind) = failed {
                    link.error(kind);
                }
                (clock::now(), failed)
            }
        }
    }

    /// Sends one operation; returns its answer, and what is wrong with it.
    async fn carry_out(
        &mut self,
        operation: Operation,
    ) -> Result<(Answer, Option<ErrorKind>), ErrorKind> {
        let (operation, item) = match operation {
            // Nothing of its own left to delete: create it now, delete it next time.
            Operation::Delete => match self.disposable.pop() {
                Some(item) => (Operation::Delete, item),
                None => (Operation::Create, String::new()),
            },
            operation => (operation, self.item.clone()),
        };
        let (request, expected) = match operation {
            Operation::Create => (self.with_body(Method::POST, "/items"), StatusCode::CREATED),
            Operation::Read => (get(item, &self.host), StatusCode::OK),
            Operation::Replace => (self.with_body(Method::PUT, &item), StatusCode::OK),
            Operation::List => (get("/items?limit=20".to_owned(), &self.host), StatusCode::OK),
            Operation::Delete => {
                let mut request = get(item, &self.host);
                *request.method_mut() = Method::DELETE;
                (request, StatusCode::NO_CONTENT)
            }
        };
        let answer = self.exchange(request).await.map_err(|error| error.kind())?;
        if answer.status != expected {
            return Ok((answer, Some(ErrorKind::Status)));
        }
        if operation == Operation::Create && self.options.mix.delete > 0 {
            let Some(path) = path_of(&answer) else {
                return Ok((answer, Some(ErrorKind::Protocol)));
            };
            self.disposable.push(path);
        }
        Ok((answer, None))
    }

    /// Creates the item that this client reads and replaces; returns its path.
    async fn create(&mut self) -> Result<String, String> {
        let request = self.with_body(Method::POST, "/items");
        let answer = self.exchange(request).await.map_err(|error| error.to_string())?;
        match path_of(&answer) {
            Some(path) if answer.status == StatusCode::CREATED => Ok(path),
            _ => Err(format!("POST /items answers {}", answer.status)),
        }
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

    fn with_body(&self, method: Method, path: &str) -> Request<Full<Bytes>> {
        let mut request = get(path.to_owned(), &self.host);
        *request.method_mut() = method;
        *request.body_mut() = Full::new(self.body.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }
}

/// The path of a created item.
fn path_of(answer: &Answer) -> Option<String> {
    let created: Created = serde_json::from_slice(&answer.body).ok()?;
    match created.id {
        serde_json::Value::String(id) => Some(format!("/items/{id}")),
        serde_json::Value::Number(id) => Some(format!("/items/{id}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_gets_its_share() {
        let mix = Mix { create: 1, read: 5, replace: 2, delete: 1, list: 1 };
        let count =
            |wanted| (0..mix.total()).filter(|at| mix.operation(*at) == wanted).count() as u32;
        for (operation, share) in mix.shares() {
            assert_eq!(count(operation), share, "{operation:?}");
        }
    }
}
