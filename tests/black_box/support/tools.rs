//! Tests that need a tool which is not of this project.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;

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

/// The interpreter in which tests look for libraries of Python: that of `TIDINGS_PYTHON`, which `scripts/test --external` sets, or
/// `python3`.
pub(crate) fn python() -> String {
    std::env::var("TIDINGS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether that interpreter can import all of these `modules`.
pub(crate) fn python_has(modules: &[&str]) -> bool {
    let imports = format!("import {}", modules.join(", "));
    let there = Command::new(python()).args(["-c", &imports]).output();
    there.is_ok_and(|output| output.status.success())
}

/// Why a test is left out whose libraries of Python are missing.
pub(crate) const NO_MODULE: &str = "not in this Python: scripts/test --external installs it";
