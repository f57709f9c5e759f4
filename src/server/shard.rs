//! A shard: one thread, its own runtime, its own connections, its own replica of every log.

use std::cell::{Cell, RefCell, RefMut};
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use super::admission::{self, Admission};
use super::answer::ReplyFuture;
use super::contain::{Contained, contain};
use super::durable::DurableStore;
use super::faults::{self, ShardFaults, Subscriber};
use super::gauges::{CountedLink, Gauges, Kind};
use super::http1::{Connection, Desk, Inbound};
use super::hub::{Directory, Feed, Hub, Ring};
use super::items::Store;
use super::options::Options;
use super::outlet::{Outgoing, Outlet, Writes};
use super::publisher::{self, PublishPlan};
use super::push::Upkeep;
use super::request::{BODY_WAIT, BodyWait};
use super::router;
use super::security::Security;
use super::threads::{Commands, Member, Server};
use super::webhook::{Endpoint, Registry, deliver};
use super::wire::Wire;
use crate::control::mishap;
use crate::event::Epoch;
use crate::measure::{Recorder, Snapshot};
use crate::net::{HANDSHAKE_LIMIT, Nursery};
use crate::pace::{Pacing, Timer};

/// Bytes that hyper buffers an HTTP/2 connection: more would make slow consumers look healthy.
const BUFFER_MAX: usize = 16 << 10;
/// Longest wait, at the end, for links to close.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often a leaving shard checks its links.
const FAREWELL_TICK: Duration = Duration::from_millis(2);
/// Most bytes of events that a topic's log keeps.
const RING_BYTES: usize = 256 << 20;

/// The state that all shards share.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    /// The TLS configuration.
    pub security: Security,
    /// The listening address.
    pub address: SocketAddr,
    /// Tells the entity tags of this process from those of an earlier one.
    pub epoch: u64,
    /// The life that the logs are in, which outlives the process where they do.
    pub life: Epoch,
    pub directory: Arc<Directory>,
    /// The items of `/items`.
    pub items: Store,
    /// The webhooks.
    pub webhooks: Registry,
    /// Each shard's counts of links.
    pub gauges: Vec<Arc<Gauges>>,
    /// Each shard's commands.
    pub commands: Commands<ShardCommand>,
    /// The due stamps that are measured of what is published on a schedule.
    pub window: OnceLock<Range<u64>>,
    /// The durable outbox, where there is one.
    pub store: Option<Arc<DurableStore>>,
}

impl Shared {
    /// Has the shard that an endpoint belongs to deliver to it.
    pub(super) fn deliver(&self, endpoint: &Arc<Endpoint>) {
        let home = endpoint.id() as usize % self.commands.shards();
        self.commands.send(home, ShardCommand::Deliver(Arc::clone(endpoint)));
    }
}

/// Something for one shard of this server to do.
#[derive(Debug, Clone)]
pub(super) enum ShardCommand {
    /// Publish this shard's part of a schedule.
    Publish(Arc<PublishPlan>),
    /// Deliver to a webhook endpoint.
    Deliver(Arc<Endpoint>),
    /// Freeze as the faults require, in this window of monotonic nanoseconds.
    Freeze(Range<u64>),
}

/// One shard, as its own tasks see it.
#[derive(Debug)]
pub(super) struct Shard {
    /// Which one it is.
    pub index: usize,
    /// The logs.
    pub hub: Hub,
    /// The state that all shards share.
    pub shared: Arc<Shared>,
    /// This shard's measurements.
    pub recorder: RefCell<Recorder>,
    /// The record of when deliveries were written.
    pub writes: Rc<Writes>,
    /// Precise deadlines.
    pub timer: Timer,
    /// Injected faults.
    pub faults: Option<Rc<ShardFaults>>,
    /// The limits on requests.
    pub admission: Admission,
    /// Deadlines of push links, and phases of what all links do at intervals.
    pub upkeep: Rc<Upkeep>,
    /// Connections and links that wait, in one task.
    pub nursery: Nursery,
    /// What HTTP/1.1 connections share.
    pub desk: Desk,
    departure: Departure,
}

/// Whether the target is ending.
#[derive(Debug, Default)]
struct Departure {
    begun: Cell<bool>,
    bell: Notify,
}

impl Shard {
    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// This shard's counts of links.
    pub(super) fn gauges(&self) -> &Arc<Gauges> {
        &self.shared.gauges[self.index]
    }

