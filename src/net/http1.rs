//! One HTTP/1.1 connection, driven by the task that waits for its answer, with the stamps of its requests.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::{Dialer, Driven, Meter, Stream};
use crate::clock;
use crate::measure::ErrorKind;

/// Most bytes of a response that are kept: more than any page of events.
pub(super) const BODY_MAX: usize = 256 << 20;

/// A body of at most [`BODY_MAX`].
pub(super) async fn whole(body: Incoming) -> Result<Bytes, NetError> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => (*error).into(),
            Err(_) => NetError::TooLong,
        }),
    }
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The connection could not be opened.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// No answer before the time-out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The peer closed the connection, or it broke.
    #[error("the connection was closed: {0}")]
    Closed(hyper::Error),
    /// The body exceeds any that was requested.
    #[error("the response's body exceeds {} MiB", BODY_MAX >> 20)]
    TooLong,
    /// The answer is not HTTP.
    #[error("the answer was not understood: {0}")]
    Protocol(hyper::Error),
}

impl NetError {
    /// The kind under which it is counted.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(_) => ErrorKind::Connect,
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Closed(_) => ErrorKind::Closed,
            Self::Protocol(_) | Self::TooLong => ErrorKind::Protocol,
        }
    }
}

impl From<hyper::Error> for NetError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() { Self::Protocol(error) } else { Self::Closed(error) }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct StampedResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// First write of the request, in monotonic nanoseconds.
    pub sent_ns: u64,
    /// First byte of the answer, in monotonic nanoseconds.
    pub first_ns: u64,
    /// Last byte of the answer, in monotonic nanoseconds.
    pub done_ns: u64,
}

/// Most that a connection buffers each way, in bytes; a page of events must fit in some of them.
const BUFFER: usize = 64 << 10;

/// A keep-alive connection that carries one exchange at a time, with stamps. Dropping it closes it.
#[derive(Debug)]
pub struct Http1 {
    connection: Driven<Stream>,
    meter: Rc<Meter>,
}

impl Http1 {
    /// Connects link number `link`.
    pub async fn connect(dialer: &Dialer, link: u64) -> Result<Self, NetError> {
        let socket = dialer.connect(link).await?;
        let meter = socket.meter();
        Ok(Self { connection: Driven::over(socket, BUFFER).await?, meter })
    }

    /// The meter of the socket.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The same, to be read while another uses the connection.
    pub fn share_meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    /// Whether a request can be sent.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// The same, looking whether the peer has closed it since it was last used.
    pub async fn still_open(&mut self) -> bool {
        self.connection.ready().await.is_ok()
    }

    /// Sends `request` and collects the whole answer.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let exchange = async {
            let (head, body) = self.stream(request).await?.into_parts();
            let body = self.connection.wait(whole(body)).await?;
            Ok((head, body))
        };
        let outcome = tokio::time::timeout(timeout, exchange).await;
        let done_ns = clock::now();
        let (head, body) = outcome.unwrap_or(Err(NetError::Timeout(timeout)))?;
        // An answer without a write cannot be; the end of the exchange is the harmless reading of it.
        let sent_ns = self.meter.sent_ns().unwrap_or(done_ns);
        let first_ns = self.meter.first_ns().unwrap_or(done_ns);
        let (status, headers) = (head.status, head.headers);
        Ok(StampedResponse { status, headers, body, sent_ns, first_ns, done_ns })
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NetError> {
        self.connection.ready().await?;
        self.meter.arm();
        self.connection.send(request).await.map_err(|refused| refused.into_error().into())
    }

    /// Waits for the next piece of an answer's body.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Bytes, NetError>> {
        let frame = self.connection.wait(body.frame()).await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(NetError::from))
    }
}

/// Sends `request` on a new connection, and hands the connection to the protocol that it switches to.
///
/// Returns the answer's head and the connection, which replays what was read beyond the head.
pub async fn upgrade(
    stream: Stream,
    request: Request<Full<Bytes>>,
) -> Result<(Response<()>, Stream), NetError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let driver = tokio::task::spawn_local(connection.without_shutdown());
    let response = sender.send_request(request).await?;
    let (head, _) = response.into_parts();
    drop(sender);
    let parts = driver.await.map_err(io::Error::other)??;
    let mut stream = parts.io.into_inner();
    stream.put_back(parts.read_buf);
    Ok((Response::from_parts(head, ()), stream))
}
