//! A webhook receiver's handling of a request: verify, deduplicate, book, acknowledge, and only then work.
//!
//! Webhooks are delivered at least once: an attempt whose acknowledgement was lost is repeated, by Standard Webhooks under
//! the same `webhook-id`. The receiver knows the last ids; it acknowledges known ones and counts them as
//! `duplicate_attempts`, outside of the ledger. Of servers without such ids, the ledger counts what comes twice.

mod contents;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::http::request;
use tokio::sync::Notify;

use self::contents::Events;
pub(super) use self::contents::Known;
use super::Link;
use super::behaviour::{Behaviour, ReceiverMode};
use super::consent::{Consent, Reply, status};
use super::conversation::Conversation;
use super::inbound::{Broken, Rendered};
use super::recognise::Seen;
use super::registration::Held;
use super::rules::{self, Meaning};
use super::signature::{SignatureError, Signer};
use super::trace::{self, Kind};
use super::voice::Voice;
use crate::dialect::capture::Headers;
use crate::dialect::model::{Acknowledge, Callback};
use crate::dialect::signing::Untrusted;
use crate::dialect::template::{RenderError, Template};
use crate::measure::{Arrival, Counter, ErrorKind, Metric};

/// Largest delivery that is taken, in bytes.
pub(super) const BODY_LIMIT: usize = 4 << 20;
/// Longest wait of a delivery for the answer to the registration, which contains the secret.
const SECRET_LIMIT: Duration = Duration::from_secs(10);

/// Marks what was attempted among what a link's receiver knows: no link has a number so high.
const ATTEMPTED: u64 = 1 << 63;

/// One endpoint's receiver.
pub(super) struct Receiver {
    /// The link, with its records.
    pub link: Link,
    pub behaviour: Behaviour,
    /// Whether it takes requests and answers none.
    pub hangs: Cell<bool>,
    /// Tells every connection to break, where the scenario has it do so.
    pub cut: Option<Box<Notify>>,
    pub callback: Rc<Callback>,
    /// What the texts of its registration and its acknowledgements may name.
    pub voice: RefCell<Voice>,
    pub consent: Consent,
    /// What the server holds of it.
    pub held: Cell<Held>,
    /// Checks signatures, as soon as the secret is known.
    signer: RefCell<Option<Rc<Signer>>>,
    /// The acknowledgement, where it is always the same.
    acknowledgement: Option<Rc<Rendered>>,
}

/// What a delivery contains.
enum Contents {
    /// Events in the built-in server's envelope.
    Own(Events),
    /// Something to be searched for events.
    Any,
}

impl Receiver {
    /// The receiver of a link, by `callback`.
    pub(super) fn new(
        link: Link,
        callback: Rc<Callback>,
        mut voice: Voice,
    ) -> Result<Rc<Self>, RenderError> {
        let behaviour = Behaviour::of(&link);
        let acknowledgement = link.context().callers.acknowledgement(|| {
            let constant = is_constant(&callback.acknowledge);
            let reply = constant.then(|| acknowledgement(&callback.acknowledge, &mut voice));
            Ok(reply.transpose()?.and_then(|reply| Rendered::constant(&reply)))
        })?;
        let receiver = Rc::new(Self {
            cut: behaviour.outage().map(|_| Box::default()),
            link,
            behaviour,
            hangs: Cell::new(false),
            consent: Consent::new(callback.handshake),
            held: Cell::default(),
            callback,
            voice: RefCell::new(voice),
            signer: RefCell::default(),
            acknowledgement,
        });
        // The built-in server's events are booked where they are read.
        if !receiver.conversation().is_envelope() {
            let sees = Rc::downgrade(&receiver);
            receiver.link.witness(Rc::new(move |seen| {
                if let Some(receiver) = sees.upgrade() {
                    receiver.saw(seen);
                }
            }));
        }
        Ok(receiver)
    }

    fn conversation(&self) -> &Conversation {
        &self.link.context().conversation
    }

    /// Checks signatures from now on with the secret that the link knows.
    pub(super) fn learn_secret(&self) -> Result<(), SignatureError> {
        let Some(signature) = &self.callback.verify else { return Ok(()) };
        let scheme = self.link.context().callers.scheme(signature)?;
        let signer = Signer::by(scheme, signature, &mut self.voice.borrow_mut())?;
        self.signer.replace(Some(Rc::new(signer)));
        self.link.context().callers.learned.notify_waiters();
        Ok(())
    }

