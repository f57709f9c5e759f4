//! HTTP/1.1 connections of the target.
//!
//! A connection that waits holds its socket, the unfinished head if there is one, and no buffer: bytes are read into one
//! buffer of its shard, answers are rendered into another and written from there in one call, and only what the kernel does
//! not take at once is kept. Deadlines are places in the shard's [`sweep`]. What lasts longer than its request and is not
//! HTTP, a WebSocket, takes the wire along.
//!
//! The rules are RFC 9112's; `tests/black_box/standards` has them clause by clause.

mod date;
mod hot;
mod inlet;
mod outbox;
mod render;
mod rendered;
mod serve;
mod sweep;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use tokio::task::spawn_local;

pub(super) use self::inlet::Inbound;
pub use self::rendered::RenderedAnswers;

use self::date::Today;
use self::inlet::Inlet;
use self::outbox::Outbox;
use self::sweep::{Seat, Sweep, Wait};
use super::answer::{Later, Switch, Switched};
use super::holds::Holds;
use super::options::Options;
use super::outlet::{Outgoing, Writes};
use super::shard::{Caller, Shard};
use super::wire::Wire;
use crate::net::h1::Framing;

/// About how many bytes one connection reads before the others have their turn.
const TURN: usize = 64 << 10;
/// Most bytes of a body that nobody wants which are read for the sake of the request behind it.
const SKIP_MAX: u64 = 64 << 10;
/// Most bytes that are read after the last answer, while the client has not ended the connection.
const DRAIN_MAX: u64 = 4 << 20;

/// Bytes that a shard reads from a connection at once.
const SCRATCH: usize = 16 << 10;

/// What a shard's connections share.
#[derive(Debug)]
pub(super) struct Desk {
    /// The buffer that they read into.
    pub scratch: RefCell<Box<[u8]>>,
    /// The buffer that they render into; empty while one does.
    outbox: RefCell<Outbox>,
    /// The deliveries in what was rendered last.
    outgoing: Rc<Outgoing>,
    /// An entity tag and a body while they are rendered.
    parts: RefCell<(String, Vec<u8>)>,
    /// A `Host` that was found well-formed.
    host: RefCell<Vec<u8>>,
    sweep: Rc<Sweep>,
    /// The long polls among them.
    pub holds: Rc<Holds>,
    today: Today,
}

impl Desk {
    /// The desk of a shard with these options, and its timers begun.
    pub(super) fn new(options: &Options, writes: &Rc<Writes>) -> Self {
        let sweep = Rc::new(Sweep::new(options.waits.head.std(), options.write_timeout.std()));
        let holds: Rc<Holds> = Rc::default();
        spawn_local(Rc::clone(&sweep).run());
        spawn_local(Rc::clone(&holds).run());
        Self {
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            outbox: RefCell::default(),
            outgoing: Rc::new(Outgoing::new(Rc::clone(writes))),
            parts: RefCell::default(),
            host: RefCell::default(),
            sweep,
            holds,
            today: Today::default(),
        }
    }

    /// The deliveries in what is being rendered.
    pub(super) const fn outgoing(&self) -> &Rc<Outgoing> {
        &self.outgoing
    }
}

/// What an answer depends on besides its request's handler.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    /// Only the head of the answer is wanted.
    is_head: bool,
    is_http_11: bool,
    /// Whether the connection stays after the answer.
    keep_alive: bool,
}

/// What a connection is doing.
enum Phase {
    /// Waits for a request, or reads its head.
    Head,
    /// Reads over the rest of a body: so many bytes at most.
    Skip(Framing, u64),
    /// A handler needs the body, or time.
    Answer(Later, Option<Rc<Inlet>>, Asked),
    /// Ends once everything is written, and has shut its side down then; so many bytes may still come.
    End(bool, u64),
    /// Leaves HTTP once everything is written.
    Switch(Option<Switch>),
}

/// How a connection goes on.
enum Next {
    /// In another phase, or with something to write.
    On,
    /// Not at all.
    Over,
    /// Under another protocol.
    Switch(Switch),
}

/// One connection.
pub(super) struct Connection {
    shard: Rc<Shard>,
    wire: Wire,
    caller: Caller,
    /// What came and is not consumed: the beginning of a head, or requests that follow one which is being answered.
    unread: Vec<u8>,
    /// What the kernel has not taken.
    unwritten: Option<Box<Outbox>>,
    phase: Phase,
    /// What came is the beginning of a head, and no more.
    is_partial: bool,
    /// The wait that it is in; `None` where the next one is to begin anew.
    wait: Option<Wait>,
    seat: Option<Seat>,
}

impl Connection {
    /// Has a connection served until it ends.
    pub(super) fn begin(shard: &Rc<Shard>, wire: Wire, caller: Caller) {
        let nursery = shard.nursery.clone();
        let mut connection = Some(Self {
            shard: Rc::clone(shard),
            wire,
            caller,
            unread: Vec::new(),
            unwritten: None,
            phase: Phase::Head,
            is_partial: false,
            wait: None,
            seat: None,
        });
        nursery.add(poll_fn(move |cx| {
            let Some(serving) = &mut connection else { return Poll::Ready(()) };
            let next = ready!(serving.poll(cx));
            if let (Next::Switch(switch), Some(serving)) = (next, connection.take()) {
                serving.switch(switch);
            }
            Poll::Ready(())
        }));
    }

