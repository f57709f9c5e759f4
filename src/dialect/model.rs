//! A dialect as data: what a `[target]` table says about the conversation with a server.
//!
//! Every text in it is a [`Template`]; none is rendered here, so that no file and no frame carries a secret.
//!
//! Unknown keys are refused by the scenario's tables of keys, not here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capture::{Capture, Decode, Members};
use super::framing::Split;
use super::matcher::Matcher;
use super::template::{Name, Template};
use crate::unit::Span;

/// How a server is spoken to, for each pattern that it supports.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Dialect {
    /// Headers of every request, the handshakes of WebSockets included.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// How an event is recognised on arrival.
    #[serde(flatten)]
    pub recognition: Recognition,
    /// What is done before any client connects, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<SetUp>,
    /// What is undone after the trial, however it ended, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teardown: Vec<SetUp>,
    /// How an event is published; `None` where the dialect cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publishing>,
    /// The calls of `request`, by weight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<WeightedCall>,
    /// How a topic is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_poll: Option<Polling>,
    /// How a topic is polled by a request that the server holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_poll: Option<Polling>,
    /// How a topic's event stream is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sse: Option<EventStream>,
    /// How a topic is subscribed to over a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Socket>,
    /// How the server calls back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Callback>,
}

impl Dialect {
    /// Calls `visit` with every template of the dialect.
    pub fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        self.headers.values_mut().for_each(&mut *visit);
        for step in self.setup.iter_mut().chain(&mut self.teardown) {
            step.call.each_template(visit);
        }
        for call in &mut self.request {
            call.call.each_template(visit);
        }
        if let Some(publish) = &mut self.publish {
            publish.each_template(visit);
        }
        for poll in self.short_poll.iter_mut().chain(&mut self.long_poll) {
            poll.request.each_template(visit);
            poll.cursor.values_mut().for_each(|part| visit(&mut part.first));
            each_of_steps(&mut poll.steps, visit);
            poll.reply.iter_mut().for_each(|reply| reply.request.each_template(visit));
        }
        if let Some(stream) = &mut self.sse {
            stream.request.each_template(visit);
            stream.cursor.values_mut().for_each(|part| visit(&mut part.first));
            each_of_steps(&mut stream.steps, visit);
        }
        if let Some(socket) = &mut self.websocket {
            socket.each_template(visit);
        }
        if let Some(callback) = &mut self.webhook {
            callback.each_template(visit);
        }
    }
}

fn each_of_steps(steps: &mut [Step], visit: &mut dyn FnMut(&mut Template)) {
    for step in steps {
        if let Some(call) = &mut step.request {
            call.each_template(visit);
        }
        step.send.iter_mut().for_each(&mut *visit);
    }
}

/// Header fields by name; one whose value renders to nothing is not sent.
pub type Headers = BTreeMap<String, Template>;

/// Captures by the name under which templates use them.
pub type Captures = BTreeMap<String, Capture>;

/// How an event is recognised in what arrives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recognition {
    /// By what.
    #[serde(rename = "match")]
    pub by: Mark,
    /// How many events a message may carry.
    pub events: PerMessage,
    /// What is expected of the server.
    pub semantics: Semantics,
    /// Where a message carries events that are encoded, how to decode it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decode>,
    /// The array, as a JSON pointer, whose members are messages of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Members>,
    /// With [`Mark::Ids`]: what names an event in the answer to its publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_id: Option<Capture>,
    /// With [`Mark::Ids`] and [`Mark::Field`]: what names the event in a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_id: Option<Capture>,
    /// Where a message says when it was made, by the wall clock of who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Capture>,
    /// What that stamp counts since 1970.
    #[serde(skip_serializing_if = "is_default")]
    pub stamp_unit: StampUnit,
}

/// What a wall-clock stamp counts since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampUnit {
    /// Seconds, perhaps with a fraction.
    S,
    /// Milliseconds.
    #[default]
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl StampUnit {
    /// The name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }

    /// Nanoseconds of one.
    pub const fn ns(self) -> u64 {
        match self {
            Self::S => 1_000_000_000,
            Self::Ms => 1_000_000,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// By what an event is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The token in its payload, wherever that stands in a message.
    #[default]
    Token,
    /// The id that the server gave it when it was published.
    Ids,
    /// Its number, in a field of the delivery.
    Field,
    /// The built-in server's own envelope.
    Envelope,
}

/// How many events a message may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PerMessage {
    /// Any number: the whole message is searched.
    #[default]
    Many,
    /// At most one: the search ends with it.
    One,
}

/// What is expected of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Semantics {
    /// Every event reaches every subscriber.
    #[default]
    Every,
    /// The newest state does: events that a newer one overtook are superseded, not lost.
    Latest,
}

