//! Connections to one receiver: kept alive, dialled again when broken.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::batch::Batch;
use super::destination::Destination;
use super::exchange::{Connection, Received, Rendered, Wait};
use super::response::Rest;
use super::secret::{Secret, signatures};
use crate::scenario::CallbackConnection;
use crate::server::outlet::{Outgoing, Outlet, Writes};
use crate::server::wire::Wire;

/// What is sent in one attempt.
#[derive(Debug)]
pub struct Message<'a> {
    /// The same in every attempt.
    pub id: &'a str,
    /// Unix seconds of this attempt.
    pub timestamp: u64,
    /// The event.
    pub body: Bytes,
    /// The events whose write is to be booked.
    pub written: Option<&'a Batch>,
}

/// What came back.
#[derive(Debug)]
pub struct AttemptResponse {
    /// The status.
    pub status: u16,
    /// How long it asks to wait in `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The body, where it was waited for.
    pub body: Bytes,
    /// From the write of the message to the status line, in nanoseconds.
    pub took_ns: Option<u64>,
}

/// Connections that wait for their next request.
type Idle = RefCell<Vec<Connection>>;

/// The idle connections to one receiver: as many as have been busy at once.
#[derive(Debug)]
pub struct ConnectionPool {
    /// Replaced as a whole when the receiver has another address, so that no connection to the former comes back.
    idle: RefCell<Rc<Idle>>,
    writes: Rc<Writes>,
    connection: CallbackConnection,
}

impl ConnectionPool {
    /// None yet; what they write is booked in `writes`.
    pub fn new(writes: Rc<Writes>, connection: CallbackConnection) -> Self {
        Self { idle: RefCell::default(), writes, connection }
    }

    /// Closes every idle connection: the receiver has another address now.
    pub fn clear(&self) {
        self.idle.take();
    }

    /// Posts a signed message and reads the answer as far as `wait` asks, for at most `limit`.
    ///
    /// The status counts once its line has come, whatever becomes of the rest and of the connection.
    ///
    /// # Errors
    ///
    /// No status line came: the receiver cannot be reached, ended the connection, sent something else, or took too long.
    pub async fn post(
        &self,
        to: &Destination,
        allow_private: bool,
        secrets: &[&Secret],
        message: Message<'_>,
        (wait, limit): (Wait, Duration),
    ) -> io::Result<AttemptResponse> {
        let request = self.render(to, secrets, &message)?;
        let deadline = Instant::now() + limit;
        let late = || {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer in {} s", limit.as_secs_f64()),
            )
        };
        let (mut kept, mut written) = (self.take_idle(), message.written);
        loop {
            let reused = kept.is_some();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => timeout_at(deadline, self.dial(to, allow_private))
                    .await
                    .map_err(|_| late())??,
            };
            let mut received = Received::default();
            let exchange = connection.exchange(&request, written, wait, &mut received);
            let rest = match timeout_at(deadline, exchange).await {
                Ok(Ok(rest)) => rest,
                // The receiver closed a connection that was kept, as it may at any time: the same message, under the
                // same id, goes over a new one.
                Ok(Err(_)) if reused && !received.any => {
                    written = written.filter(|_| connection.written_ns().is_none());
                    continue;
                }
                Ok(Err(error)) if received.response.status.is_none() => return Err(error),
                Err(_) if received.response.status.is_none() => return Err(late()),
                _ => Some(Rest::Abandon),
            };
            return Ok(self.conclude(connection, received, rest));
        }
    }

    /// A connection that was kept and still seems open.
    fn take_idle(&self) -> Option<Connection> {
        let idle = Rc::clone(&self.idle.borrow());
        loop {
            let mut connection = idle.borrow_mut().pop()?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// What came back; the connection is kept, finished aside, or closed.
    fn conclude(
        &self,
        mut connection: Connection,
        received: Received,
        rest: Option<Rest>,
    ) -> AttemptResponse {
        let written_ns = connection.written_ns();
        let took_ns =
            received.at_ns.zip(written_ns).map(|(at, written)| at.saturating_sub(written));
        // A status without a line is no status: whoever calls has seen one.
        let status = received.response.status.unwrap_or_default();
        let mut answer = AttemptResponse {
            status,
            retry_after: received.response.retry_after,
            body: Bytes::new(),
            took_ns,
        };
        let keeps = self.connection == CallbackConnection::KeepAlive;
        let idle = Rc::clone(&self.idle.borrow());
        match rest {
            Some(Rest::Whole { body, reusable }) => {
                answer.body = body;
                if reusable && keeps {
                    idle.borrow_mut().push(connection);
                }
            }
            None if keeps && received.response.worth_finishing() => {
                let idle = Rc::downgrade(&idle);
                spawn_local(async move {
                    if connection.finish(received).await
                        && let Some(idle) = idle.upgrade()
                    {
                        idle.borrow_mut().push(connection);
                    }
                });
            }
            _ => {}
        }
        answer
    }

    async fn dial(&self, to: &Destination, allow_private: bool) -> io::Result<Connection> {
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
        Ok(Connection::new(outlet, outgoing))
    }

    /// The request of a message: signed, and with the headers that the standard asks for.
    fn render(
        &self,
        to: &Destination,
        secrets: &[&Secret],
        message: &Message<'_>,
    ) -> io::Result<Rendered> {
        let Message { id, timestamp, body, .. } = message;
        let signature = signatures(secrets.iter().copied(), id, *timestamp, body);
        let host = to.host_header().to_str().map_err(io::Error::other)?;
        let close = if self.connection == CallbackConnection::PerAttempt {
            "connection: close\r\n"
        } else {
            ""
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nuser-agent: tidings/{}\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n{close}\
             content-length: {}\r\n\r\n",
            to.path(),
            env!("CARGO_PKG_VERSION"),
            body.len(),
        );
        Ok(Rendered { head: head.into_bytes(), body: body.clone() })
    }
}
