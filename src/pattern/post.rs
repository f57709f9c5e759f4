//! Publishing by a client that receives over another connection: one POST per event, one at a time.
//!
//! Unacknowledged events are posted again under the same key until the trial ends: at least once. An event that the target
//! refuses for good is lost to every subscriber.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::value::RawValue;

use super::Link;
use super::poll::{get, host};
use super::redial::Redial;
use super::retry_after::{jittered, unspoken};
use super::sends::{Send, due};
use crate::clock;
use crate::measure::{Counter, ErrorKind, Metric};
use crate::net::{Client, NetError, StampedResponse, retry_after};

/// A post without an answer for so long is sent again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client's publishing connection.
struct Poster {
    link: Link,
    connection: Option<Client>,
    host: HeaderValue,
    path: String,
    data: Box<RawValue>,
    redial: Redial,
    /// Refusals in a row without `Retry-After`.
    unspoken: u32,
}

/// The result of an attempt.
enum Attempt {
    /// Published.
    Published(StampedResponse),
    /// To be tried again at this instant, in monotonic nanoseconds.
    Again(u64),
    /// To be tried again after reconnecting.
    Broken,
    /// Refused for good.
    GivenUp,
}

/// Opens the connection for `link`'s events and starts to publish; returns false, and fails the trial, if it cannot.
pub(super) async fn begin(link: &Link) -> bool {
    let mut poster = Poster {
        link: link.share(),
        connection: None,
        host: host(link),
        path: format!("/topics/{}/events", link.topic()),
        data: link.payload(),
        redial: Redial::new(link),
        unspoken: 0,
    };
    let dialled_ns = clock::now();
    match poster.stand().await {
        Ok(()) => {
            link.record(Metric::Connect, clock::now() - dialled_ns);
            tokio::task::spawn_local(poster.run());
            true
        }
        Err(error) => {
            link.cannot_stand(&error);
            false
        }
    }
}

impl Poster {
    /// Sends an `OPTIONS` request: afterwards both ends have allocated an exchange's memory.
    async fn stand(&mut self) -> Result<(), NetError> {
        let mut request = get(self.path.clone(), &self.host);
        *request.method_mut() = Method::OPTIONS;
        self.exchange(request).await?;
        if let Some(connection) = &self.connection {
            connection.mark();
        }
        Ok(())
    }

    /// Publishes each of the link's events when it is due.
    async fn run(mut self) {
        let mut free_ns = 0;
        for send in self.link.sends().await {
            due(&self.link, send).await;
            free_ns = self.publish(send, free_ns).await;
        }
    }

    /// Publishes one event; returns when the link was free again.
    async fn publish(&mut self, send: Send, free_ns: u64) -> u64 {
        let link = self.link.share();
        let _guard = send.measured.then(|| link.in_flight());
        // Only the first attempt shows the generator's delay.
        let mut first = true;
        // An idle connection may have been closed: that is no reason to wait.
        let mut fresh = self.connection.is_none();
        loop {
            let (attempt, sent_ns) = self.attempt(send).await;
            if std::mem::take(&mut first) {
                link.sent(send, free_ns, sent_ns);
            }
            match attempt {
                Attempt::Published(answer) => {
                    link.published(send, answer.done_ns);
                    self.redial.succeeded();
                    self.unspoken = 0;
                    return answer.done_ns;
                }
                Attempt::Again(at_ns) => {
                    link.sleep_until(at_ns).await;
                }
                Attempt::Broken if fresh => self.redial.wait(&link).await,
                Attempt::Broken => {}
                Attempt::GivenUp => return clock::now(),
            }
            fresh = true;
            link.count(Counter::SendsRepeated, u64::from(send.measured));
        }
    }

    /// Posts an event; also returns when it was sent.
    async fn attempt(&mut self, send: Send) -> (Attempt, u64) {
        let mut request = get(self.path.clone(), &self.host);
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Full::new(send.encode(&self.data).into());
        let started_ns = clock::now();
        let answer = match self.exchange(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.link.failed(error.kind(), &error);
                return (Attempt::Broken, started_ns);
            }
        };
        let sent_ns = answer.sent_ns;
        let attempt = match answer.status {
            StatusCode::CREATED => Attempt::Published(answer),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                self.link.error(ErrorKind::Refused);
                let wait_ns = if let Some(asked) = retry_after(&answer.headers, SystemTime::now()) {
                    jittered(asked, self.redial.rng())
                } else {
                    self.unspoken += 1;
                    unspoken(self.unspoken - 1, self.redial.rng())
                };
                Attempt::Again(answer.done_ns.saturating_add(wait_ns))
            }
            status => {
                let kind = ErrorKind::of_status(status.as_u16());
                self.link.failed(kind, &answer.told());
                Attempt::GivenUp
            }
        };
        (attempt, sent_ns)
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<StampedResponse, NetError> {
        // One that ended between two events fails neither.
        let open = match &mut self.connection {
            Some(connection) => connection.still_open().await,
            None => false,
        };
        if !open {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            slot => {
                let dialer = &self.link.dialer();
                slot.insert(Client::connect(dialer, self.link.index()).await?)
            }
        };
        let answer = connection.exchange(request, TIMEOUT).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }
}
