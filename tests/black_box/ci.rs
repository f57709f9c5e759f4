//! What `tidings run` and `tidings gate` write for CI systems: whole before they exit, and read by other tools.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Bench, NO_MODULE, Running, left_out, python, scenario, text};

const BINARY: &str = env!("CARGO_BIN_EXE_tidings");

/// Reads a JUnit file by junitparser, else by Python's XML parser: the counts, and each case with its result.
const READER: &str = r#"
import json, sys, xml.etree.ElementTree as tree
try:
    import junitparser
    suites = list(junitparser.JUnitXml.fromfile(sys.argv[1]))
    cases = [[c.classname, c.name, "".join(type(r).__name__.lower() for r in c.result) or "passed"] for s in suites for c in s]
    print(json.dumps({"by": "junitparser", "cases": cases}))
except ImportError:
    cases = [[c.get("classname"), c.get("name"), "".join(r.tag for r in c if r.tag != "system-out") or "passed"]
             for c in tree.parse(sys.argv[1]).getroot().iter("testcase")]
    print(json.dumps({"by": "xml.etree", "cases": cases}))
"#;

/// The results of a JUnit file by class and name, as another tool reads them; `None` without one.
fn read_by_python(file: &Path) -> Option<Vec<[String; 3]>> {
    let python = Command::new(python()).args(["-c", READER]).arg(file).output();
    let Ok(output) = python else {
        left_out(
            "part of tests/black_box/ci.rs, JUnit files read by another tool",
            "no python3 here",
        );
        return None;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    if value["by"] != "junitparser" {
        left_out(
            "part of tests/black_box/ci.rs, JUnit files read by junitparser (xml.etree of Python read them)",
            NO_MODULE,
        );
    }
    Some(serde_json::from_value(value["cases"].clone()).unwrap())
}

/// The result of the case whose name is `name`.
fn result<'a>(cases: &'a [[String; 3]], name: &str) -> &'a str {
    let [_, _, result] = cases.iter().find(|[_, own, _]| own == name).unwrap();
    result
}

const FLAGS: [&str; 7] = [
    "--junit",
    "ci/junit.xml",
    "--markdown",
    "ci/comment.md",
    "--benchmark-json",
    "ci/figures.json",
    "--annotations",
];

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("ci").join(name)).unwrap()
}

#[test]
fn a_run_writes_every_format_before_it_fails() {
    let objectives = r#"objectives = ["reach >= 1", "duplicate > 0", "lost == 0"]"#;
    let bench = Bench::new(&scenario(&["sse"], 1, "300ms", objectives));
    let folder = tempfile::tempdir().unwrap();
    // What an earlier run has left is not mistaken for this one's.
    fs::create_dir(folder.path().join("ci")).unwrap();
    fs::write(folder.path().join("ci/junit.xml"), "<old/>").unwrap();
    let run = bench.command(&FLAGS).current_dir(folder.path()).output().unwrap();
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    let folder = folder.path();

    if let Some(cases) = read_by_python(&folder.join("ci/junit.xml")) {
        assert_eq!(result(&cases, "reach >= 1"), "passed");
        assert_eq!(result(&cases, "duplicate > 0"), "failure");
        assert_eq!(result(&cases, "completes"), "passed");
        assert!(cases.iter().any(|[class, ..]| class == "tidings run test: sse"), "{cases:?}");
    }
    let page = read(folder, "comment.md");
    assert!(page.starts_with("<!-- tidings run test -->\n### ❌ tidings run test\n"), "{page}");
    // What does not hold is on top.
    let first = page.lines().find(|line| line.starts_with("| ❌")).unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("| ")).nth(2), Some(first), "{page}");
    assert!(first.contains("| sse | duplicate \\> 0 | 0 | \\> 0 |"), "{first}");
    let title = "::error title=tidings run test%3A sse%3A duplicate > 0::";
    assert!(said.lines().any(|line| line.starts_with(title)), "{said}");

    let figures: Value = serde_json::from_str(&read(folder, "figures.json")).unwrap();
    let figure =
        |name: &str| figures.as_array().unwrap().iter().find(|f| f["name"] == name).cloned();
    match figure("sse: freshness_p50") {
        Some(freshness) => {
            assert_eq!(freshness["unit"], "ns");
            assert!(freshness["value"].as_f64().unwrap() > 0.0, "{freshness}");
        }
        // The machine spoilt the one trial.
        None => assert!(page.contains("| ❔ inconclusive | sse | trials are usable |"), "{page}"),
    }

    // The files alone say the same again.
    let again = Command::new(BINARY)
        .arg("report")
        .arg(bench.results())
        .args(["--junit", "again.xml"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(folder.join("again.xml")).unwrap(), read(folder, "junit.xml"));
}

