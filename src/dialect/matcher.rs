//! What a message is: the conditions by which a dialect recognises it.

use serde::{Deserialize, Serialize};

/// What a message must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matcher(serde_json::Value);
impl Matcher {
    /// x
    pub fn matches(&self, _: &[u8], _: Option<&str>) -> bool {
        false
    }
}
