//! Starting and stopping: the shards' threads, and the dealing of connections to them.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::hub::Directory;
use super::items::Store;
use super::options::Options;
use super::publisher::{Programme, TopicTaken};
use super::security::Security;
use super::shard::{self, Errand, Mailboxes, Shard, Shared};
use super::webhook::Registry;
use crate::event;
use crate::measure::Snapshot;

/// Topics that the API may make beside those of [`Options::topics`].
const TOPICS_MORE: usize = 10_000;
/// The kernel's send buffer of a connection, in bytes (the kernel doubles it for its own needs). Left alone it
/// would grow to megabytes, in which a slow consumer's lag does not show.
pub(super) const SEND_BUFFER: usize = 64 << 10;
/// Connections that may wait to be accepted: thousands of links open within a second.
const BACKLOG: i32 = 16_384;
/// A pause after a failed accept: descriptors are short, and come back when links end.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Binds a listening socket that can take thousands of links at once.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the owner of a running target holds.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Where the target listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Says when the measure window is, in monotonic nanoseconds: what is done in it is measured, and standstills
    /// count from its begin. Of several windows the first counts: a trial has one.
    pub fn begin(&self, window: Range<u64>) {
        if self.shared.options.faults.freeze.is_some() {
            for errands in &self.shared.errands {
                let _ = errands.send(Errand::Freeze(window.clone()));
            }
        }
        let _ = self.shared.window.set(window);
    }

    /// Publishes a schedule, each shard the topics whose home it is.
    pub fn publish(&self, programme: Programme) -> Result<(), TopicTaken> {
        for index in 0..programme.schedule.topics {
            let name = event::topic_name(index);
            match self.shared.directory.get_or_create(&name) {
                Ok(identity) if identity.index() as u64 == index => {}
                _ => return Err(TopicTaken(name)),
            }
        }
        let Programme { at_ns, window, .. } = &programme;
        let _ = self.shared.window.set(at_ns + window.start..at_ns.saturating_add(window.end));
        let programme = Arc::new(programme);
        for errands in &self.shared.errands {
            let _ = errands.send(Errand::Publish(Arc::clone(&programme)));
        }
        Ok(())
    }
}

/// Serves until `shutdown` completes, and returns what was measured. Blocks this thread, which is shard 0.
pub fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Snapshot> {
    serve_with(listener, options, async |_| shutdown.await).map(|((), snapshot)| snapshot)
}

/// Serves until `control` completes, which is given a [`Handle`]; returns its value and what was measured.
/// Blocks this thread, which is shard 0.
pub fn serve_with<T>(
    listener: TcpListener,
    options: Options,
    control: impl AsyncFnOnce(Handle) -> T,
) -> io::Result<(T, Snapshot)> {
    serve_secured(listener, options, Security::default(), control)
}

/// The same with what TLS takes.
pub fn serve_secured<T>(
    listener: TcpListener,
    options: Options,
    security: Security,
    control: impl AsyncFnOnce(Handle) -> T,
) -> io::Result<(T, Snapshot)> {
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    let of = options.shards.max(1) as usize;
    let (errands, errand_boxes): (Vec<_>, Vec<_>) =
        (0..of).map(|_| mpsc::unbounded_channel()).unzip();
    let (feeds, feed_boxes): (Vec<_>, Vec<_>) = (0..of).map(|_| mpsc::unbounded_channel()).unzip();
    let shared = Arc::new(share(options, security, listener.local_addr()?, errands));
    let boxes = feed_boxes.into_iter().zip(errand_boxes);
    let mut boxes = boxes.map(|(feed, errands)| Mailboxes { feed, errands });
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
    errands: Vec<mpsc::UnboundedSender<Errand>>,
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
        directory,
        items: Store::new(epoch),
        webhooks: Registry::default(),
        gauges: errands.iter().map(|_| Arc::default()).collect(),
        errands,
        window: OnceLock::new(),
    }
}

struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        for errands in &self.0.errands {
            let _ = errands.send(Errand::Stop);
        }
    }
}

/// Accepts connections and deals them to the shards in turn.
fn accept(listener: TcpListener, shard: Rc<Shard>) -> io::Result<impl Future<Output = ()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        for turn in (0..shard.shared.errands.len()).cycle() {
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
                let _ = shard.shared.errands[turn].send(Errand::Serve(stream));
            }
        }
    })
}
