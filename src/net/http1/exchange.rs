//! A request while it is written, and its answer while it is read.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite as _;

use crate::clock;
use crate::net::h1::{Incoming, Rendered};
use crate::net::{Stream, alarm};

/// A request that is being written, and its answer.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// What is to be written; nothing once all is: whoever waits for an answer holds no request.
    request: Cow<'a, [u8]>,
    pub(super) timeout: Duration,
    /// When it is given up, in monotonic nanoseconds; 0 until it waits.
    deadline_ns: u64,
    pub(super) begun: bool,
    /// Reads that have brought something of the answer.
    pub(super) reads: u32,
    written: usize,
    flushed: bool,
    /// Why the request could not be written: an answer may have come all the same.
    pub(super) failed: Option<io::Error>,
    /// What has come of the answer: nothing, mostly, until it comes whole.
    answer: Option<Box<Incoming>>,
    of: Of,
}

/// What kind of request an answer is to.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// One whose answer may have a body.
    Any,
    /// HEAD.
    Head,
    /// One for another protocol.
    Upgrade,
}

impl<'a> Exchange<'a> {
    /// An exchange of `request` that is given up after `timeout`.
    #[inline]
    pub fn new(request: &'a Rendered, timeout: Duration) -> Self {
        Self::of(Cow::Borrowed(&request.bytes), request.is_head, timeout)
    }

    /// The same of a request that is sent once.
    #[inline]
    pub fn owning(request: Rendered, timeout: Duration) -> Exchange<'static> {
        Exchange::of(Cow::Owned(request.bytes), request.is_head, timeout)
    }

    #[inline]
    fn of(request: Cow<'a, [u8]>, is_head: bool, timeout: Duration) -> Self {
        Self {
            request,
            timeout,
            deadline_ns: 0,
            begun: false,
            reads: 0,
            written: 0,
            flushed: false,
            failed: None,
            answer: None,
            of: if is_head { Of::Head } else { Of::Any },
        }
    }

    /// The same of a request for another protocol.
    #[must_use]
    pub(super) fn for_upgrade(self) -> Self {
        Self { of: Of::Upgrade, ..self }
    }

    /// The answer as far as it has come.
    #[inline]
    pub(super) fn take_answer(&mut self) -> Incoming {
        match (self.answer.take(), self.of) {
            (Some(begun), _) => *begun,
            (None, Of::Any) => Incoming::new(false),
            (None, Of::Head) => Incoming::new(true),
            (None, Of::Upgrade) => Incoming::new(false).for_upgrade(),
        }
    }

    /// Keeps what has come of it.
    #[inline]
    pub(super) fn keep_answer(&mut self, answer: Incoming) {
        if answer.has_begun() {
            self.answer = Some(Box::new(answer));
        }
    }

    /// Whether it has begun.
    #[inline]
    pub const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether its answer was waited for already.
    #[inline]
    pub(super) const fn waits(&self) -> bool {
        self.deadline_ns > 0
    }

    /// When it is given up: its time-out after `sent_ns`, or after now.
    #[inline]
    pub(super) fn deadline_ns(&mut self, sent_ns: Option<u64>) -> u64 {
        if self.deadline_ns == 0 {
            let from_ns = sent_ns.unwrap_or_else(clock::now);
            self.deadline_ns = alarm::deadline_ns(from_ns, self.timeout);
        }
        self.deadline_ns
    }

    /// Whether all of the request has been written.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.request.len()
    }

    /// Writes as much as the connection takes.
    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) {
        while self.written < self.request.len() && self.failed.is_none() {
            match Pin::new(&mut *stream).poll_write(cx, &self.request[self.written..]) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.failed = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => self.failed = Some(error),
            }
        }
        if self.is_written() {
            self.request = Cow::Borrowed(&[]);
            self.written = 0;
        }
        if !self.flushed && self.failed.is_none() {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => self.failed = Some(error),
            }
        }
    }
}
