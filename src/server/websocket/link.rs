//! One WebSocket: a cursor, a socket, and no buffer of its own while it is idle.

mod writing;

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::decode::{CloseReason, Decoder, Incoming};
use super::inbox::Inbox;
use super::life::Life;
use crate::net::websocket::{self as frame, Header, Opcode};
use crate::scenario::WebSocketOptions;
use crate::server::faults::Push;
use crate::server::hub::{Entry, Waiter};
use crate::server::request::BODY_MAX;
use crate::server::shard::Shard;
use crate::server::slow::Bound;
use crate::server::wire::Wire;

/// Longest message that a client may send, in bytes.
const MESSAGE_MAX: u64 = BODY_MAX as u64;
/// A client that lets answers to its pings and posts pile up beyond this is not read until it takes them.
const CONTROL_BACKLOG: usize = 4 << 10;
/// About how many bytes one link writes or reads before the others have their turn.
const TURN: usize = 256 << 10;
/// Stands for "never" in the timer.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketState {
    /// Events flow.
    Open,
    /// Our close frame is written or under way; the client's is awaited.
    Closing,
    /// The client closed first, or answered: the link ends once our close frame is written.
    Closed,
}

/// One WebSocket.
#[derive(Debug)]
pub(super) struct EventSocket {
    shard: Rc<Shard>,
    wire: Wire,
    waiter: Waiter,
    /// What is wrong with it on purpose.
    push: Push,
    /// The last event that is written, or partly.
    since: u64,
    /// The frame that is written up to an offset.
    partial: Option<(Arc<Entry>, usize)>,
    /// Control frames, answers to posts, and what is said of gaps, to write at the next border between events.
    control: Vec<u8>,
    decoder: Decoder,
    inbox: Inbox,
    phase: SocketState,
    awaits_pong: bool,
    /// Signs of life of who is to answer a ping, or a close.
    life: Life,
    bound: Bound,
    timer: Pin<Box<Sleep>>,
    /// Published stamps of events that TLS has taken and the kernel has not.
    unflushed: Vec<u64>,
}

impl EventSocket {
    /// A link that sends the events after `since`.
    pub(super) fn new(shard: Rc<Shard>, wire: Wire, waiter: Waiter, since: u64) -> Self {
        let first = first_ping(&shard);
        let WebSocketOptions { slow_consumer, queue, .. } = shard.options().websocket;
        let backlog = waiter.topic().newest().saturating_sub(since);
        Self {
            shard,
            wire,
            waiter,
            push: Push::default(),
            since,
            partial: None,
            control: Vec::new(),
            decoder: Decoder::new(MESSAGE_MAX),
            inbox: Inbox::default(),
            phase: SocketState::Open,
            awaits_pong: false,
            life: Life::default(),
            bound: Bound::new(slow_consumer, queue, backlog),
            timer: Box::pin(tokio::time::sleep(first)),
            unflushed: Vec::new(),
        }
    }

    /// The same with what is wrong with it on purpose.
    pub(super) fn with_push(self, push: Push) -> Self {
        Self { push, ..self }
    }

    /// Serves the link until it ends.
    pub(super) async fn run(mut self) {
        // An error ends the link as its end does: there is nobody to tell.
        let _ = std::future::poll_fn(|cx| self.poll(cx)).await;
        if self.phase == SocketState::Closed {
            self.wire.farewell().await;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shard.leaving() {
            self.close(1001, "the target ends");
        }
        self.inbox.poll(cx, &mut self.control);
        if self.poll_read(cx)?.is_ready() || self.poll_timer(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let paused = !self.listens();
        // What was read may have begun to wait.
        self.inbox.poll(cx, &mut self.control);
        if self.inbox.is_overdue() {
            self.close(1008, "a message that does not end");
        }
        let written = self.poll_write(cx);
        if paused && self.listens() {
            // Nobody else says that there may be more to read.
            cx.waker().wake_by_ref();
        }
        written
    }

    /// Whether what the client says is read: not while it leaves answers lying, or has too many posts under way.
    const fn listens(&self) -> bool {
        self.control.len() < CONTROL_BACKLOG && !self.inbox.is_full()
    }

    /// Reads what has come; ready once the client is gone.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut turn = 0;
        while self.listens() {
            let shard = Rc::clone(&self.shard);
            let mut scratch = shard.scratch();
            let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            self.receive(&mut scratch[..read]);
            turn += read;
            if turn > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Pending
    }

    /// Takes bytes of the client's.
    pub(super) fn receive(&mut self, bytes: &mut [u8]) {
        let Self { control, phase, inbox, shard, waiter, .. } = self;
        let lives = !bytes.is_empty();
        let refusal = self.decoder.decode(bytes, &mut |incoming| match incoming {
            Incoming::Ping(payload) if *phase == SocketState::Open => {
                frame::control(control, Opcode::Pong, payload);
            }
            Incoming::Close(code) => {
                if *phase == SocketState::Open {
                    frame::close_too(control, code);
                }
                *phase = SocketState::Closed;
            }
            Incoming::Data { text, bytes, last } if *phase == SocketState::Open => {
                inbox.take((text, bytes, last), (shard, waiter.topic()), control);
            }
            Incoming::Ping(_) | Incoming::Pong | Incoming::Data { .. } => {}
        });
        // A pong, or anything else.
        if lives && self.awaits_pong && self.phase == SocketState::Open {
            self.awaits_pong = false;
            self.timer.as_mut().reset(Instant::now() + ping_interval(&self.shard));
        }
        if let Err(CloseReason { code, reason }) = refusal {
            self.close(code, reason);
        }
    }

    /// Begins to close, unless the link already does.
    fn close(&mut self, code: u16, reason: &str) {
        if self.phase == SocketState::Open {
            frame::close(&mut self.control, code, reason);
            self.phase = SocketState::Closing;
            self.life = Life::asked(self.wire.uptake());
            let patience = self.shard.options().websocket.pong_timeout.std();
            self.timer.as_mut().reset(Instant::now() + patience);
        }
    }

    /// Sends the pings; ready where the client has not answered one, or a close, in time, and shows no sign of life.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let options = self.shard.options();
            let patience = options.websocket.pong_timeout.std();
            let silence = patience.max(options.write_timeout.std());
            if self.phase == SocketState::Open && !self.awaits_pong {
                frame::control(&mut self.control, Opcode::Ping, b"");
                self.awaits_pong = true;
                self.life = Life::asked(self.wire.uptake());
            } else if !self.life.signs(self.wire.uptake(), silence) {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + patience);
        }
        Poll::Pending
    }

    /// Has a text frame of the target's own written, before the events that follow.
    pub(super) fn say(&mut self, message: &[u8]) {
        self.control.extend_from_slice(Header::text(message.len()).as_bytes());
        self.control.extend_from_slice(message);
    }
}

/// Time until a link's first ping.
pub(super) fn first_ping(shard: &Shard) -> Duration {
    let ping = shard.options().websocket.ping.std();
    if ping.is_zero() { NEVER } else { shard.stagger.first(ping) }
}

/// Time between pings; without pings, so long that it never comes.
pub(super) fn ping_interval(shard: &Shard) -> Duration {
    let ping = shard.options().websocket.ping.std();
    if ping.is_zero() { NEVER } else { ping }
}
