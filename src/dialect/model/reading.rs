//! How topics are read: polls, event streams, WebSockets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{Call, Step, each_of_steps, is_false};
use super::{Captures, Headers};
use crate::dialect::capture::Capture;
use crate::dialect::framing::Split;
use crate::dialect::matcher::Matcher;
use crate::dialect::template::Template;
use crate::unit::Span;

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
    pub(super) fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
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
