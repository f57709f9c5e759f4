//! Answers: their bodies, and whether they are ready at once or later.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::gauges::CountedLink;
use super::problem::Problem;
use super::sse::Stream;
use super::wire::Wire;

/// A response of this target.
pub(super) type Reply = Response<Body>;

/// A reply that may need the request's body, or time.
pub(super) type HandlerResult = Result<Reply, Problem>;

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// Known whole.
    Whole(Bytes),
    /// Events as they are published.
    Events(Box<Stream>),
    /// None: the connection leaves HTTP/1.1 with the answer.
    Switch(Switch),
}

/// How a connection goes on under another protocol.
pub struct Switch(Box<dyn FnOnce(Switched)>);

/// A connection that leaves HTTP.
#[derive(Debug)]
pub(super) struct Switched {
    /// The connection itself.
    pub wire: Wire,
    /// What came behind the request.
    pub early: Vec<u8>,
    /// Counts it for as long as it lives.
    pub held: CountedLink,
}

impl Switch {
    /// Passes the connection to `begin` once the answer is written.
    pub(super) fn new(begin: impl FnOnce(Switched) + 'static) -> Self {
        Self(Box::new(begin))
    }

    /// Passes it on.
    pub(super) fn begin(self, switched: Switched) {
        (self.0)(switched);
    }
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Switch")
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Empty | Self::Switch(_) => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Events(stream) => {
                stream.poll_next(cx).map(|next| next.map(|b| Ok(Frame::data(b))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty | Self::Switch(_))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Switch(_) => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// An answer that needs the request's body, or time.
pub(super) type Later = Pin<Box<dyn Future<Output = HandlerResult>>>;

/// The future of an answer: of no size worth mentioning while there is nothing to wait for, since every connection has room
/// for it.
pub(super) enum ReplyFuture {
    /// Ready; `None` once taken.
    Now(Option<Reply>),
    /// Needs the request's body, or time.
    Later(Later),
}

impl std::fmt::Debug for ReplyFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Now(_)) { "Now" } else { "Later" })
    }
}

impl ReplyFuture {
    /// An answer that is not ready yet.
    pub(super) fn later(future: impl Future<Output = HandlerResult> + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl From<Reply> for ReplyFuture {
    fn from(reply: Reply) -> Self {
        Self::Now(Some(reply))
    }
}

impl From<HandlerResult> for ReplyFuture {
    fn from(outcome: HandlerResult) -> Self {
        outcome.unwrap_or_else(Reply::from).into()
    }
}

impl Future for ReplyFuture {
    type Output = Result<Reply, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(reply) => {
                let taken =
                    || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "answered twice").into();
                Poll::Ready(Ok(reply.take().unwrap_or_else(taken)))
            }
            Self::Later(future) => {
                future.as_mut().poll(cx).map(|outcome| Ok(outcome.unwrap_or_else(Reply::from)))
            }
        }
    }
}

/// A response with a status and no body.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::Empty);
    *reply.status_mut() = status;
    reply
}

/// A response with a body of the given type.
pub(super) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Reply {
    let mut reply = Response::new(Body::Whole(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// A response with a JSON body.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => typed(status, "application/json", body),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into(),
    }
}

/// Adds an entity tag.
pub(super) fn with_etag(mut reply: Reply, etag: &str) -> Reply {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        reply.headers_mut().insert(ETAG, etag);
    }
    reply
}
