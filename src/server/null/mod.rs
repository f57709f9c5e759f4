//! The null target: a server that does as little as possible, for the noise floor of a run.
//!
//! It serves the same workers as the real target, in two ways. Any request of `/items` gets a constant answer as soon as it
//! has been read; a WebSocket gets every event of its topic, encoded once and written straight to its socket when due.
//! There is no hyper, log, fan-out between shards, store, heartbeat or resuming: such a trial costs what machine, kernel,
//! pacing and recording cost.
//!
//! It is not an example of a server: it trusts its input.

mod deliveries;
mod http;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

use self::deliveries::Subscribers;
use self::http::{Answers, Head};
use super::publisher::PublishPlan;
use super::serve::ACCEPT_PAUSE;
use super::websocket::handshake::accept as accept_handshake;
use crate::control::TargetAssignment;
use crate::measure::{Recorder, Snapshot, pin};
use crate::pace::{Pacing, Timer};

/// The options of a null target.
#[derive(Debug, Clone, Copy)]
pub(super) struct NullOptions {
    /// Threads that serve.
    shards: u32,
    /// The core of the first shard, where shards are pinned.
    first_core: Option<u32>,
    /// Topics.
    topics: u64,
    /// Payload of an item, in bytes.
    payload: usize,
    /// The kernel's send buffer of each connection, in bytes.
    send_buffer: usize,
}

impl From<&TargetAssignment> for NullOptions {
    fn from(assignment: &TargetAssignment) -> Self {
        let workload = &assignment.case.workload;
        Self {
            shards: assignment.shards.max(1),
            first_core: assignment.pinned.then_some(assignment.first_core),
            topics: workload.topics,
            payload: workload.payload.bytes() as usize,
            send_buffer: assignment.send_buffer.bytes() as usize,
        }
    }
}

/// A handle on a running null target.
#[derive(Debug)]
pub(super) struct NullHandle {
    address: SocketAddr,
    commands: Vec<UnboundedSender<ShardCommand>>,
}

impl NullHandle {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delivers a schedule.
    pub(super) fn publish(&self, publish_plan: PublishPlan) {
        let publish_plan = Arc::new(publish_plan);
        for commands in &self.commands {
            let _ = commands.send(ShardCommand::Publish(Arc::clone(&publish_plan)));
        }
    }
}

/// Something for one shard to do.
#[derive(Debug)]
enum ShardCommand {
    Serve(std::net::TcpStream),
    Publish(Arc<PublishPlan>),
    Stop,
}

/// Tells every shard to end, also where the first one fails.
struct StopOnDrop(Vec<UnboundedSender<ShardCommand>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        for commands in &self.0 {
            let _ = commands.send(ShardCommand::Stop);
        }
    }
}

/// One thread with its own runtime and connections.
#[derive(Debug)]
struct Shard {
    index: usize,
    of: u64,
    answers: Answers,
    subscribers: Subscribers,
    recorder: RefCell<Recorder>,
    timer: Timer,
}

