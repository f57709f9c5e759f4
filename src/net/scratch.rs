//! One buffer per thread that every connection reads into, so that none has a buffer of its own while it waits.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Most that one read returns.
const SIZE: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads once, and passes what came to `take`: nothing at the end of the stream.
#[inline]
pub(super) fn poll_read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    // Taken out, so that a reader within a reader would have one of its own.
    let mut scratch = SCRATCH.take();
    scratch.reserve(SIZE);
    let mut buffer = ReadBuf::uninit(&mut scratch.spare_capacity_mut()[..SIZE]);
    let read = Pin::new(stream).poll_read(cx, &mut buffer);
    let taken = read.map_ok(|()| take(buffer.filled()));
    SCRATCH.set(scratch);
    Poll::Ready(ready!(taken))
}
