//! HTTP/2: connections that the links of a shard share, with one stream per request.
//!
//! A connection has its own task, because no link owns it. Only the HTTP library knows which write carried which request,
//! so a request is stamped as sent at the first write of its connection after it was handed over: the write that carries
//! it, unless the connection was writing something else in that turn.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::rt::Executor;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;
use tokio::task::spawn_local;

use super::error::{Part, Seen};
use super::manners::Manners;
use super::{Dialer, Meter, NetError, StampedResponse, Stream};
use crate::clock;

/// Runs HTTP/2's helper tasks on the thread that created it.
#[derive(Debug, Clone, Copy)]
pub struct Here;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Requests that wait for the write that carries them.
#[derive(Debug, Default)]
struct Unsent(RefCell<Vec<Rc<Cell<u64>>>>);

impl Unsent {
    #[inline]
    fn stamp(&self) {
        let mut unsent = self.0.borrow_mut();
        if !unsent.is_empty() {
            let now = clock::now();
            unsent.drain(..).for_each(|stamp| stamp.set(now));
        }
    }
}

/// A connection that stamps the requests that wait for a write.
struct Stamping {
    stream: Stream,
    unsent: Rc<Unsent>,
}

impl AsyncRead for Stamping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stamping {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unsent.stamp();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unsent.stamp();
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A connection as each of its links holds it.
#[derive(Debug, Clone)]
struct Shared {
    sender: SendRequest<Full<Bytes>>,
    unsent: Rc<Unsent>,
    meter: Rc<Meter>,
    /// Why it ended, once it has.
    ended: Rc<OnceCell<hyper::Error>>,
}

impl Shared {
    async fn over(stream: Stream) -> Result<Self, NetError> {
        if !stream.may_speak(b"h2") {
            return Err(NetError::Protocol(
                "the server does not agree on HTTP/2 in the TLS handshake (ALPN); set http = 1"
                    .to_owned(),
            ));
        }
        let (meter, unsent) = (stream.meter(), Rc::new(Unsent::default()));
        let io = TokioIo::new(Stamping { stream, unsent: Rc::clone(&unsent) });
        let shaken = Builder::new(Here).handshake(io).await;
        let (sender, connection) =
            shaken.map_err(|error| NetError::of(&error, Seen::by(&meter, Part::Head)))?;
        let ended = Rc::new(OnceCell::new());
        let slot = Rc::clone(&ended);
        spawn_local(async move {
            if let Err(error) = connection.await {
                let _ = slot.set(error);
            }
        });
        Ok(Self { sender, unsent, meter, ended })
    }
}

/// Room for one connection, dialled by the first link that needs it while the others wait.
type Slot = Rc<Mutex<Option<Shared>>>;

/// The connections of a shard.
#[derive(Debug)]
pub(super) struct Pool {
    streams: usize,
    /// Which connection is whose: links keep their place when they dial again.
    places: RefCell<HashMap<u64, usize>>,
    slots: RefCell<Vec<Slot>>,
}

impl Pool {
    /// Connections for `streams` links each.
    pub(super) fn new(streams: u32) -> Self {
        let streams = streams.max(1) as usize;
        Self { streams, places: RefCell::default(), slots: RefCell::default() }
    }

    fn slot(&self, link: u64) -> Slot {
        let mut places = self.places.borrow_mut();
        let next = places.len() / self.streams;
        let place = *places.entry(link).or_insert(next);
        let mut slots = self.slots.borrow_mut();
        if slots.len() <= place {
            slots.resize_with(place + 1, Slot::default);
        }
        Rc::clone(&slots[place])
    }
}

/// A link's handle on an HTTP/2 connection, for one exchange at a time. The connection outlives it.
#[derive(Debug)]
pub struct Http2 {
    shared: Shared,
    sent_ns: Rc<Cell<u64>>,
    scheme: &'static str,
    manners: Manners,
    /// Whether the head of the answer under way has come.
    answered: bool,
}

impl Http2 {
    /// Joins the connection of link number `link`, dialling it if needed.
    pub(super) async fn connect(dialer: &Dialer, pool: &Pool, link: u64) -> Result<Self, NetError> {
        let slot = pool.slot(link);
        let mut standing = slot.lock().await;
        let open = standing.as_ref().filter(|shared| !shared.sender.is_closed());
        let shared = if let Some(open) = open {
            open.clone()
        } else {
            let shared = Shared::over(dialer.connect(link).await?).await?;
            standing.insert(shared).clone()
        };
        let scheme = if dialer.is_secure() { "https" } else { "http" };
        let manners = dialer.manners(link);
        Ok(Self { shared, sent_ns: Rc::default(), scheme, manners, answered: false })
    }

