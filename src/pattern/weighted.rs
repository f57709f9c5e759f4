//! A client's requests by the weighted calls of a dialect, and checks of the answers, without sockets.

use std::rc::Rc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::TRANSFER_ENCODING;

use super::caller::Outgoing;
use super::conversation::Place;
use super::items::ItemChange;
use super::script::{hide, take_answer};
use super::skeleton::Skeleton;
use super::trace::{self, Kind};
use super::voice::Voice;
use crate::dialect::model::{Call, WeightedCall};
use crate::dialect::template::{Name, Template};
use crate::measure::ErrorKind;
use crate::net::StampedResponse;
use crate::net::h1::Rendered;
use crate::pace::Rng;
use crate::unit::Span;

/// The calls of one client, and what it has captured of their answers.
#[derive(Debug)]
pub(super) struct Weighted {
    voice: Voice,
    /// The same for all clients of a shard.
    choices: Rc<[Choice]>,
    /// Which of them can be sent, where not all can: what is once captured stays.
    ready: Option<Box<[bool]>>,
    /// Weight of the calls that can be sent.
    total: u64,
    /// Requests so far.
    n: u64,
}

/// A call that may be chosen.
#[derive(Debug)]
pub(super) struct Choice {
    name: Box<str>,
    weight: u64,
    /// Whether any status of success will do, and nothing is captured.
    plain: bool,
    call: Call,
    /// What its texts take out of earlier answers.
    needs: Box<[Box<str>]>,
    /// The bytes of its request, if that is the same every time.
    rendered: Option<Rc<Rendered>>,
    /// What of its bytes is known before its placeholders are, if it is not constant.
    skeleton: Option<Rc<Skeleton>>,
}

impl Weighted {
    /// The calls of the dialect that `voice` speaks.
    pub(super) fn new(mut voice: Voice) -> Self {
        let conversation = voice.conversation();
        let choices = conversation.choices(|| Choice::all(&mut voice));
        let ready = Some(vec![false; choices.len()].into());
        let mut own = Self { voice, choices, ready, total: 0, n: 0 };
        own.look();
        own
    }

    /// Finds the calls whose captures are there.
    fn look(&mut self) {
        let Some(ready) = &mut self.ready else { return };
        self.total = 0;
        for (choice, ready) in self.choices.iter().zip(&mut *ready) {
            *ready |= choice.needs.iter().all(|name| self.voice.get(name).is_some());
            self.total += if *ready { choice.weight } else { 0 };
        }
        if ready.iter().all(|ready| *ready) {
            self.ready = None;
        }
    }

    /// Why no call can be sent yet, if none can.
    pub(super) fn dead_end(&self) -> Option<String> {
        if self.total > 0 {
            return None;
        }
        let missing = self.choices.iter().filter(|choice| choice.weight > 0).find_map(|choice| {
            let name = choice.needs.iter().find(|name| self.voice.get(name).is_none())?;
            Some(format!(
                "[[target.request]]: no call can be sent: '{}' needs {{{{{name}}}}}, which is captured by none that can; \
                 add a call that captures it, or capture it in [[target.setup]]",
                choice.name
            ))
        });
        Some(missing.unwrap_or_else(|| {
            "[[target.request]]: every call has the weight 0; give one a weight".to_owned()
        }))
    }

    /// Chooses a call by its weight among those that can be sent: its number, and its request.
    ///
    /// As bytes, if `takes_bytes`.
    pub(super) fn ask(
        &mut self,
        rng: &mut Rng,
        takes_bytes: bool,
    ) -> Result<(usize, Outgoing), ErrorKind> {
        if self.total == 0 {
            return Err(ErrorKind::Protocol);
        }
        let mut at = rng.below(self.total);
        let mut chosen = 0;
        for (n, choice) in self.choices.iter().enumerate() {
            if self.ready.as_ref().is_some_and(|ready| !ready[n]) {
                continue;
            }
            chosen = n;
            if at < choice.weight {
                break;
            }
            at -= choice.weight;
        }
        self.n += 1;
        self.voice.n = Some(self.n);
        self.voice.sent = self.n;
        let choice = &self.choices[chosen];
        if let Some(rendered) = &choice.rendered {
            return Ok((chosen, Outgoing::Shared(Rc::clone(rendered))));
        }
        let request = match &choice.skeleton {
            Some(skeleton) if takes_bytes => {
                skeleton.render(&mut self.voice, None, None).map(Outgoing::Rendered)
            }
            _ => {
                let request = self.voice.request(&choice.call, None);
                request.map(|request| Outgoing::General(request.into()))
            }
        };
        Ok((chosen, request.map_err(|_| ErrorKind::Protocol)?))
    }