    /// Leaves the wire to another protocol.
    fn switch(self, switch: Switch) {
        let Self { wire, unread, caller, .. } = self;
        switch.begin(Switched { wire, early: unread, held: caller.held });
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let seat = self.seat.get_or_insert_with(|| Seat::new(&self.shard.desk.sweep, cx.waker()));
        let is_over = seat.is_over();
        let mut out = match self.unwritten.take() {
            Some(unwritten) => *unwritten,
            None => self.shard.desk.outbox.take(),
        };
        if is_over && self.is_late(&mut out) {
            return Poll::Ready(Next::Over);
        }
        let next = self.advance(&mut out, cx);
        if out.is_empty() {
            out.shrink();
            self.shard.desk.outbox.replace(out);
        } else if next.is_pending() {
            self.unwritten = Some(Box::new(out));
        }
        next
    }

    /// Handles a deadline that has passed; true where that ends the connection at once.
    fn is_late(&mut self, out: &mut Outbox) -> bool {
        if self.wait != Some(Wait::Head) || self.unread.is_empty() {
            return true;
        }
        // Who began a request may wait for an answer.
        self.unread = Vec::new();
        self.refuse(StatusCode::REQUEST_TIMEOUT, out);
        false
    }

    fn advance(&mut self, out: &mut Outbox, cx: &mut Context<'_>) -> Poll<Next> {
        let mut turn = 0;
        loop {
            if !out.is_empty() {
                let mut moved = false;
                let written = out.poll_write(&mut self.wire, &self.shard.writes, &mut moved, cx);
                match written {
                    Poll::Ready(Ok(())) => {}
                    // Who does not listen any more misses nothing.
                    Poll::Ready(Err(_)) => return Poll::Ready(Next::Over),
                    Poll::Pending => {
                        if moved || self.wait != Some(Wait::Write) {
                            self.wait_for(Wait::Write);
                        }
                        return Poll::Pending;
                    }
                }
            }
            if turn > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Everything is written: the phase's own wait begins, or goes on.
            match ready!(self.step(out, &mut turn, cx)) {
                Ok(Next::On) => {}
                Ok(next) => return Poll::Ready(next),
                Err(_) => return Poll::Ready(Next::Over),
            }
        }
    }

    fn step(
        &mut self,
        out: &mut Outbox,
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        let wait = match self.phase {
            Phase::Head | Phase::Skip(..) => Wait::Head,
            Phase::End(..) => Wait::End,
            Phase::Answer(..) | Phase::Switch(_) => Wait::Nothing,
        };
        if self.wait != Some(wait) {
            self.wait_for(wait);
        }
        match &mut self.phase {
            Phase::Head => self.poll_head(out, turn, cx),
            Phase::Skip(..) => self.poll_skip(turn, cx),
            Phase::Answer(..) => self.poll_answer(out, turn, cx),
            Phase::End(..) => self.poll_end(turn, cx),
            Phase::Switch(switch) => {
                Poll::Ready(Ok(switch.take().map_or(Next::Over, Next::Switch)))
            }
        }
    }

    fn wait_for(&mut self, wait: Wait) {
        self.wait = Some(wait);
        if let Some(seat) = &self.seat {
            seat.set(wait);
        }
    }

    /// Answers what is no request, and ends.
    fn refuse(&mut self, status: StatusCode, out: &mut Outbox) {
        render::refusal(status, &self.shard.desk.today, &mut out.bytes);
        self.phase = Phase::End(false, DRAIN_MAX);
    }

    /// Reads requests and answers those that can be answered at once.
    fn poll_head(
        &mut self,
        out: &mut Outbox,
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        // What came behind the last request comes first. A beginning was looked at before, and needs more.
        if !self.unread.is_empty() && !self.is_partial {
            let bytes = std::mem::take(&mut self.unread);
            let used = self.serve(&bytes, out);
            self.keep(bytes, used);
            if used > 0 || !out.is_empty() {
                return Poll::Ready(Ok(Next::On));
            }
        }
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch();
        let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
        if read == 0 {
            return Poll::Ready(Ok(Next::Over));
        }
        *turn += read;
        let bytes = &scratch[..read];
        if self.unread.is_empty() {
            let used = self.serve(bytes, out);
            self.unread.extend_from_slice(&bytes[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.unread);
            whole.extend_from_slice(bytes);
            drop(scratch);
            let used = self.serve(&whole, out);
            self.keep(whole, used);
        }
        Poll::Ready(Ok(Next::On))
    }

    /// Keeps what is left of `bytes` behind the first `used`.
    fn keep(&mut self, mut bytes: Vec<u8>, used: usize) {
        if used < bytes.len() {
            bytes.drain(..used);
            bytes.shrink_to_fit();
            self.unread = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_waits_is_small() {
        // Besides it, it costs its socket in the runtime, its place in the nursery, and one in the sweep.
        assert!(size_of::<Connection>() <= 184, "{}", size_of::<Connection>());
    }
}