    /// A buffer to read into, between two awaits.
    pub(super) fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.desk.scratch.borrow_mut()
    }

    /// Whether the target is ending and releases its links.
    pub(super) const fn leaving(&self) -> bool {
        self.departure.begun.get()
    }

    /// Waits until the target ends, for links that wait for no topic.
    pub(super) fn departure(&self) -> Notified<'_> {
        self.departure.bell.notified()
    }
}

impl Member for Shard {
    type Command = ShardCommand;

    fn carry_out(self: Rc<Self>, command: ShardCommand) {
        match command {
            ShardCommand::Publish(publish_plan) => spawn_local(publisher::run(self, publish_plan)),
            ShardCommand::Deliver(endpoint) => spawn_local(deliver(self, endpoint)),
            ShardCommand::Freeze(window) => spawn_local(faults::stand_still(self, window)),
        };
    }

    /// Sends goodbyes to open links, and waits briefly for them to be taken.
    async fn leave(&self) {
        self.departure.begun.set(true);
        self.hub.wake();
        self.departure.bell.notify_waiters();
        let held = [Kind::LongPoll, Kind::Sse, Kind::WebSocket];
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline && held.iter().any(|kind| self.gauges().get(*kind) > 0) {
            tokio::time::sleep(FAREWELL_TICK).await;
        }
        // The last messages are written in the following turns.
        tokio::time::sleep(FAREWELL_TICK).await;
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.recorder.borrow().snapshot();
        snapshot.merge(&self.writes.snapshot());
        snapshot
    }

    /// Shakes hands first where this target speaks TLS.
    fn serve(self: Rc<Self>, stream: TcpStream) {
        let held = self.gauges().hold(Kind::Connection);
        let crowded = self.options().limits.connections.is_some_and(|most| {
            let gauges = self.shared.gauges.iter();
            gauges.map(|gauges| gauges.get(Kind::Connection)).sum::<u64>() > most
        });
        // Its number is that of its acceptance, even if it sends its first request later.
        let subscriber = self.faults.as_ref().map(|faults| faults.next_connection());
        let caller = Caller { held, subscriber, crowded };
        let config = self.shared.security.server().map(Arc::clone);
        if config.is_none() && !self.options().http2 {
            return Connection::begin(&self, Wire::Plain(stream), caller);
        }
        let shard = self;
        // A task of its own, so that the room a handshake takes is not kept for as long as the connection lives.
        spawn_local(contain(async move {
            let wire = match config {
                None => Ok(Wire::Plain(stream)),
                Some(config) => Wire::accept(stream, config).await,
            };
            let Ok(wire) = wire else { return };
            match timeout(shard.options().waits.head.std(), wire.begins_http2()).await {
                Ok(Ok(false)) => Connection::begin(&shard, wire, caller),
                Ok(Ok(true)) => shard.converse_http2(wire, caller),
                // The connection broke or sent nothing, so nobody expects an answer.
                Ok(Err(_)) | Err(_) => {}
            }
        }));
    }
}

impl Shard {
    /// The service of a connection, and the way to it.
    fn site(self: &Rc<Self>, wire: Wire, caller: &Caller) -> (TokioIo<Outlet>, Site) {
        let outgoing = Rc::new(Outgoing::new(Rc::clone(&self.writes)));
        let io = Outlet::new(wire, Rc::clone(&outgoing));
        let body_wait =
            Some(self.options().waits.body.std()).filter(|wait| *wait != BODY_WAIT).map(BodyWait);
        let Caller { subscriber, crowded, .. } = *caller;
        let (shard, first) = (Rc::clone(self), RefCell::default());
        (TokioIo::new(io), Site { shard, outgoing, subscriber, crowded, body_wait, first })
    }

    /// Serves HTTP/2 on a connection until it ends.
    fn converse_http2(self: &Rc<Self>, wire: Wire, caller: Caller) {
        let head_wait = self.options().waits.head.std();
        let (io, site) = self.site(wire, &caller);
        let first = Rc::new(Notify::new());
        site.first.replace(Some(Rc::clone(&first)));
        let connection = http2::Builder::new(Contained)
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.options().max_concurrent_streams)
            .max_send_buf_size(BUFFER_MAX)
            // An idle connection that answers pings is left alone.
            .keep_alive_interval(head_wait)
            .keep_alive_timeout(HANDSHAKE_LIMIT)
            .serve_connection(io, site);
        spawn_local(contain(async move {
            let mut connection = pin!(connection);
            // Pings detect a dead peer only after both sides' preface.
            let asks = timeout(head_wait, first.notified());
            tokio::select! {
                _ = &mut connection => return,
                asked = asks => match asked {
                    // Later requests are not answered: HTTP/2 has no header that closes.
                    Ok(()) if caller.crowded => connection.as_mut().graceful_shutdown(),
                    Ok(()) => {}
                    Err(_) => return,
                },
            }
            let _ = connection.await;
            drop(caller.held);
        }));
    }
}