/// Serves until `control`, which gets a [`NullHandle`], completes; returns its value and the measurements. Blocks this
/// thread, which is shard 0.
pub(super) fn serve_null_with<T>(
    listener: TcpListener,
    options: NullOptions,
    control: impl AsyncFnOnce(NullHandle) -> T,
) -> io::Result<(T, Snapshot)> {
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).set_send_buffer_size(options.send_buffer)?;
    let address = listener.local_addr()?;
    let (commands, boxes): (Vec<_>, Vec<_>) =
        (0..options.shards).map(|_| unbounded_channel()).unzip();
    let mut boxes = boxes.into_iter();
    let own = boxes.next().ok_or_else(|| io::Error::other("a target has at least one shard"))?;
    thread::scope(|scope| {
        let mut others = Vec::new();
        for (index, commands) in (1..).zip(boxes) {
            let body = move || {
                let idle = async |_| std::future::pending::<()>().await;
                run(index, options, commands, idle).map(|(_, snapshot)| snapshot)
            };
            let name = format!("target-{index}");
            others.push(thread::Builder::new().name(name).spawn_scoped(scope, body)?);
        }
        // Dropped before the threads are joined, also where this shard fails.
        let stop = StopOnDrop(commands.clone());
        let ended = run(0, options, own, async |shard| {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let accepting = spawn_local(accept(listener, shard, commands.clone()));
            let outcome = control(NullHandle { address, commands }).await;
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

/// Runs a shard on this thread until it gets the order to stop, and `main` along with it.
fn run<T>(
    index: usize,
    options: NullOptions,
    mut commands: UnboundedReceiver<ShardCommand>,
    main: impl AsyncFnOnce(Rc<Shard>) -> T,
) -> io::Result<(Option<T>, Snapshot)> {
    if let Some(first) = options.first_core {
        pin(first + index as u32);
    }
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let (timer, drive) = Timer::new(Pacing::Timerfd)?;
        spawn_local(drive);
        let shard = Rc::new(Shard {
            index,
            of: u64::from(options.shards),
            answers: Answers::new(options.payload),
            subscribers: Subscribers::new(options.topics),
            recorder: RefCell::default(),
            timer,
        });
        let outcome = tokio::select! {
            outcome = main(Rc::clone(&shard)) => Some(outcome),
            () = async {
                while let Some(command) = commands.recv().await && shard.carry_out(command) {}
            } => None,
        };
        let snapshot = shard.recorder.borrow().snapshot();
        Ok((outcome, snapshot))
    })
}

/// Accepts connections and hands them to the shards in turn.
async fn accept(
    listener: tokio::net::TcpListener,
    shard: Rc<Shard>,
    commands: Vec<UnboundedSender<ShardCommand>>,
) {
    for turn in (0..commands.len()).cycle() {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        // As the real one does: a small frame must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        if turn == shard.index {
            spawn_local(Rc::clone(&shard).serve(stream));
        } else if let Ok(stream) = stream.into_std() {
            let _ = commands[turn].send(ShardCommand::Serve(stream));
        }
    }
}

/// The next use of a connection after its first requests.
enum Next {
    Ended,
    /// It upgrades to the WebSocket of a topic.
    Subscribe(usize),
}

impl Shard {
    /// Carries out one command; false if it was to end.
    fn carry_out(self: &Rc<Self>, command: ShardCommand) -> bool {
        match command {
            ShardCommand::Serve(stream) => {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    spawn_local(Rc::clone(self).serve(stream));
                }
            }
            ShardCommand::Publish(publish_plan) => {
                spawn_local(deliveries::publish(Rc::clone(self), publish_plan));
            }
            ShardCommand::Stop => return false,
        }
        true
    }

    /// Serves a connection until it ends.
    async fn serve(self: Rc<Self>, mut stream: TcpStream) {
        // A connection that breaks is the client's affair.
        if let Ok(Next::Subscribe(topic)) = self.answer(&mut stream).await {
            self.subscribers.serve(topic, stream).await;
        }
    }

    /// Answers requests, one after the other.
    async fn answer(&self, stream: &mut TcpStream) -> io::Result<Next> {
        let mut buffer = Vec::new();
        loop {
            let whole = match Head::read(&buffer) {
                Ok(Some(head)) if head.len <= buffer.len() => head,
                Ok(_) => {
                    if stream.read_buf(&mut buffer).await? == 0 {
                        return Ok(Next::Ended);
                    }
                    continue;
                }
                Err(_) => return Ok(Next::Ended),
            };
            if let Some(topic) = self.subscribers.topic(whole.path) {
                let Ok(proof) = accept_handshake(&whole.headers()) else { return Ok(Next::Ended) };
                let switch = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                     sec-websocket-accept: {proof}\r\n\r\n"
                );
                stream.write_all(switch.as_bytes()).await?;
                return Ok(Next::Subscribe(topic));
            }
            let answer = self.answers.to(whole.method);
            let len = whole.len;
            stream.write_all(answer).await?;
            buffer.drain(..len);
        }
    }
}
