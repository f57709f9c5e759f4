//! Calls over a WebSocket: a request and its answer as one text message each, one call at a time.
//!
//! Between calls the client must answer the target's pings, and the next call may interrupt it at any byte. The framing
//! crate cannot be interrupted: a partly read or written frame is lost with the future. Frames are therefore read from, and
//! written into, buffers that persist.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use fastwebsockets::WebSocketError;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Link;
use super::handshake::{self, Opened};
use super::poll::{get, host};
use super::redial::Ended;
use crate::clock;
use crate::net::call::{Id, read_answer, write_call};
use crate::net::websocket::{Head, Opcode, masked};
use crate::net::{Meter, NetError, StampedResponse, Stream};
use crate::pace::Rng;

const PATH: &str = "/calls";
/// Longest message that is taken, in bytes.
const MESSAGE_MAX: usize = 4 << 20;
/// Room for a read, in bytes.
const READ: usize = 4 << 10;

/// A WebSocket of one client. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Calls {
    stream: Stream,
    meter: Rc<Meter>,
    frames: Frames,
    rng: Rng,
    /// Frames that are not written yet, or not wholly.
    unsent: BytesMut,
    /// The number of the last call.
    last: u64,
}

/// The result of dialling.
#[derive(Debug)]
pub(super) enum Dialled {
    /// A socket that takes calls.
    Socket(Box<Calls>),
    /// The target's refusal, which answers the call that it was dialled for.
    Refused(StampedResponse),
}

impl Calls {
    /// Dials and upgrades; nonces and masks are drawn from `rng`.
    pub(super) async fn dial(link: &Link, rng: &mut Rng) -> Result<Dialled, Ended> {
        let dialled_ns = clock::now();
        Ok(match handshake::open(link, get(PATH.to_owned(), &host(link)), rng).await? {
            Opened::Socket(stream, meter, _) => {
                let (frames, unsent) = (Frames::default(), BytesMut::new());
                let rng = Rng::new(rng.next_u64(), 0);
                Dialled::Socket(Box::new(Self { stream, meter, frames, rng, unsent, last: 0 }))
            }
            Opened::Refused(response) => {
                let (head, ()) = response.into_parts();
                let done_ns = clock::now();
                Dialled::Refused(StampedResponse {
                    status: head.status,
                    headers: head.headers.into(),
                    body: Bytes::new(),
                    sent_ns: dialled_ns,
                    first_ns: done_ns,
                    done_ns,
                })
            }
        })
    }

    /// The meter of the socket.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Calls, and waits for the answer; after an error the socket is of no more use.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<StampedResponse, Ended> {
        let (head, body) = request.into_parts();
        // It is there already.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        self.last += 1;
        let mut call = write_call(self.last, head, &body);
        self.queue(Opcode::Text, &mut call);
        self.meter.arm();
        let answered = async {
            self.send().await?;
            self.message().await
        };
        let outcome = tokio::time::timeout(limit, answered).await;
        let done_ns = clock::now();
        let message = outcome.unwrap_or_else(|_| Err(NetError::Timeout(limit).into()))?;
        let (id, status, headers, body) = read_answer(&message).ok_or(Ended::StampedResponse)?;
        if id != Id::number(self.last) {
            return Err(Ended::StampedResponse);
        }
        let sent_ns = self.meter.sent_ns().unwrap_or(done_ns);
        let first_ns = self.meter.first_ns().unwrap_or(done_ns);
        let headers = headers.into();
        Ok(StampedResponse { status, headers, body, sent_ns, first_ns, done_ns })
    }

    /// Answers pings between two calls; returns when the socket has ended. May be dropped at any time.
    pub(super) async fn attend(&mut self) -> Ended {
        match self.message().await {
            // An answer without a call.
            Ok(_) => Ended::StampedResponse,
            Err(ended) => ended,
        }
    }

    /// Returns the next message, after sending any pending control frames.
    async fn message(&mut self) -> Result<Bytes, Ended> {
        loop {
            self.send().await?;
            match self.frames.next()? {
                Some(Said::Message(message)) => return Ok(message),
                Some(Said::Ping(mut payload)) => {
                    self.queue(Opcode::Pong, &mut payload);
                    if self.frames.unread.is_empty() {
                        // A ping is not part of an answer.
                        self.meter.unstamp_first();
                    }
                }
                Some(Said::Close) => return Err(Ended::Closed),
                None => {
                    self.frames.unread.reserve(READ);
                    if self.stream.read_buf(&mut self.frames.unread).await.map_err(broken)? == 0 {
                        return Err(WebSocketError::UnexpectedEOF.into());
                    }
                }
            }
        }
    }

    /// Puts a masked frame behind those that are to be written.
    fn queue(&mut self, opcode: Opcode, payload: &mut [u8]) {
        let key = (self.rng.next_u64() as u32).to_le_bytes();
        masked(&mut self.unsent, opcode, payload, key);
    }

    /// Writes and flushes the queued frames.
    async fn send(&mut self) -> Result<(), Ended> {
        if self.unsent.has_remaining() {
            while self.unsent.has_remaining() {
                self.stream.write_buf(&mut self.unsent).await.map_err(broken)?;
            }
            self.unsent = BytesMut::new();
        }
        self.stream.flush().await.map_err(broken)
    }
}

