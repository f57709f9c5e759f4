//! One HTTP/1.1 connection, driven by whoever waits for its answer, with the stamps of its requests.
//!
//! It has no task and no buffer: a request is written as it was rendered, and answers are read into the scratch buffer of the
//! thread. A task of its own would write a request in one turn of the executor and look at an answer in the next, after
//! every other ready connection: with a thousand answers at once, arrival stamps would be milliseconds late.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};

use super::alarm::{Alarm, FOR_EVER};
use super::answer::StampedResponse;
use super::error::{BODY_MAX, NetError, Part, Seen};
use super::h1::{Broken, Framing, Incoming, Rendered};
use super::manners::Manners;
use super::sample::Sample;
use super::unread::Unread;
use super::{Dialer, Meter, Stream, scratch};

mod carry;
mod exchange;
mod runs;

pub use exchange::Exchange;

/// Whether a connection carries the next exchange.
#[derive(Debug)]
enum State {
    /// It does.
    Idle,
    /// One is under way, or was given up.
    Busy,
    /// The peer has ended it.
    Over,
    /// It broke while nobody waited for an answer.
    Failed(Box<NetError>),
}

/// A keep-alive connection that carries one exchange at a time, with stamps. Dropping it closes it.
#[derive(Debug)]
pub struct Http1 {
    stream: Stream,
    meter: Rc<Meter>,
    manners: Manners,
    state: State,
    /// Whether the connection was just seen to be open.
    seen_open: bool,
    /// Bytes of a streamed answer that were read and not looked at.
    unread: Unread,
    /// The body of a streamed answer.
    framing: Framing,
    alarm: Alarm,
}

impl Http1 {
    /// Connects link number `link`.
    pub async fn connect(dialer: &Dialer, link: u64) -> Result<Self, NetError> {
        Ok(Self::over(dialer.connect(link).await?))
    }

    /// Speaks HTTP/1.1 over `stream`.
    fn over(stream: Stream) -> Self {
        let (meter, manners) = (stream.meter(), stream.manners());
        Self {
            stream,
            meter,
            manners,
            state: State::Idle,
            seen_open: false,
            unread: Unread::default(),
            framing: Framing::length(0),
            alarm: Alarm::default(),
        }
    }

