//! Keys that the command line writes over the file's, each blamed by the flag that the user typed.

use std::fmt::Display;

/// A scenario key that a flag writes over the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `key=value`.
    pub(super) assignment: String,
    /// The flag as typed: what errors name.
    pub(super) shown: String,
    /// A right one of the flag, to be shown beside a wrong one.
    pub(super) example: &'static str,
}

/// The flag of `tidings serve` whose keys are those of `[faults]`.
pub(super) const FAULT: &str = "--fault";

impl Override {
    /// `--set assignment`.
    pub fn set(assignment: &str) -> Self {
        Self {
            assignment: assignment.to_owned(),
            shown: format!("--set {assignment}"),
            example: "--set workload.clients=10k",
        }
    }

    /// `flag assignment`, for a flag that is `--set` for one of several runs.
    pub fn set_by(flag: &str, assignment: &str) -> Self {
        Self { shown: format!("{flag} {assignment}"), ..Self::set(assignment) }
    }

    /// A flag of its own, such as `--trials 5`, that stands for `key`.
    pub fn flag(flag: &str, key: &str, value: impl Display) -> Self {
        Self {
            assignment: format!("{key}={value}"),
            shown: format!("{flag} {value}"),
            example: "--trials 5",
        }
    }

    /// `--fault assignment`, with a key of `[faults]`.
    pub(super) fn fault(assignment: &str) -> Self {
        Self {
            assignment: assignment.to_owned(),
            shown: format!("{FAULT} {assignment}"),
            example: "--fault service=20ms",
        }
    }
}
