//! Starting the built-in server, with what an earlier one left, and what its owner can have it do.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::sync::mpsc;

use super::durable::{DurableStore, Restored};
use super::hub::{Directory, Feed, TooManyTopics};
use super::items::Store;
use super::options::Options;
use super::publisher::{PublishPlan, TopicTaken};
use super::resume::Predecessor;
use super::security::Security;
use super::shard::{BuiltIn, ShardCommand, Shared};
use super::threads::{self, Commands};
use super::webhook::{Endpoint, Registry};
use crate::event::{self, Epoch};
use crate::measure::Snapshot;
use crate::scenario::Outbox;

/// Most topics that the API may create beyond those of [`Options::topics`].
const TOPICS_MORE: usize = 10_000;
/// What the owner of a running target holds.
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
            self.shared.commands.send_all(&ShardCommand::Freeze(window.clone()));
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
        self.shared.commands.send_all(&ShardCommand::Publish(Arc::new(publish_plan)));
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
    /// A target that ended, in whose place it stands: with its log, before the first connection is accepted. What is in
    /// `data` is read there instead.
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
    let address = threads::prepare(&listener, options.send_buffer.bytes() as usize)?;
    // Connections inherit it: a peer that is gone without a word acknowledges nothing.
    let unacknowledged_ms = options.write_timeout.ns() / 1_000_000;
    set_tcp_user_timeout(&listener, unacknowledged_ms as u32)?;
    let (commands, inboxes) = Commands::new(options.shards);
    let (feeds, feed_boxes): (Vec<_>, Vec<_>) =
        inboxes.iter().map(|_| mpsc::unbounded_channel()).unzip();
    let life = life.unwrap_or_else(Epoch::random);
    let (store, mut restored) = open(&options, data, life, &feeds)?;
    if let Some(predecessor) = predecessor.filter(|_| data.is_none()) {
        restored.topics = predecessor.topics(options.ring.max(1) as usize);
    }
    let mut shared = share(options, security, address, commands);
    shared.life = restored.life.unwrap_or(life);
    shared.store = store.map(Arc::new);
    let endpoints = restore(&shared, restored)?;
    let shared = Arc::new(shared);
    for endpoint in endpoints {
        shared.deliver(&endpoint);
    }
    let handle = Handle { shared: Arc::clone(&shared) };
    let parts = inboxes.into_iter().zip(feed_boxes);
    let commands = &shared.commands;
    threads::serve(&BuiltIn { shared: &shared, feeds }, listener, commands, parts, async || {
        control(handle).await
    })
}

fn share(
    options: Options,
    security: Security,
    address: SocketAddr,
    commands: Commands<ShardCommand>,
) -> Shared {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_micros() as u64);
    let directory = Arc::new(Directory::new(options.topics as usize + TOPICS_MORE));
    for index in 0..options.topics {
        let _ = directory.get_or_create(&event::topic_name(index));
    }
    Shared {
        options,
        security,
        address,
        epoch,
        life: Epoch::of(epoch),
        directory,
        items: Store::new(epoch),
        webhooks: Registry::default(),
        gauges: (0..commands.shards()).map(|_| Arc::default()).collect(),
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
        let taken = shared.directory.restore(topic);
        taken.map_err(|TooManyTopics| io::Error::other("too many topics to restore"))?;
    }
    let endpoints = restored.endpoints.into_iter();
    let endpoints = endpoints.map(|endpoint| shared.webhooks.restore(&shared.directory, endpoint));
    let endpoints = endpoints.collect::<Result<Vec<_>, String>>().map_err(io::Error::other)?;
    shared.webhooks.go_on_after(restored.last_endpoint);
    Ok(endpoints)
}
