//! Requests for a page of a topic's log, shared by short and long polls.

use std::future::poll_fn;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ETAG, HOST, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, StatusCode, Uri};
use serde::Deserialize;

use super::Link;
use super::conversation::Place;
use super::position;
use super::redial::Ended;
use super::script::{self, Script, Wanted, view};
use super::skeleton::Skeleton;
use super::trace::{self, Kind};
use super::voice::Voice;
use crate::clock;
use crate::dialect::model::Polling;
use crate::event::{Cursor, Page};
use crate::measure::ErrorKind;
use crate::net::{Client, Exchange, NetError, StampedResponse};

/// What the texts of a poll may name beside what other texts may: known while a request is made, and kept by no link.
const NAMES: [&str; 2] = ["limit", "hold_ms"];

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
    voice: Voice,
    /// The same for all links, which keep no copy.
    polling: &'a Polling,
    /// What of a request is known before its placeholders are.
    skeleton: Option<Rc<Skeleton>>,
    connection: Option<Client>,
    limit: u64,
    /// The place in the log of a built-in target.
    cursor: Cursor,
    conditional: bool,
    /// Entity tag of the last page, where the next request names it.
    etag: Option<Box<HeaderValue>>,
    /// When the connection was found broken; `None` while it works, or after the link left on purpose.
    lost_ns: Option<NonZeroU64>,
    stood: bool,
    /// Whether it could not stand when it was to.
    late: bool,
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
    pub(super) fn new(link: &'a Link, polling: Option<&'a Polling>, limit: u64) -> Self {
        static UNDESCRIBED: LazyLock<Polling> = LazyLock::new(Polling::default);
        let polling = polling.unwrap_or(&UNDESCRIBED);
        let mut voice = Voice::of(link);
        voice.set("cursor", "0".to_owned());
        Self {
            link,
            skeleton: voice.conversation().skeleton(Place::Poll, &polling.request),
            voice,
            conditional: polling.etag,
            polling,
            connection: None,
            limit,
            cursor: 0.into(),
            etag: None,
            lost_ns: None,
            stood: false,
            late: false,
        }
    }

    /// Asks for a page only if it differs from the last one, by its entity tag.
    #[must_use]
    pub(super) const fn conditional(mut self, conditional: bool) -> Self {
        self.conditional |= conditional;
        self
    }

    /// Whether it is connected.
    async fn is_open(&mut self) -> bool {
        // A server may close a connection at any time between two requests: that fails neither (RFC 9112, section 9.3.1).
        match &mut self.connection {
            Some(connection) => connection.still_open().await,
            None => false,
        }
    }

    async fn dial(&mut self) -> Result<(), Ended> {
        let link = self.link;
        if self.connection.take().is_some() {
            self.lost();
        }
        let dialled_ns = clock::now();
        let connected = Client::connect(&link.dialer(), link.index()).await;
        let connection = connected.inspect_err(|_| self.lost())?;
        self.prepare().await.inspect_err(|_| self.lost())?;
        if self.stood {
            link.back(dialled_ns, self.lost_ns.take().map(NonZeroU64::get));
        } else if self.late {
            link.stands_late(dialled_ns);
            self.lost_ns = None;
            self.stood = true;
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Takes the steps of the dialect, and starts from the cursor's first value where none has come.
    async fn prepare(&mut self) -> Result<(), Ended> {
        if !self.stood {
            position::begin(&mut self.voice, &self.polling.cursor)?;
        }
        let polling = self.polling;
        let (steps, mut script) = (&polling.steps, Script::new(&polling.steps));
        script::before(self.link, &mut self.voice, steps).await?;
        match script.advance(self.link, &mut self.voice).await? {
            Wanted::Nothing => Ok(()),
            // The scenario's reader refuses other steps of a poll.
            Wanted::Send(_) | Wanted::Message(..) => Err(Ended::Event),
        }
    }

    /// The connection is broken, since now unless it already was.
    fn lost(&mut self) {
        self.lost_ns = self.lost_ns.or_else(|| NonZeroU64::new(clock::now()));
    }

    /// Closes the connection; the next poll opens another.
    pub(super) fn leave(&mut self) {
        self.connection = None;
    }

    /// Dials and polls once without waiting: afterwards the link is open, and both ends have allocated a poll's memory.
    /// Where the server alone decides how long it `holds` a poll, it only dials.
    /// Returns false, and fails the trial, if that is impossible.
    pub(super) async fn stand(&mut self, holds: bool, timeout: Duration) -> bool {
        let dialled_ns = clock::now();
        let stood = if holds {
            self.tell(None);
            if self.is_open().await { Ok(()) } else { self.dial().await }
        } else {
            // Boxed, as what a link needs once.
            match Box::pin(self.ask(Some(0), timeout)).await {
                Ok(answer) => self
                    .take(&answer)
                    .map(drop)
                    .map_err(|_| Ended::Unexpected(Box::new(answer.told()))),
                Err(error) => Err(error),
            }
        };
        if let Err(error) = stood {
            let what = format!("{}: {error}", self.polling.request.path);
            // The next poll dials again.
            // One that answers badly is there.
            (self.stood, self.late) = (self.connection.is_some(), self.connection.is_none());
            return self.link.could_not_open(error.kind(), &what);
        }
        self.link.ready(dialled_ns);
        self.stood = true;
        if let Some(connection) = &self.connection {
            connection.mark();
        }
        true
    }

    /// Asks for a page, connecting first where needed, to be held for `hold_ms` where there is no news; a broken connection
    /// is dropped.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its arguments twice")]
    pub(super) fn ask(
        &mut self,
        hold_ms: Option<u64>,
        timeout: Duration,
    ) -> impl Future<Output = Result<StampedResponse, Ended>> {
        async move {
            self.tell(hold_ms);
            // Boxed, because a link that waits for an answer has no use for its room.
            if !self.is_open().await {
                Box::pin(self.dial()).await?;
            }
            let answer = match (&self.skeleton, &mut self.connection) {
                (Some(skeleton), Some(Client::One(http))) if http.takes_bytes() => {
                    let request = skeleton.render(&mut self.voice, None, self.etag.as_deref())?;
                    // A link that waits for an answer, as one does nearly always, holds what it waits with and nothing else.
                    self.voice.unset(&NAMES);
                    let mut exchange = Exchange::owning(request, timeout);
                    poll_fn(|cx| http.poll_exchange(cx, &mut exchange)).await
                }
                _ => Box::pin(self.ask_generally(timeout)).await?,
            };
            // Nothing here borrows the answer: a wait for it would hold room for it twice.
            let answer = self.heard(answer)?;
            if self.polling.reply.is_empty() {
                return Ok(answer);
            }
            self.tell(hold_ms);
            Box::pin(self.replied(answer)).await
        }
    }

    /// Sends the request for a page in its general form. The error is one of its texts.
    async fn ask_generally(
        &mut self,
        timeout: Duration,
    ) -> Result<Result<StampedResponse, NetError>, Ended> {
        let request = self.general()?;
        let Some(connection) = &mut self.connection else { unreachable!("connected above") };
        Ok(connection.exchange(*request, timeout).await)
    }

    /// Notes how an exchange ended.
    fn heard(
        &mut self,
        answer: Result<StampedResponse, NetError>,
    ) -> Result<StampedResponse, Ended> {
        match &answer {
            Ok(answer) => {
                self.voice.conversation().note(Kind::Received, || trace::answer(answer));
            }
            Err(error) => {
                self.link.describe(error.kind(), || error.to_string());
                self.connection = None;
                self.lost();
            }
        }
        Ok(answer?)
    }

    /// The same answer, after the dialect's replies to it.
    async fn replied(&mut self, answer: StampedResponse) -> Result<StampedResponse, Ended> {
        let replied = self.reply(&answer).await;
        if let Err(error) = &replied {
            self.link.describe(error.kind(), || error.to_string());
        }
        replied.map(|()| answer)
    }

    /// Has texts name what a poll is about.
    fn tell(&mut self, hold_ms: Option<u64>) {
        let [limit, hold] = NAMES;
        let (mut limit_text, mut hold_text) = (itoa::Buffer::new(), itoa::Buffer::new());
        let limit = (limit, limit_text.format(self.limit));
        match hold_ms {
            None => self.voice.set_all(&[limit]),
            Some(hold_ms) => self.voice.set_all(&[limit, (hold, hold_text.format(hold_ms))]),
        }
    }

    /// The request for a page in its general form.
    fn general(&mut self) -> Result<Box<Request<Full<Bytes>>>, Ended> {
        let mut request = Box::new(self.voice.request(&self.polling.request, None)?);
        if let Some(etag) = &self.etag {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::clone(etag));
        }
        Ok(request)
    }

    /// Makes the dialect's replies to an answer.
    async fn reply(&mut self, answer: &StampedResponse) -> Result<(), Ended> {
        let polling = self.polling;
        for reply in polling.reply.iter().filter(|reply| reply.to.matches(&answer.body, None)) {
            script::take(&mut self.voice, &reply.capture, &view(answer))?;
            script::exchange(self.link, &mut self.voice, &reply.request, script::STEP_LIMIT)
                .await?;
        }
        Ok(())
    }

    /// Books an answer, and moves the cursor.
    pub(super) fn take(&mut self, answer: &StampedResponse) -> Result<Brought, ErrorKind> {
        let taken =
            if self.voice.is_envelope() { self.take_page(answer) } else { self.take_any(answer) };
        // A server that takes a poll no longer may have ended the session that the steps began.
        if taken.is_err() && !self.polling.steps.is_empty() && self.connection.take().is_some() {
            self.lost();
        }
        taken.inspect_err(|kind| self.link.describe(*kind, || answer.told().to_string()))
    }

    /// Books the answer of a server that is not the built-in one.
    fn take_any(&mut self, answer: &StampedResponse) -> Result<Brought, ErrorKind> {
        let status = answer.status.as_u16();
        let call = &self.polling.request;
        let empty = &self.polling.empty;
        let is_empty =
            if empty.is_empty() { status == 204 || status == 304 } else { empty.contains(&status) };
        if !is_empty && !call.expects(status) {
            return Err(ErrorKind::of_status(status));
        }
        script::take_answer(&mut self.voice, &call.capture, answer)
            .map_err(|error| error.kind())?;
        position::move_on(&mut self.voice, &self.polling.cursor, &view(answer), "the next poll");
        if is_empty {
            self.voice.conversation().note(Kind::Understood, || "nothing new".to_owned());
            return Ok(Brought::Nothing);
        }
        self.keep_tag(answer);
        let conversation = self.voice.conversation();
        // A page need not bring anything.
        let taken = self.link.take_any(&conversation, &answer.body, answer.done_ns);
        let contents = taken.unwrap_or_default();
        if contents.events == 0 {
            conversation.note(Kind::Understood, || "no event in this page".to_owned());
        }
        if self.link.listens() && contents.events > 0 {
            return Ok(Brought::Events { count: 1, full: false });
        }
        Ok(match contents.new {
            0 => Brought::Nothing,
            count => Brought::Events { count, full: self.polling.drain },
        })
    }

    /// Books the answer of the built-in target.
    fn take_page(&mut self, answer: &StampedResponse) -> Result<Brought, ErrorKind> {
        match answer.status {
            StatusCode::OK => {
                let page = Page::decode(&answer.body).map_err(|_| ErrorKind::Protocol)?;
                for head in &page.events {
                    self.link.receive_polled(*head, answer);
                }
                self.move_to(page.next);
                self.keep_tag(answer);
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
                self.move_to(next);
                Ok(Brought::Gap)
            }
            other => Err(ErrorKind::of_status(other.as_u16())),
        }
    }

    /// Keeps what the next request names as the last page, where it does.
    fn keep_tag(&mut self, answer: &StampedResponse) {
        if self.conditional {
            self.etag = answer.headers.value(&ETAG).map(Box::new);
        }
    }

    /// Continues after `cursor`.
    fn move_to(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        self.voice.set("cursor", cursor.to_string());
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
    HeaderValue::clone(&link.context().host())
}
