//! Connections to one receiver: kept alive, dialled again when broken.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::batch::Batch;
use super::destination::Destination;
use super::exchange::{Connection, Received, Wait};
use super::response::Rest;
use super::secret::{Secret, sign_by_all};
use crate::clock;
use crate::net::deadline_ns;
use crate::scenario::CallbackConnection;
use crate::server::outlet::{Outgoing, Outlet, Writes};
use crate::server::shard::Shard;
use crate::server::wire::Wire;

/// What a thread keeps for the rendering of messages, at most.
const DRAFT: usize = 64 << 10;
/// The header fields that are the same in every message.
const CONSTANT: &[u8] = concat!(
    "\r\ncontent-type: application/json\r\nuser-agent: tidings/",
    env!("CARGO_PKG_VERSION"),
    "\r\n"
)
.as_bytes();

thread_local! {
    /// Where messages are rendered: mostly one is written before the next is rendered.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One attempt's message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The same in every attempt.
    pub id: &'a str,
    /// Unix seconds of this attempt.
    pub timestamp: u64,
    /// The event.
    pub body: Bytes,
    /// The events whose write is stamped.
    pub written: Option<&'a Batch>,
}

/// The answer to a message.
#[derive(Debug)]
pub(super) struct AttemptResponse {
    /// The status.
    pub status: u16,
    /// The delay in `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The body, if it is complete.
    pub body: Option<Bytes>,
    /// From the write of the message to the status line, in nanoseconds.
    pub took_ns: Option<u64>,
}

/// The idle connections to one receiver: at most as many as its concurrent attempts.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    kept: Rc<Kept>,
    writes: Rc<Writes>,
    connection: CallbackConnection,
}

/// Connections between two attempts.
#[derive(Debug)]
struct Kept {
    most: usize,
    #[expect(clippy::vec_box, reason = "each goes from hand to hand at every attempt")]
    idle: RefCell<Vec<Box<Connection>>>,
    /// How many connections still read the rest of a response.
    finishing: Cell<usize>,
}

impl Kept {
    fn has_room(&self) -> bool {
        self.idle.borrow().len() + self.finishing.get() < self.most
    }

    fn keep(&self, connection: Box<Connection>) {
        if self.has_room() {
            self.idle.borrow_mut().push(connection);
        }
    }