    /// Takes a delivery whose handling needs no waiting, and returns its acknowledgement; `None`, with nothing done, of any
    /// other.
    pub(super) fn take(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        received_ns: u64,
    ) -> Option<&Rendered> {
        let acknowledgement = self.acknowledgement.as_deref()?;
        let plain = self.behaviour.is_good() && self.callback.ignore.is_empty();
        if !plain || self.hangs.get() || self.conversation().is_traced() {
            return None;
        }
        if self.callback.verify.is_some() {
            let signer = self.signer.borrow();
            signer.as_ref()?.verify(&self.voice, headers, body, unix_seconds()).ok()?;
        }
        let contents = if self.conversation().is_envelope() {
            Contents::Own(Events::read(body)?)
        } else if self.consent.echo(body).is_some() {
            return None;
        } else {
            Contents::Any
        };
        self.book_new(headers, contents, body, received_ns);
        Some(acknowledgement)
    }

    /// The refusal of a request whose body cannot be read to its end; `over` where the connection ended before that.
    pub(super) fn cut_short(&self, over: bool) -> Reply {
        // A server gives up on a receiver that does not answer, as the scenario wants it.
        if over && self.behaviour.withholds_answers() {
            return status(StatusCode::BAD_REQUEST);
        }
        let (kind, why) = if over {
            (ErrorKind::Truncated, "the server ended its connection within the body of a delivery")
        } else {
            (ErrorKind::Protocol, "the body of a delivery is malformed, or longer than 4 MiB")
        };
        self.refuse(kind, StatusCode::BAD_REQUEST, why)
    }

