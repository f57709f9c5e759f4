//! Requests for a page of a topic's log, shared by short and long polls.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ETAG, HOST, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, StatusCode, Uri};
use serde::Deserialize;

use super::Link;
use crate::clock;
use crate::event::{Cursor, Page};
use crate::measure::ErrorKind;
use crate::net::{Client, NetError, StampedResponse};

/// The result of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brought {
    /// Events; `full` if more may be available at once.
    Events {
        /// The number of events.
        count: usize,
        /// The page was full: more may be waiting.
        full: bool,
    },
    /// Nothing new.
    Nothing,
    /// Events left the log unread; the cursor is behind them.
    Gap,
}

/// A topic's log as one client reads it, over one connection that is dialled again when it breaks.
pub(super) struct Poller<'a> {
    link: &'a Link,
    connection: Option<Client>,
    host: HeaderValue,
    path: String,
    limit: u64,
    cursor: Cursor,
    conditional: bool,
    /// Entity tag of the last page.
    etag: Option<HeaderValue>,
    /// When the connection was found broken; `None` while it works, or after the link left on purpose.
    lost_ns: Option<u64>,
    stood: bool,
}

/// The part of a 410 answer that says where to continue.
#[derive(Deserialize)]
struct Gap {
    oldest: u64,
    /// The cursor to continue with, if the answer has one.
    next: Option<Cursor>,
    /// Whether the log restarted.
    #[serde(default)]
    reset: bool,
}

impl Gap {
    /// Returns where to continue.
    fn next(&self) -> Cursor {
        self.next.unwrap_or_else(|| self.oldest.saturating_sub(1).into())
    }
}

impl<'a> Poller<'a> {
    /// A poller of the link's topic, from its beginning, `limit` events a page.
    pub(super) fn new(link: &'a Link, limit: u64) -> Self {
        Self {
            link,
            connection: None,
            host: host(link),
            path: format!("/topics/{}/events", link.topic()),
            limit,
            cursor: 0.into(),
            conditional: false,
            etag: None,
            lost_ns: None,
            stood: false,
        }
    }

    /// Asks for a page only if it differs from the last one, by its entity tag.
    #[must_use]
    pub(super) const fn conditional(mut self, conditional: bool) -> Self {
        self.conditional = conditional;
        self
    }

    /// Connects unless connected.
    async fn connect(&mut self) -> Result<(), NetError> {
        // A server may close a connection at any time between two requests: that fails neither (RFC 9112, section 9.3.1).
        let open = match &mut self.connection {
            Some(connection) => connection.still_open().await,
            None => false,
        };
        if !open {
            let link = self.link;
            if self.connection.take().is_some() {
                self.lost();
            }
            let dialled_ns = clock::now();
            let connected = Client::connect(&link.dialer(), link.index()).await;
            let connection = connected.inspect_err(|_| self.lost())?;
            if self.stood {
                link.back(dialled_ns, self.lost_ns.take());
            }
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// The connection is broken, since now unless it already was.
    fn lost(&mut self) {
        self.lost_ns.get_or_insert_with(clock::now);
    }

    /// Closes the connection; the next poll opens another.
    pub(super) fn leave(&mut self) {
        self.connection = None;
    }

    /// Dials and polls once without waiting: afterwards the link is open, and both ends have allocated a poll's memory.
    /// Returns false, and fails the trial, if that is impossible.
    pub(super) async fn stand(&mut self, timeout: Duration) -> bool {
        let dialled_ns = clock::now();
        match self.ask(None, timeout).await {
            Ok(answer) if self.take(&answer).is_ok() => {
                self.link.ready(dialled_ns);
                self.stood = true;
                if let Some(connection) = &self.connection {
                    connection.mark();
                }
                return true;
            }
            Ok(answer) => {
                self.link.cannot_stand(&format_args!("{} answers {}", self.path, answer.status));
            }
            Err(error) => self.link.cannot_stand(&error),
        }
        false
    }

    /// Asks for a page, connecting first where needed; a broken connection is dropped.
    pub(super) async fn ask(
        &mut self,
        wait: Option<&str>,
        timeout: Duration,
    ) -> Result<StampedResponse, NetError> {
        self.connect().await?;
        let Some(connection) = &mut self.connection else { unreachable!("connected above") };
        let mut target = format!("{}?since={}&limit={}", self.path, self.cursor, self.limit);
        if let Some(wait) = wait {
            target.push_str("&wait=");
            target.push_str(wait);
        }
        let mut request = get(target, &self.host);
        if let Some(etag) = self.etag.as_ref().filter(|_| self.conditional) {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        let answer = connection.exchange(request, timeout).await;
        if let Err(error) = &answer {
            self.link.describe(error.kind(), || error.to_string());
            self.connection = None;
            self.lost();
        }
        answer
    }

    /// Books an answer, and moves the cursor.
    pub(super) fn take(&mut self, answer: &StampedResponse) -> Result<Brought, ErrorKind> {
        let taken = self.take_page(answer);
        taken.inspect_err(|kind| self.link.describe(*kind, || answer.told().to_string()))
    }

    fn take_page(&mut self, answer: &StampedResponse) -> Result<Brought, ErrorKind> {
        match answer.status {
            StatusCode::OK => {
                let page: Page =
                    serde_json::from_slice(&answer.body).map_err(|_| ErrorKind::Protocol)?;
                for head in &page.events {
                    self.link.receive_polled(*head, answer);
                }
                self.cursor = page.next;
                self.etag = answer.headers.get(ETAG).cloned();
                let count = page.events.len();
                Ok(match count {
                    0 => Brought::Nothing,
                    _ => Brought::Events { count, full: count as u64 >= self.limit },
                })
            }
            StatusCode::NO_CONTENT => Ok(Brought::Nothing),
            // Unasked for it would mean nothing.
            StatusCode::NOT_MODIFIED if self.conditional => Ok(Brought::Nothing),
            StatusCode::GONE => {
                let gap: Gap =
                    serde_json::from_slice(&answer.body).map_err(|_| ErrorKind::Protocol)?;
                let next = gap.next();
                if gap.reset {
                    self.link.reset();
                } else {
                    self.link.missed(self.cursor.seq + 1..next.seq.saturating_add(1));
                }
                self.cursor = next;
                Ok(Brought::Gap)
            }
            other => Err(ErrorKind::of_status(other.as_u16())),
        }
    }
}

/// A GET of `target`.
pub(super) fn get(target: String, host: &HeaderValue) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    // Paths consist of numbers and plain topic names.
    *request.uri_mut() = Uri::try_from(target).unwrap_or_default();
    request.headers_mut().insert(HOST, host.clone());
    request
}

/// The target's Host header.
pub(super) fn host(link: &Link) -> HeaderValue {
    let host = HeaderValue::try_from(link.context().dialer.endpoint().host_header());
    // A host that was read from a URL has no character that a header refuses.
    host.unwrap_or(HeaderValue::from_static("target"))
}
