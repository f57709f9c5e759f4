//! Server-sent events: one endless answer, resumed by `Last-Event-ID`.

use std::rc::Rc;

use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};

use super::Link;
use super::conversation::{Conversation, Voice};
use super::position;
use super::redial::{Ended, Redial, Subscription, hold};
use super::rules::{self, Meaning, failure, meaning};
use super::script::{self, Script, Wanted};
use super::sse_parser::{Message, Parser};
use super::trace::{self, Kind};
use crate::clock;
use crate::dialect::capture::Answer;
use crate::dialect::model::{EventStream, Resume};
use crate::event::{Cursor, decode_head};
use crate::net::fields::MediaType;
use crate::net::{Body, Client, Meter, NetError};
use crate::scenario::SseOptions;

/// Longest reconnect delay that a stream may set, in milliseconds.
const RETRY_MAX_MS: u64 = 3_600_000;

/// Reads the stream; when it ends, reopens it after the last event received.
pub(super) async fn run(link: &Link, options: &SseOptions) {
    let voice = Voice::of(link);
    if voice.dialect().sse.is_none() {
        return link.cannot_stand(&"the dialect has no [target.sse]");
    }
    let (conversation, voice) = (voice.conversation(), Box::new(voice));
    let own = Stream {
        options: *options,
        conversation,
        voice,
        begun: false,
        cursor: 0,
        last_id: Vec::new(),
    };
    hold(link, own).await;
}

/// An event stream: where it is resumed.
struct Stream {
    options: SseOptions,
    conversation: Rc<Conversation>,
    voice: Box<Voice>,
    /// Whether the dialect's cursor has its first value.
    begun: bool,
    /// The last sequence received, or announced as left out; 0 before the first.
    cursor: u64,
    /// The last id that the stream set: opaque, returned as it is.
    last_id: Vec<u8>,
}

/// An open stream.
struct Open {
    connection: Client,
    body: Body,
    parser: Parser,
}

/// How the dialect speaks of event streams: the same for all links, which keep no copy.
fn dialect(conversation: &Conversation) -> &EventStream {
    let Some(dialect) = &conversation.dialect.sse else { unreachable!("looked for by `run`") };
    dialect
}

/// The place that an id of the target's names.
fn cursor(id: &[u8]) -> Option<Cursor> {
    std::str::from_utf8(id).ok()?.parse().ok()
}

impl Subscription for Stream {
    type Stream = Open;

    /// Opens the stream from the log's beginning, or after the last id.
    async fn open(&mut self, link: &Link, _: &mut Redial) -> Result<Self::Stream, Ended> {
        let conversation = Rc::clone(&self.conversation);
        let dialect = dialect(&conversation);
        if !std::mem::replace(&mut self.begun, true) {
            position::begin(&mut self.voice, &dialect.cursor)?;
        }
        script::before(link, &mut self.voice, &dialect.steps).await?;
        let mut connection = Client::connect(&link.dialer(), link.index()).await?;
        let mut request = self.voice.request(&dialect.request, None)?;
        let accepts = HeaderValue::from_static("text/event-stream");
        request.headers_mut().entry(ACCEPT).or_insert(accepts);
        self.resume(&mut request);
        let response = connection.stream(request).await?;
        self.conversation.note(Kind::Received, || format!("{}", response.status()));
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
        let mut open = Open { connection, body: response.into_body(), parser: Parser::default() };
        if !dialect.steps.is_empty() {
            self.converse(link, &mut open).await?;
        }
        Ok(open)
    }

