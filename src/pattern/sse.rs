//! Server-sent events: one endless answer, resumed by `Last-Event-ID`.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};

use super::Link;
use super::conversation::Conversation;
use super::position;
use super::redial::{Ended, Redial, Subscription, hold};
use super::rules::{self, Meaning, failure, meaning};
use super::script::{self, Script, Wanted};
use super::sse_parser::{Message, Parser};
use super::trace::{self, Kind};
use super::voice::Voice;
use crate::clock;
use crate::dialect::capture::Answer;
use crate::dialect::model::{EventStream, Resume};
use crate::event::{Cursor, decode_head};
use crate::net::fields::MediaType;
use crate::net::{Body, Client, Http1, Meter, NetError};
use crate::scenario::SseOptions;

/// Reads with data, before the shard's other links have their turn.
const IN_A_ROW: usize = 8;
/// Longest reconnect delay that a stream may set, in milliseconds.
const RETRY_MAX_MS: u64 = 3_600_000;

/// Reads the stream; when it ends, reopens it after the last event received.
pub(super) fn run(link: &Link, options: &SseOptions) -> impl Future<Output = ()> {
    let own = Stream {
        heartbeat_ns: options.heartbeat.ns(),
        conversation: Rc::clone(&link.context().conversation),
        voice: None,
        opened: 0,
        cursor: 0,
        parser: Parser::default(),
    };
    hold(link, own)
}

/// An event stream: where it is resumed.
struct Stream {
    heartbeat_ns: u64,
    conversation: Rc<Conversation>,
    /// What its texts may name, where that is worth keeping while the stream stands.
    voice: Option<Box<Voice>>,
    /// Streams so far.
    opened: u64,
    /// The last sequence received, or announced as left out; 0 before the first.
    cursor: u64,
    /// Keeps the last id that a stream set: opaque, returned as it is.
    parser: Parser,
}

/// An open stream.
struct Open {
    connection: Client,
    body: Body,
}

/// How a stream is read: a future that has its arguments in one place.
enum Way<P, A> {
    /// As it comes.
    Plain(P),
    /// Over a shared connection, or with pauses. Boxed, as few links do.
    Apart(Pin<Box<A>>),
}

/// How the dialect speaks of event streams: the same for all links, which keep no copy.
fn dialect(conversation: &Conversation) -> &EventStream {
    let Some(dialect) = &conversation.dialect.sse else { unreachable!("looked for by `open`") };
    dialect
}

/// Moves the dialect's cursor to where `message` says that a later stream continues.
fn move_on(conversation: &Conversation, voice: &mut Voice, message: Message<'_>) {
    let parts = &dialect(conversation).cursor;
    if !parts.is_empty() {
        let answer = Answer { event: Some(message.event), ..Answer::message(message.data) };
        position::move_on(voice, parts, &answer, "a later stream");
    }
}

/// The place that an id of the target's names.
fn cursor(id: &[u8]) -> Option<Cursor> {
    std::str::from_utf8(id).ok()?.parse().ok()
}

impl Subscription for Stream {
    type Stream = Open;

    /// Opens the stream from the log's beginning, or after the last id.
    async fn open(&mut self, link: &Link, _: &mut Redial) -> Result<Self::Stream, Ended> {
        if self.conversation.dialect.sse.is_none() {
            return Err(Ended::Undescribed("[target.sse]"));
        }
        let mut voice = self.voice.take().unwrap_or_else(|| {
            let mut voice = Box::new(Voice::of(link));
            voice.skip(self.opened);
            voice
        });
        let EventStream { steps, cursor, .. } = dialect(&self.conversation);
        // Without captured values the next one says the same.
        let plain = voice.is_envelope() && steps.is_empty() && cursor.is_empty();
        if self.opened == 0 {
            position::begin(&mut voice, cursor)?;
        }
        self.opened += 1;
        self.parser.restart();
        let opened = self.open_by(link, &mut voice).await;
        self.voice = (!plain).then_some(voice);
        opened
    }

    fn read(
        &mut self,
        link: &Link,
        open: &mut Open,
        redial: &mut Redial,
    ) -> impl Future<Output = Ended> {
        let is_plain = matches!(open.connection, Client::One(_)) && !link.is_slow();
        let mut way = if is_plain {
            Way::Plain(move |cx: &mut Context<'_>| match &mut open.connection {
                Client::One(http) => self.poll_read(link, http, redial, cx),
                Client::Two(_) => unreachable!("it is its own"),
            })
        } else {
            Way::Apart(Box::pin(self.read_apart(link, open, redial)))
        };
        poll_fn(move |cx| match &mut way {
            Way::Plain(poll) => poll(cx),
            Way::Apart(read) => read.as_mut().poll(cx),
        })
    }

    /// Whoever leaves an event stream closes its connection.
    async fn leave(&mut self, stream: Self::Stream) {
        drop(stream);
    }

    fn meter(open: &Self::Stream) -> Rc<Meter> {
        open.connection.share_meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.heartbeat_ns
    }
}

