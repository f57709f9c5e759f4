//! An exchange over a shared connection whose answer is collected whole, polled by whoever waits for it.
//!
//! No future of its own, as with HTTP/1.1: futures within futures are moved as they begin.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::Request;

use super::{Answering, Head, Http2, Prepared};
use crate::clock;
use crate::net::StampedResponse;
use crate::net::alarm;
use crate::net::error::{BODY_MAX, NetError, Part, Seen};
use crate::net::h1::Rendered;

/// A request on its way, and what has come of its answer.
#[derive(Debug)]
pub struct Exchange {
    request: Rc<Prepared>,
    timeout: Duration,
    /// When it is given up, in monotonic nanoseconds; 0 until it waits.
    deadline_ns: u64,
    answering: Option<Answering>,
    head: Option<Head>,
    /// When the head was there.
    first_ns: u64,
    body: Body,
}

/// A body as far as it has come: most are one piece.
#[derive(Debug, Default)]
enum Body {
    #[default]
    None,
    One(Bytes),
    More(BytesMut),
}

impl Body {
    fn push(&mut self, piece: Bytes) -> Result<(), NetError> {
        match self {
            Self::None => *self = Self::One(piece),
            Self::One(first) => {
                let mut whole = BytesMut::from(&first[..]);
                whole.extend_from_slice(&piece);
                *self = Self::More(whole);
            }
            Self::More(whole) => {
                if whole.len() + piece.len() > BODY_MAX {
                    return Err(NetError::too_long());
                }
                whole.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    fn whole(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(piece) => piece,
            Self::More(pieces) => pieces.freeze(),
        }
    }
}

impl Http2 {
    /// An exchange of `request` that is given up after `timeout`.
    pub fn exchange_of(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Exchange, NetError> {
        let request = Rc::new(self.prepare(request)?);
        Ok(Exchange::new(request, timeout))
    }

    /// The same of a request that has been rendered.
    pub fn exchange_of_rendered(
        &mut self,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<Exchange, NetError> {
        if self.manners.add_nothing()
            && let Some(prepared) = request.prepared(|| self.prepare(request.request().ok()?).ok())
        {
            return Ok(Exchange::new(Rc::clone(prepared), timeout));
        }
        self.exchange_of(request.request()?, timeout)
    }

    /// Sends what was prepared, and collects the whole answer.
    pub fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
    ) -> Poll<Result<StampedResponse, NetError>> {
        let now = match self.poll_answer(cx, exchange)? {
            Poll::Ready(now) => now,
            Poll::Pending => {
                if exchange.deadline_ns == 0 {
                    let now = clock::now();
                    exchange.deadline_ns = alarm::deadline_ns(now, exchange.timeout);
                    if self.alarm.is_set(cx, exchange.deadline_ns, now) {
                        return Poll::Pending;
                    }
                }
                if self.alarm.poll(cx, exchange.deadline_ns).is_pending() {
                    return Poll::Pending;
                }
                let begun = exchange.head.is_some();
                return Poll::Ready(Err(NetError::late(exchange.timeout, begun)));
            }
        };
        let done_ns = now.unwrap_or_else(clock::now);
        let sent_ns = exchange.answering.take().map_or(0, Answering::finish);
        let head = exchange.head.take().unwrap_or_default();
        let body = self.manners.decoded(std::mem::take(&mut exchange.body).whole())?;
        let (status, headers) = (head.status.unwrap_or_default(), head.headers.into());
        let first_ns = exchange.first_ns;
        Poll::Ready(Ok(StampedResponse { status, headers, body, sent_ns, first_ns, done_ns }))
    }

    /// Ready once the answer is whole: with the stamp of its head, if the rest was there with that.
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
    ) -> Poll<Result<Option<u64>, NetError>> {
        let mut connection = self.shared.connection.borrow_mut();
        let stream = if let Some(answering) = &exchange.answering {
            answering.stream
        } else {
            match connection.poll_room(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(failure)) => {
                    return Poll::Ready(Err(self.failed(&failure, false)));
                }
                Poll::Ready(Ok(())) => {}
            }
            let stream = connection.open_prepared(&exchange.request, self.scheme);
            exchange.answering = Some(Answering { shared: Rc::clone(&self.shared), stream });
            stream
        };
        let mut now = None;
        if exchange.head.is_none() {
            match connection.poll_head(stream, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(self.failed(&failure, true))),
                Poll::Ready(Ok(head)) => {
                    self.manners.heard_of(&*head.headers, head.is_coded);
                    exchange.first_ns = clock::now();
                    now = Some(exchange.first_ns);
                    exchange.head = Some(head);
                }
            }
        }
        loop {
            match connection.poll_piece(stream, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(now)),
                Poll::Ready(Some(Ok(piece))) => exchange.body.push(piece)?,
                Poll::Ready(Some(Err(failure))) => {
                    let seen = Seen::by(&self.shared.meter, Part::Body);
                    return Poll::Ready(Err(failure.error(seen)));
                }
            }
        }
    }
}

impl Exchange {
    fn new(request: Rc<Prepared>, timeout: Duration) -> Self {
        Self {
            request,
            timeout,
            deadline_ns: 0,
            answering: None,
            head: None,
            first_ns: 0,
            body: Body::None,
        }
    }
}

impl Answering {
    /// Lets the stream go, whose answer is whole; returns when the request was written, in monotonic nanoseconds.
    fn finish(self) -> u64 {
        self.shared.connection.borrow().sent_ns(self.stream)
    }
}
