//! HTTP/2: connections that the links of a shard share, with one stream per request.
//!
//! A connection has its own task, because no link owns it. A request is stamped as sent by the write that carries its first
//! byte.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body as _;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response};
use tokio::sync::Mutex;
use tokio::task::spawn_local;

use super::alarm::Alarm;
use super::error::{Part, Seen};
use super::fields;
use super::h1::Rendered;
use super::h2::{Connection, Failure, Head, Prepared, drive};
use super::manners::Manners;
use super::{Dialer, Meter, NetError, StampedResponse, Stream};

mod exchange;

/// A connection as its links, and the pool, hold it: the last of them who goes ends it.
#[derive(Debug)]
struct Held {
    connection: Rc<RefCell<Connection>>,
    meter: Rc<Meter>,
}

type Shared = Rc<Held>;

impl Held {
    fn over(stream: Stream) -> Result<Shared, NetError> {
        if !stream.may_speak(b"h2") {
            return Err(NetError::Protocol(
                "the server does not agree on HTTP/2 in the TLS handshake (ALPN); remove transport.http = \"2\""
                    .to_owned(),
            ));
        }
        let meter = stream.meter();
        let connection = Rc::new(RefCell::new(Connection::new()));
        spawn_local(drive(stream, Rc::clone(&connection)));
        Ok(Rc::new(Self { connection, meter }))
    }

    fn is_open(&self) -> bool {
        self.connection.borrow().is_open()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.borrow_mut().leave();
    }
}

/// The body of an answer on its way. Dropping it gives the stream up.
#[derive(Debug)]
pub struct Answering {
    shared: Shared,
    stream: u32,
}

impl Answering {
    async fn head(&self) -> Result<Head, Failure> {
        poll_fn(|cx| self.shared.connection.borrow_mut().poll_head(self.stream, cx)).await
    }

    async fn piece(&self) -> Option<Result<Bytes, NetError>> {
        let piece =
            poll_fn(|cx| self.shared.connection.borrow_mut().poll_piece(self.stream, cx)).await?;
        Some(piece.map_err(|failure| failure.error(Seen::by(&self.shared.meter, Part::Body))))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.connection.borrow_mut().forget(self.stream);
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
    scheme: &'static str,
    manners: Manners,
    /// The host of the last request, which was found to be one.
    authority: Option<HeaderValue>,
    alarm: Alarm,
}

impl Http2 {
    /// Joins the connection of link number `link`, dialling it if needed.
    pub(super) async fn connect(dialer: &Dialer, pool: &Pool, link: u64) -> Result<Self, NetError> {
        let slot = pool.slot(link);
        let mut standing = slot.lock().await;
        let open = standing.as_ref().filter(|shared| shared.is_open());
        let shared = if let Some(open) = open {
            Rc::clone(open)
        } else {
            Rc::clone(standing.insert(Held::over(dialer.connect(link).await?)?))
        };
        let scheme = if dialer.is_secure() { "https" } else { "http" };
        let manners = dialer.manners(link);
        Ok(Self { shared, scheme, manners, authority: None, alarm: Alarm::default() })
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
        self.shared.is_open()
    }

    /// Sends `request` and collects the whole answer; its first byte is taken to be there when its headers are.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let mut exchange = self.exchange_of(request, timeout)?;
        poll_fn(|cx| self.poll_exchange(cx, &mut exchange)).await
    }

    /// The same of a request that has been rendered.
    pub async fn exchange_rendered(
        &mut self,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        let mut exchange = self.exchange_of_rendered(request, timeout)?;
        poll_fn(|cx| self.poll_exchange(cx, &mut exchange)).await
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Answering>, NetError> {
        let prepared = Rc::new(self.prepare(request)?);
        let connection = &self.shared.connection;
        let room = poll_fn(|cx| connection.borrow_mut().poll_room(cx)).await;
        room.map_err(|failure| self.failed(&failure, false))?;
        let stream = connection.borrow_mut().open_prepared(&prepared, self.scheme);
        let answering = Answering { shared: Rc::clone(&self.shared), stream };
        let head = answering.head().await.map_err(|failure| self.failed(&failure, true))?;
        self.manners.heard(&*head.headers);
        let mut answer = Response::new(answering);
        *answer.status_mut() = head.status.unwrap_or_default();
        *answer.headers_mut() = Rc::unwrap_or_clone(head.headers);
        Ok(answer)
    }

    /// What `request` is over HTTP/2, with what the link adds to it.
    fn prepare(&mut self, mut request: Request<Full<Bytes>>) -> Result<Prepared, NetError> {
        self.manners.dress(&mut request);
        let (parts, body) = request.into_parts();
        let (body, mut headers) = (bytes_of(body), parts.headers);
        leave_out(&mut headers);
        // As any client of HTTP/1.1 would.
        let bodiless = [Method::GET, Method::HEAD, Method::DELETE, Method::CONNECT];
        if !body.is_empty() || !bodiless.contains(&parts.method) {
            headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(body.len()));
        }
        let host = headers.remove(HOST);
        let authority = match host {
            Some(host) if self.authority.as_ref() == Some(&host) => host,
            host => {
                let named = host.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
                Authority::try_from(named).map_err(|error| {
                    NetError::Protocol(format!("the request has no valid URL: {error}"))
                })?;
                let host = host.unwrap_or_else(|| HeaderValue::from_static(""));
                self.authority.insert(host).clone()
            }
        };
        let path = parts.uri.into_parts().path_and_query;
        Ok(Prepared { method: parts.method, authority, path, headers, body })
    }

    fn failed(&self, failure: &Failure, sent: bool) -> NetError {
        let greeting = self.shared.meter.greeting();
        failure.error(Seen { greeting, sent, begun: false, part: Part::Head })
    }

    /// Waits for the next piece of the body of the answer that [`Self::stream`] began.
    pub async fn frame(&mut self, body: &mut Answering) -> Option<Result<Bytes, NetError>> {
        Some(body.piece().await?.and_then(|piece| self.manners.piece(&piece)))
    }
}

/// Removes what `connection` names: it is of a connection, too.
fn leave_out(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<String> = fields::list(headers, &CONNECTION).map(str::to_owned).collect();
        for name in named {
            headers.remove(name.as_str());
        }
    }
}

/// The bytes of a body that is whole.
fn bytes_of(mut body: Full<Bytes>) -> Bytes {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}
