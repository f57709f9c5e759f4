//! Publishing by messages, of which several are under way at once: the next does not wait for the answer to the one before.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::outstanding::Outstanding;
use super::{Outcome, Publisher, Scheduled};
use crate::clock;
use crate::dialect::capture::Answer;
use crate::dialect::matcher::{Matcher, StreamMatcher};
use crate::dialect::model::{Messages, Publishing};
use crate::dialect::template::Template;
use crate::dialect::token::Sighting;
use crate::measure::ErrorKind;
use crate::net::NetError;
use crate::pattern::Link;
use crate::pattern::conversation::Conversation;
use crate::pattern::dialogue::{Heard, Outgoing, Written, ear};
use crate::pattern::redial::Ended;
use crate::pattern::rules::{self, Meaning, failure, meaning};
use crate::pattern::voice::Voice;

/// Who takes events and answers them.
pub(super) trait Peer {
    /// The next answer. May be dropped at any time.
    async fn next(&mut self, link: &Link, voice: &mut Voice) -> Result<Heard, Ended>;

    /// Has a message written.
    fn send(&self, message: Vec<u8>, tag: u64) -> Result<(), Ended>;

    /// What waits to be written.
    fn outgoing(&self) -> Rc<Outgoing>;
}

/// What the peer's messages say of events.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    acknowledged: Option<&'a Matcher>,
    refused: Option<&'a Matcher>,
    /// Whether whatever is no refusal acknowledges.
    any: bool,
    messages: Messages,
    /// Of a stream without messages.
    ears: Option<Ears>,
}

/// Matchers for a stream without messages.
#[derive(Debug)]
struct Ears {
    acknowledged: Option<StreamMatcher>,
    refused: Option<StreamMatcher>,
    fail: Vec<StreamMatcher>,
}

/// How often a message acknowledges an event, and how often it refuses one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdicts {
    acknowledged: usize,
    refused: usize,
}

impl<'a> Answers<'a> {
    /// As `publishing` says; `any` message acknowledges where it says nothing.
    pub(super) fn new(publishing: &'a Publishing, messages: Messages, any: bool) -> Self {
        let (acknowledged, refused) =
            (publishing.acknowledged.as_ref(), publishing.refused.as_ref());
        let any = any && acknowledged.is_none();
        Self { acknowledged, refused, any, messages, ears: None }
    }

    /// Begins a connection, to a stream without messages if it is `raw`.
    pub(super) fn begin(&mut self, raw: bool) {
        self.ears = raw.then(|| Ears {
            acknowledged: self.acknowledged.and_then(ear),
            refused: self.refused.and_then(ear),
            fail: self.messages.fail.iter().filter_map(ear).collect(),
        });
    }

    /// An error if the peer says by `message` that the connection has failed.
    pub(super) fn check(
        &mut self,
        conversation: &Conversation,
        message: &[u8],
    ) -> Result<(), Ended> {
        let failed = match &mut self.ears {
            // Each is fed everything.
            Some(ears) => ears.fail.iter_mut().map(|ear| ear.feed(message)).sum::<usize>() > 0,
            None => meaning(&self.messages, message, None) == Meaning::Failure,
        };
        if !failed {
            return Ok(());
        }
        rules::note(conversation, Meaning::Failure);
        Err(failure(conversation, message))
    }

    /// Whether there are any.
    const fn are_awaited(&self) -> bool {
        self.any || self.acknowledged.is_some()
    }

    fn of(&mut self, conversation: &Conversation, message: &[u8]) -> Result<Verdicts, Ended> {
        self.check(conversation, message)?;
        if let Some(ears) = &mut self.ears {
            let hear =
                |ear: &mut Option<StreamMatcher>| ear.as_mut().map_or(0, |it| it.feed(message));
            let (acknowledged, refused) = (hear(&mut ears.acknowledged), hear(&mut ears.refused));
            return Ok(Verdicts { acknowledged, refused });
        }
        let meaning = meaning(&self.messages, message, None);
        rules::note(conversation, meaning);
        if meaning != Meaning::Events {
            return Ok(Verdicts::default());
        }
        let is = |matcher: Option<&Matcher>| matcher.is_some_and(|it| it.matches(message, None));
        let refused = is(self.refused);
        let acknowledged = !refused && (self.any || is(self.acknowledged));
        Ok(Verdicts { acknowledged: usize::from(acknowledged), refused: usize::from(refused) })
    }
}

