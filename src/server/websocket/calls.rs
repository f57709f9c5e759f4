//! `GET /calls`: a WebSocket on which a client calls the API, one text message per call and one per answer.
//!
//! Routes, store, limits and faults are HTTP's. Several calls may be in progress; each is answered by its id as soon as
//! possible, in any order. Unique ids are up to the client.
//!
//! A text message that is not a call is answered with 400, by its id if it has one, and the link stays open. A binary
//! message closes it with 1003, one that is too long with 1009, and a violation of the protocol as elsewhere. A client that
//! closes still gets the answers to its calls.
//!
//! Limits bound the calls in progress, the answers that the client has not taken, and the bytes read beyond either (one
//! read at most). At a limit the link reads nothing more, and a message that does not end closes it with 1008. An idle link
//! holds almost no buffer.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::Method;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::decode::{CloseReason, Decoder, Incoming};
use super::echo::farewell;
use super::life::Life;
use super::{first_ping, ping_interval};
use crate::net::call::{Id, NoCall, read_call, write_answer};
use crate::net::websocket::{self as frame, Header, Opcode};
use crate::server::answer::{Body, Reply, ReplyFuture};
use crate::server::faults::{self, Subscriber};
use crate::server::outlet::{Outgoing, Outlet};
use crate::server::problem::Problem;
use crate::server::request::BODY_MAX;
use crate::server::router;
use crate::server::shard::Shard;

/// Longest message, in bytes: that of a body over HTTP.
const MESSAGE_MAX: u64 = BODY_MAX as u64;
/// Most calls under way on one link.
const UNDER_WAY_MAX: usize = 64;
/// Answers beyond this size, in bytes, stop the link from reading and answering until the client takes them.
const UNTAKEN_MAX: usize = 64 << 10;
/// Calls for which an idle link keeps its memory.
const KEPT: usize = 16;
/// About how many bytes one link reads before the others have their turn.
const TURN: usize = 64 << 10;

/// The state of a link.
#[derive(Debug, PartialEq, Eq)]
enum SocketState {
    /// Accepts calls.
    Open,
    /// Reads nothing more; sends this close frame once everything is answered.
    Ending(Vec<u8>),
    /// The close frame is written or under way.
    Closed,
}

/// A call without its answer yet.
#[derive(Debug)]
struct UnderWay {
    id: Id,
    /// Whether only the head of the answer is wanted.
    head: bool,
    answer: ReplyFuture,
}

#[derive(Debug)]
struct CallSocket {
    shard: Rc<Shard>,
    outgoing: Rc<Outgoing>,
    /// The connection's number, where something is wrong.
    from: Option<Subscriber>,
    io: Outlet,
    decoder: Decoder,
    /// The message read so far.
    message: Vec<u8>,
    /// Until when it must have ended.
    until: Option<Instant>,
    /// Messages from the same read that wait for room.
    waiting: VecDeque<Vec<u8>>,
    under_way: Vec<UnderWay>,
    /// Whole frames to write, and how much of them is written.
    out: Vec<u8>,
    written: usize,
    phase: SocketState,
    awaits_pong: bool,
    /// Whether anything has arrived since the last ping.
    heard: bool,
    life: Life,
    timer: Pin<Box<Sleep>>,
}

/// Answers calls until either side ends it; `early` arrived with the handshake.
pub(super) async fn run(
    shard: Rc<Shard>,
    outgoing: Rc<Outgoing>,
    from: Option<Subscriber>,
    io: Outlet,
    mut early: Vec<u8>,
) -> io::Result<()> {
    let timer = Box::pin(sleep(first_ping(&shard)));
    let mut link = CallSocket {
        shard,
        outgoing,
        from,
        io,
        decoder: Decoder::new(MESSAGE_MAX),
        message: Vec::new(),
        until: None,
        waiting: VecDeque::new(),
        under_way: Vec::new(),
        out: Vec::new(),
        written: 0,
        phase: SocketState::Open,
        awaits_pong: false,
        heard: false,
        life: Life::default(),
        timer,
    };
    link.receive(&mut early);
    // It would be kept for as long as the link lives.
    drop(early);
    link.serve().await?;
    let CallSocket { shard, io, .. } = link;
    farewell(&shard, &mut io.into_wire()).await
}

