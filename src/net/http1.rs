//! One HTTP/1.1 connection, driven by the task that waits for its answer, with the stamps of its requests.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::error::{BODY_MAX, NetError, Part, Seen};
use super::manners::Manners;
use super::sample::{Sample, Told};
use super::{Dialer, Driven, Meter, Stream};
use crate::clock;

/// Why a body could not be collected.
pub(super) enum NotWhole {
    /// It is longer than anything that is kept.
    TooLong,
    /// The HTTP library's reason.
    Broken(hyper::Error),
}

impl NotWhole {
    pub(super) fn error(&self, meter: &Meter) -> NetError {
        match self {
            Self::TooLong => NetError::Oversized(format!(
                "the answer's body exceeds {} MiB, the most that is kept",
                BODY_MAX >> 20
            )),
            Self::Broken(error) => NetError::of(error, Seen::by(meter, Part::Body)),
        }
    }
}

/// A body of at most [`BODY_MAX`].
pub(super) async fn whole(body: Incoming) -> Result<Bytes, NotWhole> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => NotWhole::Broken(*error),
            Err(_) => NotWhole::TooLong,
        }),
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

impl StampedResponse {
    /// What the answer says, for people to read where it was not expected.
    pub fn told(&self) -> Told {
        Told::of(self.status, &self.headers, Sample::of(&self.body))
    }
}

/// Most that a connection buffers each way, in bytes; a page of events must fit in some of them.
const BUFFER: usize = 64 << 10;

/// A keep-alive connection that carries one exchange at a time, with stamps. Dropping it closes it.
#[derive(Debug)]
pub struct Http1 {
    connection: Driven<Stream>,
    meter: Rc<Meter>,
    manners: Manners,
    /// Whether the connection was just seen to be open.
    seen_open: bool,
}

impl Http1 {
    /// Connects link number `link`.
    pub async fn connect(dialer: &Dialer, link: u64) -> Result<Self, NetError> {
        let socket = dialer.connect(link).await?;
        let (meter, manners) = (socket.meter(), socket.manners());
        let connection = Driven::over(socket, BUFFER).await;
        let connection =
            connection.map_err(|error| NetError::of(&error, Seen::by(&meter, Part::Head)))?;
        Ok(Self { connection, meter, manners, seen_open: false })
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
        self.seen_open = self.connection.ready().await.is_ok();
        self.seen_open
    }

    /// Sends `request` and collects the whole answer.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let exchange = async {
            let (head, body) = self.stream(request).await?.into_parts();
            let body = self.connection.wait(whole(body)).await;
            Ok((head, body.map_err(|broken| broken.error(&self.meter))?))
        };
        let outcome = tokio::time::timeout(timeout, exchange).await;
        let done_ns = clock::now();
        let (head, body) = outcome
            .unwrap_or_else(|_| Err(NetError::late(timeout, self.meter.first_ns().is_some())))?;
        let body = self.manners.decoded(body)?;
        // An answer without a write cannot be; the end of the exchange is the harmless reading of it.
        let sent_ns = self.meter.sent_ns().unwrap_or(done_ns);
        let first_ns = self.meter.first_ns().unwrap_or(done_ns);
        let (status, headers) = (head.status, head.headers);
        Ok(StampedResponse { status, headers, body, sent_ns, first_ns, done_ns })
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NetError> {
        self.meter.arm();
        self.manners.dress(&mut request);
        let failed = |error: &hyper::Error| NetError::of(error, Seen::by(&self.meter, Part::Head));
        if !std::mem::take(&mut self.seen_open) {
            self.connection.ready().await.map_err(|error| failed(&error))?;
            // What was written before the request is not the request.
            self.meter.arm();
        }
        let answer = self.connection.send(request).await;
        let answer = answer.map_err(|refused| failed(refused.error()))?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(NetError::Protocol(
                "101 Switching Protocols, which was not asked for".to_owned(),
            ));
        }
        self.manners.heard(answer.headers());
        Ok(answer)
    }

    /// Waits for the next piece of the body of the answer that [`Self::stream`] began.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Bytes, NetError>> {
        let frame = self.connection.wait(body.frame()).await?;
        Some(self.manners.piece(frame, &self.meter))
    }
}

/// Sends `request` on a new connection, and hands the connection to the protocol that it switches to.
///
/// Returns the answer's head and the connection, which replays what was read beyond the head. An answer that switches to
/// nothing has a [`Sample`] of its body among its extensions.
pub async fn upgrade(
    stream: Stream,
    mut request: Request<Full<Bytes>>,
) -> Result<(Response<()>, Stream), NetError> {
    let (meter, mut manners) = (stream.meter(), stream.manners());
    let failed = |error: &hyper::Error| NetError::of(error, Seen::by(&meter, Part::Head));
    manners.dress(&mut request);
    meter.arm();
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER);
    let shaken = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| failed(&error))?;
    let driver = tokio::task::spawn_local(connection.without_shutdown());
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    manners.heard(response.headers());
    let (mut head, mut body) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let piece =
            async || Some(body.frame().await?.map(|frame| frame.into_data().unwrap_or_default()));
        head.extensions.insert(Sample::read(piece).await);
    }
    drop((sender, body));
    let parts = driver.await.map_err(|_| NetError::Closed("without an answer"))?;
    let parts = parts.map_err(|error| failed(&error))?;
    let mut stream = parts.io.into_inner();
    stream.put_back(parts.read_buf);
    Ok((Response::from_parts(head, ()), stream))
}
