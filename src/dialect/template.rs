//! Texts with placeholders: what is sent, rendered per client, topic and event.

use serde::{Deserialize, Serialize};

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

impl Template {
    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.0
    }
}