fn broken(error: io::Error) -> Ended {
    WebSocketError::IoError(error).into()
}

/// A server's message.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// A text message.
    Message(Bytes),
    /// A ping, with its payload.
    Ping(Vec<u8>),
    /// Close.
    Close,
}

/// Parses a server's frames from any split of the stream.
#[derive(Debug, Default)]
struct Frames {
    unread: BytesMut,
    /// The parts of a fragmented message so far.
    begun: Option<BytesMut>,
}

impl Frames {
    /// Returns the next complete message.
    fn next(&mut self) -> Result<Option<Said>, Ended> {
        while let Some((Head { opcode, last, .. }, payload)) = self.frame()? {
            match (opcode, &mut self.begun) {
                (Opcode::Ping, _) => return Ok(Some(Said::Ping(payload.to_vec()))),
                (Opcode::Close, _) => return Ok(Some(Said::Close)),
                // It asks for nothing.
                (Opcode::Pong, _) => {}
                (Opcode::Text, None) if last => return Ok(Some(Said::Message(payload.freeze()))),
                (Opcode::Text, begun @ None) => *begun = Some(payload),
                (Opcode::Continuation, Some(begun))
                    if begun.len() + payload.len() <= MESSAGE_MAX =>
                {
                    begun.extend_from_slice(&payload);
                    if last {
                        return Ok(self.begun.take().map(|whole| Said::Message(whole.freeze())));
                    }
                }
                // Binary, what has no place here, or too much.
                (Opcode::Text | Opcode::Binary | Opcode::Continuation, _) => {
                    return Err(Ended::StampedResponse);
                }
            }
        }
        Ok(None)
    }

    /// The next frame's header and payload, once it is there whole.
    fn frame(&mut self) -> Result<Option<(Head, BytesMut)>, Ended> {
        let head = Head::read(&self.unread, false).map_err(|_| Ended::StampedResponse)?;
        let Some(head) = head else { return Ok(None) };
        if head.length > MESSAGE_MAX as u64 {
            return Err(Ended::StampedResponse);
        }
        let whole = head.size + head.length as usize;
        if self.unread.len() < whole {
            self.unread.reserve(whole - self.unread.len());
            return Ok(None);
        }
        let mut frame = self.unread.split_to(whole);
        frame.advance(head.size);
        Ok(Some((head, frame)))
    }
}

#[cfg(test)]
mod tests {
    use fastwebsockets::{Frame, OpCode, Payload};
    use hyper::StatusCode;
    use proptest::prelude::*;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::Dialer;

    /// A frame as another maker's server writes it.
    fn theirs(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        Frame::new(fin, opcode, None, Payload::Borrowed(payload)).write(&mut buffer).to_vec()
    }

