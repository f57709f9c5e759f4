//! What a connection has rendered and not yet written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite as _;

use crate::clock;
use crate::server::outlet::Writes;
use crate::server::wire::Wire;

/// Bodies up to this size are copied.
const COPIED: usize = 8 << 10;
/// Bytes of memory that an empty outbox keeps.
const KEPT: usize = 64 << 10;

/// Bytes to write, and the deliveries among them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Heads and small bodies.
    pub bytes: Vec<u8>,
    /// How much of them is written.
    at: usize,
    /// A large body behind them.
    pub tail: Bytes,
    /// Published stamps of the events in it.
    pub deliveries: Vec<u64>,
    /// TLS has taken bytes that the kernel may not have.
    unflushed: bool,
}

impl Outbox {
    /// Whether everything is written.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.tail.is_empty() && !self.unflushed
    }

    /// Writes everything, and books the deliveries once the kernel has it. `moved` becomes true if it takes anything.
    pub(super) fn poll_write(
        &mut self,
        wire: &mut Wire,
        writes: &Writes,
        moved: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let rest = &self.bytes[self.at..];
            let written = if self.tail.is_empty() {
                if rest.is_empty() {
                    break;
                }
                ready!(wire.poll_give(cx, &[IoSlice::new(rest)]))?
            } else {
                let slices = [rest, &self.tail].map(IoSlice::new);
                ready!(wire.poll_give(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *moved = true;
            self.advance(written);
        }
        if let Wire::Tls(stream) = wire {
            self.unflushed = true;
            ready!(Pin::new(&mut **stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        if !self.deliveries.is_empty() {
            let now = clock::now();
            for published_ns in self.deliveries.drain(..) {
                writes.book(published_ns, now);
            }
        }
        self.bytes.clear();
        self.at = 0;
        Poll::Ready(Ok(()))
    }

    /// Adds a body: a small one is copied behind its head, a large one is written from where it is.
    pub(super) fn body(&mut self, body: Bytes) {
        if body.len() <= COPIED {
            self.bytes.extend_from_slice(&body);
        } else {
            self.tail = body;
        }
    }

    fn advance(&mut self, mut written: usize) {
        let step = written.min(self.bytes.len() - self.at);
        self.at += step;
        written -= step;
        let _ = self.tail.split_to(written);
    }

    /// Gives up memory that only one large answer needed.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to(KEPT);
        self.deliveries.shrink_to(KEPT / size_of::<u64>());
    }
}
