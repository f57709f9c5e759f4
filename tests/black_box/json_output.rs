//! `--format json`: one document on stdout, and the same result in `run.json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Bench, scenario, spoilt_by_noise, text};
use crate::synthetic::{self, info, six, write_run};

fn tidings(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings")).args(arguments).output().unwrap()
}

/// The one document of an output; anything else on stdout is refused.
fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}\n{}", text(&output.stdout), text(&output.stderr))
    })
}

fn run_json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields that FORMAT.md documents in the table under `heading`.
fn documented(heading: &str) -> BTreeSet<&'static str> {
    let section = include_str!("../../FORMAT.md").split(heading).nth(1).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with("| ")).filter(|row| row.starts_with("| `"));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect()
}

#[test]
fn a_plan_is_one_document_with_every_case_trial_and_floor() {
    let output = tidings(&["plan", "quickstart", "ci-smoke", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = document(&output);
    assert_eq!(told["schema_version"], 1);
    let plans = told["plans"].as_array().unwrap();
    let names: Vec<_> = plans.iter().map(|plan| plan["scenario"]["name"].as_str()).collect();
    assert_eq!(names, [Some("quickstart"), Some("ci-smoke")]);
    let quickstart = &plans[0];
    assert_eq!(keys(quickstart), documented("## `tidings plan --format json`"));
    let size = |field: &str| quickstart[field].as_array().unwrap().len();
    assert_eq!((size("cases"), size("trials"), size("floors")), (6, 18, 2));
    assert!(quickstart["expected_ns"].as_u64() < quickstart["at_most_ns"].as_u64());
    assert_eq!(quickstart["cases"][0]["case"], "request");
    assert!(quickstart["cases"][0]["layout"]["workers"].as_u64() > Some(0));
}

#[test]
fn what_is_refused_leaves_stdout_empty() {
    for arguments in [
        &["plan", "nosuch", "--format", "json"][..],
        &["run", "nosuch", "--format", "json"],
        &["run", "quickstart", "--trials", "0", "--format", "json"],
        &["report", "/no/such/folder", "--format", "json"],
        &["plan", "quickstart", "--format", "yaml"],
    ] {
        let output = tidings(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_run_is_one_document_whose_result_is_that_of_the_folder() {
    let objectives = "objectives = [\"reach >= 1\", \"sse: delivered < 1\"]\n";
    let bench = Bench::new(&scenario(&["sse", "websocket"], 1, "1s", objectives));
    let output = bench.run(&["--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = document(&output);
    assert_eq!(keys(&told), ["exit_status", "runs", "schema_version"].into());
    assert_eq!(told["exit_status"], 1);
    let runs = told["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    let mut fields = documented("\n## summary.json");
    fields.extend(documented("## `tidings run --format json`"));
    assert_eq!(keys(run), fields);
    let mut summary: Value =
        serde_json::from_slice(&fs::read(bench.results().join("summary.json")).unwrap()).unwrap();
    summary["folder"] = run["folder"].clone();
    assert_eq!(summary, *run, "the document is the file, and where it is");
    assert_eq!(run["folder"], bench.results().to_str().unwrap());
    assert!(text(&output.stderr).contains("2 trials of 2 cases"), "progress goes to stderr");

    let result = &run["result"];
    assert_eq!(keys(result), documented("### result"));
    assert_eq!(*result, run_json(&bench.results())["result"]);
    assert_eq!((&result["exit_status"], &result["conclusion"]), (&1.into(), &"missed".into()));
    assert_eq!(
        (&result["trials"]["planned"], &result["trials"]["not_started"]),
        (&2.into(), &0.into())
    );
    let outcomes: Vec<(&str, &str, &str)> = result["objectives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| {
            let text = |field: &str| o[field].as_str().unwrap();
            (text("objective"), text("case"), text("outcome"))
        })
        .collect();
    let expected = [
        ("reach >= 1", "sse", "met"),
        ("reach >= 1", "websocket", "met"),
        ("sse: delivered < 1", "sse", "missed"),
    ];
    assert_eq!(outcomes, expected);

    // The figures are those of summary.csv.
    let summary = crate::support::rows(&bench.results().join("summary.csv"));
    for (row, case) in summary.iter().zip(run["cases"].as_array().unwrap()) {
        assert_eq!(row["case"], case["case"].as_str().unwrap());
        let median = &case["figures"]["wire_bytes_per_delivery"]["value"];
        assert_eq!(row["wire_bytes_per_delivery"].parse().ok(), median.as_f64());
    }

    // `report` makes the same result again, and exits with 0.
    let mut old = run_json(&bench.results());
    let made = old.as_object_mut().unwrap().remove("result").unwrap();
    old["of_a_later_version"] = "kept".into();
    fs::write(bench.results().join("run.json"), serde_json::to_vec(&old).unwrap()).unwrap();
    let again = tidings(&["report", bench.results().to_str().unwrap(), "--format", "json"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let again = document(&again);
    assert_eq!(again["exit_status"], 0);
    assert_eq!(again["runs"][0]["result"], made);
    let new = run_json(&bench.results());
    assert_eq!((&new["result"], &new["of_a_later_version"]), (&made, &"kept".into()));
}

#[test]
fn several_scenarios_are_one_document() {
    let bench = Bench::new(&scenario(&["sse"], 1, "500ms", "objectives = [\"reach >= 1\"]\n"));
    let file = bench.file();
    let output = bench.run(&[file.to_str().unwrap(), "--format", "json", "--quiet"]);
    let told = document(&output);
    let runs = told["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(told["exit_status"].as_i64(), output.status.code().map(i64::from));
    let mut statuses = Vec::new();
    for run in runs {
        let folder = Path::new(run["folder"].as_str().unwrap());
        assert_eq!(run["result"], run_json(folder)["result"]);
        // The machine may have spoilt one of them and left the other.
        let spoilt = spoilt_by_noise(folder, &[]);
        let status = run["result"]["exit_status"].as_i64();
        assert_eq!(status, Some(if spoilt > 0 { 3 } else { 0 }), "{run}");
        statuses.push(status);
    }
    assert_eq!(told["exit_status"].as_i64(), statuses.into_iter().flatten().max());
}

#[test]
fn a_run_that_is_stopped_says_so_in_its_result() {
    let bench = Bench::new(&scenario(&["sse"], 2, "30s", ""));
    let mut command = bench.command(&["--format", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bench.wait_for("worker");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let told = document(&output);
    assert_eq!(told["exit_status"], 130);
    let result = &told["runs"][0]["result"];
    assert_eq!((&result["exit_status"], &result["conclusion"]), (&130.into(), &"stopped".into()));
    let trials = &result["trials"];
    assert_eq!((&trials["planned"], &trials["failed"]), (&2.into(), &0.into()), "{trials}");
    let (cut, left) =
        (trials["cut_short"].as_u64().unwrap(), trials["not_started"].as_u64().unwrap());
    assert!(cut == 1 && left == 1, "{trials}");
    assert_eq!(*result, run_json(&bench.results())["result"]);
    assert!(!text(&output.stderr).contains("inconclusive"), "{}", text(&output.stderr));
}

#[test]
fn every_way_that_a_run_can_end_has_its_conclusion() {
    let of = |change: &dyn Fn(&mut tidings::record::RunInfo), fails: bool, objectives: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let mut info = info(synthetic::scenario(six(), 1, objectives));
        change(&mut info);
        let folder = write_run(out.path(), &info, |facts| {
            if fails {
                facts.failure = Some("the target died".to_owned());
            }
        });
        let told = document(&tidings(&["report", folder.to_str().unwrap(), "--format", "json"]));
        let result = told["runs"][0]["result"].clone();
        assert_eq!(result, run_json(&folder)["result"]);
        (result["conclusion"].as_str().unwrap().to_owned(), result["exit_status"].as_i64())
    };
    let stopped = |by: &'static str| {
        move |info: &mut tidings::record::RunInfo| {
            (info.complete, info.stopped_by) = (false, Some(by.to_owned()));
        }
    };
    let whole = |_: &mut tidings::record::RunInfo| ();
    let killed = |info: &mut tidings::record::RunInfo| info.complete = false;
    for (what, told, expected) in [
        ("met", of(&whole, false, &["reach >= 1"]), ("success", Some(0))),
        ("missed", of(&whole, false, &["reach > 1"]), ("missed", Some(1))),
        ("failed", of(&whole, true, &[]), ("inconclusive", Some(3))),
        ("Ctrl-C", of(&stopped("Ctrl-C"), false, &[]), ("stopped", Some(130))),
        ("SIGTERM", of(&stopped("SIGTERM"), false, &[]), ("stopped", Some(143))),
        ("SIGHUP", of(&stopped("SIGHUP"), true, &[]), ("stopped", Some(129))),
        ("killed", of(&killed, false, &[]), ("unfinished", None)),
    ] {
        assert_eq!(told, (expected.0.to_owned(), expected.1), "{what}");
    }
}
