//! A client's connection to `/items`: kept open, new for each request, or a WebSocket.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONNECTION, HeaderValue};

use super::Link;
use super::calls::{Calls, Dialled};
use super::redial::Ended;
use crate::clock;
use crate::measure::Counter;
use crate::net::h1::Rendered;
use crate::net::{self, Exchange, Http1, NetError, StampedResponse};
use crate::pace::Rng;
use crate::scenario::{Connection, RequestOptions};

/// The stream of a link's random numbers that nonces and masks are drawn from: they move no other draw.
const KEYS: u64 = 3 << 49;

/// A request to be sent.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// In its general form.
    General(Box<Request<Full<Bytes>>>),
    /// As its bytes.
    Rendered(Rendered),
    /// As bytes that others send, too.
    Shared(Rc<Rendered>),
}

impl Outgoing {
    fn general(self) -> Result<Request<Full<Bytes>>, NetError> {
        match self {
            Self::General(request) => Ok(*request),
            Self::Rendered(rendered) => rendered.request(),
            Self::Shared(rendered) => rendered.request(),
        }
    }

    /// The same as its bytes.
    fn into_bytes(self) -> Self {
        match self {
            Self::General(request) => Self::Rendered(Rendered::of(*request)),
            rendered => rendered,
        }
    }

    /// Its bytes, if it has been rendered.
    fn rendered(&self) -> Option<&Rendered> {
        match self {
            Self::General(_) => None,
            Self::Rendered(rendered) => Some(rendered),
            Self::Shared(rendered) => Some(rendered),
        }
    }

    /// Sends it over `connection`, and collects the whole answer.
    pub(super) async fn over(
        self,
        connection: &mut net::Client,
        limit: Duration,
    ) -> Result<StampedResponse, NetError> {
        match self.rendered() {
            Some(rendered) => connection.exchange_rendered(rendered, limit).await,
            None => connection.exchange(self.general()?, limit).await,
        }
    }
}

/// Carries a client's requests, one at a time, and redials broken connections.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    link: &'a Link,
    options: &'a RequestOptions,
    /// Longest wait for an answer.
    limit: Duration,
    line: Line,
    /// Nonces and masks are drawn from it.
    rng: Rng,
    /// Whether the link is open: from then on its connections' traffic is a cost of its requests.
    stands: bool,
}

/// The persistent connection, if any.
#[derive(Debug)]
enum Line {
    None,
    Http(net::Client),
    Socket(Box<Calls>),
}

impl<'a> Caller<'a> {
    /// A caller that has not dialled yet.
    pub(super) fn new(link: &'a Link, options: &'a RequestOptions) -> Self {
        let limit = options.timeout.std();
        Self { link, options, limit, line: Line::None, rng: link.rng_of(KEYS), stands: false }
    }

    /// Waits no longer than `limit` for the next answers; without one, as long as the scenario says.
    pub(super) fn wait_at_most(&mut self, limit: Option<Duration>) {
        self.limit = limit.unwrap_or(self.options.timeout.std());
    }

    /// Opens the connection, where one is kept, or tries whether one can be opened.
    pub(super) async fn dial(&mut self) -> Result<(), Ended> {
        let (dialer, limit) = (self.link.dialer(), self.limit);
        let dialled = async {
            Ok(match self.options.connection {
                Connection::KeepAlive => {
                    Line::Http(net::Client::connect(&dialer, self.link.index()).await?)
                }
                Connection::PerRequest => {
                    Http1::connect(&dialer, self.link.index()).await?.meter().mark();
                    Line::None
                }
                Connection::WebSocket => match Calls::dial(self.link, &mut self.rng).await? {
                    Dialled::Refused(answer) => {
                        return Err(Ended::Unexpected(answer.told().into()));
                    }
                    Dialled::Socket(calls) => Line::Socket(calls),
                },
            })
        };
        let dialled = tokio::time::timeout(limit, dialled).await;
        self.line = dialled.unwrap_or_else(|_| Err(NetError::Timeout(limit).into()))?;
        Ok(())
    }

    /// Excludes earlier traffic, which opened the link.
    pub(super) fn mark(&mut self) {
        self.stands = true;
        match &self.line {
            Line::None => {}
            Line::Http(connection) => connection.mark(),
            Line::Socket(calls) => calls.meter().mark(),
        }
    }

    /// Waits for `wanted` while serving the connection, since a WebSocket must answer pings. A connection that ends between
    /// two calls fails neither.
    pub(super) async fn attending<F: Future>(&mut self, wanted: F) -> F::Output {
        let mut wanted = std::pin::pin!(wanted);
        if let Line::Socket(calls) = &mut self.line {
            // Boxed, because other connections need not be served.
            tokio::select! {
                biased;
                output = &mut wanted => return output,
                _ = Box::pin(calls.attend()) => {}
            }
            self.line = Line::None;
        }
        wanted.await
    }

    /// Whether requests are carried as their bytes.
    pub(super) fn takes_bytes(&self) -> bool {
        matches!(&self.line, Line::Http(connection) if connection.takes_bytes())
    }