/// A request and what is expected of its answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// The method; GET unless there is a body, POST then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path and query; or a whole URL, for a server beside the target.
    pub path: Template,
    /// Headers beside those of the dialect.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Template>,
    /// The statuses of success; every 2xx if none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<u16>,
    /// What is taken out of the answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: Captures,
    /// Longest wait for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

impl Call {
    /// The method.
    pub fn method(&self) -> &str {
        self.method.as_deref().unwrap_or(if self.body.is_some() { "POST" } else { "GET" })
    }

    /// Whether its path or its headers name its body, such as a digest of it.
    pub fn names_body(&self) -> bool {
        let body = |name: &Name| matches!(name, Name::Capture(name) if &**name == "body");
        let mut texts = self.headers.values().chain([&self.path]);
        self.body.is_some() && texts.any(|text| text.names().iter().any(body))
    }

    fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        visit(&mut self.path);
        self.headers.values_mut().for_each(&mut *visit);
        self.body.iter_mut().for_each(&mut *visit);
    }

    /// Whether `status` is one of success.
    pub fn expects(&self, status: u16) -> bool {
        if self.expect.is_empty() {
            (200..300).contains(&status)
        } else {
            self.expect.contains(&status)
        }
    }
}

/// One call of `request`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightedCall {
    /// How often it is sent, compared with the others.
    #[serde(default = "one")]
    pub weight: u32,
    /// How it is called in results; its method and path unless it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is sent.
    #[serde(flatten)]
    pub call: Call,
}

const fn one() -> u32 {
    1
}

/// A step of a conversation: exactly one of `request`, `send` and `wait`, or a `capture` of the answer before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Sends a request, over a connection beside the link's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Call>,
    /// Sends a message, over the link's own WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<Template>,
    /// Waits for a message on the link's own stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Matcher>,
    /// What is taken out of the message that was waited for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: Captures,
    /// Whether the step comes before the link is dialled.
    #[serde(skip_serializing_if = "is_false")]
    pub before: bool,
    /// For what it is taken, on a connection that publishes to several topics.
    #[serde(skip_serializing_if = "is_once")]
    pub each: EachStep,
    /// Longest wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

/// For what a step of a connection is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EachStep {
    /// Once per connection.
    #[default]
    Connection,
    /// For each topic that is published to over it; neighbours are taken together, topic by topic.
    Topic,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_once(each: &EachStep) -> bool {
    matches!(each, EachStep::Connection)
}

/// A request of set-up or teardown, and for whom it is sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SetUp {
    /// For whom.
    #[serde(default)]
    pub each: Each,
    /// What is sent.
    #[serde(flatten)]
    pub call: Call,
}

/// For whom a request of set-up is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Once per trial.
    #[default]
    Trial,
    /// Once for each topic.
    Topic,
    /// Once for each client.
    Client,
}

/// How an event is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Publishing {
    /// Over what.
    pub over: Over,
    /// The request, over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Call>,
    /// The conversation, over a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Socket>,
    /// The message, over a WebSocket or to a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<Template>,
    /// The message that acknowledges one that was sent; without it, a message counts as published once it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Matcher>,
    /// The message that refuses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Matcher>,
    /// The command and its arguments: a child that takes one message per line, and answers each by a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Template>,
    /// Connections, or children, over which topics are spread.
    pub connections: u32,
    /// Longest wait for an acknowledgement.
    pub timeout: Span,
    /// The most events per second that the server takes; `None` for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<crate::unit::Rate>,
    /// A signature of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signature>,
}

impl Publishing {
    fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        if let Some(call) = &mut self.request {
            call.each_template(visit);
        }
        if let Some(socket) = &mut self.websocket {
            socket.each_template(visit);
        }
        self.send.iter_mut().for_each(&mut *visit);
        self.command.iter_mut().for_each(&mut *visit);
        if let Some(signature) = &mut self.sign {
            signature.each_template(visit);
        }
    }
}