    /// The meter of the socket under it, which all that share it share.
    pub fn share_meter(&self) -> Rc<Meter> {
        Rc::clone(&self.shared.meter)
    }

    /// Excludes earlier traffic from the totals, because this link is open now.
    pub fn mark(&self) {
        self.shared.meter.mark();
    }

    /// Whether a request can be sent.
    pub fn is_open(&self) -> bool {
        !self.shared.sender.is_closed()
    }

    /// Sends `request` and collects the whole answer; its first byte is taken to be there when its headers are.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let exchange = async {
            let (head, body) = self.stream(request).await?.into_parts();
            let first_ns = clock::now();
            let body = super::http1::whole(body).await;
            Ok((head, first_ns, body.map_err(|broken| broken.error(&self.shared.meter))?))
        };
        let outcome = tokio::time::timeout(timeout, exchange).await;
        let done_ns = clock::now();
        let (head, first_ns, body) =
            outcome.unwrap_or_else(|_| Err(NetError::late(timeout, self.answered)))?;
        let body = self.manners.decoded(body)?;
        let (status, headers) = (head.status, head.headers.into());
        Ok(StampedResponse {
            status,
            headers,
            body,
            sent_ns: self.sent_ns.get(),
            first_ns,
            done_ns,
        })
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NetError> {
        self.answered = false;
        self.manners.dress(&mut request);
        let host = request.headers_mut().remove(HOST);
        let authority = host.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        let mut uri = format!("{}://", self.scheme).into_bytes();
        uri.extend_from_slice(authority);
        uri.extend_from_slice(
            request.uri().path_and_query().map_or("/", |path| path.as_str()).as_bytes(),
        );
        *request.uri_mut() = Uri::from_maybe_shared(Bytes::from(uri)).map_err(|error| {
            NetError::Protocol(format!("the request has no valid URL: {error}"))
        })?;
        let greeting = self.shared.meter.greeting();
        // The connection's own stamps are those of all links.
        let ended = &self.shared.ended;
        let failed = |error: &hyper::Error, sent| {
            // Of a GOAWAY that names its stream as processed, only the connection tells.
            let seen = Seen { greeting, sent, begun: false, part: Part::Head };
            match ended.get() {
                _ if !NetError::is_end_of_http2(error) => NetError::of(error, seen),
                Some(whole) if !NetError::is_end_of_http2(whole) => NetError::of(whole, seen),
                _ => NetError::ended(seen),
            }
        };
        self.shared.sender.ready().await.map_err(|error| failed(&error, false))?;
        self.sent_ns.set(clock::now());
        self.shared.unsent.0.borrow_mut().push(Rc::clone(&self.sent_ns));
        let answer = self.shared.sender.send_request(request).await;
        let answer = answer.map_err(|error| failed(&error, true))?;
        self.answered = true;
        self.manners.heard(answer.headers());
        Ok(answer)
    }

    /// Waits for the next piece of the body of the answer that [`Self::stream`] began.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Bytes, NetError>> {
        let frame = body.frame().await?.map(|frame| frame.into_data().unwrap_or_default());
        let seen = Seen::by(&self.shared.meter, Part::Body);
        let piece = frame.map_err(|error| NetError::of(&error, seen));
        Some(piece.and_then(|piece| self.manners.piece(piece)))
    }
}