/// The events of a publisher, in order, and those of them that are under way.
#[derive(Debug)]
pub(super) struct Pipeline<'a> {
    pub publisher: Publisher<'a>,
    pub answers: Answers<'a>,
    send: &'a Template,
    limit: Duration,
    connections: u64,
    /// The topics of its events.
    pub topics: Vec<u64>,
    /// Whether the peer answers in order even after a time-out, so that a late answer is known for what it is.
    keeps_order: bool,
    /// Events to be sent; `None` before the trial's start.
    events: Option<VecDeque<Scheduled>>,
    outstanding: Outstanding,
    next_tag: u64,
}

/// What a pipeline does next.
enum Turn {
    Heard(Result<Heard, Ended>),
    Started,
    Wrote(Vec<Written>),
    Scheduled,
    Overdue,
}

impl<'a> Pipeline<'a> {
    /// A pipeline that sends `send` for each event.
    pub(super) fn new(
        publisher: Publisher<'a>,
        answers: Answers<'a>,
        send: &'a Template,
        limit: Duration,
        connections: u64,
    ) -> Self {
        let link = publisher.link;
        let own = |topic: &u64| topic % connections == link.index();
        Self {
            topics: (0..link.context().case.workload.topics).filter(own).collect(),
            publisher,
            answers,
            send,
            limit,
            connections,
            keeps_order: false,
            events: None,
            outstanding: Outstanding::default(),
            next_tag: 0,
        }
    }

    /// Of a peer that answers in order even after a time-out.
    #[must_use]
    pub(super) fn keeping_order(mut self) -> Self {
        self.keeps_order = true;
        self
    }

