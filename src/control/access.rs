//! How workers and the publisher speak to a server of the user's own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dialect::model::Dialect;
use crate::net::Endpoint;

/// A server, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// The conversation.
    pub dialect: Dialect,
    /// Where it is, by the name of a pattern, or `publish`; the entry without a name holds for all others.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Whether each client keeps the cookies that it is sent.
    pub cookies: bool,
    /// Whether compressed answers are asked for.
    pub compression: bool,
    /// What tells this trial's events from those of others.
    pub run: u64,
    /// The port of every webhook receiver, each on an address of its own, where the server must know it beforehand.
    pub callback_port: Option<u16>,
    /// What was captured while the server was prepared.
    pub captured: Vec<Captured>,
    /// The file that is to hold the conversation; `None` where the trial is measured.
    #[serde(default)]
    pub trace: Option<PathBuf>,
}

impl Access {
    /// Where the clients of `name` find the server.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.get(name).or_else(|| self.endpoints.get(""))
    }
}

/// A value that an answer contained: perhaps a login, so that it stands in no file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The name under which templates use it.
    pub name: String,
    /// For whom it holds.
    pub owner: Owner,
    /// It.
    pub value: String,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured")
            .field("name", &self.name)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// For whom a captured value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// For everyone.
    Trial,
    /// For the clients of this topic.
    Topic(u64),
    /// For this client.
    Client(u64),
}

/// What became of events that were to be published, where workers must know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Events that the server refused, or that could not be sent: topic and number.
    pub refused: Vec<(u64, u64)>,
    /// Events whose publication was not answered: they exist if anyone received them.
    pub unanswered: Vec<(u64, u64)>,
    /// The ids that the server gave, where events are recognised by them.
    pub ids: Vec<(u64, u64, String)>,
}

impl Published {
    /// Whether there is nothing to say.
    pub const fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.unanswered.is_empty() && self.ids.is_empty()
    }
}