    /// Checks the answer to call number `chosen`, and takes what the call captures of it.
    pub(super) fn check(
        &mut self,
        chosen: usize,
        answer: &StampedResponse,
    ) -> Result<ItemChange, ErrorKind> {
        let choice = &self.choices[chosen];
        let status = answer.status;
        // What is rendered is not traced.
        if choice.plain && choice.rendered.is_some() && status.is_success() {
            return Ok(ItemChange::Done);
        }
        let call = &choice.call;
        self.voice.conversation().note(Kind::Received, || trace::answer(answer));
        if !call.expects(answer.status.as_u16()) {
            return Err(ErrorKind::of_status(answer.status.as_u16()));
        }
        // Once for a login; what is created with every request would fill the memory.
        if call.capture.keys().any(|name| self.voice.get(name).is_none()) {
            hide(&self.voice, &call.capture, answer);
        }
        take_answer(&mut self.voice, &call.capture, answer).map_err(|error| error.kind())?;
        if !call.capture.is_empty() {
            self.look();
        }
        if answer.status == StatusCode::NOT_MODIFIED {
            Ok(ItemChange::NotModified)
        } else {
            Ok(ItemChange::Done)
        }
    }

    /// Hides what the client knows of answers, before a text about a failure is kept.
    pub(super) fn conceal(&self) {
        let conversation = self.voice.conversation();
        for name in self.choices.iter().flat_map(|choice| choice.call.capture.keys()) {
            if let Some(value) = self.voice.get(name) {
                conversation.hide(name, value);
            }
        }
    }

    /// The name of call number `chosen`.
    pub(super) fn name(&self, chosen: usize) -> &str {
        &self.choices[chosen].name
    }

    /// Longest wait for the answer to call number `chosen`, where it has one of its own.
    pub(super) fn limit(&self, chosen: usize) -> Option<Duration> {
        self.choices[chosen].call.timeout.map(Span::std)
    }
}

impl Choice {
    /// The calls of the dialect that `voice` speaks, rendered as far as they are the same for all clients of the shard.
    fn all(voice: &mut Voice) -> Rc<[Self]> {
        let conversation = voice.conversation();
        let dialect = &conversation.dialect;
        let common: Vec<&Template> = dialect.headers.values().collect();
        let choices = dialect.request.iter().enumerate();
        choices.map(|(n, call)| Self::new(n, call, &common, voice)).collect()
    }

    fn new(n: usize, weighted: &WeightedCall, common: &[&Template], voice: &mut Voice) -> Self {
        let WeightedCall { weight, name, call } = weighted;
        let own = call.headers.values().chain(&call.body).chain([&call.path]);
        let texts: Vec<&Template> = own.chain(common.iter().copied()).collect();
        let constant = texts.iter().all(|text| text.is_constant());
        let names = texts.into_iter().flat_map(Template::names);
        let needs = names.filter_map(|name| match name {
            Name::Capture(name) => Some(name.clone()),
            _ => None,
        });
        let written = || format!("{} {}", call.method(), call.path);
        let conversation = voice.conversation();
        let mut rendered = || {
            let request = voice.request(call, None).ok()?;
            let has_length = !request.headers().contains_key(TRANSFER_ENCODING);
            has_length.then(|| Rc::new(Rendered::of(request)))
        };
        let (rendered, skeleton) = match (constant, conversation.is_traced()) {
            (_, true) => (None, None),
            (true, false) => (rendered(), None),
            (false, false) => (None, conversation.skeleton(Place::Request(n), call)),
        };
        Self {
            name: name.clone().unwrap_or_else(written).into(),
            weight: u64::from(*weight),
            plain: call.expect.is_empty() && call.capture.is_empty(),
            call: call.clone(),
            needs: needs.collect(),
            rendered,
            skeleton,
        }
    }
}