    fn limit_ns(&self) -> u64 {
        u64::try_from(self.limit.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Publishes until everything is over; an error says how the connection ended before.
    pub(super) async fn run(&mut self, peer: &mut impl Peer) -> Result<(), Ended> {
        while !self.is_over() {
            match self.turn(peer).await {
                Turn::Heard(heard) => {
                    let written = peer.outgoing().take_written();
                    self.wrote(&written);
                    self.take(&heard?)?;
                }
                Turn::Started => self.schedule().await,
                Turn::Wrote(written) => self.wrote(&written),
                Turn::Scheduled => self.publish(peer)?,
                Turn::Overdue => self.give_up()?,
            }
        }
        Ok(())
    }

    /// Takes what is due from the trial's schedule, as soon as it has begun.
    async fn schedule(&mut self) {
        self.events = Some(self.publisher.events(self.connections).await.into());
    }

    /// Whether every event is published, or given up.
    pub(super) fn is_over(&self) -> bool {
        self.events.as_ref().is_some_and(VecDeque::is_empty) && self.outstanding.is_empty()
    }

    async fn turn(&mut self, peer: &mut impl Peer) -> Turn {
        let link = self.publisher.link;
        let next = self.events.as_ref().and_then(|events| events.front());
        let due_ns = next.map(|due| due.due_ns);
        let deadline_ns = self.outstanding.deadline_ns(self.limit_ns());
        let left_ns = deadline_ns.map_or(0, |at_ns| at_ns.saturating_sub(clock::now()));
        let outgoing = peer.outgoing();
        let due = async {
            link.sleep_until(due_ns.unwrap_or(u64::MAX)).await;
            // With a peer that reads no more, events wait here.
            outgoing.room().await;
        };
        tokio::select! {
            biased;
            heard = peer.next(link, &mut self.publisher.voice) => Turn::Heard(heard),
            written = outgoing.wrote() => Turn::Wrote(written),
            () = due, if due_ns.is_some() => Turn::Scheduled,
            _ = link.started(), if self.events.is_none() => Turn::Started,
            // Not the shard's precise timer: a millisecond does not matter here.
            () = tokio::time::sleep(Duration::from_nanos(left_ns)), if deadline_ns.is_some() => Turn::Overdue,
        }
    }

    /// Sends the event that is due.
    fn publish(&mut self, peer: &impl Peer) -> Result<(), Ended> {
        let Some(due) = self.events.as_mut().and_then(VecDeque::pop_front) else { return Ok(()) };
        let send = self.send;
        let message = self.publisher.say(due, |voice, told| {
            voice.begin();
            let message = voice.render(send, Some(told))?;
            voice.sent += 1;
            Ok(message)
        });
        let Ok(message) = message else {
            self.publisher.ended(due, Outcome::Refused(ErrorKind::Protocol));
            return Ok(());
        };
        let tag = self.next_tag;
        self.next_tag += 1;
        self.outstanding.push(tag, due, clock::now());
        peer.send(message, tag)
    }

    fn wrote(&mut self, written: &[Written]) {
        for &Written { tag, free_ns, sent_ns } in written {
            let Some(due) = self.outstanding.wrote(tag, sent_ns) else { continue };
            self.publisher.sent(due, free_ns, sent_ns);
            if !self.answers.are_awaited() {
                self.outstanding.settle(tag);
                self.publisher.ended(due, Outcome::Acknowledged(sent_ns, None));
            }
        }
    }

    /// Takes what the peer says.
    fn take(&mut self, heard: &Heard) -> Result<(), Ended> {
        let verdicts = self.answers.of(&self.publisher.voice.conversation(), &heard.message)?;
        if verdicts == Verdicts::default() {
            return Ok(());
        }
        let named = self.named(&heard.message);
        for _ in 0..verdicts.refused {
            match self.outstanding.answer(named) {
                Some(due) => self.publisher.ended(due, Outcome::Refused(ErrorKind::Refused)),
                None => self.publisher.withdraw(named),
            }
        }
        for _ in 0..verdicts.acknowledged {
            if let Some(due) = self.outstanding.answer(named) {
                let outcome = self.acknowledged(heard);
                self.publisher.ended(due, outcome);
            }
        }
        Ok(())
    }

    fn acknowledged(&self, heard: &Heard) -> Outcome {
        let id = self.publisher.published_id();
        match id.map(|capture| capture.evaluate(&Answer::message(&heard.message))) {
            Some(None) => Outcome::Unanswered(ErrorKind::Protocol),
            id => Outcome::Acknowledged(heard.received_ns, id.flatten()),
        }
    }

    /// The event that an answer names by its token.
    fn named(&self, message: &[u8]) -> Option<(u64, u64)> {
        if self.answers.ears.is_some() {
            return None;
        }
        let conversation = self.publisher.voice.conversation();
        match conversation.finder.first(conversation.run, message) {
            Some(Sighting::Event(token)) => Some((token.topic(), token.seq())),
            _ => None,
        }
    }

    /// Gives up the events whose answers are overdue.
    fn give_up(&mut self) -> Result<(), Ended> {
        let (now_ns, limit_ns) = (clock::now(), self.limit_ns());
        if self.outstanding.is_stuck(now_ns, limit_ns) {
            return Err(Ended::Unread);
        }
        if !self.keeps_order && !self.outstanding.is_named() {
            // Nobody could tell a late answer from that to the next event.
            return Err(Ended::Net(NetError::Timeout(self.limit)));
        }
        for due in self.outstanding.give_up(now_ns, limit_ns) {
            self.publisher.ended(due, Outcome::Unanswered(ErrorKind::Timeout));
        }
        Ok(())
    }

    /// The connection is lost: what was written and not answered stays unknown, the rest waits for the next connection.
    pub(super) fn broke(&mut self, ended: &Ended) {
        let kind = ended.kind();
        let broken = self.outstanding.broke();
        let link = self.publisher.link;
        link.describe(kind, || ended.to_string());
        if broken.unanswered.is_empty() {
            link.error(kind);
        }
        for due in broken.unanswered {
            self.publisher.ended(due, Outcome::Unanswered(kind));
        }
        if let Some(events) = &mut self.events {
            broken.unsent.into_iter().rev().for_each(|due| events.push_front(due));
        }
    }

    /// Gives up the events that have been due for too long without a connection; `kind` says why there is none.
    pub(super) async fn expire(&mut self, kind: ErrorKind) {
        // A connection that broke before the trial began has taken no schedule, and its events are accounted for all the same.
        if self.events.is_none() && self.publisher.link.context().start_ns().is_some() {
            self.schedule().await;
        }
        let (now_ns, limit_ns) = (clock::now(), self.limit_ns());
        let Some(events) = &mut self.events else { return };
        while let Some(due) =
            events.front().copied().filter(|due| due.due_ns.saturating_add(limit_ns) <= now_ns)
        {
            events.pop_front();
            self.publisher.ended(due, Outcome::Refused(kind));
        }
    }
}
