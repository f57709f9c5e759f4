//! Histories for tests: lines made from one run that was added, with figures that step where a test wants it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tidings::record::RunInfo;
use tidings::scenario::PatternKind;

use crate::support::text;
use crate::synthetic::{case, info, scenario, write_run};

/// `tidings history` with `arguments`, in `folder`.
pub(crate) fn history(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.arg("history").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

/// The same, which must succeed: stdout.
pub(crate) fn shown(folder: &Path, arguments: &[&str]) -> String {
    let output = history(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What `tidings history FILE --format json` says of `history`.
pub(crate) fn data(folder: &Path, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str::<Value>(&shown(folder, &arguments)).unwrap()["history"].take()
}

/// The `run.json` of a run of `sse` and `websocket` that began in a minute of 2025.
pub(crate) fn run_info(minute: u32) -> RunInfo {
    let cases = [PatternKind::Sse, PatternKind::WebSocket].map(|kind| case(kind, 20, ""));
    let mut info = info(scenario(cases.to_vec(), 1, &[]));
    info.started_utc = format!("2025-06-01T10:{minute:02}:00Z");
    info.working_directory_revision = Some(format!("{minute:07x}"));
    info
}

/// A results folder of it, below `out`.
pub(crate) fn run(out: &Path, info: &RunInfo) -> PathBuf {
    write_run(out, info, |_| ())
}

/// Noise of a few percent that is the same every time: the `at`-th of a series, about 1.
pub(crate) fn noise(at: usize) -> f64 {
    const STEPS: [f64; 11] = [0.3, -1.1, 0.8, 0.1, -0.6, 1.3, -0.2, -0.9, 0.5, 0.9, -1.0];
    1.0 + 0.01 * STEPS[(at * 7 + at / 5) % STEPS.len()]
}

/// Writes a history of `count` runs to `folder/history.jsonl`: `change` is given each line with its place.
pub(crate) fn write_history(folder: &Path, count: usize, change: impl Fn(usize, &mut Value)) {
    let out = folder.join("results");
    let added = run(&out, &run_info(0));
    shown(folder, &["add", added.to_str().unwrap(), "--file", "one.jsonl"]);
    let one = fs::read_to_string(folder.join("one.jsonl")).unwrap();
    let mut lines = String::new();
    for at in 0..count {
        let mut line: Value = serde_json::from_str(&one).unwrap();
        line["run"] = format!("run-{at:03}").into();
        line["started_utc"] =
            format!("2025-{:02}-{:02}T10:00:00Z", 1 + at / 28, 1 + at % 28).into();
        line["revision"] = format!("{:07x}", 0xa_0000 + at).into();
        change(at, &mut line);
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    fs::write(folder.join("history.jsonl"), lines).unwrap();
}

/// Sets a figure of a case.
pub(crate) fn set(line: &mut Value, case: &str, column: &str, value: f64) {
    let cases = line["cases"].as_array_mut().unwrap();
    let case = cases.iter_mut().find(|own| own["case"] == case).unwrap();
    case["figures"][column] = value.into();
}

/// The changes of a series of `data`, as revisions and directions.
pub(crate) fn changes(data: &Value, case: &str, metric: &str) -> Vec<(String, String)> {
    let series = data["series"].as_array().unwrap().iter();
    let mut of = series.filter(|series| series["case"] == case && series["metric"] == metric);
    let series = of.next().unwrap();
    assert!(of.next().is_none(), "one series");
    let changes = series["changes"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    changes.map(|change| (word(&change["revision"]), word(&change["direction"]))).collect()
}
