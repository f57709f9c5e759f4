//! Starting and stopping: the shards' threads, and the dealing of connections to them.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::net::sockopt::set_tcp_user_timeout;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::durable::{DurableStore, Restored};
use super::hub::{Directory, Feed};
use super::items::Store;
use super::options::Options;
use super::publisher::{PublishPlan, TopicTaken};
use super::resume::Predecessor;
use super::security::Security;
use super::shard::{self, Mailboxes, Shard, ShardCommand, Shared};
use super::webhook::{Endpoint, Registry};
use crate::event::{self, Epoch};
use crate::measure::Snapshot;
use crate::scenario::Outbox;

/// Most topics that the API may create beyond those of [`Options::topics`].
const TOPICS_MORE: usize = 10_000;
/// Connections that may wait to be accepted: thousands of links open within a second.
const BACKLOG: i32 = 16_384;
/// Pause after a failed accept: descriptors ran out, and become free when links end.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Binds a listening socket that can take thousands of links at once.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A handle on a running target.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// The listening address.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Sets the measure window, in monotonic nanoseconds: events in it are measured, and freezes count from its begin. Only
    /// the first call counts: a trial has one window.
    pub fn begin(&self, window: Range<u64>) {
        if self.shared.options.faults.freeze.is_some() {
            for commands in &self.shared.commands {
                let _ = commands.send(ShardCommand::Freeze(window.clone()));
            }
        }
        let _ = self.shared.window.set(window);
    }

    /// Publishes a schedule, each shard the topics whose home it is.
    pub fn publish(&self, publish_plan: PublishPlan) -> Result<(), TopicTaken> {
        for index in 0..publish_plan.schedule.topics {
            let name = event::topic_name(index);
            match self.shared.directory.get_or_create(&name) {
                Ok(identity) if identity.index() as u64 == index => {}
                _ => return Err(TopicTaken(name)),
            }
        }
        let PublishPlan { at_ns, window, .. } = &publish_plan;
        let _ = self.shared.window.set(at_ns + window.start..at_ns.saturating_add(window.end));
        let publish_plan = Arc::new(publish_plan);
        for commands in &self.shared.commands {
            let _ = commands.send(ShardCommand::Publish(Arc::clone(&publish_plan)));
        }
        Ok(())
    }
}

/// Serves until `shutdown` completes, and returns the measurements. Blocks this thread, which is shard 0.
pub fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Snapshot> {
    serve_with(listener, options, async |_| shutdown.await).map(|((), snapshot)| snapshot)
}

/// Serves until `control`, which gets a [`Handle`], completes; returns its value and the measurements. Blocks this thread,
/// which is shard 0. A durable outbox lasts for this process only.
pub fn serve_with<T>(
    listener: TcpListener,
    options: Options,
    control: impl AsyncFnOnce(Handle) -> T,
) -> io::Result<(T, Snapshot)> {
    serve_from(listener, options, Start::default(), control)
}

/// What a target starts with besides its options.
#[derive(Debug, Default)]
pub struct Start<'a> {
    /// The TLS configuration.
    pub security: Security,
    /// A target that ended and whose log this one restores before it accepts connections.
    pub predecessor: Option<&'a Predecessor>,
    /// The folder of the durable outbox; an existing one is continued.
    pub data: Option<&'a Path>,
    /// The life of the logs; a new one by default. A durable outbox keeps its own.
    pub life: Option<Epoch>,
}

