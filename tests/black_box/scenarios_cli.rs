//! The scenarios that come with the binary, used from a folder that has none of them.

use std::fs;
use std::process::{Command, Output};

use crate::support::text;

fn tidings(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn shipped_scenarios_are_listed_planned_by_name_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| tidings(folder.path(), arguments);
    let listed = text(&run(&["scenarios"]).stdout);
    let names: Vec<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().ok()?.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    for name in &names {
        assert!(
            listed.lines().any(|line| line.starts_with(name.as_str()) && line.ends_with('?')),
            "{name}: {listed}"
        );
        let planned = run(&["plan", name]);
        assert_eq!(planned.status.code(), Some(0), "{name}: {}", text(&planned.stderr));
        assert!(text(&planned.stdout).starts_with(&format!("{name}:")), "{name}");
    }
    let copied = run(&["new", "my.toml", "--from", "fanout"]);
    assert_eq!(copied.status.code(), Some(0), "{}", text(&copied.stderr));
    let written = fs::read_to_string(folder.path().join("my.toml")).unwrap();
    assert_eq!(written, text(&run(&["scenarios", "fanout"]).stdout));
    assert_eq!(run(&["plan", "my.toml"]).status.code(), Some(0));
}

#[test]
fn an_existing_file_is_never_overwritten_and_an_unknown_scenario_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| tidings(folder.path(), arguments);
    fs::write(folder.path().join("my.toml"), "mine").unwrap();
    for (arguments, said) in [
        (&["new", "my.toml"][..], "already exists"),
        (&["new", "no/such/folder/my.toml"], "the folder does not exist"),
        (&["new", "other.toml", "--from", "nosuch"], "no shipped scenario is called 'nosuch'"),
        (&["scenarios", "nosuch"], "no shipped scenario is called 'nosuch'"),
        (&["plan", "nosuch"], "`tidings scenarios` lists them"),
        (&["plan", "./quickstart"], "file not found"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(fs::read_to_string(folder.path().join("my.toml")).unwrap(), "mine");
    // A file of the user's comes before a shipped scenario of the same name.
    fs::write(folder.path().join("quickstart"), "patterns = 1").unwrap();
    assert!(text(&run(&["plan", "quickstart"]).stderr).contains("quickstart:1"));
}

#[test]
fn the_bare_command_prints_the_first_steps() {
    let output = tidings(std::env::temp_dir().as_path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("tidings run quickstart"), "{}", text(&output.stdout));
}