impl Stream {
    async fn open_by(&mut self, link: &Link, voice: &mut Voice) -> Result<Open, Ended> {
        let conversation = Rc::clone(&self.conversation);
        let dialect = dialect(&conversation);
        script::before(link, voice, &dialect.steps).await?;
        let mut connection = Client::connect(&link.dialer(), link.index()).await?;
        let mut request = voice.request(&dialect.request, None)?;
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
            let written = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let written = written.map(|value| String::from_utf8_lossy(value).into());
            return Err(Ended::Foreign(written));
        }
        let mut open = Open { connection, body: response.into_body() };
        if !dialect.steps.is_empty() {
            self.converse(link, voice, &mut open).await?;
        }
        Ok(open)
    }

    /// Takes what comes where it was read, until the stream ends.
    fn poll_read(
        &mut self,
        link: &Link,
        http: &mut Http1,
        redial: &mut Redial,
        cx: &mut Context<'_>,
    ) -> Poll<Ended> {
        for _ in 0..IN_A_ROW {
            let (mut received_ns, mut ended) = (0, None);
            let read = ready!(http.poll_runs(cx, |run| {
                if received_ns == 0 {
                    received_ns = clock::now();
                }
                if ended.is_none() {
                    ended = self.take(link, run, received_ns, redial);
                }
            }));
            let over = match read {
                Some(Ok(())) => None,
                Some(Err(error)) => Some(error.into()),
                None => Some(Ended::Closed),
            };
            // What a message said tells more than how the connection ended.
            if let Some(ended) = ended.or(over) {
                return Poll::Ready(ended);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads a stream that shares its connection, or a link that pauses after each piece.
    async fn read_apart(&mut self, link: &Link, open: &mut Open, redial: &mut Redial) -> Ended {
        let slow = link.is_slow();
        loop {
            let piece = match open.connection.frame(&mut open.body).await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return error.into(),
                None => return Ended::Closed,
            };
            let taken = self.take(link, &piece, clock::now(), redial);
            if let Some(ended) = taken {
                return ended;
            }
            link.after_read(slow).await;
        }
    }

    /// Takes a piece of the stream, which was received at `received_ns`; returns how the stream ended if it ends with it.
    #[inline]
    fn take(
        &mut self,
        link: &Link,
        piece: &[u8],
        received_ns: u64,
        redial: &mut Redial,
    ) -> Option<Ended> {
        let envelope = self.conversation.is_envelope();
        let mut ended = None;
        let mut parser = std::mem::take(&mut self.parser);
        let comments = parser.comments();
        let fed = parser.feed(piece, |message| {
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
        if let Some(retry_ms) = parser.retry_ms() {
            redial.least_ns = retry_ms.min(RETRY_MAX_MS) * 1_000_000;
        }
        self.parser = parser;
        if fed.is_err() {
            return Some(Ended::Event);
        }
        ended
    }

    /// Has `request` continue after the last id.
    fn resume(&self, request: &mut Request<http_body_util::Full<bytes::Bytes>>) {
        let Some(last_id) = self.parser.last_id().filter(|id| !id.is_empty()) else { return };
        match &dialect(&self.conversation).resume {
            Resume::LastEventId => {
                if let Ok(id) = HeaderValue::from_bytes(last_id) {
                    request.headers_mut().insert(HeaderName::from_static("last-event-id"), id);
                }
            }
            Resume::Query(name) => {
                let id = crate::dialect::url_encoded(last_id);
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
    async fn converse(
        &mut self,
        link: &Link,
        voice: &mut Voice,
        open: &mut Open,
    ) -> Result<(), Ended> {
        let conversation = Rc::clone(&self.conversation);
        let mut script = Script::new(&dialect(&conversation).steps);
        loop {
            let limit = match script.advance(link, voice).await? {
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
                    let mut parser = std::mem::take(&mut self.parser);
                    let fed = parser.feed(&piece, |message| {
                        if !heard {
                            match script.heard(voice, message.data, Some(message.event)) {
                                Ok(true) => {
                                    heard = true;
                                    return move_on(&conversation, voice, message);
                                }
                                Ok(false) => {}
                                Err(error) => return failed = Some(error),
                            }
                        }
                        // What comes before or after it is a message like any other.
                        self.understand(link, message, received_ns);
                        move_on(&conversation, voice, message);
                    });
                    self.parser = parser;
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
        if let Some(voice) = &mut self.voice {
            move_on(&self.conversation, voice, message);
        }
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
