//! Request and response on `/items`, open loop: every client has a schedule of its own and keeps to it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;

use super::poll::{get, host};
use super::{Link, Turn};
use crate::clock;
use crate::event::filler;
use crate::measure::{Counter, ErrorKind};
use crate::net::{self, Answer, Http1, NetError};
use crate::scenario::{Connection, Mix, RequestOptions};

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
    connection: Option<net::Client>,
    host: HeaderValue,
    body: Bytes,
    /// The item that is read and replaced.
    item: String,
    /// Items to be deleted, created for it.
    disposable: Vec<String>,
}

/// Sends each request of the link's schedule when it is due, or as soon as the answer before has come.
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
        connection.mark();
    }

    let timeline = link.started().await;
    let mut rng = link.rng();
    let late_after = link.context().case.workload.late_after.ns();
    let in_window = |offset: &u64| timeline.measures(timeline.start_ns + offset);
    link.count(Counter::Scheduled, link.request_offsets().filter(in_window).count() as u64);
    let mut free_ns = 0;
    for (seq, offset_ns) in (1..).zip(link.request_offsets()) {
        let due_ns = timeline.start_ns + offset_ns;
        let fired_ns = link.sleep_until(due_ns).await;
        let operation = options.mix.operation(rng.below(options.mix.total()));
        let measured = timeline.measures(due_ns);
        let guard = measured.then(|| link.in_flight());
        link.count(Counter::Sent, u64::from(measured));
        match client.carry_out(operation).await {
            Ok(answer) => {
                link.book(seq, answer.done_ns.saturating_sub(due_ns) > late_after);
                link.count(Counter::Received, 1);
                link.record_due(due_ns, answer.done_ns.saturating_sub(due_ns));
                if measured {
                    link.answered(&answer, Turn { due_ns, free_ns, fired_ns });
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
    async fn carry_out(&mut self, operation: Operation) -> Result<Answer, ErrorKind> {
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
            return Err(ErrorKind::Status);
        }
        if operation == Operation::Create && self.options.mix.delete > 0 {
            self.disposable.push(path_of(&answer).ok_or(ErrorKind::Protocol)?);
        }
        Ok(answer)
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
        if self.options.connection == Connection::PerRequest {
            return self.exchange_alone(request).await;
        }
        let connection = match &mut self.connection {
            Some(connection) if connection.is_open() => connection,
            slot => {
                let dialer = &self.link.context().dialer;
                slot.insert(net::Client::connect(dialer, self.link.index()).await?)
            }
        };
        let answer = connection.exchange(request, self.options.timeout.std()).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    /// One exchange on a connection of its own. Its first write is the one that opens the connection, so that service,
    /// and not slip, has the time that this takes.
    async fn exchange_alone(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, NetError> {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let (dialer, limit) = (&self.link.context().dialer, self.options.timeout.std());
        let dialled_ns = clock::now();
        let exchange = async {
            let mut connection = Http1::connect(dialer, self.link.index()).await?;
            if !self.item.is_empty() {
                connection.meter().mark_from_the_dial();
            }
            let answer = connection.exchange(request, limit).await;
            if self.item.is_empty() {
                connection.meter().mark();
            }
            answer
        };
        let answer = tokio::time::timeout(limit, exchange).await;
        let answer = answer.unwrap_or(Err(NetError::Timeout(limit)))?;
        Ok(Answer { sent_ns: dialled_ns, ..answer })
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
