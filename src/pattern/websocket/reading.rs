//! An open WebSocket, read frame by frame out of a buffer that all links of a thread share.
//!
//! A link whose frames come whole, as they nearly always do, keeps no byte between two of them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use fastwebsockets::{CloseCode, WebSocketError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::FRAME_LIMIT;
use crate::clock;
use crate::net::websocket::{Head, Opcode, masked};
use crate::net::{Meter, Stream};
use crate::pace::Rng;
use crate::pattern::redial::Ended;

/// Room for one read.
const READ: usize = 64 << 10;
/// Room for one read of a link that reads slowly on purpose: what it has read ahead is not at the server any more.
const SLOW_READ: usize = 8 << 10;
/// Room that is made for a frame before it is there.
const AHEAD: usize = 256 << 10;
/// Reads that fill their room, before the shard's other links have their turn.
const IN_A_ROW: usize = 8;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// A frame as it came.
#[derive(Debug, Clone, Copy)]
pub(in crate::pattern) struct Frame<'a> {
    pub opcode: Opcode,
    /// Whether its message ends with it.
    pub last: bool,
    pub payload: &'a [u8],
    /// When the read that brought its end was over, in monotonic nanoseconds.
    pub received_ns: u64,
}

/// What a read came to.
#[derive(Debug, Default)]
pub(in crate::pattern) struct Turn {
    /// Frames that the protocol owes the server, as they are written.
    pub owed: Vec<u8>,
    /// How the stream ended, if it did.
    pub ended: Option<Ended>,
}

/// An open WebSocket, or its reading half.
#[derive(Debug)]
pub(in crate::pattern) struct Reading<S = Stream> {
    stream: S,
    meter: Rc<Meter>,
    /// What came of a frame that is not whole yet, or that a slow link has not taken yet.
    rest: Vec<u8>,
}

impl<S> Reading<S> {
    pub(in crate::pattern) const fn new(stream: S, meter: Rc<Meter>) -> Self {
        Self { stream, meter, rest: Vec::new() }
    }

    pub(in crate::pattern) fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    /// Its parts, before anything was read.
    pub(in crate::pattern) fn into_parts(self) -> (S, Rc<Meter>) {
        (self.stream, self.meter)
    }
}

