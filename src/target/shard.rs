//! A shard: one thread, its own runtime, its own connections, its own replica of every log.

use std::cell::{RefCell, RefMut};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::answer::Answer;
use super::gauges::{Gauges, Held, Kind};
use super::hub::{Directory, Feed, Hub, Ring};
use super::items::Store;
use super::options::Options;
use super::outlet::{Outgoing, Outlet, Writes};
use super::publisher::{self, Programme};
use super::router;
use super::security::Security;
use super::webhook::{Endpoint, Registry, deliver};
use super::wire::Wire;
use crate::measure::{Recorder, Snapshot, pin};
use crate::net::{HANDSHAKE_LIMIT, Here};
use crate::pace::{Pacing, Timer};

/// Bytes that hyper buffers a connection, each way: more would make slow consumers look healthy.
const BUFFER_MAX: usize = 16 << 10;
/// A connection without a whole request head for so long is closed, whether idle or slow.
const HEAD_WAIT: Duration = Duration::from_secs(75);
/// Bytes that a shard reads from a WebSocket at once.
const SCRATCH: usize = 16 << 10;
/// Most bytes of events that a topic's log keeps.
const RING_BYTES: usize = 256 << 20;

/// What all shards share.
#[derive(Debug)]
pub struct Shared {
    /// How to serve.
    pub options: Options,
    /// What it speaks TLS with.
    pub security: Security,
    /// Where this target listens.
    pub address: SocketAddr,
    /// Tells the entity tags of this process from those of an earlier one.
    pub epoch: u64,
    /// Every topic.
    pub directory: Arc<Directory>,
    /// The items of `/items`.
    pub items: Store,
    /// The webhooks.
    pub webhooks: Registry,
    /// Each shard's counts of links.
    pub gauges: Vec<Arc<Gauges>>,
    /// Each shard's errands.
    pub errands: Vec<UnboundedSender<Errand>>,
    /// The due stamps that are measured of what is published on a schedule.
    pub window: OnceLock<Range<u64>>,
}

/// Something for one shard to do.
#[derive(Debug)]
pub enum Errand {
    /// Serve a connection.
    Serve(std::net::TcpStream),
    /// Publish this shard's part of a schedule.
    Publish(Arc<Programme>),
    /// Deliver to a webhook endpoint.
    Deliver(Arc<Endpoint>),
    /// End.
    Stop,
}

/// One shard's ends of the channels between shards.
#[derive(Debug)]
pub struct Mailboxes {
    /// Events of other shards' topics.
    pub feed: UnboundedReceiver<Feed>,
    /// Errands.
    pub errands: UnboundedReceiver<Errand>,
}

/// One shard, as its own tasks see it.
#[derive(Debug)]
pub struct Shard {
    /// Which one it is.
    pub index: usize,
    /// The logs.
    pub hub: Hub,
    /// What all shards share.
    pub shared: Arc<Shared>,
    /// What is measured here.
    pub recorder: RefCell<Recorder>,
    /// When deliveries were written.
    pub writes: Rc<Writes>,
    /// Precise deadlines.
    pub timer: Timer,
    scratch: RefCell<Box<[u8]>>,
}

impl Shard {
    /// How to serve.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// This shard's counts of links.
    pub fn gauges(&self) -> &Arc<Gauges> {
        &self.shared.gauges[self.index]
    }