    /// Everything that is said, however it is split.
    fn read(wire: &[u8], splits: &[usize]) -> Result<Vec<Said>, ()> {
        let (mut frames, mut said, mut rest) = (Frames::default(), Vec::new(), wire);
        let mut splits = splits.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(splits.next().unwrap_or(1).clamp(1, rest.len()));
            rest = after;
            frames.unread.extend_from_slice(piece);
            while let Some(next) = frames.next().map_err(|_| ())? {
                said.push(next);
            }
        }
        Ok(said)
    }

    proptest! {
        #[test]
        fn messages_of_another_maker_are_read_from_any_split(
            texts in proptest::collection::vec(".{0,200}", 1..5),
            cut in 0..200usize,
            splits in proptest::collection::vec(1..40usize, 0..60),
        ) {
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            for text in &texts {
                let (a, b) = text.as_bytes().split_at(cut % (text.len() + 1));
                wire.extend(theirs(false, OpCode::Text, a));
                // Control frames may come between the fragments of a message.
                wire.extend(theirs(true, OpCode::Ping, b"?"));
                wire.extend(theirs(true, OpCode::Pong, b""));
                wire.extend(theirs(true, OpCode::Continuation, b));
                wire.extend(theirs(true, OpCode::Text, text.as_bytes()));
                let message = || Said::Message(Bytes::copy_from_slice(text.as_bytes()));
                expected.extend([Said::Ping(b"?".to_vec()), message(), message()]);
            }
            wire.extend(theirs(true, OpCode::Close, &[0x03, 0xe9]));
            expected.push(Said::Close);
            prop_assert_eq!(read(&wire, &splits), Ok(expected));
        }

        #[test]
        fn any_bytes_are_read_or_refused_alike_however_they_are_split(
            wire in proptest::collection::vec(any::<u8>(), 0..100),
            splits in proptest::collection::vec(1..10usize, 0..60),
        ) {
            prop_assert_eq!(read(&wire, &splits).is_ok(), read(&wire, &[]).is_ok());
        }
    }

    /// Reads a client's frame of less than 126 bytes, and unmasks it.
    async fn heard(peer: &mut TcpStream) -> (u8, Vec<u8>) {
        let mut head = [0; 6];
        peer.read_exact(&mut head).await.unwrap();
        let [first, second, mask @ ..] = head;
        assert!(second & 0x80 != 0, "a client masks");
        let mut payload = vec![0; usize::from(second & 0x7f)];
        peer.read_exact(&mut payload).await.unwrap();
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (first, payload)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn cancelling_a_wait_loses_no_bytes() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let dialer = Dialer::new(listener.local_addr().unwrap(), Rc::default());
        let stream = dialer.connect(0).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let (meter, rng) = (stream.meter(), crate::pace::Rng::new(1, 1));
        let (frames, unsent) = (Frames::default(), BytesMut::new());
        let mut calls = Calls { stream, meter: Rc::clone(&meter), frames, rng, unsent, last: 6 };
        for byte in theirs(true, OpCode::Ping, b"piece by piece") {
            peer.write_all(&[byte]).await.unwrap();
            let reads = meter.reads();
            let read = async {
                while meter.reads() == reads {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                ended = calls.attend() => panic!("{ended}"),
                () = read => {}
            }
        }
        let pong = tokio::select! {
            ended = calls.attend() => panic!("{ended}"),
            pong = heard(&mut peer) => pong,
        };
        assert_eq!(pong, (0x8a, b"piece by piece".to_vec()));

        let mut request = Request::new(Full::default());
        *request.uri_mut() = "/items/7".parse().unwrap();
        let answering = async {
            let (first, call) = heard(&mut peer).await;
            assert_eq!(first, 0x81);
            assert_eq!(call, br#"{"id":7,"method":"GET","path":"/items/7","headers":{}}"#);
            peer.write_all(&theirs(true, OpCode::Ping, b"")).await.unwrap();
            assert_eq!(heard(&mut peer).await, (0x8a, vec![]));
            let before_ns = clock::now();
            let answer = br#"{"id":7,"status":404,"headers":{}}"#;
            peer.write_all(&theirs(true, OpCode::Text, answer)).await.unwrap();
            before_ns
        };
        let (answer, before_ns) =
            tokio::join!(calls.exchange(request, Duration::from_secs(20)), answering);
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_FOUND, 0));
        assert!(answer.sent_ns < before_ns, "from its first write");
        assert!(answer.first_ns >= before_ns, "a ping is no first byte of an answer");
        assert!(answer.first_ns <= answer.done_ns);
    }

    #[test]
    fn frames_that_a_server_must_not_send_are_refused() {
        let long = [&[0x81, 127][..], &(MESSAGE_MAX as u64 + 1).to_be_bytes()].concat();
        for (what, wire) in [
            ("a masked frame", vec![0x81, 0x80, 1, 2, 3, 4]),
            ("a binary message", theirs(true, OpCode::Binary, b"x")),
            ("a bit that nobody agreed on", vec![0xc1, 0]),
            ("a reserved opcode", vec![0x83, 0]),
            ("a continuation of nothing", theirs(true, OpCode::Continuation, b"x")),
            ("a message in another", [1, 0, 0x81, 0].to_vec()),
            ("a fragmented ping", vec![0x09, 0]),
            ("a ping of 126 bytes", [&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
            ("a length of 5 in two bytes", [&[0x81, 126, 0, 5][..], b"hello"].concat()),
            ("a message that is too long", long),
        ] {
            assert!(read(&wire, &[]).is_err(), "{what}");
        }
    }
}
