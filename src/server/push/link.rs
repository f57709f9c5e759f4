//! One push link, and who looks after it: the fan-out, its deadline, and the nursery where it waits for its socket.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::outflow::Flowed;
use super::protocol::Protocol;
use super::upkeep::Timed;
use crate::clock;
use crate::server::contain::{contain, contained};
use crate::server::faults::Push;
use crate::server::gauges::CountedLink;
use crate::server::hub::{Entry, Listener, Topic};
use crate::server::shard::Shard;
use crate::server::slow::Bound;
use crate::server::websocket::{farewell, life::Life};
use crate::server::wire::Wire;

/// The place of a link that is not in a list.
const NOWHERE: u32 = u32::MAX;

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Events flow.
    Open,
    /// Our close frame is written or under way; the client's is awaited.
    Closing,
    /// It ends once everything is written: the client has closed, or nobody answers the end of a stream.
    Closed,
    /// The client is gone.
    Gone,
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Whoever has something to write.
    Free,
    /// The link itself, once the socket takes something; it has taken nothing since then, in monotonic nanoseconds.
    Waits { since_ns: u64 },
}

/// A push link.
#[derive(Debug)]
pub(super) struct Link {
    pub shard: Rc<Shard>,
    pub topic: Rc<Topic>,
    pub state: RefCell<State>,
    /// The earliest deadline that is queued for it, in monotonic nanoseconds.
    pub armed_ns: Cell<u64>,
    /// Its place in the audience, and in the queue of deadlines.
    places: Cell<(u32, u32)>,
    /// Counts it as a connection, and as a link of its kind.
    held: (CountedLink, CountedLink),
}

/// What a link changes as it goes on.
#[derive(Debug)]
pub(super) struct State {
    pub wire: Wire,
    pub protocol: Protocol,
    /// Injected faults.
    pub push: Push,
    pub bound: Bound,
    /// The last event that is written, or partly.
    pub since: u64,
    /// The event that is written up to an offset.
    pub partial: Option<(Arc<Entry>, usize)>,
    /// What is said beside events, to write at the next border between them.
    pub control: Vec<u8>,
    /// Published stamps of events that TLS has taken and the kernel has not.
    pub unflushed: Vec<u64>,
    pub phase: Phase,
    pub flow: Flow,
    /// When the next heartbeat, ping, or answer to one is due, in monotonic nanoseconds.
    pub next_ns: u64,
    /// Has the nursery poll the link.
    waker: Option<Waker>,
}

/// How a link begins.
#[derive(Debug)]
pub(super) struct Start {
    pub protocol: Protocol,
    pub push: Push,
    pub bound: Bound,
    pub since: u64,
    pub next_ns: u64,
}

impl Link {
    /// A link that is counted as `held`, and writes `control` before all events.
    pub(super) fn open(
        shard: Rc<Shard>,
        topic: Rc<Topic>,
        held: (CountedLink, CountedLink),
        (wire, control): (Wire, Vec<u8>),
        start: Start,
    ) -> Rc<Self> {
        let Start { protocol, push, bound, since, next_ns } = start;
        let state = State {
            wire,
            protocol,
            push,
            bound,
            since,
            partial: None,
            control,
            unflushed: Vec::new(),
            phase: Phase::Open,
            flow: Flow::Free,
            next_ns,
            waker: None,
        };
        let armed_ns = Cell::new(u64::MAX);
        let places = Cell::new((NOWHERE, NOWHERE));
        Rc::new(Self { shard, topic, state: RefCell::new(state), armed_ns, places, held })
    }

    /// Has the link served until it ends; `unread` has arrived already.
    pub(super) fn begin(self: Rc<Self>, unread: &mut [u8]) {
        let in_audience = self.topic.audience().enter(Rc::clone(&self) as Rc<dyn Listener>);
        let in_queue = self.shard.upkeep.enter(Rc::clone(&self) as Rc<dyn Timed>);
        self.places.set((in_audience, in_queue));
        let mut state = self.state.borrow_mut();
        state.receive(&self, unread);
        self.settle(&state);
        drop(state);
        let nursery = self.shard.nursery.clone();
        nursery.add(Serving(Some(self)));
    }

