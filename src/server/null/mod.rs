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

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use self::deliveries::Subscribers;
use self::http::{Answers, Head};
use super::publisher::PublishPlan;
use super::threads::{self, Commands, Member, Server};
use super::websocket::handshake::accept as accept_handshake;
use crate::control::TargetAssignment;
use crate::measure::{Recorder, Snapshot};
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
    /// Its shards receive only what to publish.
    commands: Commands<Arc<PublishPlan>>,
}

impl NullHandle {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delivers a schedule.
    pub(super) fn publish(&self, publish_plan: PublishPlan) {
        self.commands.send_all(&Arc::new(publish_plan));
    }
}

/// One thread with its own runtime and connections.
#[derive(Debug)]
pub(super) struct Shard {
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
    let address = threads::prepare(&listener, options.send_buffer)?;
    let (commands, inboxes) = Commands::new(options.shards);
    let handle = NullHandle { address, commands: commands.clone() };
    let parts = inboxes.into_iter().map(|inbox| (inbox, ()));
    threads::serve(&options, listener, &commands, parts, async || control(handle).await)
}

impl Server for NullOptions {
    type Member = Shard;
    type Part = ();

    fn first_core(&self) -> Option<u32> {
        self.first_core
    }

    fn pacing(&self) -> Pacing {
        Pacing::Timerfd
    }

    fn member(&self, index: usize, timer: Timer, (): ()) -> Rc<Shard> {
        Rc::new(Shard {
            index,
            of: u64::from(self.shards),
            answers: Answers::new(self.payload),
            subscribers: Subscribers::new(self.topics),
            recorder: RefCell::default(),
            timer,
        })
    }
}

impl Member for Shard {
    type Command = Arc<PublishPlan>;

    fn serve(self: Rc<Self>, stream: TcpStream) {
        spawn_local(self.converse(stream));
    }

    fn carry_out(self: Rc<Self>, publish_plan: Arc<PublishPlan>) {
        spawn_local(deliveries::publish(self, publish_plan));
    }

    fn snapshot(&self) -> Snapshot {
        self.recorder.borrow().snapshot()
    }
}

/// The next use of a connection after its first requests.
enum Next {
    Ended,
    /// It upgrades to the WebSocket of a topic.
    Subscribe(usize),
}

impl Shard {
    /// Serves a connection until it ends.
    async fn converse(self: Rc<Self>, mut stream: TcpStream) {
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
