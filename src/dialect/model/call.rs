//! Requests, and the steps of a conversation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Captures, Headers};
use crate::dialect::matcher::Matcher;
use crate::dialect::template::{Name, Template};
use crate::unit::Span;

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

    pub(super) fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
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
pub(super) const fn is_false(truth: &bool) -> bool {
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
pub(super) const fn is_once(each: &EachStep) -> bool {
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

pub(super) fn each_of_steps(steps: &mut [Step], visit: &mut dyn FnMut(&mut Template)) {
    for step in steps {
        if let Some(call) = &mut step.request {
            call.each_template(visit);
        }
        step.send.iter_mut().for_each(&mut *visit);
    }
}