impl CallSocket {
    /// Serves the link until its close frame is written; an error if the peer is gone.
    async fn serve(&mut self) -> io::Result<()> {
        let shard = Rc::clone(&self.shard);
        let mut departure = pin!(shard.departure());
        poll_fn(|cx| {
            if !shard.leaving() {
                let _ = departure.as_mut().poll(cx);
            }
            self.poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shard.leaving() {
            self.end(1001, "the target ends");
        }
        if self.poll_timer(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.until.is_some_and(|until| until < Instant::now()) {
            self.end(1008, "a message that does not end");
        }
        let mut turn = 0;
        loop {
            self.carry_on(cx);
            let read = if self.reads() { self.poll_read(cx)? } else { Poll::Pending };
            let was_full = !self.has_room();
            let written = self.poll_write(cx)?;
            if written.is_ready() && self.phase == SocketState::Closed {
                return Poll::Ready(Ok(()));
            }
            match read {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(read) => turn += read,
                Poll::Pending if was_full && self.has_room() => {}
                Poll::Pending => return Poll::Pending,
            }
            if turn > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Whether answers may be produced: the client takes the earlier ones.
    const fn has_room(&self) -> bool {
        self.out.len() - self.written < UNTAKEN_MAX
    }

    /// Whether the link reads calls.
    fn reads(&self) -> bool {
        self.phase == SocketState::Open
            && self.waiting.is_empty()
            && self.under_way.len() < UNDER_WAY_MAX
            && self.has_room()
    }

    /// Reads once; 0 is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.receive(buffer.filled_mut());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Takes bytes of the client's.
    fn receive(&mut self, bytes: &mut [u8]) {
        self.heard |= !bytes.is_empty();
        let Self { decoder, message, waiting, out, .. } = self;
        let mut ending = None;
        let decoded = decoder.decode(bytes, &mut |incoming| match incoming {
            _ if ending.is_some() => {}
            Incoming::Ping(payload) => frame::control(out, Opcode::Pong, payload),
            Incoming::Pong => {}
            Incoming::Close(code) => {
                let mut close = Vec::new();
                frame::close_too(&mut close, code);
                ending = Some(close);
            }
            Incoming::Data { text: false, .. } => {
                ending = Some(refusal(1003, "calls are text messages"));
            }
            Incoming::Data { bytes, last, .. } => {
                message.extend_from_slice(bytes);
                if last {
                    waiting.push_back(std::mem::take(message));
                }
            }
        });
        if let Err(CloseReason { code, reason }) = decoded {
            ending.get_or_insert_with(|| refusal(code, reason));
        }
        if self.message.is_empty() {
            self.until = None;
        } else if self.until.is_none() {
            self.until = Some(Instant::now() + self.shard.options().waits.body.std());
        }
        if let Some(close) = ending {
            self.message = Vec::new();
            self.phase = SocketState::Ending(close);
        }
    }

    /// Begins to close, unless the link already does.
    fn end(&mut self, code: u16, reason: &str) {
        if self.phase == SocketState::Open {
            (self.message, self.until) = (Vec::new(), None);
            self.phase = SocketState::Ending(refusal(code, reason));
        }
    }

    /// Takes finished answers, and starts waiting calls while there is room.
    fn carry_on(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while at < self.under_way.len() && self.has_room() {
            match Pin::new(&mut self.under_way[at].answer).poll(cx) {
                Poll::Ready(Ok(reply)) => {
                    // In order: answers ready at the same time are sent in the order of their calls.
                    let UnderWay { id, head, .. } = self.under_way.remove(at);
                    self.say(&id, head, reply);
                }
                Poll::Pending => at += 1,
            }
        }
        while self.has_room()
            && self.under_way.len() < UNDER_WAY_MAX
            && let Some(message) = self.waiting.pop_front()
        {
            self.call(&message, cx);
        }
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        if self.under_way.is_empty() && self.under_way.capacity() > KEPT {
            self.under_way = Vec::new();
        }
        if let SocketState::Ending(close) = &self.phase
            && self.under_way.is_empty()
            && self.waiting.is_empty()
        {
            self.out.extend_from_slice(close);
            self.phase = SocketState::Closed;
        }
    }

    /// Carries out one call, which may be answered at once.
    fn call(&mut self, message: &[u8], cx: &mut Context<'_>) {
        let (id, request) = match read_call(message) {
            Ok(call) => call,
            Err(NoCall { id, reason }) => {
                return self.say(&id, false, Problem::bad_request(reason).into());
            }
        };
        let head = request.method() == Method::HEAD;
        let (shard, outgoing) = (&self.shard, &self.outgoing);
        let mut answer = match (&shard.faults, self.from) {
            (Some(faults), Some(from)) => {
                faults::answer(faults, shard, outgoing, from, request, router::call)
            }
            _ => router::call(shard, outgoing, request),
        };
        match Pin::new(&mut answer).poll(cx) {
            Poll::Ready(Ok(reply)) => self.say(&id, head, reply),
            Poll::Pending => self.under_way.push(UnderWay { id, head, answer }),
        }
    }

    /// Has an answer written.
    fn say(&mut self, id: &Id, head: bool, reply: Reply) {
        let (parts, body) = reply.into_parts();
        let body = match &body {
            Body::Whole(bytes) if !head => bytes.as_ref(),
            // Nothing that can be called streams.
            _ => &[],
        };
        let message = write_answer(id, parts.status, parts.headers, body);
        self.out.extend_from_slice(Header::text(message.len()).as_bytes());
        self.out.extend_from_slice(&message);
    }

    /// Writes what is pending; ready once the kernel has it all.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match Pin::new(&mut self.io).poll_write(cx, rest)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => self.written += written,
                Poll::Pending => {
                    // Otherwise the buffer grows with a client that never takes everything.
                    if self.written >= UNTAKEN_MAX {
                        self.out.drain(..self.written);
                        self.written = 0;
                    }
                    return Poll::Pending;
                }
            }
        }
        self.out = Vec::new();
        self.written = 0;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Sends the pings; ready if nothing arrived for too long after one.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let patience = self.shard.options().websocket.pong_timeout.std();
            // Nothing may follow a close, and a closing client owes nothing.
            if self.phase != SocketState::Open {
                self.timer.as_mut().reset(Instant::now() + ping_interval(&self.shard));
                continue;
            }
            let wait = match (self.awaits_pong, self.heard, self.reads()) {
                (true, false, true) => {
                    // If this shard was paused, the pong may still be unread.
                    if matches!(self.poll_read(cx), Poll::Ready(Ok(read)) if read > 0) {
                        continue;
                    }
                    let silence = patience.max(self.shard.options().write_timeout.std());
                    if !self.life.signs(self.io.uptake(), silence) {
                        return Poll::Ready(());
                    }
                    patience
                }
                // Its pong may be unread; the outlet detects a client that takes no answers.
                (true, false, false) => patience,
                (true, true, _) => {
                    self.awaits_pong = false;
                    ping_interval(&self.shard)
                }
                (false, ..) => {
                    frame::control(&mut self.out, Opcode::Ping, b"");
                    self.awaits_pong = true;
                    self.heard = false;
                    self.life = Life::asked(self.io.uptake());
                    patience
                }
            };
            self.timer.as_mut().reset(Instant::now() + wait);
        }
        Poll::Pending
    }
}

/// A close frame of ours.
fn refusal(code: u16, reason: &str) -> Vec<u8> {
    let mut close = Vec::new();
    frame::close(&mut close, code, reason);
    close
}
