//! Why a scenario was refused.

use std::path::PathBuf;

use super::tree::Place;
pub(super) use crate::prose::{alike, nearest, plain, suggestion};

/// Why there is no scenario: one line that names the place, the key and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file could not be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong, and the remedy.
        reason: String,
    },
    /// What the file, or a `--set`, says cannot be carried out.
    #[error("{place}: {message}")]
    Refused {
        /// `file:line`, `file`, or the flag as typed: `--set key=value`, `--trials 0`.
        place: String,
        /// What is wrong, and the remedy.
        message: String,
    },
}

impl ScenarioError {
    /// A refusal of what stands at `place` of `file`.
    pub(super) fn refused(file: &str, place: &Place, message: impl Into<String>) -> Self {
        let place = match place {
            Place::File => file.to_owned(),
            Place::Line(line) => format!("{file}:{line}"),
            Place::Page(page, line) => format!("{page}:{line}"),
            Place::Set(shown) => shown.to_string(),
        };
        Self::Refused { place, message: message.into() }
    }
}

/// A number that cannot be carried out, not yet located.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidKey {
    /// The key, dotted as for `--set`.
    pub key: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

/// Refuses `key` unless `holds`.
pub(super) fn require(
    holds: bool,
    key: &str,
    message: impl FnOnce() -> String,
) -> Result<(), InvalidKey> {
    if holds { Ok(()) } else { Err(InvalidKey { key: key.to_owned(), message: message() }) }
}