    /// Polls the link for itself; ready once it has ended.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        let served = state.serve(self, cx);
        self.settle(&state);
        match served {
            Ok(false) => Poll::Pending,
            // An error ends the link as its end does: nobody needs the error.
            _ => Poll::Ready(()),
        }
    }

    /// Queues the link's deadline where it is earlier than the one that is queued.
    #[inline]
    fn settle(&self, state: &State) {
        let due_ns = state.due_ns(self);
        if due_ns < self.armed_ns.get() {
            self.armed_ns.set(due_ns);
            self.shard.upkeep.arm(self.places.get().1, due_ns);
        }
    }

    /// Removes the link from where others find it.
    fn leave(&self) {
        let (in_audience, in_queue) = self.places.replace((NOWHERE, NOWHERE));
        if in_audience != NOWHERE {
            self.topic.audience().leave(in_audience);
            self.shard.upkeep.leave(in_queue);
        }
    }

    /// Leaves, and says goodbye on the layers below.
    fn end(self: Rc<Self>) {
        self.leave();
        // Nobody else has it between two polls.
        let Some(Self { shard, state, held: (connection, held), .. }) = Rc::into_inner(self) else {
            return;
        };
        let State { mut wire, protocol, phase, .. } = state.into_inner();
        if phase != Phase::Closed {
            return;
        }
        match (protocol, &wire) {
            // A socket that is closed with bytes unread is reset, and the end of the stream lost.
            (Protocol::Events { .. }, _) => {
                drop(held);
                shard.nursery.clone().add(contain(async move {
                    let _ = farewell(&shard, &mut wire).await;
                    drop(connection);
                }));
            }
            (Protocol::WebSocket(_), Wire::Tls(_)) => {
                shard.nursery.clone().add(contain(async move {
                    wire.farewell().await;
                    drop((connection, held));
                }));
            }
            (Protocol::WebSocket(_), Wire::Plain(_)) => {}
        }
    }
}

impl State {
    /// Reads what came, and writes what there is; true once the link has ended.
    fn serve(&mut self, link: &Link, cx: &mut Context<'_>) -> io::Result<bool> {
        if link.shard.leaving() {
            self.close(link, 1001, "the target ends");
        }
        if self.phase == Phase::Gone || self.hear(link, cx)?.is_ready() {
            return Ok(true);
        }
        let written = self.flow(link, cx)?;
        if matches!(written, Flowed::Turn) || self.reads_again() {
            cx.waker().wake_by_ref();
        }
        Ok(self.is_over())
    }

    /// Whether everything is written of a link that ends with it.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Closed && self.flow == Flow::Free
    }

    /// Begins to close, unless the link already does.
    pub(super) fn close(&mut self, link: &Link, code: u16, reason: &str) {
        if self.phase == Phase::Open {
            self.protocol.append_end(&mut self.control, code, reason);
            self.closes(link);
        }
    }

    /// The end of the link is among what is to be written.
    pub(super) fn closes(&mut self, link: &Link) {
        match &mut self.protocol {
            Protocol::Events { .. } => self.phase = Phase::Closed,
            Protocol::WebSocket(talk) => {
                self.phase = Phase::Closing;
                talk.life = Life::asked(self.wire.uptake());
                let patience_ns = link.shard.options().websocket.pong_timeout.ns();
                self.next_ns = clock::now().saturating_add(patience_ns);
            }
        }
    }

    /// Writes without waiting, unless the link waits for its socket; then the policy alone acts, since the client may
    /// never take anything.
    pub(super) fn write_at_once(&mut self, link: &Link) {
        if link.shard.leaving() {
            self.close(link, 1001, "the target ends");
        }
        let written = match self.flow {
            _ if self.phase == Phase::Gone => Ok(Flowed::All),
            Flow::Waits { .. } => {
                if self.phase == Phase::Open && self.bound.closes() {
                    self.keep_within_bound(link);
                }
                Ok(Flowed::All)
            }
            Flow::Free => self.flow(link, &mut Context::from_waker(Waker::noop())),
        };
        if written.is_err() {
            self.phase = Phase::Gone;
        }
        let waits = matches!(written, Ok(Flowed::Full | Flowed::Turn));
        if waits || self.phase == Phase::Gone || self.is_over() || self.reads_again() {
            self.wake();
        }
    }

    /// Has the link polled for itself.
    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Listener for Link {
    fn news(&self) {
        // It is borrowed only while it is polled, and then comes to its news itself.
        let Ok(mut state) = self.state.try_borrow_mut() else { return };
        if state.phase != Phase::Gone {
            state.write_at_once(self);
            self.settle(&state);
        }
    }

    fn fail(&self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.phase = Phase::Gone;
            state.wake();
        }
    }
}

/// A link in the nursery.
#[derive(Debug)]
struct Serving(Option<Rc<Link>>);

impl Future for Serving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(link) = &self.0 else { return Poll::Ready(()) };
        if contained(|| link.poll(cx)).is_pending() {
            return Poll::Pending;
        }
        if let Some(link) = self.0.take() {
            link.end();
        }
        Poll::Ready(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.leave();
        }
    }
}
