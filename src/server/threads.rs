//! What the built-in server and the null server have in common: a socket that listens, a thread per shard with a runtime
//! of its own, connections dealt to the shards in turn, and the end of them all with the first one.
//!
//! It knows nothing of what a shard serves, and is not called per request or per delivery.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

use crate::measure::{Snapshot, pin};
use crate::pace::{Pacing, Timer};

/// Connections that may wait to be accepted: thousands of links open within a second.
const BACKLOG: i32 = 16_384;
/// A pause after a failed accept: descriptors are short, and come back when links end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Binds a listening socket that can take thousands of links at once.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what the connections of a listening socket inherit, their send buffer in bytes; returns where it listens.
pub(super) fn prepare(listener: &TcpListener, send_buffer: usize) -> io::Result<SocketAddr> {
    listener.set_nonblocking(true)?;
    SockRef::from(listener).set_send_buffer_size(send_buffer)?;
    listener.local_addr()
}

/// Something for one shard to do.
#[derive(Debug)]
pub(super) enum Command<C> {
    /// Serve a connection.
    Serve(std::net::TcpStream),
    /// Carry out a command of its server's own.
    Own(C),
    /// End.
    Stop,
}

/// The way to every shard, by index.
#[derive(Debug)]
pub(super) struct Commands<C>(Vec<UnboundedSender<Command<C>>>);

/// One shard's end of it.
pub(super) type Inbox<C> = UnboundedReceiver<Command<C>>;

impl<C> Clone for Commands<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Commands<C> {
    /// The way to so many shards, at least one, and their ends of it.
    pub(super) fn new(shards: u32) -> (Self, Vec<Inbox<C>>) {
        let (commands, inboxes) = (0..shards.max(1)).map(|_| unbounded_channel()).unzip();
        (Self(commands), inboxes)
    }

    /// How many shards there are.
    pub(super) const fn shards(&self) -> usize {
        self.0.len()
    }

    /// Gives a command to one shard; one that has ended does not carry it out.
    pub(super) fn send(&self, shard: usize, command: C) {
        self.give(shard, Command::Own(command));
    }

    /// Gives a command to every shard.
    pub(super) fn send_all(&self, command: &C)
    where
        C: Clone,
    {
        for shard in 0..self.shards() {
            self.send(shard, command.clone());
        }
    }

    fn give(&self, shard: usize, command: Command<C>) {
        let _ = self.0[shard].send(command);
    }
}

/// One shard, on its own thread.
pub(super) trait Member: 'static {
    /// The part of its set-up that differs from the other shards'.
    type Command: Send + 'static;

    /// Serves a connection, until that ends, beside everything else.
    fn serve(self: Rc<Self>, stream: TcpStream);

    /// Carries out a command.
    fn carry_out(self: Rc<Self>, command: Self::Command);

    /// Lets go of whoever is held, at the end.
    fn leave(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// What was measured.
    fn snapshot(&self) -> Snapshot;
}

/// A server that runs on shards.
pub(super) trait Server: Sync {
    /// One of them.
    type Member: Member;
    /// What one is given that nobody else has.
    type Part: Send;

    /// The core of the first shard where each keeps to one of its own.
    fn first_core(&self) -> Option<u32>;

    /// How its timers wake.
    fn pacing(&self) -> Pacing;

    /// Makes shard number `index`, on its thread and in its runtime.
    fn member(&self, index: usize, timer: Timer, part: Self::Part) -> Rc<Self::Member>;
}

type CommandOf<S> = <<S as Server>::Member as Member>::Command;

/// Serves until `control` completes; returns its value and what was measured. Blocks this thread, which is shard 0.
///
/// A shard is run for each of `parts`, with its end of `commands`.
pub(super) fn serve<S: Server, T>(
    server: &S,
    listener: TcpListener,
    commands: &Commands<CommandOf<S>>,
    parts: impl IntoIterator<Item = (Inbox<CommandOf<S>>, S::Part)>,
    control: impl AsyncFnOnce() -> T,
) -> io::Result<(T, Snapshot)> {
    let mut parts = parts.into_iter();
    let own = parts.next().ok_or_else(|| io::Error::other("a target has at least one shard"))?;
    thread::scope(|scope| {
        let mut others = Vec::new();
        for (index, part) in (1..).zip(parts) {
            let body = move || {
                let ended = run(server, index, part, async |_| std::future::pending::<()>().await);
                ended.map(|(_, snapshot)| snapshot)
            };
            let name = format!("target-{index}");
            others.push(thread::Builder::new().name(name).spawn_scoped(scope, body)?);
        }
        // Dropped before the threads are joined, also where this shard fails.
        let stop = StopOnDrop(commands);
        let ended = run(server, 0, own, async |shard| {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let accepting = spawn_local(accept(listener, shard, commands.clone()));
            let outcome = control().await;
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

/// Tells every shard to end, also where the first one fails.
struct StopOnDrop<'a, C>(&'a Commands<C>);

impl<C> Drop for StopOnDrop<'_, C> {
    fn drop(&mut self) {
        for shard in 0..self.0.shards() {
            self.0.give(shard, Command::Stop);
        }
    }
}

/// Runs shard number `index` on this thread until it is told to stop, and `main` beside it, which ends it, too.
fn run<S: Server, T>(
    server: &S,
    index: usize,
    (mut inbox, part): (Inbox<CommandOf<S>>, S::Part),
    main: impl AsyncFnOnce(Rc<S::Member>) -> T,
) -> io::Result<(Option<T>, Snapshot)> {
    if let Some(first) = server.first_core() {
        pin(first + index as u32);
    }
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let (timer, drive) = Timer::new(server.pacing())?;
        spawn_local(drive);
        let shard = server.member(index, timer, part);
        let outcome = tokio::select! {
            outcome = main(Rc::clone(&shard)) => Some(outcome),
            () = async {
                while let Some(command) = inbox.recv().await && carry_out(&shard, command) {}
            } => None,
        };
        shard.leave().await;
        Ok((outcome, shard.snapshot()))
    })
}

/// Carries out one command; false where the shard is to end.
fn carry_out<M: Member>(shard: &Rc<M>, command: Command<M::Command>) -> bool {
    match command {
        Command::Serve(stream) => {
            if let Ok(stream) = TcpStream::from_std(stream) {
                Rc::clone(shard).serve(stream);
            }
        }
        Command::Own(command) => Rc::clone(shard).carry_out(command),
        Command::Stop => return false,
    }
    true
}

/// Accepts connections on shard 0 and deals them to the shards in turn.
async fn accept<M: Member>(
    listener: tokio::net::TcpListener,
    first: Rc<M>,
    commands: Commands<M::Command>,
) {
    for turn in (0..commands.shards()).cycle() {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        // Without it a small frame would wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        if turn == 0 {
            Rc::clone(&first).serve(stream);
        } else if let Ok(stream) = stream.into_std() {
            commands.give(turn, Command::Serve(stream));
        }
    }
}