/// The same from another start.
pub fn serve_from<T>(
    listener: TcpListener,
    options: Options,
    start: Start<'_>,
    control: impl AsyncFnOnce(Handle) -> T,
) -> io::Result<(T, Snapshot)> {
    let Start { security, predecessor, data, life } = start;
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).set_send_buffer_size(options.send_buffer.bytes() as usize)?;
    // Connections inherit both: a peer that vanished acknowledges nothing.
    let unacknowledged_ms = options.write_timeout.ns() / 1_000_000;
    set_tcp_user_timeout(&listener, unacknowledged_ms as u32)?;
    let of = options.shards.max(1) as usize;
    let (commands, errand_boxes): (Vec<_>, Vec<_>) =
        (0..of).map(|_| mpsc::unbounded_channel()).unzip();
    let (feeds, feed_boxes): (Vec<_>, Vec<_>) = (0..of).map(|_| mpsc::unbounded_channel()).unzip();
    let life = life.unwrap_or_else(Epoch::random);
    let (store, restored) = open(&options, data, life, &feeds)?;
    let mut shared = share(options, security, listener.local_addr()?, commands, predecessor);
    shared.life = restored.life.unwrap_or(life);
    shared.store = store.map(Arc::new);
    let endpoints = restore(&shared, restored)?;
    let shared = Arc::new(shared);
    for endpoint in endpoints {
        let _ = shared.home_of(&endpoint).send(ShardCommand::Deliver(endpoint));
    }
    let boxes = feed_boxes.into_iter().zip(errand_boxes);
    let mut boxes = boxes.map(|(feed, commands)| Mailboxes { feed, commands });
    let own = boxes.next().ok_or_else(|| io::Error::other("a target has at least one shard"))?;
    thread::scope(|scope| {
        let mut others = Vec::new();
        for (index, mailboxes) in (1..).zip(boxes) {
            let (shared, feeds) = (&shared, feeds.clone());
            let body = move || {
                let ended = shard::run(index, shared, feeds, mailboxes, async |_| {
                    std::future::pending::<()>().await;
                });
                ended.map(|(_, snapshot)| snapshot)
            };
            let name = format!("target-{index}");
            others.push(thread::Builder::new().name(name).spawn_scoped(scope, body)?);
        }
        let handle = Handle { shared: Arc::clone(&shared) };
        // Dropped before the threads are joined, also where this shard fails.
        let stop = StopOnDrop(&shared);
        let ended = shard::run(0, &shared, feeds, own, async |shard| {
            let accepting = accept(listener, shard)?;
            let accepting = spawn_local(accepting);
            let outcome = control(handle).await;
            accepting.abort();
            Ok(outcome)
        });
        drop(stop);
        let (outcome, mut snapshot) = ended?;
        for other in others {
            let ended = other.join().map_err(|_| io::Error::other("a shard panicked"))?;
            snapshot.merge(&ended?);
        }
        let outcome: io::Result<T> =
            outcome.unwrap_or_else(|| Err(io::Error::other("the target was stopped from inside")));
        Ok((outcome?, snapshot))
    })
}

fn share(
    options: Options,
    security: Security,
    address: SocketAddr,
    commands: Vec<mpsc::UnboundedSender<ShardCommand>>,
    predecessor: Option<&Predecessor>,
) -> Shared {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_micros() as u64);
    let directory = Arc::new(Directory::new(options.topics as usize + TOPICS_MORE));
    for index in 0..options.topics {
        let _ = directory.get_or_create(&event::topic_name(index));
    }
    let ring = options.ring.max(1) as usize;
    let predecessor =
        predecessor.map(|predecessor| predecessor.recovered(&directory, ring)).unwrap_or_default();
    Shared {
        predecessor,
        options,
        security,
        address,
        epoch,
        life: Epoch::of(epoch),
        directory,
        items: Store::new(epoch),
        webhooks: Registry::default(),
        gauges: commands.iter().map(|_| Arc::default()).collect(),
        commands,
        window: OnceLock::new(),
        store: None,
    }
}

/// Opens the durable outbox, if configured, and reads its content.
fn open(
    options: &Options,
    data: Option<&Path>,
    life: Epoch,
    feeds: &[mpsc::UnboundedSender<Feed>],
) -> io::Result<(Option<DurableStore>, Restored)> {
    let ring = options.ring as usize;
    let opened = match (data, options.webhook.outbox) {
        (Some(folder), _) => DurableStore::open(folder, ring, life, feeds.to_vec())
            .map(|(store, held)| (Some(store), held)),
        (None, Outbox::Durable) => {
            let store = DurableStore::temporary(ring, feeds.to_vec());
            store.map(|store| (Some(store), Restored::default()))
        }
        (None, Outbox::Memory) => Ok((None, Restored::default())),
    };
    opened.map_err(io::Error::other)
}

/// Restores a predecessor's state: topics continue after their newest event, endpoints at their positions.
fn restore(shared: &Shared, restored: Restored) -> io::Result<Vec<Arc<Endpoint>>> {
    for topic in restored.topics {
        let made = shared.directory.get_or_create(&topic.name);
        let identity = made.map_err(|_| io::Error::other("the outbox has too many topics"))?;
        identity.restore(topic.newest, topic.entries);
    }
    let endpoints = restored.endpoints.into_iter();
    let endpoints = endpoints.map(|endpoint| shared.webhooks.restore(&shared.directory, endpoint));
    let endpoints = endpoints.collect::<Result<Vec<_>, String>>().map_err(io::Error::other)?;
    shared.webhooks.go_on_after(restored.last_endpoint);
    Ok(endpoints)
}

struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        for commands in &self.0.commands {
            let _ = commands.send(ShardCommand::Stop);
        }
    }
}

/// Accepts connections and hands them to the shards in turn.
fn accept(listener: TcpListener, shard: Rc<Shard>) -> io::Result<impl Future<Output = ()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        for turn in (0..shard.shared.commands.len()).cycle() {
            let stream = loop {
                match listener.accept().await {
                    Ok((stream, _)) => break stream,
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            };
            // Without it a small frame would wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            if turn == shard.index {
                shard.serve(stream);
            } else if let Ok(stream) = stream.into_std() {
                let _ = shard.shared.commands[turn].send(ShardCommand::Serve(stream));
            }
        }
    })
}
