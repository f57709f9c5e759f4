//! A dialect as data: what a `[target]` table says about the conversation with a server.
//!
//! Every text in it is a [`Template`]; none is rendered here, so that no file and no frame carries a secret.
//!
//! Unknown keys are refused by the scenario's tables of keys, not here.

mod call;
mod callback;
mod publishing;
mod reading;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capture::{Capture, Decode, Members};
use super::template::Template;

pub use call::{Call, Each, EachStep, SetUp, Step, WeightedCall};
pub use callback::{
    Acknowledge, Callback, Handshake, Preset, Signature, SignatureEncoding, SignatureHash,
};
pub use publishing::{Over, Publishing};
pub use reading::{
    CursorPart, EventStream, Messages, PageReply, Periodic, Polling, Reply, Resume, Socket,
};

use call::each_of_steps;

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
