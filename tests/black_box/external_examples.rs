//! The servers of `examples/`: `tidings try` understands each, and a run loses nothing.

use std::path::Path;

use crate::external_support::{External, Program, are_here, assert_whole};
use crate::support::text;

const EXAMPLES: [(&str, &str, &[&str]); 6] = [
    ("ci-gate", "python3", &["sse"]),
    ("node-sse", "node", &["sse"]),
    ("node-websocket", "node", &["websocket"]),
    ("python-polls", "python3", &["short-poll", "long-poll"]),
    ("python-webhook", "python3", &["webhook"]),
    ("rust-sse", "", &["sse"]),
];

/// The Rust server as cargo built it beside tidings.
fn rust_server() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_tidings")).parent().unwrap();
    folder.join("examples/rust-sse").to_str().unwrap().to_owned()
}

/// The scenario of an example, or of its gate.
fn scenario(name: &str) -> String {
    let file = if name == "ci-gate" { "gate.toml" } else { "tidings.toml" };
    format!("examples/{name}/{file}")
}

#[test]
fn every_folder_is_tested() {
    let folder = crate::external_support::root().join("examples");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, EXAMPLES.map(|(name, ..)| name));
}

#[test]
fn a_trial_of_each_example_is_understood() {
    for (name, program, patterns) in EXAMPLES {
        let what = format!("tidings try of examples/{name}");
        if !program.is_empty() && !are_here(&what, &[Program { variable: "", name: program }]) {
            continue;
        }
        let example = External::of(&scenario(name));
        let mut tried = example.command("try", &[]);
        let output = tried.env("RUST_SSE", rust_server()).output().unwrap();
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}{}", text(&output.stderr));
        for pattern in patterns {
            let whole = format!("{pattern}: 3 of 3 events received");
            assert!(said.contains(&whole), "{name}: {pattern}: {said}");
        }
    }
}

#[test]
fn a_run_of_each_example_loses_nothing() {
    for (name, program, patterns) in EXAMPLES {
        let what = format!("a run of examples/{name}");
        if !program.is_empty() && !are_here(&what, &[Program { variable: "", name: program }]) {
            continue;
        }
        let example = External::of(&scenario(name));
        let mut run = example.command("run", &["workload.rate=10/s"]);
        let output = run.env("RUST_SSE", rust_server()).output().unwrap();
        crate::support::only_noise(&example.results(&output), &output);
        let trials = crate::support::rows(&example.results(&output).join("trials.csv"));
        let measured: Vec<_> = trials.iter().map(|trial| trial["pattern"].as_str()).collect();
        assert_eq!(measured.len(), patterns.len(), "{name}");
        for (trial, pattern) in trials.iter().zip(&measured) {
            assert!(patterns.contains(pattern), "{name}: {pattern}");
            assert_whole(trial);
        }
    }
}
