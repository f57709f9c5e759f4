//! `tidings plan` as its users meet it: output, exit status, and nothing left behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const GOOD: &str = "question = \"Which?\"\npatterns = [\"sse\", \"webhook\"]\n[workload]\nclients = ${CLIENTS:-100}\nrate = \"5/s\"\n";

/// Runs `tidings plan` in `folder`, without a terminal.
fn plan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .arg("plan")
        .args(arguments)
        .current_dir(folder)
        .env_remove("CLIENTS")
        .output()
        .expect("the binary was built for this test")
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("x.toml"), text).expect("room for a file");
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_plan_is_printed_and_nothing_is_written() {
    let folder = folder(GOOD);
    let output = plan(folder.path(), &["x.toml"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(err, "");
    assert!(out.starts_with("x: 2 cases × 3 trials = 6 trials, about "), "{out}");
    assert!(out.contains("Which?") && out.contains("  block 3   "), "{out}");
    assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "no control characters: {out}");
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["x.toml"]);
}

#[test]
fn the_same_seed_plans_the_same() {
    let folder = folder(GOOD);
    let once = plan(folder.path(), &["x.toml", "--trials", "9"]).stdout;
    assert_eq!(once, plan(folder.path(), &["x.toml", "--trials", "9"]).stdout);
    assert_ne!(once, plan(folder.path(), &["x.toml", "--trials", "9", "--set", "seed=2"]).stdout);
}

#[test]
fn flags_override_the_environment() {
    let folder = folder(GOOD);
    let shown = |arguments: &[&str], clients: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args([&["plan", "x.toml"], arguments].concat())
            .current_dir(folder.path())
            .env("CLIENTS", clients)
            .output()
            .unwrap();
        text(&output.stdout)
    };
    assert!(shown(&[], "77").contains("  sse           77 "), "{}", shown(&[], "77"));
    let set = shown(&["--set", "workload.clients=1k", "--trials", "2"], "77");
    assert!(set.contains("  sse         1000 ") && set.contains("= 4 trials"), "{set}");
}

#[test]
fn several_files_are_planned_in_turn() {
    let folder = folder(GOOD);
    fs::write(folder.path().join("y.toml"), GOOD).unwrap();
    let out = text(&plan(folder.path(), &["x.toml", "y.toml"]).stdout);
    assert!(out.find("x: 2 cases").unwrap() < out.find("y: 2 cases").unwrap(), "{out}");
}

#[test]
fn a_refused_scenario_exits_2_with_one_line() {
    let folder = folder(GOOD);
    fs::write(folder.path().join("bad.toml"), GOOD.replace("rate", "raet")).unwrap();
    for (arguments, expected) in [
        (
            &["bad.toml"][..],
            "tidings: bad.toml:5: unknown key 'raet' in [workload]; did you mean 'rate'?\n",
        ),
        (
            &["x.toml", "--set", "workload.clients=0"],
            "tidings: --set workload.clients=0: workload.clients = 0: must be at least 1\n",
        ),
        (
            &["x.toml", "--trials", "0"],
            "tidings: --trials 0: trials = 0: must be between 1 and 1000\n",
        ),
        (
            &["no.toml"],
            "tidings: no.toml: file not found; give the path of a scenario, or the name of a shipped one, such as quickstart (`tidings scenarios` lists them)\n",
        ),
        (
            &["x.toml", "bad.toml"],
            "tidings: bad.toml:5: unknown key 'raet' in [workload]; did you mean 'rate'?\n",
        ),
    ] {
        let output = plan(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stderr), expected, "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}: nothing is printed of a refused plan");
    }
}

#[test]
fn a_plan_too_large_for_the_host_exits_2_with_the_figures() {
    let folder = folder(GOOD);
    let output = plan(folder.path(), &["x.toml", "--set", "workload.clients=10M"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.starts_with("tidings: x.toml: case sse needs "), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn bad_usage_exits_2() {
    let folder = folder(GOOD);
    for arguments in [&[][..], &["x.toml", "--trials", "many"], &["x.toml", "--nonsense"]] {
        assert_eq!(plan(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn numbers_of_flags_are_read_as_in_files_and_refusals_show_an_example() {
    let folder = folder(GOOD);
    // As in a file: the same trials, however they are written.
    let plain = plan(folder.path(), &["x.toml", "--trials", "10"]);
    assert_eq!(plain.status.code(), Some(0), "{}", text(&plain.stderr));
    for trials in ["1_0", "0.01k", "1e1"] {
        let other = plan(folder.path(), &["x.toml", "--trials", trials]);
        assert_eq!(text(&other.stdout), text(&plain.stdout), "{trials}");
    }
    let refused = plan(folder.path(), &["x.toml", "--trials", "1.5"]);
    assert_eq!(refused.status.code(), Some(2));
    for part in ["--trials", "'1.5'", "such as 1000"] {
        assert!(text(&refused.stderr).contains(part), "{}", text(&refused.stderr));
    }
    for (flag, value, parts) in [
        ("--shards", "many", &["'many'", "such as 1000"][..]),
        ("--shards", "1k", &["1000", "1 to 256", "such as 4"]),
        ("--shards", "0", &["1 to 256", "such as 4"]),
        ("--seed", "-1", &["'-1'", "such as 1000"]),
        ("--seed", "1.5", &["'1.5'", "such as 1000"]),
        ("--topics", "0", &["--topics 0", "1 to 100000"]),
        ("--payload", "1B", &["--payload 1B", "2B to 1MiB"]),
        ("--echo-max", "2GiB", &["--echo-max 2GiB", "1B to 1GiB"]),
    ] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let given = format!("{flag}={value}");
        let output = serve.args(["serve", "--listen", "127.0.0.1:0", &given]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{given}");
        let error = text(&output.stderr);
        assert!(error.contains(flag), "{error}");
        for part in parts {
            assert!(error.contains(part), "{given}: {error}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = folder(GOOD);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["plan", "x.toml"])
        .current_dir(folder.path())
        .env_remove("CLIENTS")
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}
