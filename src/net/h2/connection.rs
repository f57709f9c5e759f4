//! A client's connection of HTTP/2 without its socket: streams, windows, and what is to be written.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::Reason;

use super::decoder::{Decoder, LIST_MAX};
use super::encoder::Encoder;
use super::frame::{self, Breach};
use super::receive::Input;
use super::send::{Out, Peer};
use super::stream::{Stream, Windows};
use super::{Failure, Head};
use crate::clock;

/// What the server may send on a stream before anything is taken.
pub(super) const STREAM_WINDOW: u32 = 2 << 20;
/// The same on all streams together.
pub(super) const CONNECTION_WINDOW: u32 = 5 << 20;
/// The window of a connection before it is widened.
const FIRST_WINDOW: u32 = 65_535;

/// Hashes a stream's number, of which no peer chooses any.
#[derive(Debug, Default)]
pub(super) struct Numbers(u64);

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The top bits choose within a group, the low ones the group.
        self.0 =
            (self.0 ^ u64::from(number >> 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// Streams by their number.
pub(super) type Streams = HashMap<u32, Stream, BuildHasherDefault<Numbers>>;

/// How a connection ends.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Why it is over.
    pub(super) failure: Option<Failure>,
    /// The last stream that the server processes, once it says that it will go (GOAWAY).
    pub(super) last: Option<u32>,
    /// Whether no link, and no pool, holds it.
    pub(super) left: bool,
}

/// A connection.
#[derive(Debug)]
pub(in crate::net) struct Connection {
    pub(super) streams: Streams,
    /// Streams of them that are not over.
    pub(super) active: usize,
    /// Number of the next stream.
    pub(super) next: u32,
    pub(super) out: Out,
    pub(super) input: Input,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) peer: Peer,
    /// Of the connection as a whole.
    pub(super) windows: Windows,
    pub(super) end: End,
    /// Links that wait until the server allows another stream.
    waiting: Vec<Waker>,
    /// The task that carries the bytes.
    driver: Option<Waker>,
}

impl Connection {
    /// A connection that is about to greet the server.
    pub(in crate::net) fn new() -> Self {
        let receive = i64::from(CONNECTION_WINDOW);
        Self {
            streams: Streams::default(),
            active: 0,
            next: 1,
            out: Out { bytes: greeting(), ..Out::default() },
            input: Input::default(),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            peer: Peer::default(),
            windows: Windows { send: i64::from(FIRST_WINDOW), receive, owed: 0 },
            end: End::default(),
            waiting: Vec::new(),
            driver: None,
        }
    }

    /// Whether another request can be sent.
    pub(in crate::net) fn is_open(&self) -> bool {
        self.end.failure.is_none() && self.end.last.is_none() && self.next < 1 << 31
    }

