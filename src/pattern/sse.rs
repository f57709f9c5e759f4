//! Server-sent events: one endless answer, resumed by `Last-Event-ID`.

use std::rc::Rc;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};

use super::Link;
use super::poll::{get, host};
use super::redial::{Ended, Redial, Subscription, hold};
use super::sse_parser::Parser;
use crate::clock;
use crate::event::{Cursor, decode_head};
use crate::net::fields::MediaType;
use crate::net::{Client, Meter};
use crate::scenario::SseOptions;

/// Longest reconnect delay that a stream may set, in milliseconds.
const RETRY_MAX_MS: u64 = 3_600_000;

/// Reads the stream; when it ends, reopens it after the last event received.
pub(super) async fn run(link: &Link, options: &SseOptions) {
    hold(link, Stream { options: *options, cursor: 0, last_id: Vec::new() }).await;
}

/// An event stream: where it is resumed.
struct Stream {
    options: SseOptions,
    /// The last sequence received, or announced as left out; 0 before the first.
    cursor: u64,
    /// The last id that the stream set: opaque, returned as it is.
    last_id: Vec<u8>,
}

/// The place that an id of the target's names.
fn cursor(id: &[u8]) -> Option<Cursor> {
    std::str::from_utf8(id).ok()?.parse().ok()
}

impl Subscription for Stream {
    type Stream = (Client, Incoming);

    /// Opens the stream from the log's beginning, or after the last id.
    async fn open(&mut self, link: &Link, _: &mut Redial) -> Result<Self::Stream, Ended> {
        let mut connection = Client::connect(&link.dialer(), link.index()).await?;
        let mut request = get(format!("/topics/{}/stream?since=0", link.topic()), &host(link));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Ok(id) = HeaderValue::from_bytes(&self.last_id)
            && !id.is_empty()
        {
            request.headers_mut().insert(HeaderName::from_static("last-event-id"), id);
        }
        let response = connection.stream(request).await?;
        match response.status() {
            // Over the limits: the stream opens only to set the reconnect delay.
            StatusCode::OK if response.headers().contains_key(RETRY_AFTER) => {
                return Err(Ended::Refused(StatusCode::SERVICE_UNAVAILABLE));
            }
            StatusCode::OK => {}
            StatusCode::NO_CONTENT => return Err(Ended::Over),
            _ => return Err(Ended::Unexpected(connection.told(response).await.into())),
        }
        let media = MediaType::of(response.headers(), &CONTENT_TYPE);
        if !media.is_some_and(|media| media.is("text/event-stream")) {
            return Err(Ended::Foreign);
        }
        Ok((connection, response.into_body()))
    }

    async fn read(
        &mut self,
        link: &Link,
        (connection, body): &mut Self::Stream,
        redial: &mut Redial,
    ) -> Ended {
        let mut parser = Parser::default();
        let slow = link.is_slow();
        loop {
            let piece = match connection.frame(body).await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return error.into(),
                None => return Ended::Closed,
            };
            let received_ns = clock::now();
            let mut understood = true;
            let comments = parser.comments();
            let fed = parser.feed(&piece, |message| match message.event.as_str() {
                "news" | "message" => match decode_head(&message.data) {
                    Ok(head) => {
                        link.receive(head, received_ns);
                        self.cursor = head.seq;
                        redial.succeeded();
                    }
                    Err(_) => understood = false,
                },
                // Events up to its id are not sent.
                "gap" => match cursor(&message.last_id) {
                    Some(Cursor { seq: to, .. }) => {
                        link.missed(self.cursor.saturating_add(1)..to.saturating_add(1));
                        self.cursor = self.cursor.max(to);
                    }
                    None => understood = false,
                },
                "reset" => match cursor(&message.last_id) {
                    Some(Cursor { seq, .. }) => {
                        link.reset();
                        self.cursor = seq;
                    }
                    None => understood = false,
                },
                _ => {}
            });
            for _ in comments..parser.comments() {
                link.upkeep(received_ns);
            }
            if let Some(last_id) = parser.last_id() {
                last_id.clone_into(&mut self.last_id);
            }
            if fed.is_err() || !understood {
                return Ended::Event;
            }
            if let Some(retry_ms) = parser.retry_ms() {
                redial.least_ns = retry_ms.min(RETRY_MAX_MS) * 1_000_000;
            }
            link.after_read(slow).await;
        }
    }

    /// Whoever leaves an event stream closes its connection.
    async fn leave(&mut self, stream: Self::Stream) {
        drop(stream);
    }

    fn meter((connection, _): &Self::Stream) -> Rc<Meter> {
        connection.share_meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.options.heartbeat.ns()
    }
}
