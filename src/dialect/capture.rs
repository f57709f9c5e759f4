//! What is taken out of an answer or a message: a member of its JSON, a header, a cookie, a part of its text.

use serde::{Deserialize, Serialize};

/// Where a value stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capture(String);

/// How a message is decoded before it is searched for events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decode(String);