    /// The meter of the socket.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The same, to be read while another uses the connection.
    pub fn share_meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    /// Whether a request can be sent.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The same, looking whether the peer has closed it since it was last used.
    pub async fn still_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.looks_open(cx))).await
    }

    /// The same within a future of the caller's.
    #[inline]
    pub fn looks_open(&mut self, cx: &mut Context<'_>) -> bool {
        self.look(cx);
        self.seen_open = self.is_open();
        self.seen_open
    }

    /// Looks whether the peer has closed the connection, or said something unasked.
    fn look(&mut self, cx: &mut Context<'_>) {
        if !self.is_open() {
            return;
        }
        let greeting = self.meter.greeting();
        let seen = Seen { greeting, sent: false, begun: false, part: Part::Head };
        match scratch::poll_read(&mut self.stream, cx, <[u8]>::len) {
            Poll::Pending => {}
            Poll::Ready(Ok(0)) => self.state = State::Over,
            Poll::Ready(Ok(_)) => {
                // A greeting tells what the port speaks.
                self.state = match greeting.instead_of_http1() {
                    Some(foreign) if self.meter.reads() == 1 => {
                        State::Failed(Box::new(NetError::Protocol(foreign.to_owned())))
                    }
                    _ => State::Over,
                };
            }
            Poll::Ready(Err(error)) => {
                self.state = State::Failed(Box::new(NetError::of_io(&error, seen)));
            }
        }
    }

    /// Begins an exchange: an error where the connection carries no more.
    #[inline]
    fn begin(&mut self, cx: &mut Context<'_>) -> Result<(), NetError> {
        self.meter.arm();
        if !std::mem::take(&mut self.seen_open) {
            self.look(cx);
            // What was read or written before the request is no part of it.
            self.meter.arm();
        }
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle => Ok(()),
            State::Failed(error) => Err(*error),
            State::Busy | State::Over => Err(NetError::ended(Seen::by(&self.meter, Part::Head))),
        }
    }

    /// Sends `request` and collects the whole answer.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let rendered = self.rendered(request);
        self.carry(&rendered, timeout).await
    }

    /// The bytes of `request`, with what the link adds to each.
    pub(super) fn rendered(&mut self, mut request: Request<Full<Bytes>>) -> Rendered {
        self.manners.dress(&mut request);
        Rendered::of(request)
    }

    /// The same of a request that has been rendered.
    pub async fn exchange_rendered(
        &mut self,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        if !self.takes_bytes() {
            return Box::pin(self.exchange(request.request()?, timeout)).await;
        }
        self.carry(request, timeout).await
    }

    /// Sends what was rendered, and collects the whole answer.
    pub(super) async fn carry(
        &mut self,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let mut exchange = Exchange::new(request, timeout);
        poll_fn(|cx| self.poll_exchange(cx, &mut exchange)).await
    }

    /// Whether requests go out as they were rendered.
    pub fn takes_bytes(&self) -> bool {
        self.manners.add_nothing()
    }

    /// Begins an exchange, and reads the head of its answer.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
    ) -> Poll<Result<(Incoming, bool), NetError>> {
        if !std::mem::replace(&mut exchange.begun, true) {
            self.begin(cx)?;
        }
        self.poll(cx, exchange, false)
    }

    /// Writes what is left of a request, and reads its answer: `whole`, or its head. Returns it, and whether more came
    /// than was asked for; of a head alone, that is kept.
    #[inline]
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
        whole: bool,
    ) -> Poll<Result<(Incoming, bool), NetError>> {
        exchange.poll_write(cx, &mut self.stream);
        let mut answer = exchange.take_answer();
        loop {
            let unread = &mut self.unread;
            let read = scratch::poll_read(&mut self.stream, cx, |bytes| {
                let taken = if whole {
                    answer.take(bytes, BODY_MAX)?
                } else {
                    let taken = answer.take_head(bytes)?;
                    unread.put(Bytes::copy_from_slice(&bytes[taken..]));
                    taken
                };
                Ok::<_, Broken>((bytes.len(), taken))
            });
            let part = if answer.head.is_some() { Part::Body } else { Part::Head };
            let seen = Seen::by(&self.meter, part);
            match read {
                Poll::Pending => {
                    exchange.keep_answer(answer);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(Ok((0, _)))) => {
                    return Poll::Ready(match exchange.failed.take() {
                        _ if whole && answer.finish() => Ok((answer, false)),
                        Some(error) => Err(NetError::of_io(&error, seen)),
                        None => Err(NetError::ended(seen)),
                    });
                }
                Poll::Ready(Ok(Ok((read, taken)))) => {
                    exchange.reads += 1;
                    let done = if whole { answer.is_whole() } else { answer.head.is_some() };
                    if done {
                        return Poll::Ready(Ok((answer, taken < read)));
                    }
                }
                Poll::Ready(Ok(Err(broken))) => {
                    return Poll::Ready(Err(NetError::of_broken(broken, seen)));
                }
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(NetError::of_io(&error, seen)));
                }
            }
        }
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<()>, NetError> {
        self.manners.dress(&mut request);
        let head = self.head(&Rendered::of(request), false).await?;
        self.manners.heard(head.headers());
        Ok(head)
    }

    /// Sends a request and waits for the head of its answer.
    async fn head(&mut self, request: &Rendered, upgrades: bool) -> Result<Response<()>, NetError> {
        let mut exchange = Exchange::new(request, FOR_EVER);
        if upgrades {
            exchange = exchange.for_upgrade();
        }
        let (answer, _) = poll_fn(|cx| self.poll_head(cx, &mut exchange)).await?;
        let Some(head) = answer.head else {
            return Err(NetError::ended(Seen::by(&self.meter, Part::Head)));
        };
        self.framing = head.framing;
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.fields.to_map();
        Ok(response)
    }

    /// Waits for the next piece of the body of the answer that [`Self::stream`] began.
    pub async fn frame(&mut self) -> Option<Result<Bytes, NetError>> {
        let frame = poll_fn(|cx| self.poll_frame(cx)).await?;
        Some(frame.and_then(|piece| self.manners.piece(&piece)))
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, NetError>>> {
        loop {
            match self.next_piece() {
                Ok(None) if self.framing.is_done() => return Poll::Ready(None),
                Ok(None) => {}
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Err(broken) => {
                    let seen = Seen::by(&self.meter, Part::Body);
                    return Poll::Ready(Some(Err(NetError::of_broken(broken, seen))));
                }
            }
            let unread = &mut self.unread;
            let read = scratch::poll_read(&mut self.stream, cx, |bytes| {
                unread.put(Bytes::copy_from_slice(bytes));
            });
            let seen = Seen::by(&self.meter, Part::Body);
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !self.unread.is_empty() => {}
                Poll::Ready(Ok(())) if self.framing.finish().is_ok() => return Poll::Ready(None),
                Poll::Ready(Ok(())) => return Poll::Ready(Some(Err(NetError::ended(seen)))),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Some(Err(NetError::of_io(&error, seen))));
                }
            }
        }
    }

    /// The next run of data among what was read, if there is one.
    fn next_piece(&mut self) -> Result<Option<Bytes>, Broken> {
        while !self.unread.is_empty() && !self.framing.is_done() {
            let piece = self.framing.next(self.unread.bytes())?;
            let taken = self.unread.split_to(piece.taken);
            if !piece.data.is_empty() {
                self.pass_over()?;
                return Ok(Some(taken.slice(piece.data)));
            }
        }
        Ok(None)
    }

    /// Takes what frames the data before it, so that no memory is held for that.
    fn pass_over(&mut self) -> Result<(), Broken> {
        let mut ahead = self.framing;
        if !self.unread.is_empty() && ahead.next(self.unread.bytes())?.data.is_empty() {
            self.framing = ahead;
            self.unread.take();
        }
        Ok(())
    }
}

/// Sends `request` on a new connection, and hands the connection to the protocol that it switches to.
///
/// Returns the answer's head and the connection, which replays what was read beyond the head. An answer that switches to
/// nothing has a [`Sample`] of its body among its extensions.
pub async fn upgrade(
    stream: Stream,
    mut request: Request<Full<Bytes>>,
) -> Result<(Response<()>, Stream), NetError> {
    let mut http = Http1::over(stream);
    http.manners.dress(&mut request);
    let mut response = http.head(&Rendered::of(request), true).await?;
    http.manners.heard(response.headers());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let sample = Sample::read(async || Some(poll_fn(|cx| http.poll_frame(cx)).await?)).await;
        response.extensions_mut().insert(sample);
    }
    let Http1 { mut stream, mut unread, .. } = http;
    stream.put_back(unread.take());
    Ok((response, stream))
}