    /// A buffer to read into, between two awaits.
    pub fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.scratch.borrow_mut()
    }

    /// Carries out one errand; false where it was to end.
    fn run(self: &Rc<Self>, errand: Errand) -> bool {
        match errand {
            Errand::Serve(stream) => {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    self.serve(stream);
                }
            }
            Errand::Publish(programme) => {
                spawn_local(publisher::run(Rc::clone(self), programme));
            }
            Errand::Deliver(endpoint) => {
                spawn_local(deliver(Rc::clone(self), endpoint));
            }
            Errand::Stop => return false,
        }
        true
    }

    /// Serves a connection until it ends, shaking hands first where this target speaks TLS.
    pub fn serve(self: &Rc<Self>, stream: TcpStream) {
        let held = self.gauges().hold(Kind::Connection);
        let config = self.shared.security.server().map(Arc::clone);
        if config.is_none() && !self.options().http2 {
            return self.converse(Wire::Plain(stream), held);
        }
        let shard = Rc::clone(self);
        // A task of its own, so that the room a handshake takes is not kept for as long as the connection lives.
        spawn_local(async move {
            let wire = match config {
                None => Ok(Wire::Plain(stream)),
                Some(config) => Wire::accept(stream, config).await,
            };
            let Ok(wire) = wire else { return };
            match timeout(HEAD_WAIT, wire.begins_http2()).await {
                Ok(Ok(false)) => shard.converse(wire, held),
                Ok(Ok(true)) => shard.converse_http2(wire, held),
                // It broke, or nothing came: there is nobody to answer.
                Ok(Err(_)) | Err(_) => {}
            }
        });
    }

    /// Serves HTTP/2 on a connection until it ends.
    fn converse_http2(self: &Rc<Self>, wire: Wire, held: Held) {
        let outgoing = Rc::new(Outgoing::new(Rc::clone(&self.writes)));
        let io = Outlet::new(wire, Rc::clone(&outgoing));
        let site = Site { shard: Rc::clone(self), outgoing };
        let connection = http2::Builder::new(Here)
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.options().max_concurrent_streams)
            .max_send_buf_size(BUFFER_MAX)
            // One that is idle and answers is left alone.
            .keep_alive_interval(HEAD_WAIT)
            .keep_alive_timeout(HANDSHAKE_LIMIT)
            .serve_connection(TokioIo::new(io), site);
        spawn_local(async move {
            let _held = held;
            let _ = connection.await;
        });
    }

    /// Serves HTTP/1.1 on a connection until it ends.
    fn converse(self: &Rc<Self>, wire: Wire, held: Held) {
        let outgoing = Rc::new(Outgoing::new(Rc::clone(&self.writes)));
        let io = Outlet::new(wire, Rc::clone(&outgoing));
        let site = Site { shard: Rc::clone(self), outgoing };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .max_buf_size(BUFFER_MAX)
            .serve_connection(TokioIo::new(io), site)
            .with_upgrades();
        spawn_local(async move {
            let _held = held;
            // A connection that breaks is the client's affair.
            let _ = connection.await;
        });
    }
}

/// The HTTP service of one connection.
#[derive(Debug)]
struct Site {
    shard: Rc<Shard>,
    outgoing: Rc<Outgoing>,
}

impl Service<Request<Incoming>> for Site {
    type Response = super::answer::Reply;
    type Error = std::convert::Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        router::answer(&self.shard, &self.outgoing, request)
    }
}

/// Runs shard number `index` on this thread: its mail until it is told to stop, and `main` beside it.
///
/// `main` is called once the shard is ready; the shard ends with it, and with [`Errand::Stop`].
pub fn run<T>(
    index: usize,
    common: &Arc<Shared>,
    feeds: Vec<UnboundedSender<Feed>>,
    mailboxes: Mailboxes,
    main: impl AsyncFnOnce(Rc<Shard>) -> T,
) -> io::Result<(Option<T>, Snapshot)> {
    if let Some(first) = common.options.first_core {
        pin(first + index as u32);
    }
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let (timer, drive) = Timer::new(Pacing::Timerfd)?;
        spawn_local(drive);
        let ring = Ring { entries_max: common.options.ring.max(1) as usize, bytes_max: RING_BYTES };
        let shard = Rc::new(Shard {
            index,
            hub: Hub::new(index, ring, Arc::clone(&common.directory), feeds),
            shared: Arc::clone(common),
            recorder: RefCell::default(),
            writes: Rc::new(Writes::new(Arc::clone(common))),
            timer,
            scratch: RefCell::new(vec![0; SCRATCH].into()),
        });
        let Mailboxes { mut feed, mut errands } = mailboxes;
        let replicas = Rc::clone(&shard);
        spawn_local(async move {
            while let Some(message) = feed.recv().await {
                replicas.hub.receive(message);
            }
        });
        let outcome = tokio::select! {
            outcome = main(Rc::clone(&shard)) => Some(outcome),
            () = async {
                while let Some(errand) = errands.recv().await && shard.run(errand) {}
            } => None,
        };
        let mut snapshot = shard.recorder.borrow().snapshot();
        snapshot.merge(&shard.writes.snapshot());
        Ok((outcome, snapshot))
    })
}
