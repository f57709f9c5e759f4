//! The steps of a dialect's conversation, taken one after the other.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Request};

use super::Link;
use super::redial::Ended;
use super::trace::{self, Kind};
use super::voice::Voice;
use crate::dialect::capture::{Answer, Headers};
use crate::dialect::matcher::Matcher;
use crate::dialect::model::{Call, Captures, EachStep, Step};
use crate::net::fields::Lines as _;
use crate::net::h1::Fields;
use crate::net::{Client, NetError, StampedResponse};
use crate::unit::Span;

/// Longest wait for the answer to a step, unless the step says otherwise.
pub(super) const STEP_LIMIT: Duration = Duration::from_secs(10);

/// The steps of a conversation, and which of them is next.
#[derive(Debug)]
pub(super) struct Script<'a> {
    steps: &'a [Step],
    next: usize,
    /// The topics that steps for each topic are taken for; empty where there is only the link's own.
    topics: &'a [u64],
    /// Which of them is next.
    turn: usize,
}

/// What a script wants of the link's own stream.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// Send this message.
    Send(Vec<u8>),
    /// Read until a message like this, at most so long; then say so by [`Script::heard`].
    Message(&'a Matcher, Duration),
    /// Nothing: the conversation has been opened.
    Nothing,
}

impl<'a> Script<'a> {
    /// The steps that come once a link's stream is open.
    pub(super) const fn new(steps: &'a [Step]) -> Self {
        Self::over(steps, &[])
    }

    /// The same, over a connection to which all of `topics` are published.
    pub(super) const fn over(steps: &'a [Step], topics: &'a [u64]) -> Self {
        Self { steps, next: 0, topics, turn: 0 }
    }

    /// Whether step `at` is taken for each topic.
    fn is_repeated(&self, at: usize) -> bool {
        self.steps.get(at).is_some_and(|step| step.each == EachStep::Topic)
    }

    /// Leaves the step that was next behind: for the one after it, or for the first of its run with the next topic.
    fn leave(&mut self) {
        let left = self.next;
        self.next += 1;
        if !self.is_repeated(left) || self.is_repeated(self.next) {
            return;
        }
        self.turn += 1;
        if self.turn < self.topics.len() {
            let run = (0..=left).rev().take_while(|at| self.is_repeated(*at)).last();
            self.next = run.unwrap_or(left);
        } else {
            self.turn = 0;
        }
    }

    /// Takes steps until one needs the link's own stream.
    pub(super) async fn advance(
        &mut self,
        link: &Link,
        voice: &mut Voice,
    ) -> Result<Wanted<'a>, Ended> {
        while let Some(step) = self.steps.get(self.next) {
            if let Some(matcher) = &step.wait {
                return Ok(Wanted::Message(matcher, limit(step)));
            }
            let topic = self.topics.get(self.turn).filter(|_| step.each == EachStep::Topic);
            voice.speak_of(topic.copied().unwrap_or_else(|| link.topic_index()));
            self.leave();
            if step.before {
                continue;
            }
            if let Some(call) = &step.request {
                exchange(link, voice, call, limit(step)).await?;
            }
            if let Some(send) = &step.send {
                voice.begin();
                let message = voice.render(send, None)?;
                voice.sent += 1;
                return Ok(Wanted::Send(message));
            }
        }
        Ok(Wanted::Nothing)
    }

    /// Takes a message of the link's own stream; whether it was the one that was waited for.
    pub(super) fn heard(
        &mut self,
        voice: &mut Voice,
        message: &[u8],
        event: Option<&str>,
    ) -> Result<bool, Ended> {
        let Some(step) = self.steps.get(self.next) else { return Ok(false) };
        if !step.wait.as_ref().is_some_and(|matcher| matcher.matches(message, event)) {
            return Ok(false);
        }
        self.found(voice, message, event)?;
        Ok(true)
    }

    /// Takes the message that was waited for.
    pub(super) fn found(
        &mut self,
        voice: &mut Voice,
        message: &[u8],
        event: Option<&str>,
    ) -> Result<(), Ended> {
        let Some(step) = self.steps.get(self.next) else { return Ok(()) };
        self.leave();
        voice.conversation().note(Kind::Understood, || "the awaited message".to_owned());
        let answer = Answer { event, ..Answer::message(message) };
        take(voice, &step.capture, &answer)
    }

    /// The number of the step that is next, from 1.
    pub(super) const fn number(&self) -> usize {
        self.next + 1
    }
}

fn limit(step: &Step) -> Duration {
    step.timeout.map_or(STEP_LIMIT, Span::std)
}

