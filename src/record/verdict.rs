//! The verdict on a trial.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict on a trial, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check passed.
    Valid,
    /// Usable: the generator or the machine was strained, so read its figures with the reasons.
    Degraded,
    /// The generator or the machine spoilt it: nothing may be concluded from it.
    Invalid,
    /// It did not finish.
    Failed,
}

impl Verdict {
    /// Every verdict, best first.
    pub const ALL: [Self; 4] = [Self::Valid, Self::Degraded, Self::Invalid, Self::Failed];

    /// The name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }

    /// Whether figures of such a trial go into summaries.
    pub const fn usable(self) -> bool {
        matches!(self, Self::Valid | Self::Degraded)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
