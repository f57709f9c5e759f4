//! One WebSocket: a cursor and a socket, without a buffer while it is idle.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite as _;
use tokio::time::{Instant, Sleep};

use super::decode::{CloseReason, Decoder, Incoming};
use super::inbox::Inbox;
use super::life::Life;
use crate::clock;
use crate::event::{Cursor, Missed, encode_gap};
use crate::measure::Counter;
use crate::net::websocket::{self as frame, Header, Opcode};
use crate::scenario::WebSocketOptions;
use crate::server::faults::Push;
use crate::server::hub::{Entry, Waiter};
use crate::server::request::BODY_MAX;
use crate::server::shard::Shard;
use crate::server::slow::{Bound, Lag};
use crate::server::wire::Wire;

/// Longest message that a client may send, in bytes.
const MESSAGE_MAX: u64 = BODY_MAX as u64;
/// Unread answers to pings and posts, in bytes, beyond which a client is not read.
const CONTROL_BACKLOG: usize = 4 << 10;
/// Most frames in one write.
const BATCH: usize = 32;
/// About how many bytes one link writes or reads before the others have their turn.
const TURN: usize = 256 << 10;
/// Stands for "never" in the timer.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketState {
    /// Events flow.
    Open,
    /// Our close frame is written or under way; the client's is awaited.
    Closing,
    /// The client closed first, or answered: the link ends once our close frame is written.
    Closed,
}

#[derive(Debug)]
pub(super) struct EventSocket {
    shard: Rc<Shard>,
    wire: Wire,
    waiter: Waiter,
    /// Injected faults.
    push: Push,
    /// The last event that is written, or partly.
    since: u64,
    /// The frame that is written up to an offset.
    partial: Option<(Arc<Entry>, usize)>,
    /// Control frames, answers to posts, and gap notices, to write between two events.
    control: Vec<u8>,
    decoder: Decoder,
    inbox: Inbox,
    phase: SocketState,
    awaits_pong: bool,
    /// Signs of life of a peer that owes a pong or a close.
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

    /// The same with injected faults.
    pub(super) fn with_push(self, push: Push) -> Self {
        Self { push, ..self }
    }

    /// Serves the link until it ends.
    pub(super) async fn run(mut self) {
        // An error ends the link like its end does; nobody needs the error.
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
        // A message that was read may wait for its receipt now.
        self.inbox.poll(cx, &mut self.control);
        if self.inbox.is_overdue() {
            self.close(1008, "a message that does not end");
        }
        let written = self.poll_write(cx);
        if paused && self.listens() {
            // Nothing else signals that more may be readable.
            cx.waker().wake_by_ref();
        }
        written
    }

    /// Whether the link reads: not while the client leaves answers unread, or has too many posts in progress.
    const fn listens(&self) -> bool {
        self.control.len() < CONTROL_BACKLOG && !self.inbox.is_full()
    }

    /// Reads what has arrived; ready once the client is gone.
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

