//! A link's HTTP, of whichever version its case speaks.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};

use super::h1::Rendered;
use super::{Answering, Dialer, Http1, Http2, Meter, NetError, Sample, StampedResponse, Told};

/// The body of a streamed answer.
#[derive(Debug)]
pub enum Body {
    /// What its connection carries next.
    Next,
    /// A stream of a shared connection.
    Shared(Answering),
}

/// A request as a version sends it.
enum Sending {
    /// HTTP/1.1: its bytes.
    Rendered(Rendered),
    /// HTTP/2.
    Whole(Box<Request<Full<Bytes>>>),
}

/// Carries a link's exchanges, one at a time.
#[derive(Debug)]
pub enum Client {
    /// Over a connection of its own.
    One(Http1),
    /// Over a connection that it shares.
    Two(Http2),
}

impl Client {
    /// Connects link number `link`, or joins the connection that it shares.
    pub async fn connect(dialer: &Dialer, link: u64) -> Result<Self, NetError> {
        match dialer.pool() {
            None => Http1::connect(dialer, link).await.map(Self::One),
            Some(pool) => Http2::connect(dialer, pool, link).await.map(Self::Two),
        }
    }

    /// The meter of the socket under it, which links that share a connection share, too.
    pub fn share_meter(&self) -> Rc<Meter> {
        match self {
            Self::One(http) => http.share_meter(),
            Self::Two(http) => http.share_meter(),
        }
    }

    /// Whether requests go out as the bytes of their HTTP/1.1 form.
    pub fn takes_bytes(&self) -> bool {
        match self {
            Self::One(http) => http.takes_bytes(),
            Self::Two(_) => false,
        }
    }

    /// Excludes earlier traffic from the totals, because the link is open now.
    pub fn mark(&self) {
        match self {
            Self::One(http) => http.meter().mark(),
            Self::Two(http) => http.mark(),
        }
    }

    /// Whether a request can be sent.
    pub fn is_open(&self) -> bool {
        match self {
            Self::One(http) => http.is_open(),
            Self::Two(http) => http.is_open(),
        }
    }

    /// The same, after checking whether the peer has closed the connection.
    pub async fn still_open(&mut self) -> bool {
        match self {
            Self::One(http) => http.still_open().await,
            Self::Two(http) => http.is_open(),
        }
    }

    /// Sends `request` and collects the whole answer.
    pub fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> impl Future<Output = Result<StampedResponse, NetError>> {
        // Rendered or put aside at once: a future holds what it is given for as long as it waits.
        let sending = match self {
            Self::One(http) => Sending::Rendered(http.rendered(request)),
            Self::Two(_) => Sending::Whole(Box::new(request)),
        };
        async move {
            match (self, sending) {
                (Self::One(http), Sending::Rendered(bytes)) => http.carry(&bytes, timeout).await,
                // In a place of its own, which an exchange of HTTP/1.1, a fifth of that, need not hold, too.
                (Self::Two(http), Sending::Whole(request)) => {
                    Box::pin(http.exchange(*request, timeout)).await
                }
                _ => unreachable!("as this version sends it"),
            }
        }
    }

    /// The same of a request that has been rendered.
    pub async fn exchange_rendered(
        &mut self,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        match self {
            Self::One(http) => http.exchange_rendered(request, timeout).await,
            Self::Two(http) => http.exchange_rendered(request, timeout).await,
        }
    }

    /// Sends `request` and returns the answer's head; the body is still to be read.
    pub async fn stream(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, NetError> {
        Ok(match self {
            Self::One(http) => http.stream(request).await?.map(|()| Body::Next),
            Self::Two(http) => http.stream(request).await?.map(Body::Shared),
        })
    }

    /// What an answer says that was not expected: its head, and the beginning of its body.
    pub async fn told(&mut self, response: Response<Body>) -> Told {
        let (head, mut body) = response.into_parts();
        let sample = Sample::read(async || self.frame(&mut body).await).await;
        Told::of(head.status, &head.headers, sample)
    }

    /// Waits for the next piece of an answer's body.
    pub async fn frame(&mut self, body: &mut Body) -> Option<Result<Bytes, NetError>> {
        match (self, body) {
            (Self::One(http), _) => http.frame().await,
            (Self::Two(http), Body::Shared(body)) => http.frame(body).await,
            (Self::Two(_), Body::Next) => None,
        }
    }
}
