//! One connection to a receiver: writes a request and reads its response at the same time.
//!
//! A receiver may answer before it has read the request, or break the connection right after its status line. A broken
//! write therefore counts only after everything that arrived has been read.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::timeout;

use super::batch::Batch;
use super::destination::Destination;
use super::response::{RESPONSE_MAX, Response, Rest};
use crate::clock;
use crate::net::Alarm;
use crate::server::outlet::{Outgoing, Outlet};

/// Read at once.
const READ: usize = 2 << 10;
/// Longest wait for the rest of a response after its status, so that its connection can be kept.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// A connection, and the bytes read from it but not yet parsed.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whom it was dialled for.
    to: Arc<Destination>,
    outlet: Outlet,
    outgoing: Rc<Outgoing>,
    writing: Writing,
    /// The beginning of a response that did not arrive at once.
    buffer: Vec<u8>,
    /// The time-out of an attempt: of an earlier one, mostly.
    alarm: Alarm,
}

/// What of a request is not written yet.
#[derive(Debug, Default)]
struct Writing {
    unsent: Vec<u8>,
    at: usize,
    flushed: bool,
    broken: Option<io::Error>,
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

/// Why a response is not read on.
#[derive(Debug)]
enum Unread {
    /// The connection broke.
    Broken(io::Error),
    /// What arrived is no answer, or none arrived before the end.
    NoAnswer(io::Error),
}

impl Received {
    /// Parses `bytes`, which follow what was taken before; how many of them were taken, and the rest of the message once its
    /// handling is known. `ended` if nothing more will arrive.
    fn take(&mut self, bytes: &[u8], ended: bool) -> io::Result<(usize, Option<Rest>)> {
        self.any |= !bytes.is_empty();
        let taken = self.response.read_head(bytes).map_err(io::Error::other)?;
        if self.response.status.is_some() {
            self.at_ns.get_or_insert_with(clock::now);
        }
        let left = &bytes[taken..];
        let over = left.len() > RESPONSE_MAX;
        let rest = match self.response.rest(left, ended) {
            Rest::More if !ended && !over => None,
            Rest::Abandon if self.response.status.is_none() => {
                return Err(if over {
                    io::Error::other("no status line within 16 KiB of the answer")
                } else {
                    let closed = "the receiver closed the connection without an answer";
                    io::Error::new(io::ErrorKind::UnexpectedEof, closed)
                });
            }
            Rest::Whole { body, reusable } => Some(Rest::Whole { body, reusable }),
            _ => Some(Rest::Abandon),
        };
        Ok((taken, rest))
    }

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

impl Connection {
    /// A new connection.
    pub(super) fn new(to: Arc<Destination>, outlet: Outlet, outgoing: Rc<Outgoing>) -> Self {
        let (writing, buffer) = (Writing::default(), Vec::new());
        Self { to, outlet, outgoing, writing, buffer, alarm: Alarm::default() }
    }

    /// Whether it leads to this destination.
    pub(super) fn leads_to(&self, to: &Arc<Destination>) -> bool {
        Arc::ptr_eq(&self.to, to) || self.to == *to
    }

    /// Whether the receiver has neither closed it nor sent anything unasked.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.outlet.is_quiet()
    }

    /// When the last request was written, if it was.
    pub(super) fn written_ns(&self) -> Option<u64> {
        self.outgoing.written_ns()
    }

    /// Writes of `request` what can be written at once, and keeps the rest for [`Self::exchange`]. Stamps the write of
    /// `written`.
    pub(super) fn send(&mut self, request: &[u8], written: Option<&Batch>) {
        self.outgoing.watch();
        for entry in written.into_iter().flat_map(Batch::entries) {
            self.outgoing.add(entry);
        }
        // Whoever waits for the response is woken for the rest.
        let mut cx = Context::from_waker(Waker::noop());
        self.writing = Writing::default();
        let sent = self.writing.write(request, &mut self.outlet, &mut cx);
        if sent < request.len() {
            self.writing.unsent = request[sent..].to_vec();
        }
    }

