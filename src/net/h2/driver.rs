//! Carries the bytes of a connection between it and its socket, as a task of its own, because no link owns it.
//!
//! A turn writes first and reads then. What a read brings wakes links; those that send their next requests wake this task, which
//! comes after them in the runtime's queue: their requests leave in one write.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{Connection, Failure};

/// Most that is read at once, on the stack of the one who polls: a waiting connection holds no buffer.
const READ: usize = 16 << 10;
/// Reads in one turn.
const READS: usize = 8;
/// Bytes that wait to be written while more is read: who does not read what it asks for is not answered.
const BACKLOG: usize = 256 << 10;
/// Largest output buffer that an idle connection keeps.
const KEPT: usize = 64 << 10;
/// Longest wait for the end of what is written last.
const PATIENCE: Duration = Duration::from_secs(1);

/// Carries the bytes of `connection` until it is over.
pub(in crate::net) async fn drive<T: AsyncRead + AsyncWrite + Unpin>(
    mut io: T,
    connection: Rc<RefCell<Connection>>,
) {
    poll_fn(|cx| turn(&mut io, &mut connection.borrow_mut(), cx)).await;
    let last = async {
        let bytes = {
            let mut connection = connection.borrow_mut();
            let left = connection.end.left || connection.end.last.is_some();
            if left && connection.end.failure.is_none() {
                connection.go_away(Reason::NO_ERROR);
                // Who still waits learns that no answer comes.
                connection.fail(&Failure::Ended);
            }
            let out = &mut connection.out;
            std::mem::take(&mut out.bytes).split_off(out.written)
        };
        let _ = io.write_all(&bytes).await;
        let _ = io.shutdown().await;
    };
    // The connection is over however it ends.
    let _ = tokio::time::timeout(PATIENCE, last).await;
}

/// Writes and reads what can be; ready once the connection is over.
fn turn<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    connection: &mut Connection,
    cx: &mut Context<'_>,
) -> Poll<()> {
    connection.driven_by(cx.waker());
    let moved = write(io, connection, cx).and_then(|full| {
        let more = read(io, connection, cx)?;
        // Acknowledgements leave with the requests of the links that were woken, in the next turn; where the socket is full,
        // that comes when it has room.
        let unwritten = connection.out.written < connection.out.bytes.len();
        Ok(more || (unwritten && !full))
    });
    match moved {
        Ok(true) => connection.wake_driver(),
        Ok(false) => {}
        Err(failure) => connection.fail(&failure),
    }
    if connection.is_done() {
        return Poll::Ready(());
    }
    Poll::Pending
}

/// Writes what waits; whether the socket is full.
fn write<T: AsyncWrite + Unpin>(
    io: &mut T,
    connection: &mut Connection,
    cx: &mut Context<'_>,
) -> Result<bool, Failure> {
    while connection.out.written < connection.out.bytes.len() {
        let now = connection.stamp_wanted();
        let out = &mut connection.out;
        match Pin::new(&mut *io).poll_write(cx, &out.bytes[out.written..]) {
            Poll::Pending => return Ok(true),
            Poll::Ready(Err(error)) => return Err(broken(error)),
            Poll::Ready(Ok(0)) => return Err(broken(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(count)) => connection.wrote(count, now),
        }
    }
    let out = &mut connection.out;
    if out.written > 0 {
        out.written = 0;
        out.bytes.clear();
        out.bytes.shrink_to(KEPT);
        out.unflushed = true;
    }
    // Under TLS, records may wait for the socket.
    if out.unflushed {
        match Pin::new(io).poll_flush(cx) {
            Poll::Pending => {}
            Poll::Ready(Err(error)) => return Err(broken(error)),
            Poll::Ready(Ok(())) => out.unflushed = false,
        }
    }
    Ok(false)
}

/// Reads what has come; whether there may be more.
fn read<T: AsyncRead + Unpin>(
    io: &mut T,
    connection: &mut Connection,
    cx: &mut Context<'_>,
) -> Result<bool, Failure> {
    let mut space = [const { MaybeUninit::uninit() }; READ];
    for _ in 0..READS {
        if connection.out.bytes.len() - connection.out.written > BACKLOG {
            return Ok(false);
        }
        let mut buffer = ReadBuf::uninit(&mut space);
        match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Err(error)) => return Err(broken(error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Err(Failure::Ended),
            Poll::Ready(Ok(())) => connection.feed(buffer.filled())?,
        }
    }
    Ok(true)
}

fn broken(error: io::Error) -> Failure {
    Failure::Broken(Rc::new(error))
}
