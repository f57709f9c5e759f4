//! What is printed on stdout: text for people, or one JSON document for programs.

use serde_json::{Value, json};
use tidings::prose::inert_json;
use tidings::record::SCHEMA_VERSION;

use super::output;

/// What stdout is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON document, described in FORMAT.md
    Json,
}

/// Prints the one document of a command.
pub(super) fn print_document(document: &Value) {
    output::print_exactly(format!("{}\n", inert_json(&format!("{document:#}"))));
}

/// The document of `run` and `report`: every run, and the command's exit status.
pub(super) fn run_document(status: u8, runs: &[Value]) -> Value {
    json!({"schema_version": SCHEMA_VERSION, "exit_status": status, "runs": runs})
}
