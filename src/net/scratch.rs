//! One buffer per thread that every connection reads into, so that none has a buffer of its own while it waits.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Most that one read returns.
const SIZE: usize = 64 << 10;

type Scratch = Box<[MaybeUninit<u8>]>;

thread_local! {
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// Reads once, and passes what came to `take`: nothing at the end of the stream.
#[inline]
pub(super) fn poll_read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    // Taken out, so that a reader within a reader would have one of its own.
    let mut scratch = SCRATCH.take().unwrap_or_else(fresh);
    let mut buffer = ReadBuf::uninit(&mut scratch[..]);
    let read = Pin::new(stream).poll_read(cx, &mut buffer);
    let taken = read.map_ok(|()| take(buffer.filled()));
    SCRATCH.set(Some(scratch));
    Poll::Ready(ready!(taken))
}

#[cold]
fn fresh() -> Scratch {
    Box::new_uninit_slice(SIZE)
}
