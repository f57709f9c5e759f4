//! The steps of a dialect's conversation, taken one after the other.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Request};

use super::Link;
use super::conversation::Voice;
use super::redial::Ended;
use super::trace::{self, Kind};
use crate::dialect::capture::{Answer, Headers};
use crate::dialect::matcher::Matcher;
use crate::dialect::model::{Call, Captures, Step};
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
        Self { steps, next: 0 }
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
            self.next += 1;
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
        self.next += 1;
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