/// Takes the steps that come before a link is dialled.
pub(super) async fn before(link: &Link, voice: &mut Voice, steps: &[Step]) -> Result<(), Ended> {
    for step in steps.iter().filter(|step| step.before) {
        if let Some(call) = &step.request {
            exchange(link, voice, call, limit(step)).await?;
        }
    }
    Ok(())
}

/// Sends the request of a step over a connection of its own, and takes what is captured of its answer.
pub(super) async fn exchange(
    link: &Link,
    voice: &mut Voice,
    call: &Call,
    limit: Duration,
) -> Result<StampedResponse, Ended> {
    let request = voice.request(call, None)?;
    let conversation = voice.conversation();
    let answer = alone(link, request, call.timeout.map_or(limit, Span::std)).await?;
    hide(voice, &call.capture, &answer);
    conversation.note(Kind::Received, || trace::answer(&answer));
    if !call.expects(answer.status.as_u16()) {
        return Err(Ended::Unexpected(Box::new(answer.told())));
    }
    take_answer(voice, &call.capture, &answer)?;
    Ok(answer)
}

/// Sends `request` over a connection of its own.
pub(super) async fn alone(
    link: &Link,
    request: Request<Full<Bytes>>,
    limit: Duration,
) -> Result<StampedResponse, NetError> {
    let exchange = async {
        let mut connection = Client::connect(&link.dialer(), link.index()).await?;
        link.dialer().totals().note_step();
        let answer = connection.exchange(request, limit).await;
        // What opens a link is a part of what connecting costs.
        connection.mark();
        answer
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(NetError::Timeout(limit)))
}

/// Hides what is going to be captured: a login stands in no message, even in that about the answer which brought it.
pub(super) fn hide(voice: &Voice, captures: &Captures, answer: &StampedResponse) {
    let conversation = voice.conversation();
    for (name, capture) in captures {
        if let Some(value) = capture.evaluate(&view(answer)) {
            conversation.hide(name, &value);
        }
    }
}

/// Takes what is captured of an answer to a request.
pub(super) fn take_answer(
    voice: &mut Voice,
    captures: &Captures,
    answer: &StampedResponse,
) -> Result<(), Ended> {
    if captures.is_empty() {
        return Ok(());
    }
    take(voice, captures, &view(answer))
}

/// An answer as captures see it.
pub(super) fn view(answer: &StampedResponse) -> Answer<'_> {
    Answer {
        status: Some(answer.status.as_u16()),
        headers: &answer.headers,
        body: &answer.body,
        event: None,
    }
}

impl Headers for HeaderMap {
    fn each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| each(value.as_bytes()));
    }
}

impl Headers for Fields {
    fn each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        if let Ok(name) = HeaderName::try_from(name) {
            self.values(name).for_each(each);
        }
    }
}

/// Takes what `captures` name; an answer that lacks one cannot be used.
pub(super) fn take(
    voice: &mut Voice,
    captures: &Captures,
    answer: &Answer<'_>,
) -> Result<(), Ended> {
    for (name, capture) in captures {
        let conversation = voice.conversation();
        let Some(value) = capture.evaluate(answer) else {
            conversation.note(Kind::Odd, || {
                format!("{{{{{name}}}}} not found: the answer has no {}", capture.source())
            });
            return Err(Ended::Missing(name.clone()));
        };
        conversation.note(Kind::Understood, || {
            format!("captured {{{{{name}}}}} from {}", capture.source())
        });
        voice.conversation().hide(name, &value);
        voice.set(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_for_each_topic_are_taken_together_topic_by_topic() {
        let once = Step::default();
        let each = Step { each: EachStep::Topic, ..Step::default() };
        let steps = [&once, &each, &each, &once, &each].map(Clone::clone);
        let taken = |topics: &[u64]| {
            let mut script = Script::over(&steps, topics);
            let mut taken = Vec::new();
            while script.next < steps.len() {
                taken.push((script.next, topics.get(script.turn).copied()));
                script.leave();
            }
            taken
        };
        let with = |topic: u64, at: &[usize]| at.iter().map(move |at| (*at, Some(topic))).collect();
        let runs: [Vec<_>; 5] =
            [with(5, &[0, 1, 2]), with(7, &[1, 2]), with(5, &[3]), with(5, &[4]), with(7, &[4])];
        assert_eq!(taken(&[5, 7]), runs.concat());
        assert_eq!(taken(&[5]), with(5, &[0, 1, 2, 3, 4]));
        // A client has its own topic only.
        assert_eq!(taken(&[]), [0, 1, 2, 3, 4].map(|at| (at, None)));
    }
}