/// Facts about a connection before its first request.
#[derive(Debug)]
pub(super) struct Caller {
    /// Counts it.
    pub held: CountedLink,
    /// Its number, where something is wrong.
    pub subscriber: Option<Subscriber>,
    /// It is above the limit: each request is refused.
    pub crowded: bool,
}

/// The service of one HTTP/2 connection.
#[derive(Debug)]
struct Site {
    shard: Rc<Shard>,
    outgoing: Rc<Outgoing>,
    /// The connection's number, where something is wrong.
    subscriber: Option<Subscriber>,
    /// The connection is above the limit: each request is refused.
    crowded: bool,
    /// Another wait for bodies than the usual.
    body_wait: Option<BodyWait>,
    /// Waits for the first request.
    first: RefCell<Option<Rc<Notify>>>,
}

impl Service<Request<Incoming>> for Site {
    type Response = super::answer::Reply;
    type Error = std::convert::Infallible;
    type Future = ReplyFuture;

    fn call(&self, request: Request<Incoming>) -> ReplyFuture {
        let mut request = request.map(Inbound::Http2);
        mishap("connection");
        if let Some(first) = self.first.take() {
            first.notify_one();
        }
        if self.crowded {
            return router::refuse(&self.shard, &request, admission::crowded());
        }
        if let Some(wait) = self.body_wait {
            request.extensions_mut().insert(wait);
        }
        let (shard, outgoing) = (&self.shard, &self.outgoing);
        match (&shard.faults, self.subscriber) {
            (Some(faults), Some(from)) => {
                faults::answer(faults, shard, outgoing, from, request, router::answer)
            }
            _ => router::answer(shard, outgoing, request),
        }
    }
}

/// The server of every pattern, as its shards are made.
pub(super) struct BuiltIn<'a> {
    /// What all shards share.
    pub shared: &'a Arc<Shared>,
    /// The feeds of every shard, by index.
    pub feeds: Vec<UnboundedSender<Feed>>,
}

impl Server for BuiltIn<'_> {
    type Member = Shard;
    /// Events of other shards' topics.
    type Part = UnboundedReceiver<Feed>;

    fn first_core(&self) -> Option<u32> {
        self.shared.options.first_core
    }

    fn pacing(&self) -> Pacing {
        faults::pacing(&self.shared.options)
    }

    fn member(&self, index: usize, timer: Timer, mut feed: UnboundedReceiver<Feed>) -> Rc<Shard> {
        mishap("target");
        let (common, feeds) = (self.shared, self.feeds.clone());
        let faults = ShardFaults::new(index, &common.options);
        let delay_line = faults.as_ref().and_then(|faults| faults.delay_line()).cloned();
        if let Some(delay_line) = &delay_line {
            spawn_local(Rc::clone(delay_line).run(timer.clone()));
        }
        let ring = Ring { entries_max: common.options.ring.max(1) as usize, bytes_max: RING_BYTES };
        let writes = Rc::new(Writes::new(Arc::clone(common)));
        let shard = Rc::new(Shard {
            index,
            hub: Hub::new(index, ring, Arc::clone(&common.directory), feeds)
                .with_belt(delay_line)
                .with_padding(common.options.faults.padding.bytes() as usize),
            shared: Arc::clone(common),
            recorder: RefCell::default(),
            timer,
            faults,
            admission: Admission::new(common.options.limits, common.options.shards),
            upkeep: Rc::default(),
            nursery: Nursery::new(),
            desk: Desk::new(&common.options, &writes),
            writes,
            departure: Departure::default(),
        });
        // A panic in it is one link's.
        spawn_local(contain(shard.nursery.clone().drive()));
        shard.hub.restore();
        if let Some(store) = &common.store {
            shard.hub.keep_in(store);
        }
        spawn_local(Rc::clone(shard.hub.fanout()).run());
        spawn_local(Rc::clone(&shard.upkeep).run());
        let replicas = Rc::clone(&shard);
        spawn_local(async move {
            while let Some(message) = feed.recv().await {
                replicas.hub.receive(message);
            }
        });
        shard
    }
}
