//! The top level of a file: what is not in a table.

use serde::{Deserialize, Serialize};

use super::{PatternKind, Profile};

/// The top level, without its tables.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub question: String,
    pub name: Option<String>,
    pub patterns: Vec<PatternKind>,
    pub trials: u32,
    pub seed: u64,
    pub objectives: Vec<String>,
    pub abort_when: Option<String>,
    pub profile: Option<Profile>,
    pub floor: bool,
}

impl Default for File {
    fn default() -> Self {
        Self {
            question: String::new(),
            name: None,
            patterns: Vec::new(),
            trials: 3,
            seed: 1,
            objectives: Vec::new(),
            abort_when: None,
            profile: None,
            floor: true,
        }
    }
}
