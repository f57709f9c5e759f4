mod breaches;
mod driving;
mod flow;
mod frames;
mod hpack;

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};

use super::frame::{self, Breach, FrameHead};
use super::{Connection, Failure, Head, Outgoing};

/// A frame of the server's.
fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_head(&mut out, payload.as_ref().len(), kind, flags, stream);
    out.extend_from_slice(payload.as_ref());
    out
}

/// A frame of a table: kind, flags, stream, payload.
type Raw = (u8, u8, u32, &'static [u8]);

fn raw((kind, flags, stream, payload): &Raw) -> Vec<u8> {
    frame(*kind, *flags, *stream, payload)
}

/// What a server says first.
fn settings() -> Vec<u8> {
    frame(frame::SETTINGS, 0, 0, [])
}

/// A header block of `:status: 200`.
const OK: &[u8] = &[0x88];

/// The head of a right answer on stream 1.
fn head(ends: bool) -> Vec<u8> {
    let ends = if ends { frame::END_STREAM } else { 0 };
    frame(frame::HEADERS, frame::END_HEADERS | ends, 1, OK)
}

fn open(connection: &mut Connection, method: &Method, body: &[u8]) -> u32 {
    let authority = HeaderValue::from_static("localhost");
    connection.open(Outgoing {
        method,
        scheme: "http",
        authority: &authority,
        path: "/",
        headers: &HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
    })
}

/// A connection with a request on stream 1, that has written everything.
fn asked(method: &Method) -> Connection {
    let mut connection = Connection::new();
    assert_eq!(open(&mut connection, method, b""), 1);
    connection.out.bytes.clear();
    connection
}

/// What an exchange comes to.
#[derive(Debug)]
enum Outcome {
    Answer(Head, Vec<u8>),
    Pending,
    Failed(Failure),
}

fn outcome(connection: &mut Connection, id: u32) -> Outcome {
    let cx = Context::from_waker(Waker::noop());
    let head = match connection.poll_head(id, &cx) {
        Poll::Pending => return Outcome::Pending,
        Poll::Ready(Err(failure)) => return Outcome::Failed(failure),
        Poll::Ready(Ok(head)) => head,
    };
    let mut body = Vec::new();
    loop {
        match connection.poll_piece(id, &cx) {
            Poll::Pending => return Outcome::Pending,
            Poll::Ready(None) => return Outcome::Answer(head, body),
            Poll::Ready(Some(Err(failure))) => return Outcome::Failed(failure),
            Poll::Ready(Some(Ok(piece))) => body.extend_from_slice(&piece),
        }
    }
}

/// The frames among `bytes`.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some(FrameHead { length, kind, flags, stream }) = FrameHead::read(bytes).unwrap() {
        let (frame, rest) = bytes.split_at(frame::HEAD + length);
        found.push((kind, flags, stream, frame[frame::HEAD..].to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    found
}

/// Takes what was to be written.
fn written(connection: &mut Connection) -> Vec<(u8, u8, u32, Vec<u8>)> {
    frames(&std::mem::take(&mut connection.out.bytes))
}

/// Feeds bytes; the breach for which the connection ends.
fn fed(connection: &mut Connection, bytes: &[u8]) -> Option<Breach> {
    connection.feed(bytes).err()
}
