//! Events in what arrives: recognised as the dialect says, and booked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use super::conversation::Conversation;
use super::observe::Heard;
use super::trace::Kind;
use super::{Context, Link};
use crate::clock;
use crate::control::Published;
use crate::dialect::capture::Answer;
use crate::dialect::model::{Mark, PerMessage, Semantics};
use crate::dialect::token::Sighting;
use crate::measure::{
    Arrival, Counter, LinkLedger, Receipts, Semantics as Wanted, Specimens, Terms,
};
use crate::scenario::PatternKind;

/// What a shard knows of the events of its topics beside their schedule.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Due offsets of each topic's events.
    due: RefCell<HashMap<u64, Rc<[u64]>>>,
    /// Topic and number by the id that the server gave.
    ids: RefCell<HashMap<String, (u64, u64)>>,
    /// Messages without any mark of an event.
    pub unrecognised: RefCell<Specimens>,
    /// Deliveries that came before the answer that names their event: slot of the link, id, time.
    early: RefCell<Vec<(Link, String, u64)>>,
    /// When links received messages, where they only listen.
    pub heard: Heard,
    /// Who sees which events arrive first, by the slot of the link.
    witnesses: RefCell<HashMap<usize, Witness>>,
}

/// Sees the first arrivals of a link's events.
struct Witness(Rc<dyn Fn(Seen)>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// An event that arrived for the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// When it was due, in monotonic nanoseconds.
    pub due_ns: u64,
    /// When it was received.
    pub received_ns: u64,
    /// Whether it is measured.
    pub measured: bool,
}

/// What a message contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Contents {
    /// Events of this trial, whether they were new or not.
    pub events: usize,
    /// Of those: such that had not arrived before.
    pub new: usize,
}

impl Context {
    /// The ledger of a link that awaits the events of `expected`.
    pub(super) fn ledger_for(&self, expected: std::ops::Range<u64>) -> LinkLedger {
        let dialect = &self.conversation.dialect;
        if self.conversation.is_envelope() {
            return LinkLedger::new(expected);
        }
        let semantics = match dialect.recognition.semantics {
            Semantics::Every => Wanted::Every,
            Semantics::Latest => Wanted::Latest,
        };
        // A page that a poll has no cursor for is the same until something changes.
        let repeats = match self.case.pattern.kind() {
            PatternKind::ShortPoll => {
                dialect.short_poll.as_ref().is_some_and(|poll| poll.cursor.is_empty())
            }
            PatternKind::LongPoll => {
                dialect.long_poll.as_ref().is_some_and(|poll| poll.cursor.is_empty())
            }
            _ => false,
        };
        LinkLedger::on_terms(expected, Terms { semantics, repeats })
    }

    /// Which events the shard's links lack.
    pub fn receipts(&self) -> Receipts {
        let mut receipts = Receipts::default();
        if !self.conversation.is_envelope() {
            self.each_ledger(|topic, ledger| receipts.add(topic, ledger));
        }
        receipts
    }

    /// Messages in which no event was recognised.
    pub fn unrecognised(&self) -> Specimens {
        self.known.unrecognised.take()
    }

    /// When event `seq` of `topic` is due, as an offset from the start in nanoseconds; `None` if there is none.
    pub(super) fn due_offset(&self, topic: u64, seq: u64) -> Option<u64> {
        let mut known = self.known.due.borrow_mut();
        let due = known.entry(topic).or_insert_with(|| self.schedule().topic(topic).collect());
        due.get(usize::try_from(seq.checked_sub(1)?).ok()?).copied()
    }

    /// Takes what became of events that the publisher had to publish.
    pub fn published(&self, published: &Published) {
        for (topic, seq, id) in &published.ids {
            self.known.ids.borrow_mut().insert(id.clone(), (*topic, *seq));
        }
        if !published.ids.is_empty() {
            self.match_early();
        }
        for (topic, seq) in &published.refused {
            self.give_up(*topic, *seq);
        }
        for (topic, seq) in &published.unanswered {
            self.give_up(*topic, *seq);
        }
    }

    /// Books the deliveries whose event is known by now.
    fn match_early(&self) {
        let waiting = std::mem::take(&mut *self.known.early.borrow_mut());
        for (link, id, received_ns) in waiting {
            let found = self.known.ids.borrow().get(&id).copied();
            match found {
                Some((topic, seq)) => drop(link.receive_event(topic, seq, received_ns)),
                None => self.known.early.borrow_mut().push((link, id, received_ns)),
            }
        }
    }

    /// Counts the deliveries of events that nobody published here, and the requests that have not come to an end.
    pub fn close_books(&self) {
        let waiting = std::mem::take(&mut *self.known.early.borrow_mut());
        if !waiting.is_empty() {
            self.recorder.borrow_mut().count(Counter::Foreign, waiting.len() as u64);
        }
        self.recorder.borrow_mut().count(Counter::Unfinished, self.under_way());
    }
}

impl Link {
    /// Books the events of a message that was received at `received_ns`.
    pub(super) fn take_message(
        &self,
        conversation: &Conversation,
        message: &[u8],
        received_ns: u64,
    ) -> Contents {
        let contents = self.take_any(conversation, message, received_ns);
        if contents.is_none() {
            self.unrecognised(message);
        }
        contents.unwrap_or_default()
    }

    /// The same of what need not contain an event; `None` if it has none.
    pub(super) fn take_any(
        &self,
        conversation: &Conversation,
        message: &[u8],
        received_ns: u64,
    ) -> Option<Contents> {
        let mut decoded = Vec::new();
        let message = match &conversation.dialect.recognition.decode {
            None => message,
            Some(decode) if decode.decode(message, &mut decoded) > 0 => &decoded,
            Some(_) => return None,
        };
        self.observe_stamp(message, received_ns);
        if self.listens() {
            self.observe(message, received_ns);
            return Some(Contents { events: 1, new: 0 });
        }
        self.take_events(conversation, message, received_ns)
    }

