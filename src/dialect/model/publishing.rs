//! How events are published.

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::callback::Signature;
use super::reading::Socket;
use crate::dialect::matcher::Matcher;
use crate::dialect::template::Template;
use crate::unit::{Rate, Span};

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
    pub rate: Option<Rate>,
    /// A signature of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signature>,
}

impl Publishing {
    pub(super) fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
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