impl Default for Publishing {
    fn default() -> Self {
        Self {
            over: Over::Http,
            request: None,
            websocket: None,
            send: None,
            acknowledged: None,
            refused: None,
            command: Vec::new(),
            connections: 1,
            timeout: Span::from_secs(10),
            rate: None,
            sign: None,
        }
    }
}

/// Over what events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// A request each.
    #[default]
    Http,
    /// A message each, over a WebSocket.
    WebSocket,
    /// A line each, to a child process.
    Command,
}

/// How a topic is polled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Polling {
    /// The poll.
    pub request: Call,
    /// What the next poll continues from: each part is a name for templates.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cursor: BTreeMap<String, CursorPart>,
    /// The statuses that say that there is nothing new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<u16>,
    /// Whether a poll is conditional on the entity tag of the answer before.
    pub etag: bool,
    /// Whether it is polled again at once while answers bring events: for servers that give one at a time.
    #[serde(skip_serializing_if = "is_false")]
    pub drain: bool,
    /// How long the server holds a poll, where the scenario cannot choose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// What is done first, and again after each reconnect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What is requested in reply to which page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply: Vec<PageReply>,
}

/// A request that a page has to be replied to with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageReply {
    /// The body that is replied to.
    pub to: Matcher,
    /// What is taken out of it, for the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: Captures,
    /// The request.
    pub request: Call,
}

/// A part of a cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CursorPart {
    /// Where it stands in an answer; an answer without it leaves it as it is.
    pub capture: Capture,
    /// What it is before the first answer.
    #[serde(default)]
    pub first: Template,
}

/// How an event stream is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventStream {
    /// The request that opens it.
    pub request: Call,
    /// How it is resumed.
    pub resume: Resume,
    /// What a later stream continues from: each part is a name for templates, taken out of every message.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cursor: BTreeMap<String, CursorPart>,
    /// How often the server sends something on a quiet stream, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Span>,
    /// What is done once it is open, and again after each reconnect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What its messages mean.
    #[serde(flatten)]
    pub messages: Messages,
}

/// How an event stream is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Resume {
    /// By the header `Last-Event-ID`, once the stream has set an id.
    #[default]
    LastEventId,
    /// By the last id as this parameter of the query.
    Query(String),
    /// Not at all: what happens in between is missed.
    Nothing,
}

impl TryFrom<String> for Resume {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "none" => Ok(Self::Nothing),
            other if other.eq_ignore_ascii_case("last-event-id") => Ok(Self::LastEventId),
            other => match other.strip_prefix("query:") {
                Some(name) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
                _ => Err(format!(
                    "'{other}' is no way to resume a stream; write \"Last-Event-ID\", \"query:NAME\" or \"none\""
                )),
            },
        }
    }
}

impl From<Resume> for String {
    fn from(resume: Resume) -> Self {
        match resume {
            Resume::LastEventId => "Last-Event-ID".to_owned(),
            Resume::Query(name) => format!("query:{name}"),
            Resume::Nothing => "none".to_owned(),
        }
    }
}

/// What the messages of a stream mean: the first list with a match decides, in the order fail, ignore, deliver.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// Only these carry events; every message may if none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deliver: Vec<Matcher>,
    /// These carry none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Matcher>,
    /// These end the link, as an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fail: Vec<Matcher>,
}

/// How a topic is subscribed to over a WebSocket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Socket {
    /// The handshake: its path and headers.
    pub path: Template,
    /// Headers beside those of the dialect.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// The subprotocols that are offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subprotocol: Vec<String>,
    /// Whether messages are sent as binary frames.
    #[serde(skip_serializing_if = "is_false")]
    pub binary: bool,
    /// What parts several messages of one frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// What a later connection continues from: each part is a name for templates, taken out of every message.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cursor: BTreeMap<String, CursorPart>,
    /// Whether frames are pieces of a byte stream, cut anywhere.
    #[serde(skip_serializing_if = "is_false")]
    pub stream: bool,
    /// How often the server sends something on a quiet connection, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Span>,
    /// What is done once it is open, and again after each reconnect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What is answered to which message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply: Vec<Reply>,
    /// What is sent by the clock.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub every: Vec<Periodic>,
    /// What its messages mean.
    #[serde(flatten)]
    pub messages: Messages,
}