    /// Takes a connection to `to` that still seems open, and closes those that do not.
    fn take(&self, to: &Arc<Destination>) -> Option<Box<Connection>> {
        loop {
            let mut connection = self.idle.borrow_mut().pop()?;
            if connection.leads_to(to) && connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Reads the rest of a response, and keeps the connection if that ends well.
    async fn finish(self: Rc<Self>, mut connection: Box<Connection>, received: Received) {
        self.finishing.set(self.finishing.get() + 1);
        let reusable = connection.finish(received).await;
        self.finishing.set(self.finishing.get() - 1);
        if reusable {
            self.keep(connection);
        }
    }
}

impl ConnectionPool {
    /// None yet, and never more than attempts may be under way at once.
    pub(super) fn of(shard: &Shard) -> Self {
        let options = &shard.options().webhook;
        let most = options.concurrency.max(1) as usize;
        let (writes, connection) = (Rc::clone(&shard.writes), options.connection);
        let kept = Kept { most, idle: RefCell::default(), finishing: Cell::new(0) };
        Self { kept: Rc::new(kept), writes, connection }
    }

    /// Closes every idle connection: the receiver has another address now.
    pub(super) fn clear(&self) {
        self.kept.idle.borrow_mut().clear();
    }

    /// Posts a signed message and reads the answer as far as `wait` requires, for at most `limit`.
    ///
    /// The status counts once its line has arrived, even if the rest or the connection fails.
    ///
    /// # Errors
    ///
    /// No status line arrived: the receiver is unreachable, ended the connection, sent something else, or took too long.
    pub(super) async fn post(
        &self,
        to: &Arc<Destination>,
        allow_private: bool,
        secrets: impl Iterator<Item = &Secret> + Clone,
        message: Message<'_>,
        (wait, limit): (Wait, Duration),
    ) -> io::Result<AttemptResponse> {
        let deadline_ns = deadline_ns(clock::now(), limit);
        let late = || {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer in {} s", limit.as_secs_f64()),
            )
        };
        let (mut kept, mut written) = (self.kept.take(to), message.written);
        loop {
            let reused = kept.is_some();
            let mut connection = if let Some(connection) = kept.take() {
                connection
            } else {
                // Boxed, as most attempts need no room for it.
                let left = Duration::from_nanos(deadline_ns.saturating_sub(clock::now()));
                let dialled = Box::pin(timeout(left, self.dial(to, allow_private))).await;
                dialled.map_err(|_| late())??
            };
            SCRATCH.with_borrow_mut(|draft| {
                draft.clear();
                self.render(to, secrets.clone(), &message, draft);
                connection.send(draft, written);
                draft.shrink_to(DRAFT);
            });
            let mut received = Received::default();
            let rest = match connection.exchange(wait, deadline_ns, &mut received).await {
                Some(Ok(rest)) => rest,
                // The receiver closed a kept connection, as it may at any time: the same message is sent over a new one,
                // under the same id.
                Some(Err(_)) if reused && !received.any => {
                    written = written.filter(|_| connection.written_ns().is_none());
                    continue;
                }
                Some(Err(error)) if received.response.status.is_none() => return Err(error),
                None if received.response.status.is_none() => return Err(late()),
                _ => Some(Rest::Abandon),
            };
            let rest = match rest {
                // `Retry-After` follows the status line, so a failure waits for the headers.
                None if !received.is_success() => {
                    Box::pin(connection.finish_head(&mut received)).await
                }
                rest => rest,
            };
            return Ok(self.conclude(connection, received, rest));
        }
    }

    /// Returns the answer, and keeps, finishes or closes the connection.
    fn conclude(
        &self,
        connection: Box<Connection>,
        received: Received,
        rest: Option<Rest>,
    ) -> AttemptResponse {
        let written_ns = connection.written_ns();
        let took_ns =
            received.at_ns.zip(written_ns).map(|(at, written)| at.saturating_sub(written));
        // Callers have checked that the status is known.
        let status = received.response.status.unwrap_or_default();
        let mut answer = AttemptResponse {
            status,
            retry_after: received.response.retry_after,
            body: None,
            took_ns,
        };
        let keeps = self.connection == CallbackConnection::KeepAlive;
        match rest {
            Some(Rest::Whole { body, reusable }) => {
                answer.body = Some(body);
                if reusable && keeps {
                    self.kept.keep(connection);
                }
            }
            None if keeps && received.response.worth_finishing() && self.kept.has_room() => {
                spawn_local(Rc::clone(&self.kept).finish(connection, received));
            }
            _ => {}
        }
        answer
    }

    async fn dial(
        &self,
        to: &Arc<Destination>,
        allow_private: bool,
    ) -> io::Result<Box<Connection>> {
        let stream = TcpStream::connect(&*to.resolve(allow_private).await?).await?;
        stream.set_nodelay(true)?;
        let outgoing = Rc::new(Outgoing::new(Rc::clone(&self.writes)));
        let wire = match to.server_name()? {
            None => Wire::Plain(stream),
            Some(name) => {
                let config = self.writes.shared().security.receivers();
                Wire::dial(stream, config.map_err(io::Error::other)?, name).await?
            }
        };
        let outlet = Outlet::new(wire, Rc::clone(&outgoing));
        Ok(Box::new(Connection::new(Arc::clone(to), outlet, outgoing)))
    }

    /// Renders the request of a message, signed and with the headers of the standard.
    fn render<'a>(
        &self,
        to: &Destination,
        secrets: impl Iterator<Item = &'a Secret>,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) {
        let Message { id, timestamp, body, .. } = message;
        let close: &[u8] = match self.connection {
            CallbackConnection::PerAttempt => b"connection: close\r\n",
            CallbackConnection::KeepAlive => b"",
        };
        let path = to.path().path_and_query().map_or("/", PathAndQuery::as_str);
        let mut number = itoa::Buffer::new();
        let timestamp = number.format(*timestamp);
        for part in [
            b"POST ",
            path.as_bytes(),
            b" HTTP/1.1\r\nhost: ",
            to.host_header().as_bytes(),
            CONSTANT,
            b"webhook-id: ",
            id.as_bytes(),
            b"\r\nwebhook-timestamp: ",
            timestamp.as_bytes(),
            b"\r\nwebhook-signature: ",
        ] {
            out.extend_from_slice(part);
        }
        sign_by_all(secrets, id, timestamp, body, out);
        for part in [
            b"\r\n",
            close,
            b"content-length: ",
            itoa::Buffer::new().format(body.len()).as_bytes(),
            b"\r\n\r\n",
            body,
        ] {
            out.extend_from_slice(part);
        }
    }
}
