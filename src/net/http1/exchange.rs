//! A request while it is written, and its answer while it is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite as _;

use crate::net::Stream;
use crate::net::h1::Incoming;

/// A request that is being written, and its answer.
pub(super) struct Exchange<'a> {
    request: &'a [u8],
    written: usize,
    flushed: bool,
    /// Why the request could not be written: an answer may have come all the same.
    pub(super) failed: Option<io::Error>,
    pub(super) answer: Incoming,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(request: &'a [u8], is_head: bool) -> Self {
        let answer = Incoming::new(is_head);
        Self { request, written: 0, flushed: false, failed: None, answer }
    }

    /// Whether all of the request has been written.
    pub(super) const fn is_written(&self) -> bool {
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
        if !self.flushed && self.failed.is_none() {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => self.failed = Some(error),
            }
        }
    }
}