    fn take_events(
        &self,
        conversation: &Conversation,
        message: &[u8],
        received_ns: u64,
    ) -> Option<Contents> {
        match conversation.dialect.recognition.by {
            Mark::Token | Mark::Envelope => self.take_tokens(conversation, message, received_ns),
            Mark::Ids | Mark::Field => self.take_named(conversation, message, received_ns),
        }
    }

    /// Books every token of a message; `None` if it has none at all.
    fn take_tokens(
        &self,
        conversation: &Conversation,
        message: &[u8],
        received_ns: u64,
    ) -> Option<Contents> {
        let mut contents = Contents::default();
        let mut seen = false;
        let mut book = |sighting: Sighting| {
            seen = true;
            match sighting {
                Sighting::Event(token) => {
                    contents.events += 1;
                    let arrival = self.receive_event(token.topic(), token.seq(), received_ns);
                    conversation
                        .note(Kind::Understood, || understood(token.topic(), token.seq(), arrival));
                    contents.new +=
                        usize::from(arrival.is_some_and(|arrival| arrival != Arrival::Duplicate));
                }
                Sighting::Foreign => {
                    self.count(Counter::Foreign, 1);
                    conversation.note(Kind::Odd, || "an event of an earlier run".to_owned());
                }
                Sighting::Damaged => {
                    self.count(Counter::Damaged, 1);
                    conversation
                        .note(Kind::Odd, || "a token that is damaged or cut short".to_owned());
                }
            }
        };
        match conversation.dialect.recognition.events {
            PerMessage::Many => conversation.finder.scan(conversation.run, message, book),
            PerMessage::One => {
                conversation
                    .finder
                    .first(conversation.run, message)
                    .into_iter()
                    .for_each(&mut book);
            }
        }
        seen.then_some(contents)
    }

    /// Books the events that a message names by an id or a number; `None` if it names none.
    fn take_named(
        &self,
        conversation: &Conversation,
        message: &[u8],
        received_ns: u64,
    ) -> Option<Contents> {
        let recognition = &conversation.dialect.recognition;
        let capture = recognition.delivered_id.as_ref()?;
        let mut contents = Contents::default();
        let mut seen = false;
        let mut take = |piece: &[u8]| {
            let Some(name) = capture.evaluate(&Answer::message(piece)) else {
                return;
            };
            seen = true;
            contents.events += 1;
            let event = match recognition.by {
                Mark::Field => name.trim().parse().ok().map(|seq| (self.topic_index(), seq)),
                _ => self.context.known.ids.borrow().get(&name).copied(),
            };
            match event {
                Some((topic, seq)) => {
                    let arrival = self.receive_event(topic, seq, received_ns);
                    conversation.note(Kind::Understood, || understood(topic, seq, arrival));
                    contents.new +=
                        usize::from(arrival.is_some_and(|arrival| arrival != Arrival::Duplicate));
                }
                None if recognition.by == Mark::Field => self.count(Counter::Damaged, 1),
                // The answer that names it may still be on its way.
                None => {
                    self.context.known.early.borrow_mut().push((self.share(), name, received_ns));
                }
            }
        };
        match &recognition.each {
            None => take(message),
            Some(members) => members.visit(message, &mut take),
        }
        seen.then_some(contents)
    }

    /// Books the arrival of event `seq` of `topic`; `None` if it is none of the link's.
    pub(super) fn receive_event(&self, topic: u64, seq: u64, received_ns: u64) -> Option<Arrival> {
        let offset_ns = self.context.due_offset(topic, seq);
        let start_ns = self.context.start_ns();
        let (Some(offset_ns), Some(start_ns)) =
            (offset_ns.filter(|_| topic == self.topic_index()), start_ns)
        else {
            self.count(Counter::Foreign, 1);
            return None;
        };
        let due_ns = start_ns + offset_ns;
        let (arrival, measured) = self.receive_at(seq, seq, due_ns, None, received_ns);
        if arrival != Arrival::Duplicate {
            let witnesses = self.context.known.witnesses.borrow();
            if let Some(Witness(sees)) = witnesses.get(&self.slot) {
                sees(Seen { due_ns, received_ns, measured });
            }
        }
        Some(arrival)
    }

    /// Has `sees` see the first arrivals of the link's events.
    pub(super) fn witness(&self, sees: Rc<dyn Fn(Seen)>) {
        self.context.known.witnesses.borrow_mut().insert(self.slot, Witness(sees));
    }

    /// Counts a message without any event, and keeps the first ones for the report.
    pub(super) fn unrecognised(&self, message: &[u8]) {
        self.context
            .conversation
            .note(Kind::Odd, || "no event recognised in this message".to_owned());
        self.count(Counter::Unrecognised, 1);
        let text = String::from_utf8_lossy(message);
        let shown = self.context.conversation.redact(&text);
        let mut kept = self.context.known.unrecognised.borrow_mut();
        kept.add(clock::now(), shown.as_bytes());
    }
}

/// What a line says of an event that was recognised.
fn understood(topic: u64, seq: u64, arrival: Option<Arrival>) -> String {
    let topic = crate::event::topic_name(topic);
    match arrival {
        None => format!("event {seq} of {topic}, which this client has not subscribed to"),
        Some(Arrival::New) => format!("event {seq} of {topic}"),
        Some(Arrival::Reordered) => format!("event {seq} of {topic}, after a later one"),
        Some(_) => format!("event {seq} of {topic}, again"),
    }
}
