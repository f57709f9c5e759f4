//! One connection to a receiver: writes a request and reads its response at the same time.
//!
//! A receiver may answer before it has read the request, or break the connection right after its status line. A broken
//! write therefore counts only after everything that arrived has been read.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::timeout;

use super::batch::Batch;
use super::destination::Destination;
use super::response::{RESPONSE_MAX, Response, Rest};
use crate::clock;
use crate::server::outlet::{Outgoing, Outlet};

/// Read at once.
const READ: usize = 2 << 10;
/// Longest wait for the rest of a response after its status, so that its connection can be kept.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// A request, rendered.
#[derive(Debug)]
pub(super) struct Rendered {
    /// The request line and the headers, with the empty line.
    pub head: Vec<u8>,
    /// The body.
    pub body: Bytes,
}

/// A connection, and the bytes read from it but not yet parsed.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whom it was dialled for.
    to: Rc<Destination>,
    outlet: Outlet,
    outgoing: Rc<Outgoing>,
    buffer: Vec<u8>,
}

/// The response to one request, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub response: Response,
    /// When its status line was read, in monotonic nanoseconds.
    pub at_ns: Option<u64>,
    /// Whether the receiver has sent anything at all.
    pub any: bool,
}

impl Received {
    /// Whether the status is one of success.
    pub(super) fn is_success(&self) -> bool {
        self.response.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// How much of a response to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The status line.
    Status,
    /// The body, too.
    Body,
}

/// Progress of writing a request.
struct Writing<'a> {
    request: &'a Rendered,
    sent: usize,
    flushed: bool,
    broken: Option<io::Error>,
}

impl Connection {
    /// A new connection.
    pub(super) const fn new(to: Rc<Destination>, outlet: Outlet, outgoing: Rc<Outgoing>) -> Self {
        Self { to, outlet, outgoing, buffer: Vec::new() }
    }

    /// Whether it leads to this destination.
    pub(super) fn leads_to(&self, to: &Destination) -> bool {
        *self.to == *to
    }

    /// Whether the receiver has neither closed it nor sent anything unasked.
    pub(super) fn is_quiet(&mut self) -> bool {
        let (mut byte, mut cx) = ([0], Context::from_waker(Waker::noop()));
        Pin::new(&mut self.outlet).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// When the last request was written, if it was.
    pub(super) fn written_ns(&self) -> Option<u64> {
        self.outgoing.written_ns()
    }

    /// Sends `request`, stamps the write of `written`, and reads the response into `received` as it arrives, so that a
    /// partial response survives errors and cancellation.
    ///
    /// # Errors
    ///
    /// The connection broke or ended, or sent something other than HTTP, before as much was read as `wait` requires.
    pub(super) async fn exchange(
        &mut self,
        request: &Rendered,
        written: Option<&Batch>,
        wait: Wait,
        received: &mut Received,
    ) -> io::Result<Option<Rest>> {
        self.outgoing.watch();
        for entry in written.into_iter().flat_map(Batch::entries) {
            self.outgoing.add(entry);
        }
        let mut writing = Writing { request, sent: 0, flushed: false, broken: None };
        poll_fn(|cx| {
            loop {
                writing.poll(&mut self.outlet, cx);
                match self.poll_fill(cx) {
                    // The status suffices; the caller reads the rest or closes the connection. An unfinished request would
                    // mix with the next one.
                    Poll::Pending if wait == Wait::Status && received.response.status.is_some() => {
                        let abandoned = (!writing.flushed).then_some(Rest::Abandon);
                        return Poll::Ready(Ok(abandoned));
                    }
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(writing.broken.take().unwrap_or(error)));
                    }
                    Poll::Ready(Ok(ended)) => {
                        if let Some(rest) = self.read_on(ended, received)? {
                            // The request must be away: else the next one would be mixed up with its end.
                            let away = writing.flushed;
                            return Poll::Ready(Ok(Some(if away { rest } else { rest.closing() })));
                        }
                    }
                }
            }
        })
        .await
    }

    /// Reads arrived bytes; `true` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = [std::mem::MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut bytes);
        std::task::ready!(Pin::new(&mut self.outlet).poll_read(cx, &mut read))?;
        self.buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().is_empty()))
    }

    /// Parses the bytes read; the rest of the message once its handling is known.
    fn read_on(&mut self, ended: bool, received: &mut Received) -> io::Result<Option<Rest>> {
        received.any |= !self.buffer.is_empty();
        received.response.read_head(&mut self.buffer).map_err(io::Error::other)?;
        if received.response.status.is_some() {
            received.at_ns.get_or_insert_with(clock::now);
        }
        let over = self.buffer.len() > RESPONSE_MAX;
        match received.response.rest(&self.buffer, ended) {
            Rest::More if !ended && !over => Ok(None),
            Rest::Abandon if received.response.status.is_none() => Err(if over {
                io::Error::other("no status line within 16 KiB of the answer")
            } else {
                let closed = "the receiver closed the connection without an answer";
                io::Error::new(io::ErrorKind::UnexpectedEof, closed)
            }),
            Rest::Whole { body, reusable } => {
                self.buffer = Vec::new();
                Ok(Some(Rest::Whole { body, reusable }))
            }
            _ => Ok(Some(Rest::Abandon)),
        }
    }

    /// Reads to the end of the head, for `Retry-After`, within a time limit; after that the known part has to suffice.
    pub(super) async fn finish_head(&mut self, received: &mut Received) -> Option<Rest> {
        let head = poll_fn(|cx| {
            while !received.response.has_head() {
                let ended = std::task::ready!(self.poll_fill(cx))?;
                if let Some(rest) = self.read_on(ended, received)? {
                    return Poll::Ready(io::Result::Ok(Some(rest)));
                }
            }
            Poll::Ready(Ok(None))
        });
        timeout(REST_LIMIT, head).await.ok()?.unwrap_or(Some(Rest::Abandon))
    }

    /// Reads the rest of a response within bounds of time and bytes; whether the connection can be used again.
    pub(super) async fn finish(&mut self, mut received: Received) -> bool {
        let rest = poll_fn(|cx| {
            loop {
                let ended = std::task::ready!(self.poll_fill(cx))?;
                if let Some(rest) = self.read_on(ended, &mut received)? {
                    return Poll::Ready(io::Result::Ok(rest));
                }
                if !received.response.worth_finishing() {
                    return Poll::Ready(Ok(Rest::Abandon));
                }
            }
        });
        matches!(timeout(REST_LIMIT, rest).await, Ok(Ok(Rest::Whole { reusable: true, .. })))
    }
}

impl Writing<'_> {
    /// Writes what can be written now. An error is kept, because arrived bytes may explain it.
    fn poll(&mut self, outlet: &mut Outlet, cx: &mut Context<'_>) {
        let Rendered { head, body } = self.request;
        while self.broken.is_none() && self.sent < head.len() + body.len() {
            let slices = [
                IoSlice::new(&head[self.sent.min(head.len())..]),
                IoSlice::new(&body[self.sent.saturating_sub(head.len())..]),
            ];
            let slices = if self.sent < head.len() { &slices[..] } else { &slices[1..] };
            match Pin::new(&mut *outlet).poll_write_vectored(cx, slices) {
                Poll::Ready(Ok(0)) => self.broken = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.sent += written,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => return,
            }
        }
        if self.broken.is_none() && !self.flushed {
            match Pin::new(outlet).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => {}
            }
        }
    }
}
