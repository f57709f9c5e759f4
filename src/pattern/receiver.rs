//! A webhook receiver's handling of a request: verify, deduplicate, book, acknowledge, and only then work.
//!
//! Webhooks are delivered at least once: an attempt whose acknowledgement was lost is repeated under the same `webhook-id`.
//! The receiver knows the last [`KNOWN_IDS`] ids; it acknowledges known ones and counts them as `duplicate_attempts`,
//! outside of the ledger.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Notify;

use super::Link;
use super::behaviour::{Behaviour, ReceiverMode};
use super::signature::Verifier;
use crate::clock;
use crate::event::{Head, decode_head};
use crate::measure::{Arrival, Counter, ErrorKind, Metric};

/// Largest delivery that is taken, in bytes.
const BODY_LIMIT: usize = 4 << 20;
/// Message ids that a receiver remembers.
const KNOWN_IDS: usize = 8192;

/// The target's ownership check, to be echoed.
#[derive(Deserialize)]
struct Challenge {
    challenge: String,
}

/// One endpoint's receiver.
pub(super) struct Receiver {
    /// The link, with its records.
    pub link: Link,
    pub behaviour: Behaviour,
    /// Whether it takes requests and answers none.
    pub hangs: Cell<bool>,
    /// Tells every connection to break.
    pub cut: Notify,
    verifier: Verifier,
    known: RefCell<Known>,
}

impl Receiver {
    /// The receiver of a link, which accepts what `verifier` accepts.
    pub(super) fn new(link: Link, verifier: Verifier) -> Self {
        let behaviour = Behaviour::of(&link);
        Self {
            link,
            behaviour,
            hangs: Cell::new(false),
            cut: Notify::new(),
            verifier,
            known: RefCell::default(),
        }
    }

    /// Answers one request.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Ok(self.refuse(ErrorKind::Protocol, StatusCode::BAD_REQUEST));
        };
        let (received_ns, body) = (clock::now(), body.to_bytes());
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if self.verifier.verify(&head.headers, &body, now_s).is_err() {
            return Ok(self.refuse(ErrorKind::Signature, StatusCode::UNAUTHORIZED));
        }
        let Some(events) = Events::read(&body) else { return Ok(self.echo(&body)) };
        let mode = self.behaviour.mode();
        if let ReceiverMode::Fails { status, retry_after } = mode {
            self.link.count(Counter::RefusedAttempts, 1);
            return Ok(failure(status, retry_after));
        }
        let id = head.headers.get("webhook-id").map(HeaderValue::as_bytes).unwrap_or_default();
        if self.known.borrow_mut().is_new(id) {
            events.each(|event| self.book(event, received_ns));
        } else {
            self.link.count(Counter::DuplicateAttempts, 1);
        }
        if let ReceiverMode::Slow { ns } = mode {
            self.link.sleep_until(received_ns + ns).await;
        }
        Ok(status(StatusCode::NO_CONTENT))
    }

    /// Books an event, and starts to work on it.
    fn book(&self, event: Head, received_ns: u64) {
        let (arrival, measured) = self.link.receive(event, received_ns);
        if arrival == Arrival::Duplicate {
            return;
        }
        if measured && let Some(metric) = self.behaviour.split() {
            self.link.record(metric, received_ns.saturating_sub(event.due_ns));
        }
        if let Some(caught_up_ns) = self.behaviour.arrived(event.due_ns, received_ns) {
            self.link.record(Metric::CatchUp, caught_up_ns);
        }
        if let Some(done_ns) = self.behaviour.work(received_ns) {
            let link = self.link.share();
            tokio::task::spawn_local(async move {
                let done_ns = link.sleep_until(done_ns).await;
                if measured {
                    link.record(Metric::Work, done_ns.saturating_sub(received_ns));
                }
            });
        }
    }

    /// Echoes an ownership check, or refuses an invalid one.
    fn echo(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let Ok(Challenge { challenge }) = serde_json::from_slice(body) else {
            return self.refuse(ErrorKind::Protocol, StatusCode::BAD_REQUEST);
        };
        let echo = serde_json::json!({ "challenge": challenge }).to_string();
        let mut response = Response::new(Full::new(echo.into()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    fn refuse(&self, kind: ErrorKind, code: StatusCode) -> Response<Full<Bytes>> {
        self.link.error(kind);
        status(code)
    }
}

/// The events of a delivery.
enum Events {
    One(Head),
    /// A batch.
    Many(Vec<Head>),
}

impl Events {
    fn read(body: &[u8]) -> Option<Self> {
        if body.first() == Some(&b'[') {
            serde_json::from_slice(body).ok().map(Self::Many)
        } else {
            decode_head(body).ok().map(Self::One)
        }
    }

    fn each(self, mut book: impl FnMut(Head)) {
        match self {
            Self::One(event) => book(event),
            Self::Many(events) => events.into_iter().for_each(book),
        }
    }
}

/// The last message ids, as hashes under a key of this process: two that differ look alike once in 10^15.
#[derive(Default)]
struct Known {
    hasher: RandomState,
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Known {
    /// Whether an id is new.
    fn is_new(&mut self, id: &[u8]) -> bool {
        let hash = self.hasher.hash_one(id);
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > KNOWN_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

fn failure(code: u16, retry_after: Option<u64>) -> Response<Full<Bytes>> {
    let mut response =
        status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_while_it_is_remembered() {
        let mut known = Known::default();
        assert!(known.is_new(b"msg_1") && !known.is_new(b"msg_1"));
        for n in 0..KNOWN_IDS - 1 {
            assert!(known.is_new(format!("other_{n}").as_bytes()));
        }
        assert!(!known.is_new(b"msg_1"), "still known");
        assert!(known.is_new(b"one more"));
        assert!(known.is_new(b"msg_1"), "forgotten as the oldest");
        assert_eq!(known.hashes.len(), known.order.len());
    }

    #[test]
    fn one_event_and_a_batch_are_read_and_nothing_else() {
        let event = |seq| format!("{{\"seq\":{seq},\"due_ns\":1,\"published_ns\":2,\"data\":[1]}}");
        let seqs = |body: &str| {
            let mut seqs = Vec::new();
            Events::read(body.as_bytes())?.each(|event| seqs.push(event.seq));
            Some(seqs)
        };
        assert_eq!(seqs(&event(3)), Some(vec![3]));
        assert_eq!(seqs(&format!("[{},{}]", event(3), event(4))), Some(vec![3, 4]));
        for body in ["", "[1]", "{\"challenge\":\"x\"}", "[{\"seq\":1}"] {
            assert_eq!(seqs(body), None, "{body}");
        }
    }
}