impl Socket {
    fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        visit(&mut self.path);
        self.headers.values_mut().for_each(&mut *visit);
        if let Some(Split::Between(between)) = &mut self.split {
            visit(between);
        }
        self.cursor.values_mut().for_each(|part| visit(&mut part.first));
        each_of_steps(&mut self.steps, visit);
        self.reply.iter_mut().for_each(|reply| visit(&mut reply.send));
        self.every.iter_mut().for_each(|every| visit(&mut every.send));
    }
}

/// An answer to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The message that is answered.
    pub to: Matcher,
    /// What is taken out of it, for the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: Captures,
    /// The answer.
    pub send: Template,
}

/// A message that is sent by the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Periodic {
    /// How often.
    pub span: Span,
    /// The message.
    pub send: Template,
}

/// How a server calls back.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    /// Registers `{{callback_url}}`; without it, the server has been configured with the URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<Call>,
    /// Withdraws it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unregister: Option<Call>,
    /// Asks for it after a restart of the server, which keeps registrations; without it, they are made again. What is
    /// captured as `kept_url` must be the receiver's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Call>,
    /// How the server checks that the endpoint agrees.
    pub handshake: Handshake,
    /// How a delivery's signature is checked; unchecked without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Signature>,
    /// How a delivery is acknowledged.
    pub acknowledge: Acknowledge,
    /// Deliveries that carry no event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Matcher>,
    /// Where receivers listen: `address:port`; the port is the same for all receivers, each on an address of its own on
    /// loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The URL under which the server reaches a receiver, where that is not where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<Template>,
}

impl Callback {
    fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        let calls = [&mut self.register, &mut self.unregister, &mut self.check];
        for call in calls.into_iter().flatten() {
            call.each_template(visit);
        }
        if let Some(signature) = &mut self.verify {
            signature.each_template(visit);
        }
        self.acknowledge.headers.values_mut().for_each(&mut *visit);
        self.acknowledge.body.iter_mut().for_each(&mut *visit);
        self.advertise.iter_mut().for_each(&mut *visit);
    }

    /// Whether the server must know every callback URL before it starts.
    pub const fn is_static(&self) -> bool {
        self.register.is_none()
    }
}

/// How a server checks that an endpoint agrees to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handshake {
    /// Not at all.
    #[default]
    None,
    /// It sends `{"challenge": …}`, which is sent back.
    Echo,
    /// `OPTIONS` with `WebHook-Request-Origin`, allowed by `WebHook-Allowed-Origin` (`CloudEvents` HTTP web hooks 1.0).
    CloudEvents,
    /// GET with `hub.challenge`, which is sent back (`WebSub`, section 5.3).
    WebSub,
}

/// How a delivery is acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Acknowledge {
    /// The status.
    pub status: u16,
    /// Headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Template>,
}

impl Default for Acknowledge {
    fn default() -> Self {
        Self { status: 204, headers: Headers::new(), body: None }
    }
}

/// A signature in a header or in the query: how it is made, and how it is checked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    /// A well-known form, whose parts the other keys replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The header that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The parameter of the query that carries it, in place of a header: appended as the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What is signed: a template with `{{body}}`, `{{method}}`, `{{path}}` and `{{query}}`, and `{{header:NAME}}` as the value
    /// `header_NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Template>,
    /// How the signature is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
    /// The hash of the HMAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<SignatureHash>,
    /// What stands before it in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The header that carries the time stamp, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Largest accepted difference between the time stamp and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
    /// The key.
    pub secret: Template,
}

impl Signature {
    fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        self.signed.iter_mut().for_each(&mut *visit);
        visit(&mut self.secret);
    }
}

/// Well-known forms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Standard Webhooks 1.0.
    Standard,
    /// `X-Hub-Signature-256`, as GitHub signs.
    GitHub,
    /// `Stripe-Signature`.
    Stripe,
    /// `X-Slack-Signature`.
    Slack,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// In hexadecimal digits.
    Hex,
    /// In base64.
    Base64,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureHash {
    /// SHA-1, which old servers use.
    Sha1,
    /// SHA-256.
    Sha256,
}