    async fn read(&mut self, link: &Link, open: &mut Open, redial: &mut Redial) -> Ended {
        let slow = link.is_slow();
        let envelope = self.voice.is_envelope();
        loop {
            let piece = match open.connection.frame(&mut open.body).await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return error.into(),
                None => return Ended::Closed,
            };
            let received_ns = clock::now();
            let mut ended = None;
            let parser = &mut open.parser;
            let comments = parser.comments();
            let fed = parser.feed(&piece, |message| {
                let taken = if envelope {
                    self.take_own(link, message, received_ns, redial)
                } else {
                    self.take_any(link, message, received_ns, redial)
                };
                ended = ended.take().or(taken);
            });
            for _ in comments..parser.comments() {
                link.upkeep(received_ns);
            }
            if let Some(last_id) = parser.last_id() {
                last_id.clone_into(&mut self.last_id);
            }
            if fed.is_err() {
                return Ended::Event;
            }
            if let Some(ended) = ended {
                return ended;
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

    fn meter(open: &Self::Stream) -> Rc<Meter> {
        open.connection.share_meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.options.heartbeat.ns()
    }
}

impl Stream {
    /// Moves the dialect's cursor to where `message` says that a later stream continues.
    fn move_on(&mut self, message: Message<'_>) {
        let answer = Answer { event: Some(message.event), ..Answer::message(message.data) };
        let parts = &dialect(&self.conversation).cursor;
        position::move_on(&mut self.voice, parts, &answer, "a later stream");
    }

    /// Has `request` continue after the last id.
    fn resume(&self, request: &mut Request<http_body_util::Full<bytes::Bytes>>) {
        if self.last_id.is_empty() {
            return;
        }
        match &dialect(&self.conversation).resume {
            Resume::LastEventId => {
                if let Ok(id) = HeaderValue::from_bytes(&self.last_id) {
                    request.headers_mut().insert(HeaderName::from_static("last-event-id"), id);
                }
            }
            Resume::Query(name) => {
                let id = crate::dialect::url_encoded(&self.last_id);
                let own = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
                let between = if own.contains('?') { '&' } else { '?' };
                if let Ok(uri) = Uri::try_from(format!("{own}{between}{name}={id}")) {
                    *request.uri_mut() = uri;
                }
            }
            Resume::Nothing => {}
        }
    }

    /// Takes the steps of the dialect, which may wait for messages of the stream.
    async fn converse(&mut self, link: &Link, open: &mut Open) -> Result<(), Ended> {
        let conversation = Rc::clone(&self.conversation);
        let mut script = Script::new(&dialect(&conversation).steps);
        loop {
            let limit = match script.advance(link, &mut self.voice).await? {
                Wanted::Nothing => return Ok(()),
                // Nothing can be sent over an event stream; the scenario's reader refuses it.
                Wanted::Send(_) => return Err(Ended::Event),
                Wanted::Message(_, limit) => limit,
            };
            let mut heard = false;
            let wait = async {
                while !heard {
                    let piece =
                        open.connection.frame(&mut open.body).await.ok_or(Ended::Closed)??;
                    let received_ns = clock::now();
                    let mut failed = None;
                    let fed = open.parser.feed(&piece, |message| {
                        if !heard {
                            match script.heard(&mut self.voice, message.data, Some(message.event)) {
                                Ok(true) => {
                                    heard = true;
                                    return self.move_on(message);
                                }
                                Ok(false) => {}
                                Err(error) => return failed = Some(error),
                            }
                        }
                        // What comes before or after it is a message like any other.
                        self.understand(link, message, received_ns);
                        self.move_on(message);
                    });
                    fed.map_err(|_| Ended::Event)?;
                    if let Some(error) = failed {
                        return Err(error);
                    }
                }
                Ok(())
            };
            match tokio::time::timeout(limit, wait).await {
                Ok(waited) => waited?,
                Err(_) => return Err(Ended::Net(NetError::Timeout(limit))),
            }
        }
    }

    /// Takes a message of the built-in target; returns how the stream ended if it ends with it.
    fn take_own(
        &mut self,
        link: &Link,
        message: Message<'_>,
        received_ns: u64,
        redial: &mut Redial,
    ) -> Option<Ended> {
        match message.event {
            "news" | "message" => {
                let Ok(head) = decode_head(message.data) else { return Some(Ended::Event) };
                link.receive(head, received_ns);
                self.cursor = head.seq;
                redial.succeeded();
            }
            // Events up to its id are not sent.
            "gap" => {
                let Some(Cursor { seq: to, .. }) = cursor(message.last_id) else {
                    return Some(Ended::Event);
                };
                link.missed(self.cursor.saturating_add(1)..to.saturating_add(1));
                self.cursor = self.cursor.max(to);
            }
            "reset" => {
                let Some(Cursor { seq, .. }) = cursor(message.last_id) else {
                    return Some(Ended::Event);
                };
                link.reset();
                self.cursor = seq;
            }
            _ => {}
        }
        None
    }

    /// Takes a message of any other server; returns how the stream ended if it ends with it.
    fn take_any(
        &mut self,
        link: &Link,
        message: Message<'_>,
        received_ns: u64,
        redial: &mut Redial,
    ) -> Option<Ended> {
        let meaning = self.understand(link, message, received_ns);
        self.move_on(message);
        match meaning {
            Meaning::Events => redial.succeeded(),
            Meaning::Ignored => {}
            Meaning::Failure => return Some(failure(&self.conversation, message.data)),
        }
        None
    }

    /// Books what a message of any other server contains.
    fn understand(&self, link: &Link, message: Message<'_>, received_ns: u64) -> Meaning {
        let meaning =
            meaning(&dialect(&self.conversation).messages, message.data, Some(message.event));
        self.conversation.note(Kind::Received, || {
            format!("event: {}\n{}", message.event, trace::shown(message.data))
        });
        rules::note(&self.conversation, meaning);
        if meaning == Meaning::Events {
            link.take_message(&self.conversation, message.data, received_ns);
        }
        meaning
    }
}
