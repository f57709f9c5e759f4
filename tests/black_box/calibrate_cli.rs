//! `tidings calibrate` from the command line: its output, its files, its exit status.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn command(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.arg("calibrate").arg("--out").arg(out).args(arguments).stdin(Stdio::null());
    command
}

fn calibrate(out: &Path, arguments: &[&str]) -> Output {
    command(out, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_document_is_one_and_the_folder_holds_it_too() {
    let out = tempfile::tempdir().unwrap();
    let output = calibrate(out.path(), &["--only", "16", "--format", "json", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document.as_object().unwrap().len(), 1);
    let experiments = document["experiments"].as_array().unwrap();
    assert_eq!(experiments.len(), 1);
    let experiment = &experiments[0];
    assert_eq!((&experiment["id"], &experiment["outcome"]), (&16.into(), &"pass".into()));
    for field in ["name", "expected", "measured", "tolerance"] {
        assert!(!experiment[field].as_str().unwrap().is_empty(), "{field}");
    }
    let folder =
        fs::read_dir(out.path().join("calibrate")).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(folder.join("calibration.json")).unwrap();
    assert_eq!(kept, output.stdout);
    let markdown = fs::read_to_string(folder.join("calibration.md")).unwrap();
    assert!(markdown.contains("| 16 | 100 pushes of 100 B on plain TCP |"), "{markdown}");
}

#[test]
fn the_table_names_the_folder_last() {
    let out = tempfile::tempdir().unwrap();
    let output = calibrate(out.path(), &["--only", "16"]);
    let (table, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(table.contains("20400 B") && table.contains("1 of 1 experiments passed."), "{table}");
    assert!(Path::new(table.lines().last().unwrap()).is_dir(), "{table}");
    assert!(progress.contains("[ 1/1] 16 100 pushes"), "{progress}");
}

#[test]
fn an_unknown_experiment_is_refused_with_the_list() {
    let out = tempfile::tempdir().unwrap();
    let output = calibrate(out.path(), &["--only", "3,99"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("--only 99: there is no such experiment"), "{message}");
    assert!(message.contains("14  a worker is stopped for a second"), "{message}");
    assert!(fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was begun");
}

#[test]
fn findings_before_a_signal_are_printed() {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--only", "14,16", "--format", "json"];
    let mut child = command(out.path(), &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Experiment 14 comes first: nothing is found yet, and the document is whole all the same.
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("2 experiments") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut stderr, &mut line).unwrap() > 0);
    }
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["experiments"].as_array().unwrap().len(), 0);
}