#[test]
fn a_run_that_is_stopped_leaves_whole_files() {
    let objectives = r#"objectives = ["reach >= 1", "freshness_p99 < 10s"]"#;
    let bench = Bench::new(&scenario(&["sse"], 2, "30s", objectives));
    let folder = tempfile::tempdir().unwrap();
    let child = bench
        .command(&FLAGS)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let run = Running::of(child);
    bench.wait_for("worker");
    // Were it killed now, the files would say so.
    let begun = read(folder.path(), "junit.xml");
    assert!(begun.contains("the run has not ended"), "{begun}");
    run.signal(Signal::INT);
    let ended = run.finish();
    assert_eq!(ended.status.code(), Some(130), "{}", text(&ended.stderr));
    if let Some(cases) = read_by_python(&folder.path().join("ci/junit.xml")) {
        assert_eq!(result(&cases, "reach >= 1"), "skipped", "{cases:?}");
        assert_eq!(result(&cases, "completes"), "error", "{cases:?}");
    }
    let page = read(folder.path(), "comment.md");
    assert!(page.contains("➖ not judged") && page.contains("Stopped by a signal"), "{page}");
    assert_eq!(
        serde_json::from_str::<Value>(&read(folder.path(), "figures.json")).unwrap(),
        json!([])
    );
}