    /// Writes what is left of a request, and reads the response into `received` as it arrives, so that a partial response
    /// survives errors and cancellation. `None` once `deadline_ns` has passed.
    ///
    /// # Errors
    ///
    /// The connection broke or ended, or sent something other than HTTP, before as much was read as `wait` requires.
    pub(super) async fn exchange(
        &mut self,
        wait: Wait,
        deadline_ns: u64,
        received: &mut Received,
    ) -> Option<io::Result<Option<Rest>>> {
        poll_fn(|cx| match self.poll(cx, wait, received) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => self.alarm.poll(cx, deadline_ns).map(|()| None),
        })
        .await
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wait: Wait,
        received: &mut Received,
    ) -> Poll<io::Result<Option<Rest>>> {
        loop {
            self.writing.poll(&mut self.outlet, cx);
            match self.poll_read_on(cx, received) {
                // The status suffices; the caller reads the rest or closes the connection. An unfinished request would
                // mix with the next one.
                Poll::Pending if wait == Wait::Status && received.response.status.is_some() => {
                    let abandoned = (!self.writing.flushed).then_some(Rest::Abandon);
                    return Poll::Ready(Ok(abandoned));
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(rest))) => {
                    // The request must be away: else the next one would be mixed up with its end.
                    let away = self.writing.flushed;
                    return Poll::Ready(Ok(Some(if away { rest } else { rest.closing() })));
                }
                Poll::Ready(Err(Unread::Broken(error))) => {
                    return Poll::Ready(Err(self.writing.broken.take().unwrap_or(error)));
                }
                Poll::Ready(Err(Unread::NoAnswer(error))) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads once and parses what has arrived; the rest of the message once its handling is known.
    fn poll_read_on(
        &mut self,
        cx: &mut Context<'_>,
        received: &mut Received,
    ) -> Poll<Result<Option<Rest>, Unread>> {
        let mut bytes = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.outlet).poll_read(cx, &mut read)).map_err(Unread::Broken)?;
        let (arrived, ended) = (read.filled(), read.filled().is_empty());
        // Mostly a response arrives at once, and is parsed where it was read.
        let (taken, rest) = if self.buffer.is_empty() {
            received.take(arrived, ended).map_err(Unread::NoAnswer)?
        } else {
            self.buffer.extend_from_slice(arrived);
            received.take(&self.buffer, ended).map_err(Unread::NoAnswer)?
        };
        if rest.is_some() {
            self.buffer = Vec::new();
        } else if self.buffer.is_empty() {
            self.buffer.extend_from_slice(&arrived[taken..]);
        } else {
            self.buffer.drain(..taken);
        }
        Poll::Ready(Ok(rest))
    }

    /// Reads to the end of the head, for `Retry-After`, within a time limit; after that the known part has to suffice.
    pub(super) async fn finish_head(&mut self, received: &mut Received) -> Option<Rest> {
        let head = poll_fn(|cx| {
            while !received.response.has_head() {
                if let Some(rest) = ready!(self.poll_read_on(cx, received))? {
                    return Poll::Ready(Ok::<_, Unread>(Some(rest)));
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
                if let Some(rest) = ready!(self.poll_read_on(cx, &mut received))? {
                    return Poll::Ready(Ok::<_, Unread>(rest));
                }
                if !received.response.worth_finishing() {
                    return Poll::Ready(Ok(Rest::Abandon));
                }
            }
        });
        matches!(timeout(REST_LIMIT, rest).await, Ok(Ok(Rest::Whole { reusable: true, .. })))
    }
}

impl Writing {
    /// Writes `bytes` as far as that can be done now; returns how far. An error is kept, because arrived bytes may explain
    /// it.
    fn write(&mut self, bytes: &[u8], outlet: &mut Outlet, cx: &mut Context<'_>) -> usize {
        let mut sent = 0;
        while self.broken.is_none() && sent < bytes.len() {
            match Pin::new(&mut *outlet).poll_write(cx, &bytes[sent..]) {
                Poll::Ready(Ok(0)) => self.broken = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => sent += written,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => return sent,
            }
        }
        if self.broken.is_none() && !self.flushed {
            match Pin::new(outlet).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => {}
            }
        }
        sent
    }

    /// Writes on.
    fn poll(&mut self, outlet: &mut Outlet, cx: &mut Context<'_>) {
        if self.flushed || self.broken.is_some() {
            return;
        }
        let unsent = std::mem::take(&mut self.unsent);
        self.at += self.write(&unsent[self.at..], outlet, cx);
        if !self.flushed {
            self.unsent = unsent;
        }
    }
}