    /// Sends `request` and collects the whole answer.
    pub(super) async fn exchange(
        &mut self,
        mut request: Outgoing,
    ) -> Result<StampedResponse, Ended> {
        match &mut self.line {
            Line::Http(net::Client::One(http)) if http.takes_bytes() => {
                request = request.into_bytes();
                if let Some(rendered) = request.rendered() {
                    let mut exchange = Exchange::new(rendered, self.limit);
                    let answer = poll_fn(|cx| {
                        // One that ended between two requests fails neither.
                        if !exchange.has_begun() && !http.looks_open(cx) {
                            return Poll::Ready(None);
                        }
                        http.poll_exchange(cx, &mut exchange).map(Some)
                    });
                    if let Some(answer) = answer.await {
                        return self.over(answer);
                    }
                }
            }
            Line::Http(net::Client::Two(http)) if http.is_open() => {
                let exchange = match request {
                    Outgoing::General(request) => http.exchange_of(*request, self.limit),
                    Outgoing::Rendered(ref request) => {
                        http.exchange_of_rendered(request, self.limit)
                    }
                    Outgoing::Shared(ref request) => http.exchange_of_rendered(request, self.limit),
                };
                let answer = match exchange {
                    Ok(mut exchange) => poll_fn(|cx| http.poll_exchange(cx, &mut exchange)).await,
                    Err(error) => Err(error),
                };
                return self.over(answer);
            }
            _ => {}
        }
        // Boxed, because all that can happen here is large, and the usual case is above.
        Box::pin(self.otherwise(request)).await
    }

    /// An exchange is over: a connection that failed in it is used no more.
    fn over(
        &mut self,
        answer: Result<StampedResponse, NetError>,
    ) -> Result<StampedResponse, Ended> {
        if answer.is_err() {
            self.line = Line::None;
        }
        Ok(answer?)
    }

    /// The same over whatever carries it.
    async fn otherwise(&mut self, request: Outgoing) -> Result<StampedResponse, Ended> {
        let answer = match self.options.connection {
            Connection::KeepAlive => self.keeping_alive(request).await,
            Connection::PerRequest => match request.general() {
                Ok(request) => self.alone(request).await.map_err(Ended::from),
                Err(error) => Err(error.into()),
            },
            Connection::WebSocket => match request.general() {
                Ok(request) => self.calling(request).await,
                Err(error) => Err(error.into()),
            },
        };
        if answer.is_err() {
            self.line = Line::None;
        }
        answer
    }

    async fn keeping_alive(&mut self, request: Outgoing) -> Result<StampedResponse, Ended> {
        let limit = self.limit;
        // One that ended between two requests fails neither.
        if let Line::Http(connection) = &mut self.line
            && connection.still_open().await
        {
            return Ok(request.over(connection, limit).await?);
        }
        self.redialling(request).await
    }

    async fn redialling(&mut self, request: Outgoing) -> Result<StampedResponse, Ended> {
        let limit = self.limit;
        // Redialled because the target closed it: no error, but seen (RFC 9112, section 9.3.1).
        let closed = matches!(self.line, Line::Http(_));
        let mut connection = net::Client::connect(&self.link.dialer(), self.link.index()).await?;
        self.link.count(Counter::Reconnects, u64::from(closed));
        let answer = request.over(&mut connection, limit).await?;
        self.line = Line::Http(connection);
        Ok(answer)
    }

    async fn calling(&mut self, request: Request<Full<Bytes>>) -> Result<StampedResponse, Ended> {
        let limit = self.limit;
        if let Line::Socket(calls) = &mut self.line {
            return calls.exchange(request, limit).await;
        }
        // The answer to a handshake is waited for no longer than one to a call.
        let dialled = tokio::time::timeout(limit, Calls::dial(self.link, &mut self.rng)).await;
        match dialled.unwrap_or_else(|_| Err(NetError::Timeout(limit).into()))? {
            Dialled::Refused(answer) => Ok(answer),
            Dialled::Socket(mut calls) => {
                let answer = calls.exchange(request, limit).await?;
                self.line = Line::Socket(calls);
                Ok(answer)
            }
        }
    }

    /// Sends one request on a new connection. Its first write opens the connection, so that the time for that is part of
    /// service, not of slip.
    async fn alone(&self, mut request: Request<Full<Bytes>>) -> Result<StampedResponse, NetError> {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let (dialer, limit) = (&self.link.dialer(), self.limit);
        let dialled_ns = clock::now();
        let exchange = async {
            let mut connection = Http1::connect(dialer, self.link.index()).await?;
            if self.stands {
                connection.meter().mark_from_the_dial();
            }
            let answer = connection.exchange(request, limit).await;
            if !self.stands {
                connection.meter().mark();
            }
            answer
        };
        let answer = tokio::time::timeout(limit, exchange).await;
        let answer = answer.unwrap_or(Err(NetError::Timeout(limit)))?;
        Ok(StampedResponse { sent_ns: dialled_ns, ..answer })
    }
}