    /// Ready once the server allows another stream; an error where it never will.
    pub(in crate::net) fn poll_room(&mut self, cx: &Context<'_>) -> Poll<Result<(), Failure>> {
        if !self.is_open() {
            return Poll::Ready(Err(self.end.failure.clone().unwrap_or(Failure::Ended)));
        }
        if self.active < self.peer.streams {
            return Poll::Ready(Ok(()));
        }
        self.waiting.push(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for the head of the answer on stream `id`.
    pub(in crate::net) fn poll_head(
        &mut self,
        id: u32,
        cx: &Context<'_>,
    ) -> Poll<Result<Head, Failure>> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(Failure::Ended));
        };
        if let Some(head) = stream.head.take() {
            return Poll::Ready(Ok(head));
        }
        if let Some(failure) = &stream.failure {
            return Poll::Ready(Err(failure.clone()));
        }
        stream.wait(cx.waker());
        Poll::Pending
    }

    /// Waits for the next piece of the body on stream `id`; `None` at its end.
    pub(in crate::net) fn poll_piece(
        &mut self,
        id: u32,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        let Some(stream) = self.streams.get_mut(&id) else { return Poll::Ready(None) };
        if let Some(piece) = stream.pieces.pop() {
            self.give_back(id, piece.len() as u32);
            return Poll::Ready(Some(Ok(piece)));
        }
        if let Some(failure) = &stream.failure {
            return Poll::Ready(Some(Err(failure.clone())));
        }
        if stream.ended {
            return Poll::Ready(None);
        }
        stream.wait(cx.waker());
        Poll::Pending
    }

    /// When the request on stream `id` was written, in monotonic nanoseconds; 0 if it was not.
    pub(in crate::net) fn sent_ns(&self, id: u32) -> u64 {
        self.streams.get(&id).map_or(0, |stream| stream.sent_ns)
    }

    /// Forgets stream `id`: a server that is not done with it gets a reset.
    pub(in crate::net) fn forget(&mut self, id: u32) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.give_back_whole(stream.pieces.len() as u32);
        if stream.failure.is_none() && !(stream.ended && stream.unsent.is_empty()) {
            self.reset(id, Reason::CANCEL);
        }
        if !stream.is_over() {
            self.release();
        }
        if self.end.last.is_some() {
            self.wake_driver();
        }
    }

    /// No link, and no pool, holds the connection.
    pub(in crate::net) fn leave(&mut self) {
        self.end.left = true;
        self.wake_driver();
    }

    /// Whether nothing is left to do but to write what is to be written.
    pub(super) fn is_done(&self) -> bool {
        self.end.failure.is_some()
            || self.end.left
            || (self.end.last.is_some() && self.streams.is_empty())
    }

    /// Ends the connection, and every stream of it that is not over.
    pub(super) fn fail(&mut self, failure: &Failure) {
        if let Failure::Breach(Breach { reason, .. }) = failure {
            self.go_away(*reason);
        }
        self.end.failure.get_or_insert_with(|| failure.clone());
        for stream in self.streams.values_mut().filter(|stream| !stream.is_over()) {
            stream.failure = Some(failure.clone());
            stream.wake();
        }
        self.active = 0;
        self.wake_waiting();
    }

    /// Announces that this side goes.
    pub(super) fn go_away(&mut self, reason: Reason) {
        let out = &mut self.out.bytes;
        frame::put_head(out, 8, frame::GOAWAY, 0, 0);
        // The server has opened no stream.
        out.extend_from_slice(&0_u32.to_be_bytes());
        out.extend_from_slice(&u32::from(reason).to_be_bytes());
    }

    /// Fails stream `id` alone.
    pub(super) fn fail_stream(&mut self, id: u32, failure: Failure) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_over()) else {
            return;
        };
        stream.failure = Some(failure);
        stream.wake();
        self.release();
    }

    /// Ends stream `id` for the server.
    pub(super) fn reset(&mut self, id: u32, reason: Reason) {
        frame::put_word(&mut self.out.bytes, frame::RST_STREAM, id, reason.into());
        self.wake_driver();
    }

    /// A stream is over: another may begin.
    pub(super) fn release(&mut self) {
        self.active = self.active.saturating_sub(1);
        self.wake_waiting();
    }

    pub(super) fn wake_waiting(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Remembers the task that carries the bytes.
    pub(super) fn driven_by(&mut self, waker: &Waker) {
        if !self.driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.driver = Some(waker.clone());
        }
    }

    /// Has the bytes written that wait; without effect before the task has begun, which writes them anyway.
    pub(super) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// The link has taken `count` octets of stream `id`: the server may send as many again.
    pub(super) fn give_back(&mut self, id: u32, count: u32) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_over()) {
            stream.windows.owed += count;
            if stream.windows.owed >= STREAM_WINDOW / 2 {
                let owed = std::mem::take(&mut stream.windows.owed);
                stream.windows.receive += i64::from(owed);
                frame::put_word(&mut self.out.bytes, frame::WINDOW_UPDATE, id, owed);
                self.wake_driver();
            }
        }
        self.give_back_whole(count);
    }

    /// The same of the connection as a whole.
    pub(super) fn give_back_whole(&mut self, count: u32) {
        self.windows.owed += count;
        if self.windows.owed >= CONNECTION_WINDOW / 2 {
            let owed = std::mem::take(&mut self.windows.owed);
            self.windows.receive += i64::from(owed);
            frame::put_word(&mut self.out.bytes, frame::WINDOW_UPDATE, 0, owed);
            self.wake_driver();
        }
    }

    /// A write at `now` has carried `count` more octets, and the beginnings of some requests among them.
    pub(super) fn wrote(&mut self, count: usize, now: Option<u64>) {
        self.out.written += count;
        while let Some((id, begin)) = self.out.unstamped.front().copied()
            && begin < self.out.written
        {
            self.out.unstamped.pop_front();
            if let Some((stream, now)) = self.streams.get_mut(&id).zip(now) {
                stream.sent_ns = now;
            }
        }
    }

    /// Now, if a request waits for the write that carries it.
    pub(super) fn stamp_wanted(&self) -> Option<u64> {
        (!self.out.unstamped.is_empty()).then(clock::now)
    }
}

/// The preface with the settings, and the wider window of the connection.
fn greeting() -> Vec<u8> {
    let mut out = frame::PREFACE.to_vec();
    let settings = [
        (frame::ENABLE_PUSH, 0),
        (frame::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
        (frame::MAX_HEADER_LIST_SIZE, LIST_MAX as u32),
    ];
    frame::put_head(&mut out, settings.len() * 6, frame::SETTINGS, 0, 0);
    for (name, value) in settings {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    frame::put_word(&mut out, frame::WINDOW_UPDATE, 0, CONNECTION_WINDOW - FIRST_WINDOW);
    out
}