    /// Books that a server's connection broke.
    pub(super) fn broke(&self, broken: &Broken) {
        let link = &self.link;
        match broken {
            Broken::Malformed(error) => {
                link.failed(ErrorKind::Protocol, &format_args!("a server's request: {error}"));
            }
            // A server abandons exchanges with a receiver that does not answer, as the scenario wants it.
            Broken::Io(_) if self.behaviour.withholds_answers() => {}
            Broken::Io(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::ConnectionReset => ErrorKind::Reset,
                    io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
                    _ => ErrorKind::Closed,
                };
                let what = "the server broke a connection within a request";
                link.failed(kind, &format_args!("{what}: {error}"));
            }
        }
    }

    /// Answers one request, which was received at `received_ns`.
    pub(super) async fn answer(
        &self,
        head: request::Parts,
        body: &[u8],
        received_ns: u64,
    ) -> Reply {
        self.conversation().note(Kind::Received, || {
            format!(
                "{} {}\n{}\n{}",
                head.method,
                head.uri,
                trace::fields(&head.headers),
                trace::shown(body)
            )
        });
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        if let Some(reply) = self.consent.by_method(&head) {
            return reply.unwrap_or_else(|kind| self.no_delivery(kind));
        }
        if let Some(reply) = self.distrust(&head, body).await {
            return reply;
        }
        if self.callback.ignore.iter().any(|ignored| ignored.matches(body, None)) {
            self.link.count(Counter::Ignored, 1);
            rules::note(self.conversation(), Meaning::Ignored);
            return self.acknowledge(body);
        }
        let contents = match self.contents(body) {
            Ok(contents) => contents,
            Err(reply) => return *reply,
        };
        let mode = self.behaviour.mode(|| self.is_first_attempt(&head.headers, body));
        if let ReceiverMode::Fails { status, retry_after } = mode {
            self.link.count(Counter::RefusedAttempts, 1);
            return failure(status, retry_after);
        }
        self.book_new(&head.headers, contents, body, received_ns);
        if let ReceiverMode::Slow { ns } = mode {
            self.link.sleep_until(received_ns + ns).await;
        }
        self.acknowledge(body)
    }

    /// The refusal of a delivery that is not trusted; the echo of a challenge whose secret is not known yet.
    async fn distrust(&self, head: &request::Parts, body: &[u8]) -> Option<Reply> {
        self.callback.verify.as_ref()?;
        let mut signer = self.signer.borrow().clone();
        if signer.is_none() {
            // The server may call back before it answers the registration.
            if let Some(echo) = self.consent.echo(body) {
                return Some(echo);
            }
            let learned = async {
                while self.signer.borrow().is_none() {
                    self.link.context().callers.learned.notified().await;
                }
            };
            let _ = tokio::time::timeout(SECRET_LIMIT, learned).await;
            signer.clone_from(&self.signer.borrow());
        }
        let now_s = unix_seconds();
        let why = match signer {
            None => "the registration was not answered, and its secret is not known",
            Some(signer) => match signer.verify(&self.voice, &head.headers, body, now_s) {
                Ok(()) => return None,
                Err(Untrusted::Missing) => {
                    "the signature of a delivery, or a signed header, is missing"
                }
                Err(Untrusted::Stale) => "the time stamp of a delivery is too far from now",
                Err(Untrusted::Wrong) => "the signature of a delivery is wrong",
            },
        };
        Some(self.refuse(ErrorKind::Signature, StatusCode::UNAUTHORIZED, why))
    }

    /// What a delivery contains, or the answer to what is none.
    fn contents(&self, body: &[u8]) -> Result<Contents, Box<Reply>> {
        if !self.conversation().is_envelope() {
            return self.consent.echo(body).map_or(Ok(Contents::Any), |reply| Err(Box::new(reply)));
        }
        Events::read(body).map(Contents::Own).ok_or_else(|| {
            let echo = self.consent.echo(body);
            let why = "a delivery is neither an event nor a challenge";
            let refuse = || self.refuse(ErrorKind::Protocol, StatusCode::BAD_REQUEST, why);
            Box::new(echo.unwrap_or_else(refuse))
        })
    }

    /// Whether no attempt of a delivery came before this one, which is then remembered.
    fn is_first_attempt(&self, headers: &dyn Headers, body: &[u8]) -> bool {
        // Beside what was booked, which is remembered by the link's own number.
        let link = self.link.index() | ATTEMPTED;
        let is_new = |id: &[u8]| self.link.context().callers.is_new(|known| known.is_new(link, id));
        let mut first = None;
        if let Some(name) = self.signer.borrow().as_ref().and_then(|signer| signer.id()) {
            headers.each(name, &mut |id| {
                first.get_or_insert_with(|| is_new(id));
            });
        }
        first.unwrap_or_else(|| is_new(body))
    }

    /// Books what a delivery contains if the attempt is the first of its delivery, as far as that can be known.
    fn book_new(&self, headers: &dyn Headers, contents: Contents, body: &[u8], received_ns: u64) {
        let (mut first, mut new, link) = (true, true, self.link.index());
        if let Some(name) = self.signer.borrow().as_ref().and_then(|signer| signer.id()) {
            headers.each(name, &mut |id| {
                if std::mem::take(&mut first) {
                    new = self.link.context().callers.is_new(|known| known.is_new(link, id));
                }
            });
        }
        if new {
            self.book(contents, body, received_ns);
        } else {
            self.link.count(Counter::DuplicateAttempts, 1);
        }
    }

    /// Books what a delivery contains.
    fn book(&self, contents: Contents, body: &[u8], received_ns: u64) {
        match contents {
            Contents::Own(events) => events.each(|event| {
                let (arrival, measured) = self.link.receive(event, received_ns);
                if arrival != Arrival::Duplicate {
                    self.saw(Seen { due_ns: event.due_ns, received_ns, measured });
                }
            }),
            Contents::Any => {
                self.link.take_message(self.conversation(), body, received_ns);
            }
        }
    }

    /// Books an event that arrived for the first time as this receiver's behaviour wants it, and starts to work on it.
    fn saw(&self, Seen { due_ns, received_ns, measured }: Seen) {
        if measured && let Some(metric) = self.behaviour.split() {
            self.link.record(metric, received_ns.saturating_sub(due_ns));
        }
        if let Some(caught_up_ns) = self.behaviour.arrived(due_ns, received_ns) {
            self.link.record(Metric::CatchUp, caught_up_ns);
        }
        if let Some(done_ns) = self.behaviour.work(received_ns) {
            let link = self.link.share();
            tokio::task::spawn_local(async move {
                let done_ns = link.sleep_until(done_ns).await;
                if measured {
                    link.record(Metric::Work, done_ns.saturating_sub(received_ns));
                }
            });
        }
    }

    /// The acknowledgement of a delivery.
    fn acknowledge(&self, body: &[u8]) -> Reply {
        let mut voice = self.voice.borrow_mut();
        voice.begin();
        voice.set("body", String::from_utf8_lossy(body).into_owned());
        acknowledgement(&self.callback.acknowledge, &mut voice).unwrap_or_else(|error| {
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            self.refuse(ErrorKind::Protocol, code, &format!("target.webhook.acknowledge: {error}"))
        })
    }

    /// Refuses a request that can be no delivery.
    fn no_delivery(&self, kind: ErrorKind) -> Reply {
        let why = "a request was neither a delivery nor a part of target.webhook.handshake";
        let mut reply = self.refuse(kind, StatusCode::METHOD_NOT_ALLOWED, why);
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        reply
    }

    fn refuse(&self, kind: ErrorKind, code: StatusCode, why: &str) -> Reply {
        self.link.failed(kind, &why);
        status(code)
    }
}

fn is_constant(acknowledge: &Acknowledge) -> bool {
    acknowledge.headers.values().chain(&acknowledge.body).all(Template::is_constant)
}

/// The acknowledgement that `acknowledge` describes.
fn acknowledgement(acknowledge: &Acknowledge, voice: &mut Voice) -> Result<Reply, RenderError> {
    let code = StatusCode::from_u16(acknowledge.status).unwrap_or(StatusCode::NO_CONTENT);
    let mut reply = status(code);
    voice.add_headers(&acknowledge.headers, None, reply.headers_mut())?;
    if let Some(body) = &acknowledge.body {
        *reply.body_mut() = voice.render(body, None)?.into();
    }
    Ok(reply)
}

fn failure(code: u16, retry_after: Option<u64>) -> Reply {
    let mut response =
        status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
