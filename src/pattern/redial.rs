//! Reconnects links: waits with back-off and jitter, and the loop of every pattern that keeps a stream open.
//!
//! Each pattern knows how its stream resumes: `Last-Event-ID`, `since`, a poll's cursor.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use fastwebsockets::WebSocketError;
use hyper::StatusCode;

use super::Link;
use super::recovery::Called;
use super::silence::Listening;
use super::websocket::FRAME_LIMIT;
use crate::clock;
use crate::dialect::template::RenderError;
use crate::measure::{Counter, ErrorKind};
use crate::net::websocket::Closing;
use crate::net::{Meter, NetError, Told};
use crate::pace::Rng;
use crate::scenario::Reconnect;

/// Why a held stream ended or could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The connection failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Another status than that of an open stream.
    #[error("the target answers {0}")]
    Refused(StatusCode),
    /// The same, with what the answer says.
    #[error(transparent)]
    Unexpected(Box<Told>),
    /// The answer does not open the stream.
    #[error("the response is {}, not text/event-stream, so it opens no event stream", named(.0.as_deref()))]
    Foreign(Option<Box<str>>),
    /// A frame broke the protocol, or the connection.
    #[error("{}", broken(.0))]
    Frame(#[from] WebSocketError),
    /// A frame is masked.
    #[error("a frame is masked, which a server's must not be")]
    Masked,
    /// The target closed a WebSocket with the code of an error.
    #[error("the target closed the WebSocket with {0}")]
    CloseCode(Closing),
    /// A frame that a server must not send.
    #[error("a frame breaks the rules of WebSocket: {0}")]
    Framing(&'static str),
    /// An answer that opens a WebSocket, but not as was asked.
    #[error("the WebSocket cannot be opened: {0}")]
    Handshake(String),
    /// The answer to a step did not come: its number, what was awaited, and how long.
    #[error("step {0} of the conversation timed out: in {2:?} no message matched {1}")]
    Step(usize, String, Duration),
    /// A command that publishes has ended.
    #[error("{0}")]
    Command(String),
    /// Too much waits to be written.
    #[error("the target does not read what is sent to it")]
    Unread,
    /// The message is not an event.
    #[error("an event was not understood")]
    Event,
    /// The answer does not match the request.
    #[error("an answer was not understood")]
    StampedResponse,
    /// The dialect does not say how: the table that it lacks.
    #[error("the dialect has no {0}")]
    Undescribed(&'static str),
    /// A text of the dialect has no value here.
    #[error("a text of the dialect cannot be rendered: {0}")]
    Render(#[from] RenderError),
    /// An answer or a message lacks what the dialect takes out of it.
    #[error("the answer does not contain what the dialect captures as '{0}'")]
    Missing(String),
    /// A header field is missing that the dialect signs.
    #[error("the request lacks a header field that is signed")]
    Unsigned,
    /// A message that the dialect lists under `fail`.
    #[error("the target says that the link has failed: {0}")]
    Told(String),
    /// The target closed it.
    #[error("the target closed the stream")]
    Closed,
    /// Silence for too long.
    #[error("nothing was heard for too many heartbeats")]
    Silent,
    /// The target ends the stream for good (204 to an event stream).
    #[error("the target says that the stream is over")]
    Over,
}

/// A content type as a message names it.
fn named(content_type: Option<&str>) -> &str {
    content_type.unwrap_or("without a content type")
}

impl Ended {
    /// The kind under which it is counted.
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::Refused(status) => ErrorKind::of_status(status.as_u16()),
            Self::Unexpected(told) => ErrorKind::of_status(told.status.as_u16()),
            Self::CloseCode(_) => ErrorKind::CloseCode,
            Self::Frame(WebSocketError::IoError(error)) if is_reset(error) => ErrorKind::Reset,
            Self::Closed
            | Self::Command(_)
            | Self::Over
            | Self::Frame(
                WebSocketError::UnexpectedEOF
                | WebSocketError::IoError(_)
                | WebSocketError::SendError(_)
                | WebSocketError::ConnectionClosed,
            ) => ErrorKind::Closed,
            Self::Silent | Self::Step(..) | Self::Unread => ErrorKind::Timeout,
            Self::Frame(WebSocketError::FrameTooLarge) => ErrorKind::Oversized,
            Self::Frame(_) | Self::Masked | Self::Framing(_) => ErrorKind::Frame,
            Self::Foreign(_)
            | Self::Handshake(_)
            | Self::Event
            | Self::StampedResponse
            | Self::Undescribed(_)
            | Self::Render(_)
            | Self::Missing(_)
            | Self::Unsigned
            | Self::Told(_) => ErrorKind::Protocol,
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// What is wrong with a frame, or with its connection.
fn broken(error: &WebSocketError) -> String {
    match error {
        WebSocketError::UnexpectedEOF => {
            "the target ended the connection without closing the WebSocket".to_owned()
        }
        WebSocketError::ConnectionClosed => "the WebSocket is closed".to_owned(),
        WebSocketError::IoError(error) if is_reset(error) => {
            format!("the target reset the connection of the WebSocket ({error})")
        }
        WebSocketError::IoError(error) => format!("the WebSocket's connection broke ({error})"),
        WebSocketError::FrameTooLarge => {
            format!(
                "a message of the target exceeds {} MiB, the most that is taken",
                FRAME_LIMIT >> 20
            )
        }
        WebSocketError::InvalidUTF8 => {
            "a text message is not UTF-8, or masked, which a server's must not be".to_owned()
        }
        WebSocketError::InvalidValue => "a frame has a reserved opcode".to_owned(),
        other => format!("a frame breaks the rules of WebSocket: {other}"),
    }
}

/// When a link reconnects: its failures in a row, and the delay that the peer requested.
#[derive(Debug)]
pub(super) struct Redial {
    rng: Rng,
    failures: u32,
    /// The least wait, from an event stream's `retry:`, in nanoseconds.
    pub least_ns: u64,
}

impl Redial {
    /// The waits of `link`.
    pub(super) fn new(link: &Link) -> Self {
        Self { rng: link.rng(), failures: 0, least_ns: 0 }
    }

    /// Resets the failures, because the link works.
    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Random numbers of the link.
    pub(super) const fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Waits before the next attempt.
    pub(super) async fn wait(&mut self, link: &Link) {
        let options = &link.context().case.conditions.reconnect;
        let bound_ns = bound_ns(options, self.failures);
        self.failures = self.failures.saturating_add(1);
        let wait_ns = if options.jitter { self.rng.below(bound_ns.max(1)) } else { bound_ns };
        link.sleep_until(clock::now() + self.least_ns + wait_ns).await;
    }
}

/// The bound of the wait after a number of failures: doubled with each, up to the maximum.
fn bound_ns(options: &Reconnect, failures: u32) -> u64 {
    let doubled = options.backoff.ns().checked_shl(failures.min(63)).unwrap_or(u64::MAX);
    // A shift drops high bits without a word.
    let whole = doubled >> failures.min(63) == options.backoff.ns();
    if whole { doubled.min(options.max.ns()) } else { options.max.ns() }
}

/// A stream that a link holds open.
pub(super) trait Subscription {
    /// The open stream.
    type Stream;

    /// Opens the stream at the link's cursor, over a new connection.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Self::Stream, Ended>;

    /// Reads until the stream ends, and returns why.
    async fn read(&mut self, link: &Link, stream: &mut Self::Stream, redial: &mut Redial) -> Ended;

    /// Closes it in good order.
    async fn leave(&mut self, stream: Self::Stream);

    /// The meter of its connection.
    fn meter(stream: &Self::Stream) -> Rc<Meter>;

    /// Time after which the target should have been heard of, in nanoseconds; 0 where that is not known.
    fn heartbeat_ns(&self) -> u64;
}

/// Opens the stream in time. In a box of its own, as all that a link does beside reading: it is needed once, and would
/// else be a part of each link's state for as long as it stands.
async fn open<H: Subscription>(
    link: &Link,
    held: &mut H,
    redial: &mut Redial,
) -> Result<H::Stream, Ended> {
    // A target that takes a connection and never ends its answer's head is not waited for.
    let limit = link.context().case.conditions.reconnect.timeout.std();
    let opening = async {
        let opened = tokio::time::timeout(limit, held.open(link, redial)).await;
        opened.unwrap_or(Err(Ended::Net(NetError::Timeout(limit))))
    };
    Box::pin(opening).await
}

/// Keeps a stream open until the link is dropped: reads it, and reopens it when it ends, falls silent, or the link leaves.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its arguments twice")]
pub(super) fn hold<H: Subscription>(link: &Link, mut held: H) -> impl Future<Output = ()> {
    async move {
        let mut redial = Redial::new(link);
        // Boxed, as each step that a link takes once: it would else be a part of its state for as long as it stands.
        let first = Box::pin(open_first(link, &mut held, &mut redial));
        let Some(mut stream) = first.await else { return };
        loop {
            let meter = H::meter(&stream);
            meter.mark();
            let listening = listen(link, held.heartbeat_ns(), meter);
            let ended = {
                let reading = pin!(held.read(link, &mut stream, &mut redial));
                read(link, reading).await
            };
            drop(listening);
            let reopening = reopen(link, &mut held, stream, &mut redial, ended);
            stream = match Box::pin(reopening).await {
                Some(stream) => stream,
                // The stream ended for good.
                None => return,
            };
        }
    }
}

/// Opens the stream for the first time, however late; `None` if the link cannot stand.
async fn open_first<H: Subscription>(
    link: &Link,
    held: &mut H,
    redial: &mut Redial,
) -> Option<H::Stream> {
    let dialled_ns = clock::now();
    match open(link, held, redial).await {
        Ok(stream) => {
            link.ready(dialled_ns);
            Some(stream)
        }
        Err(error) => {
            let stays = link.could_not_open(error.kind(), &error) && !matches!(error, Ended::Over);
            if stays { open_late(link, held, redial).await } else { None }
        }
    }
}

/// Opens a stream that could not be opened at first, in as many attempts as needed; `None` if the target ends it for good.
async fn open_late<H: Subscription>(
    link: &Link,
    held: &mut H,
    redial: &mut Redial,
) -> Option<H::Stream> {
    // Not while others open: each client has tried once when it is decided whether anyone can connect.
    link.started().await;
    loop {
        redial.wait(link).await;
        let dialled_ns = clock::now();
        match open(link, held, redial).await {
            Ok(stream) => {
                link.stands_late(dialled_ns);
                return Some(stream);
            }
            Err(ended) => {
                link.failed(ended.kind(), &ended);
                if matches!(ended, Ended::Over) {
                    return None;
                }
            }
        }
    }
}

/// Listens for silence of the target.
fn listen(link: &Link, heartbeat_ns: u64, meter: Rc<Meter>) -> Option<Listening<'_>> {
    // How often the server speaks may not be known: then no silence is too long. A link that reads slowly on purpose is
    // not to take its own pauses for the target's silence.
    let every_ns = heartbeat_ns.saturating_add(link.pause_ns());
    (heartbeat_ns > 0).then(|| link.listen(meter, every_ns))
}

/// Reads until the stream ends, which is returned, or the link leaves.
fn read(
    link: &Link,
    mut reading: Pin<&mut impl Future<Output = Ended>>,
) -> impl Future<Output = Option<Ended>> {
    // Neither a call nor another waker since the last look: what this link is called to lies in memory of its own, which a
    // message has no other use for.
    let mut looked = (u64::MAX, std::ptr::null());
    poll_fn(move |cx| {
        if let Poll::Ready(ended) = reading.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        let now = (link.calls(), cx.waker().data());
        if looked == now {
            return Poll::Pending;
        }
        looked = now;
        link.poll_called(cx).map(|called| match called {
            Called::Silent => Some(Ended::Silent),
            Called::Away => {
                link.count(Counter::Churned, 1);
                None
            }
        })
    })
}

/// Closes a stream that ended, or that the link leaves, and reopens it in as many attempts as needed; `None` if the target
/// ended it for good.
async fn reopen<H: Subscription>(
    link: &Link,
    held: &mut H,
    stream: H::Stream,
    redial: &mut Redial,
    ended: Option<Ended>,
) -> Option<H::Stream> {
    let lost_ns = ended.as_ref().map(|_| clock::now());
    if let Some(ended) = ended {
        link.failed(ended.kind(), &ended);
        drop(stream);
        redial.wait(link).await;
    } else {
        held.leave(stream).await;
    }
    loop {
        let dialled_ns = clock::now();
        match open(link, held, redial).await {
            Ok(stream) => {
                link.back(dialled_ns, lost_ns);
                return Some(stream);
            }
            Err(ended) => {
                link.failed(ended.kind(), &ended);
                if matches!(ended, Ended::Over) {
                    return None;
                }
            }
        }
        redial.wait(link).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unit::Span;

    #[test]
    fn the_bound_doubles_up_to_the_largest() {
        let options = Reconnect::default();
        let ms: Vec<u64> =
            (0..8).map(|failures| bound_ns(&options, failures) / 1_000_000).collect();
        assert_eq!(ms, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }

    proptest! {
        #[test]
        fn the_bound_never_falls_and_never_passes_the_largest(
            backoff in 1..u64::MAX / 2, more in 0..u64::MAX / 2, failures in 0..u32::MAX - 1,
        ) {
            let (backoff, max) = (Span::from_ns(backoff), Span::from_ns(backoff + more));
            let options = Reconnect { backoff, max, ..Reconnect::default() };
            let (bound, next) = (bound_ns(&options, failures), bound_ns(&options, failures + 1));
            prop_assert!(backoff.ns() <= bound && bound <= next && next <= max.ns());
        }
    }
}
