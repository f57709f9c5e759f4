//! Tests that need a tool which is not of this project.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Says that `what` was not tested for want of a tool: on standard error, and in the file that `scripts/test` names in
/// `TIDINGS_LEFT_OUT` and prints at its end. In a run that must leave nothing out (`TIDINGS_ALL_TOOLS`) the test fails.
#[expect(clippy::print_stderr, reason = "a check that is left out says so")]
pub(crate) fn left_out(what: &str, why: &str) {
    let line = format!("{what} ({why})\n");
    eprint!("left out: {line}");
    assert!(std::env::var_os("TIDINGS_ALL_TOOLS").is_none(), "left out: {line}");
    if let Some(path) = std::env::var_os("TIDINGS_LEFT_OUT") {
        // Tests are separate processes: a line is appended in one write.
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