impl<S: AsyncRead + Unpin> Reading<S> {
    /// Reads once and has `take` take every frame that is whole, until it ends the stream.
    pub(in crate::pattern) async fn turn(
        &mut self,
        mut take: impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> Turn {
        poll_fn(|cx| self.poll_turns(cx, &mut take)).await
    }

    /// The same within a future of the caller's.
    pub(in crate::pattern) fn poll_turns(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> Poll<Turn> {
        for _ in 0..IN_A_ROW {
            let turn = ready!(self.poll_turn(cx, take));
            if turn.ended.is_some() || !turn.owed.is_empty() {
                return Poll::Ready(turn);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> Poll<Turn> {
        if !self.rest.is_empty() {
            return self.poll_more(cx, take);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let received_ns = clock::now();
            let bytes = buffer.filled();
            if let Err(ended) = checked(read, bytes.len()) {
                return Poll::Ready(Turn { ended: Some(ended), ..Turn::default() });
            }
            let mut turn = Turn::default();
            let used = turn.take(bytes, received_ns, take);
            if turn.ended.is_none() {
                self.rest.extend_from_slice(&bytes[used..]);
            }
            Poll::Ready(turn)
        })
    }

    /// The same for the frame of which a part is there.
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> Poll<Turn> {
        let Self { stream, rest, .. } = self;
        // Of a long frame, room for what is on its way, and not for what is merely announced.
        rest.reserve(missing(rest).clamp(1, AHEAD));
        let before = rest.len();
        let read = ready!(pin!(stream.read_buf(rest)).poll(cx));
        let received_ns = clock::now();
        let mut turn = Turn::default();
        if let Err(ended) = checked(read.map(drop), rest.len() - before) {
            turn.ended = Some(ended);
            return Poll::Ready(turn);
        }
        let used = turn.take(rest, received_ns, take);
        if used == rest.len() {
            *rest = Vec::new();
        } else {
            rest.drain(..used);
        }
        Poll::Ready(turn)
    }

    /// Has `take` take one frame, for a link that reads slowly on purpose: it is received when it is taken.
    pub(in crate::pattern) async fn slow_turn(
        &mut self,
        mut take: impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> Turn {
        let mut turn = Turn::default();
        loop {
            match whole(&self.rest) {
                Err(ended) => turn.ended = Some(ended),
                Ok(Some((head, end))) => {
                    turn.one(head, &self.rest[head.size..end], clock::now(), &mut take);
                    self.rest.drain(..end);
                }
                Ok(None) => {
                    self.rest.reserve(missing(&self.rest).clamp(SLOW_READ, AHEAD));
                    let read = self.stream.read_buf(&mut self.rest).await;
                    let count = read.as_ref().copied().unwrap_or_default();
                    match checked(read.map(drop), count) {
                        Ok(()) => continue,
                        Err(ended) => turn.ended = Some(ended),
                    }
                }
            }
            return turn;
        }
    }
}

impl Reading {
    /// Writes what is owed after a turn; returns how the stream ended, if it did.
    pub(super) async fn settle(&mut self, turn: Turn) -> Option<Ended> {
        let Turn { owed, ended } = turn;
        let paid = if owed.is_empty() { Ok(()) } else { self.pay(&owed).await };
        // The end that the server told says more than that it did not wait for the answer.
        ended.or(paid.err())
    }

    /// Writes what the protocol owes.
    async fn pay(&mut self, owed: &[u8]) -> Result<(), Ended> {
        let written = async {
            self.stream.write_all(owed).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| WebSocketError::IoError(error).into())
    }

    /// Sends a close, and reads until the server's.
    pub(super) async fn close(&mut self) {
        let mut close = Vec::new();
        owe(&mut close, Opcode::Close, &1000_u16.to_be_bytes(), clock::now());
        if self.pay(&close).await.is_err() {
            return;
        }
        let closed = |frame: Frame<'_>| (frame.opcode == Opcode::Close).then_some(Ended::Closed);
        while self.turn(closed).await.ended.is_none() {}
    }
}

fn checked(read: io::Result<()>, count: usize) -> Result<(), Ended> {
    match read {
        Ok(()) if count > 0 => Ok(()),
        Ok(()) => Err(WebSocketError::UnexpectedEOF.into()),
        Err(error) => Err(WebSocketError::IoError(error).into()),
    }
}

/// The header that `bytes` begin with, and where its frame ends, once it is there whole.
#[inline]
fn whole(bytes: &[u8]) -> Result<Option<(Head, usize)>, Ended> {
    let head = match Head::read(bytes, false) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(None),
        Err(_) if bytes.get(1).is_some_and(|second| second & 0x80 != 0) => {
            return Err(Ended::Masked);
        }
        Err(broken) => return Err(Ended::Framing(broken)),
    };
    if head.length > FRAME_LIMIT as u64 {
        return Err(WebSocketError::FrameTooLarge.into());
    }
    let end = head.size + head.length as usize;
    Ok((end <= bytes.len()).then_some((head, end)))
}

/// How many bytes are missing of the frame that `bytes` begin.
fn missing(bytes: &[u8]) -> usize {
    match Head::read(bytes, false) {
        Ok(Some(head)) => (head.size + head.length as usize).saturating_sub(bytes.len()),
        _ => 0,
    }
}

impl Turn {
    /// Takes every whole frame of `bytes`, until one ends the stream; returns how many bytes those were.
    fn take(
        &mut self,
        bytes: &[u8],
        received_ns: u64,
        take: &mut impl FnMut(Frame<'_>) -> Option<Ended>,
    ) -> usize {
        let mut at = 0;
        while self.ended.is_none() {
            match whole(&bytes[at..]) {
                Ok(Some((head, end))) => {
                    self.one(head, &bytes[at + head.size..at + end], received_ns, take);
                    at += end;
                }
                Ok(None) => break,
                Err(ended) => self.ended = Some(ended),
            }
        }
        at
    }

    #[inline]
    fn one(
        &mut self,
        head: Head,
        payload: &[u8],
        received_ns: u64,
        take: &mut impl FnMut(Frame<'_>) -> Option<Ended>,
    ) {
        match head.opcode {
            Opcode::Text if head.last && !is_utf8(payload) => {
                self.ended = Some(WebSocketError::InvalidUTF8.into());
                return;
            }
            Opcode::Ping => owe(&mut self.owed, Opcode::Pong, payload, received_ns),
            Opcode::Close => {
                let (answer, broken) = answer_to_close(payload);
                owe(&mut self.owed, Opcode::Close, answer, received_ns);
                if let Some(broken) = broken {
                    self.ended = Some(broken.into());
                    return;
                }
            }
            _ => {}
        }
        let frame = Frame { opcode: head.opcode, last: head.last, payload, received_ns };
        self.ended = take(frame);
    }
}

/// Whether a text is valid. Most texts are ASCII, which takes a quarter of the time to find out.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

/// The payload that answers a close, and what is wrong with it, if anything (RFC 6455, sections 5.5.1 and 7.4).
fn answer_to_close(payload: &[u8]) -> (&[u8], Option<WebSocketError>) {
    const PROTOCOL_ERROR: &[u8] = &1002_u16.to_be_bytes();
    match payload {
        [] => (payload, None),
        [_] => (PROTOCOL_ERROR, Some(WebSocketError::InvalidCloseFrame)),
        [high, low, reason @ ..] => {
            if std::str::from_utf8(reason).is_err() {
                (PROTOCOL_ERROR, Some(WebSocketError::InvalidUTF8))
            } else if CloseCode::from(u16::from_be_bytes([*high, *low])).is_allowed() {
                (payload, None)
            } else {
                (PROTOCOL_ERROR, Some(WebSocketError::InvalidCloseCode))
            }
        }
    }
}

/// Appends a frame as a client writes it, masked by what nobody can foresee who does not know this host's clock.
pub(in crate::pattern) fn owe(owed: &mut Vec<u8>, opcode: Opcode, payload: &[u8], now_ns: u64) {
    let key = (Rng::new(now_ns, owed.len() as u64).next_u64() as u32).to_le_bytes();
    masked(owed, opcode, &mut payload.to_vec(), key);
}

#[cfg(test)]
mod tests;