    /// Writes what is pending; ready once the link is closed at both ends.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut turn = 0;
        loop {
            let written = match self.poll_flush(cx)? {
                Poll::Ready(()) => self.poll_write_once(cx)?,
                Poll::Pending => Poll::Pending,
            };
            let Poll::Ready(written) = written else {
                self.watch_while_it_takes_nothing(cx);
                return Poll::Pending;
            };
            let written = match written {
                Some(written) => written,
                None if self.phase == SocketState::Closed => return Poll::Ready(Ok(())),
                None if self.phase == SocketState::Open => {
                    if self.waiter.poll_after(self.since, cx).is_pending() {
                        return Poll::Pending;
                    }
                    continue;
                }
                None => return Poll::Pending,
            };
            turn += written;
            if turn > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Its policy acts though the client takes nothing: every event looks at it.
    fn watch_while_it_takes_nothing(&mut self, cx: &mut Context<'_>) {
        if self.phase == SocketState::Open && self.bound.closes() {
            let newest = self.waiter.topic().newest();
            let _ = self.waiter.poll_after(newest, cx);
        }
    }

    /// Flushes bytes from TLS to the kernel, and books them as written; a plain socket has nothing to flush.
    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Wire::Tls(stream) = &mut self.wire else { return Poll::Ready(Ok(())) };
        ready!(Pin::new(&mut **stream).poll_flush(cx))?;
        if !self.unflushed.is_empty() {
            let now = clock::now();
            for published_ns in std::mem::take(&mut self.unflushed) {
                self.shard.writes.book(published_ns, now);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once: the rest of a frame, control frames, the events after the cursor. `None` where there is
    /// nothing to write.
    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        if self.phase == SocketState::Open {
            self.keep_within_bound();
        }
        let topic = Rc::clone(self.waiter.topic());
        let open = self.phase == SocketState::Open;
        self.since = self.push.pass_over(self.since, topic.newest());
        let push = &self.push;
        let written = topic.read(self.since, |events| {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut filled = 0;
            let rest = self.partial.as_ref().map(|(entry, at)| &entry.frame()[*at..]);
            let control = Some(self.control.as_slice()).filter(|control| !control.is_empty());
            let events = events.take(if open { push.at_once(BATCH) } else { 0 });
            // Events after a dropped one wait until the cursor has passed it.
            let events = events.take_while(|entry| !push.drops(entry.seq()));
            let frames = events.inspect(|entry| push.pay(entry.seq())).map(|entry| entry.frame());
            for (slot, bytes) in
                slices.iter_mut().zip(rest.into_iter().chain(control).chain(frames))
            {
                *slot = IoSlice::new(bytes);
                filled += 1;
            }
            match filled {
                0 => Poll::Ready(Ok(None)),
                _ => self.wire.poll_give(cx, &slices[..filled]).map_ok(Some),
            }
        });
        match written {
            Ok(Poll::Ready(Ok(Some(written)))) => {
                self.advance(written);
                Poll::Ready(Ok(Some(written)))
            }
            Ok(nothing) => nothing,
            Err(_) => self.poll_write_control(cx),
        }
    }

    /// Has a text frame of the target's own written, before the events that follow.
    pub(super) fn say(&mut self, message: &[u8]) {
        self.control.extend_from_slice(Header::text(message.len()).as_bytes());
        self.control.extend_from_slice(message);
    }

    /// Acts where the client lags too far behind.
    fn keep_within_bound(&mut self) {
        let topic = self.waiter.topic();
        match self.bound.judge(self.since, topic.oldest(), topic.newest()) {
            Lag::Within => return,
            Lag::Disconnect { since } => {
                let since = Cursor::new(since, self.shard.shared.life);
                self.close(1013, &format!("too slow: come back with since={since}"));
            }
            Lag::Skip { to } => {
                self.say(&encode_gap(Missed { from: self.since + 1, to }));
                self.since = to;
            }
        }
        self.shard.recorder.borrow_mut().count(Counter::SlowActions, 1);
    }

    /// Writes frames that do not need the log, once the cursor has fallen off it.
    fn poll_write_control(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let bytes = match &self.partial {
            Some((entry, at)) => &entry.frame()[*at..],
            None if self.control.is_empty() => return Poll::Ready(Ok(None)),
            None => &self.control,
        };
        let written = ready!(self.wire.poll_give(cx, &[IoSlice::new(bytes)]))?;
        self.advance(written);
        Poll::Ready(Ok(Some(written)))
    }

    /// Books `written` bytes: first the rest of a frame, then control frames, then events.
    fn advance(&mut self, mut written: usize) {
        let (writes, now) = (&self.shard.writes, clock::now());
        let plain = matches!(self.wire, Wire::Plain(_));
        let mut book = |entry: &Entry| match writes.measured(entry) {
            Some(published_ns) if plain => writes.book(published_ns, now),
            Some(published_ns) => self.unflushed.push(published_ns),
            None => {}
        };
        if let Some((entry, at)) = &mut self.partial {
            let step = written.min(entry.frame().len() - *at);
            *at += step;
            written -= step;
            if *at < entry.frame().len() {
                return;
            }
            book(entry);
            self.partial = None;
        }
        let step = written.min(self.control.len());
        written -= step;
        if step == self.control.len() {
            self.control = Vec::new();
        } else {
            self.control.drain(..step);
        }
        if written == 0 {
            return;
        }
        let topic = Rc::clone(self.waiter.topic());
        // No gap here: these very events were written from the log a moment ago.
        let _ = topic.read(self.since, |events| {
            for entry in events {
                if written == 0 {
                    break;
                }
                self.since = entry.seq();
                if written < entry.frame().len() {
                    self.partial = Some((Arc::clone(entry), written));
                    break;
                }
                written -= entry.frame().len();
                book(entry);
            }
        });
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
