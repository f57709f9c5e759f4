//! The harness's own publisher: publishes each event when it is due, as the dialect says, and keeps the account of what
//! became of it.
//!
//! Events of one topic are published in their order over one connection; topics are spread over connections. Over HTTP one
//! goes after the other, elsewhere the next does not wait for the answer to the one before. Nothing is sent twice: an event
//! that was not acknowledged is refused, or unknown.

mod command;
mod http;
mod outstanding;
mod pipeline;
mod websocket;

use std::cell::RefCell;

use super::Link;
use super::redial::Ended;
use super::trace::Kind;
use super::voice::{Told, Voice};
use crate::control::Published;
use crate::dialect::capture::Capture;
use crate::dialect::model::{Mark, Over, Publishing};
use crate::dialect::token::{TOKEN_LEN, Token};
use crate::event::{TokenPayload, topic_name};
use crate::measure::{Counter, ErrorKind, Metric, Publishing as Failures};
use crate::pace::Publication;

/// What became of the events of a shard's publishers since it was last taken.
#[derive(Debug, Default)]
pub struct Account(RefCell<Published>, RefCell<Failures>);

impl Account {
    /// The events of the window whose publishing failed, or may have failed.
    pub fn failed(&self) -> Failures {
        self.1.borrow().clone()
    }

    /// Takes what became of events since.
    pub fn take(&self) -> Published {
        self.0.take()
    }
}

/// How the publication of an event ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The server acknowledged it at this instant, in monotonic nanoseconds, and perhaps named it.
    Acknowledged(u64, Option<String>),
    /// The server refused it, or it was never sent.
    Refused(ErrorKind),
    /// It was sent, and nothing was heard of it.
    Unanswered(ErrorKind),
}

/// An event that is about to be published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheduled {
    /// Its topic.
    pub topic: u64,
    /// Its number there.
    pub seq: u64,
    /// When, in monotonic nanoseconds.
    pub due_ns: u64,
    /// Whether that is in the window.
    pub measured: bool,
}

/// What one publisher has beside its connection.
#[derive(Debug)]
pub(super) struct Publisher<'a> {
    pub link: &'a Link,
    pub voice: Voice,
    payload: TokenPayload,
    account: &'a Account,
}

/// Publishes the events of topics `link.index()`, `+ connections`, … until the schedule ends.
pub async fn run(link: &Link, publishing: &Publishing, connections: u64, account: &Account) {
    let workload = link.context().case.workload;
    let payload = match TokenPayload::new(workload.payload_kind, workload.payload.bytes() as usize)
    {
        Ok(payload) => payload,
        Err(error) => return link.cannot_stand(&error),
    };
    let publisher = Publisher { link, voice: Voice::of(link), payload, account };
    match publishing.over {
        Over::Http => http::run(publisher, publishing, connections).await,
        Over::WebSocket => websocket::run(publisher, publishing, connections).await,
        Over::Command => command::run(publisher, publishing, connections).await,
    }
}

impl Publisher<'_> {
    /// The events that are this publisher's, in order of their due stamps.
    pub(super) async fn events(&self, connections: u64) -> Vec<Scheduled> {
        let schedule = self.link.context().schedule();
        let own: Vec<Publication> = schedule.publications(self.link.index(), connections).collect();
        let timeline = self.link.started().await;
        let due = |event: Publication| {
            let due_ns = timeline.start_ns + event.offset_ns;
            Scheduled {
                topic: event.topic,
                seq: event.seq,
                due_ns,
                measured: timeline.measures(due_ns),
            }
        };
        let events: Vec<Scheduled> = own.into_iter().map(due).collect();
        let measured = events.iter().filter(|event| event.measured).count() as u64;
        self.link.count(Counter::SendsDue, measured);
        events
    }

    /// Renders what `make` makes of the voice and the event.
    pub(super) fn say<T>(
        &mut self,
        due: Scheduled,
        make: impl FnOnce(&mut Voice, Told<'_>) -> Result<T, Ended>,
    ) -> Result<T, Ended> {
        let conversation = self.voice.conversation();
        // The plan refuses more topics and events than tokens can tell apart.
        let token = Token::new(due.topic, due.seq)
            .map_or([b'0'; TOKEN_LEN], |token| conversation.run.encode(token));
        let text = std::str::from_utf8(&token).unwrap_or_default();
        self.voice.speak_of(due.topic);
        self.voice.set("due_ns", due.due_ns.to_string());
        let payload = self.payload.bytes(&token);
        make(&mut self.voice, Told { n: due.seq, payload, token: text })
    }

    /// Books that an event went out at `sent_ns`, by a publisher that was free at `free_ns`.
    pub(super) fn sent(&self, due: Scheduled, free_ns: u64, sent_ns: u64) {
        if due.measured {
            self.link.count(Counter::SendsSent, 1);
            self.link.record(Metric::SendSlip, sent_ns.saturating_sub(due.due_ns.max(free_ns)));
        }
    }

    /// Books how a publication ended.
    pub(super) fn ended(&self, due: Scheduled, outcome: Outcome) {
        let event = (due.topic, due.seq);
        let conversation = self.voice.conversation();
        let name = || format!("event {} of {}", due.seq, topic_name(due.topic));
        match &outcome {
            Outcome::Acknowledged(..) => {
                conversation.note(Kind::Understood, || format!("{} is published", name()));
            }
            Outcome::Refused(kind) => {
                conversation.note(Kind::Odd, || format!("{} was refused: {}", name(), kind.name()));
            }
            Outcome::Unanswered(kind) => {
                conversation.note(Kind::Odd, || {
                    format!("{} was not acknowledged: {}", name(), kind.name())
                });
            }
        }
        let mut account = self.account.0.borrow_mut();
        let mut failed = self.account.1.borrow_mut();
        match outcome {
            Outcome::Acknowledged(at_ns, id) => {
                if due.measured {
                    self.link.count(Counter::SendsAcknowledged, 1);
                    self.link.record(Metric::Send, at_ns.saturating_sub(due.due_ns));
                }
                account.ids.extend(id.map(|id| (due.topic, due.seq, id)));
            }
            Outcome::Refused(kind) => {
                self.link.error(kind);
                if due.measured {
                    failed.refuse(due.topic, due.seq);
                }
                account.refused.push(event);
            }
            Outcome::Unanswered(kind) => {
                self.link.error(kind);
                if due.measured {
                    failed.leave_unanswered(due.topic, due.seq);
                }
                account.unanswered.push(event);
            }
        }
    }

    /// A refusal came of an event that counts as published, or of none that is known.
    pub(super) fn withdraw(&self, event: Option<(u64, u64)>) {
        self.link.error(ErrorKind::Refused);
        self.account.0.borrow_mut().refused.extend(event);
    }

    /// What takes the event's name out of the answer to its publication, where events are known by it.
    pub(super) fn published_id(&self) -> Option<Capture> {
        self.voice.dialect().recognition.published_id.clone().filter(|_| self.wants_id())
    }

    /// Whether the answer to a publication must name the event.
    pub(super) fn wants_id(&self) -> bool {
        self.voice.dialect().recognition.by == Mark::Ids
    }
}