#[test]
fn a_file_that_cannot_be_written_costs_no_measurement() {
    let bench = Bench::new(&scenario(&["sse"], 1, "30s", ""));
    let file = bench.file();
    let below = file.join("junit.xml");
    for (arguments, expected) in [
        (vec!["--junit", below.to_str().unwrap()], "--junit: cannot write"),
        (
            vec!["--junit", "/dev/null", "--markdown", "/dev/null"],
            "--junit and --markdown name the same file",
        ),
    ] {
        let refused = bench.run(&arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
        let runs = fs::read_dir(bench.out().join("test")).into_iter().flatten().count();
        assert_eq!(runs, 0, "nothing was measured");
    }
}

/// Trials of half a second: two clients, a hundred events per second for each.
const PAIR: &str = r#"
question = "Is the head worse?"
patterns = ["sse"]
[gate]
tolerances = ["freshness_p50=50%"]
budget = "90s"
[workload]
clients = 2
topics = "per-client"
rate = "100/s"
[phases]
connect = "10ms"
idle = "0s"
warmup = "50ms"
measure = "400ms"
drain = "1s"
"#;

/// A short gate, in a folder of its own.
fn gate(folder: &Path, arguments: &[&str]) -> Output {
    let mut gate = Command::new(BINARY);
    gate.arg("gate").args(arguments).args(FLAGS).current_dir(folder).stdin(Stdio::null());
    gate.output().unwrap()
}

#[test]
fn a_gate_writes_every_format_and_its_folder_says_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("pair.toml"), PAIR).unwrap();
    let failed = gate(folder, &["pair.toml", "--head-set", "faults.drop=0.4"]);
    let said = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    if let Some(cases) = read_by_python(&folder.join("ci/junit.xml")) {
        assert_eq!(result(&cases, "no deliveries lost or repeated"), "failure");
        assert_eq!(result(&cases, "completes"), "passed");
        assert!(cases.iter().any(|[_, name, _]| name == "freshness_p50"), "{cases:?}");
    }
    let title = "::error title=tidings gate pair%3A sse%3A no deliveries lost or repeated::";
    assert!(said.lines().any(|line| line.starts_with(title)), "{said}");
    let page = read(folder, "comment.md");
    assert!(page.starts_with("<!-- tidings gate pair -->\n### ❌ tidings gate pair\n"), "{page}");

    // A gate that is refused leaves no file that says otherwise.
    let xml = read(folder, "junit.xml");
    let refused = gate(folder, &["pair.toml", "--head-set", "faults.drop=much"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    let broken = read(folder, "junit.xml");
    assert!(broken.contains("<error ") && !broken.contains("freshness"), "{broken}");
    let out = fs::read_dir(folder.join("results/pair")).unwrap().next().unwrap().unwrap().path();
    let again = gate(folder, &["--replay", out.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    assert_eq!(read(folder, "junit.xml"), xml);
}

/// A `gh` that records its arguments, and knows the comments of a file.
const GH: &str = r#"#!/bin/bash
printf '%s\n' "$*" | head -n 1 >>"$FAKE/calls"
if [ "$2" = graphql ]; then cat "$FAKE/own"; exit; fi
for argument; do case $argument in body=@*) cp "${argument#body=@}" "$FAKE/body" ;; esac; done
"#;

#[test]
fn a_comment_is_posted_once_and_then_updated() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gh"), GH).unwrap();
    fs::set_permissions(path("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    let long = format!("<!-- tidings gate a -->\n### a\n{}", "| b | c |\n".repeat(10_000));
    fs::write(path("comment.md"), long).unwrap();
    let post = |own: &str| {
        fs::write(path("own"), own).unwrap();
        let _ = fs::remove_file(path("calls"));
        let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pr-comment");
        let posted = Command::new(script)
            .arg(path("comment.md"))
            .env("PATH", search)
            .env("FAKE", folder.path())
            .envs([("GITHUB_REPOSITORY", "o/n"), ("PR", "7")])
            .output()
            .unwrap();
        assert!(posted.status.success(), "{}", text(&posted.stderr));
        fs::read_to_string(path("calls")).unwrap()
    };
    let calls = post("5 <!-- tidings gate b -->\n6 hello\n");
    assert!(calls.contains("--method POST repos/o/n/issues/7/comments "), "{calls}");
    let calls = post("5 <!-- tidings gate b -->\n6 <!-- tidings gate a -->\n8 thanks\n");
    assert!(calls.contains("--method PATCH repos/o/n/issues/comments/6 "), "{calls}");
    // As long as a comment may be, and no row is cut.
    let body = fs::read_to_string(path("body")).unwrap();
    assert!(body.len() < 65_536 && body.starts_with("<!-- tidings gate a -->\n"));
    assert!(body.lines().skip(2).all(|line| line == "| b | c |" || !line.starts_with('|')));
    fs::write(path("comment.md"), "hello\n").unwrap();
    let strange = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pr-comment"))
        .arg(path("comment.md"))
        .envs([("GITHUB_REPOSITORY", "o/n"), ("PR", "7")])
        .output()
        .unwrap();
    assert_eq!(strange.status.code(), Some(2), "{}", text(&strange.stderr));
}

const GUIDE: &str = include_str!("../../docs/ci.md");

/// The flags of a verb, as its help lists them.
fn flags(verb: &str) -> String {
    text(&Command::new(BINARY).args([verb, "--help"]).output().unwrap().stdout)
}

#[test]
fn the_guide_names_files_and_flags_that_there_are() {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs"));
    let links = GUIDE.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links: Vec<&str> =
        links.map(|(link, _)| link).filter(|link| !link.contains("://")).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let page = fs::read_to_string(docs.join(file)).unwrap_or_else(|_| panic!("{link}"));
        let slug =
            |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let found = page.lines().any(|line| line.starts_with('#') && slug(line) == heading);
        assert!(heading.is_empty() || found, "{link}");
    }
    // Commands in code blocks, those of several lines joined.
    let blocks: Vec<&str> = GUIDE.split("```").skip(1).step_by(2).collect();
    let mut seen = 0;
    for verb in ["gate", "run"] {
        let help = flags(verb);
        let call = format!("tidings {verb} ");
        for block in &blocks {
            let joined = block.replace("\n      --", " --");
            let called = joined.lines().filter_map(|line| line.split_once(&call));
            for (_, command) in called {
                let command = command.split(" # ").next().unwrap().split("||").next().unwrap();
                for flag in command.split_whitespace().filter(|word| word.starts_with("--")) {
                    let known = help.split_whitespace().any(|word| word == flag);
                    assert!(known, "tidings {verb} {command}: {flag}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 10, "{seen}");
    for flag in ["--junit", "--markdown", "--annotations", "--benchmark-json"] {
        assert!(GUIDE.contains(&format!("| `{flag}")), "{flag}");
        assert!(flags("report").contains(flag), "{flag}");
    }
    // The action passes flags that the gate has, and hands over what it says.
    let action = fs::read_to_string(docs.join("../action.yml")).unwrap();
    let help = flags("gate");
    let call = action.split("\"$BINARY\" gate").nth(1).unwrap().split("||").next().unwrap();
    for flag in call.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{flag}");
    }
}
