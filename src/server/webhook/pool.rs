//! Connections to one receiver: kept alive, dialled again when broken.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use tokio::net::TcpStream;

use super::batch::Batch;
use super::destination::Destination;
use super::secret::{Secret, signatures};
use crate::clock;
use crate::net::{Driven, retry_after};
use crate::scenario::CallbackConnection;
use crate::server::outlet::{Outgoing, Outlet, Writes};
use crate::server::wire::Wire;

/// Longest answer that is read; a connection with a longer one is dropped.
const ANSWER_MAX: usize = 16 << 10;
/// Bytes that hyper buffers a connection, each way.
const BUFFER_MAX: usize = 16 << 10;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

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
    /// The body.
    pub body: Bytes,
    /// From the write of the message to the answer's head, in nanoseconds.
    pub took_ns: Option<u64>,
}

/// The idle connections to one receiver: as many as have been busy at once.
#[derive(Debug)]
pub struct ConnectionPool {
    idle: RefCell<Vec<PooledConnection>>,
    writes: Rc<Writes>,
    connection: CallbackConnection,
}

/// One connection.
#[derive(Debug)]
struct PooledConnection {
    http: Driven<Outlet>,
    outgoing: Rc<Outgoing>,
}

impl PooledConnection {
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        written: Option<&Batch>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        self.outgoing.watch();
        for entry in written.into_iter().flat_map(Batch::entries) {
            self.outgoing.add(entry);
        }
        self.http.send(request).await
    }
}

impl ConnectionPool {
    /// None yet; what they write is booked in `writes`.
    pub fn new(writes: Rc<Writes>, connection: CallbackConnection) -> Self {
        Self { idle: RefCell::default(), writes, connection }
    }

    /// Closes every idle connection: the receiver has another address now.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Posts a signed message and reads the answer. The caller limits the time.
    pub async fn post(
        &self,
        to: &Destination,
        allow_private: bool,
        secrets: &[&Secret],
        message: Message<'_>,
    ) -> io::Result<AttemptResponse> {
        let written = message.written;
        let mut request = signed(to, secrets, message)?;
        if self.connection == CallbackConnection::PerAttempt {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let idle = self.idle.borrow_mut().pop();
        if let Some(mut line) = idle
            && line.http.ready().await.is_ok()
        {
            match line.send(request, written).await {
                Ok(response) => return self.read(line, response).await,
                Err(mut error) => match error.take_message() {
                    // The receiver closed while the line was idle: nothing was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(io::Error::other(error.into_error())),
                },
            }
        }
        let mut line = self.dial(to, allow_private).await?;
        line.http.ready().await.map_err(io::Error::other)?;
        let sent = line.send(request, written).await;
        let response = sent.map_err(|error| io::Error::other(error.into_error()))?;
        self.read(line, response).await
    }

    async fn read(
        &self,
        mut line: PooledConnection,
        response: Response<Incoming>,
    ) -> io::Result<AttemptResponse> {
        let took_ns = line.outgoing.written_ns().map(|at| clock::now().saturating_sub(at));
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        // The status is the acknowledgement; a body that breaks off or never ends costs the line, no more.
        let body = line.http.wait(Limited::new(response.into_body(), ANSWER_MAX).collect()).await;
        let body = body.map(|whole| {
            if self.connection == CallbackConnection::KeepAlive {
                self.idle.borrow_mut().push(line);
            }
            whole.to_bytes()
        });
        Ok(AttemptResponse { status, retry_after, body: body.unwrap_or_default(), took_ns })
    }

    async fn dial(&self, to: &Destination, allow_private: bool) -> io::Result<PooledConnection> {
        let stream = TcpStream::connect(to.resolve(allow_private).await?).await?;
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
        let http = Driven::over(outlet, BUFFER_MAX).await.map_err(io::Error::other)?;
        Ok(PooledConnection { http, outgoing })
    }
}

fn signed(
    to: &Destination,
    secrets: &[&Secret],
    message: Message<'_>,
) -> io::Result<Request<Full<Bytes>>> {
    let Message { id, timestamp, body, .. } = message;
    let signature = signatures(secrets.iter().copied(), id, timestamp, &body);
    let value = |text: &str| HeaderValue::from_str(text).map_err(io::Error::other);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    request.uri_mut().clone_from(to.path());
    let headers = request.headers_mut();
    headers.insert(HOST, to.host_header().clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = HeaderValue::from_static(concat!("tidings/", env!("CARGO_PKG_VERSION")));
    headers.insert(USER_AGENT, agent);
    headers.insert(ID, value(id)?);
    headers.insert(TIMESTAMP, timestamp.into());
    headers.insert(SIGNATURE, value(&signature)?);
    Ok(request)
}
