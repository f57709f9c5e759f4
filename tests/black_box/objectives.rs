//! Objectives through the command line: what decides a run, ends it early, and is said of it beforehand.

use std::fs;
use std::process::Command;

use crate::support::{Bench, number, rows, scenario, text};

fn run_json(bench: &Bench) -> serde_json::Value {
    serde_json::from_slice(&fs::read(bench.results().join("run.json")).unwrap()).unwrap()
}

#[test]
fn what_cannot_come_right_ends_early_and_keeps_what_was_measured() {
    // The target refuses nine of ten requests; a minute of that says no more than a second.
    let more = "abort_when = \"errors_rate > 20% for 1s\"\n\
                target = { shards = 1, requests_per_s = 20 }";
    let bench = Bench::new(&scenario(&["request"], 3, "60s", more));
    let output = bench.run(&["--quiet"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    let condition = "abort_when = \"errors_rate > 20% for 1s\" held: ";
    let info = run_json(&bench);
    assert_eq!(info["complete"], false);
    assert!(info["stopped_by"].as_str().unwrap().starts_with(condition), "{info}");
    assert!(stdout.contains("1 failed, 2 not started"), "{stdout}");
    let trials = bench.trials();
    assert_eq!(trials.len(), 1, "the others are not begun");
    assert_eq!(trials[0]["verdict"], "failed");
    assert!(trials[0]["verdict_reasons"].starts_with(condition), "{:?}", trials[0]);
    assert!(number(&trials[0], "errors") > 0.0);
    let timeline = rows(&bench.results().join("timeline.csv"));
    let last = timeline.iter().map(|row| number(row, "second") as i64).max();
    assert!(last < Some(55), "the window was cut short: {last:?}");
    assert!(timeline.iter().any(|row| number(row, "errors") > 0.0), "the seconds are kept");
    assert!(bench.results().join("report.md").exists());
    bench.wait_until_gone();
}

#[test]
fn a_condition_of_another_case_ends_nothing() {
    let more = "abort_when = \"websocket: errors_rate > 20% for 100ms\"\n\
                target = { shards = 1, requests_per_s = 20 }";
    let text = scenario(&["request", "websocket"], 1, "500ms", more)
        .replace("clients = 20", "clients = 1")
        .replace("drain = \"5s\"", "drain = \"1s\"");
    let bench = Bench::new(&text);
    bench.run(&["--quiet"]);
    let info = run_json(&bench);
    assert_eq!(info["stopped_by"], serde_json::Value::Null);
    assert_eq!(bench.trials().len(), 2);
}

#[test]
fn a_run_tells_what_was_judged() {
    let more = "objectives = [\"freshness_p99 < 50ms\", \"share(freshness > 1h) < 10%\", \"errors_rate < 1%\"]\n\
                faults = { delay = \"80ms\" }";
    let bench = Bench::new(&scenario(&["websocket"], 1, "2s", more));
    let output = bench.run(&["--quiet"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    // A trial that the machine spoilt is judged by its accounts alone.
    let usable = matches!(bench.trials()[0]["verdict"].as_str(), "valid" | "degraded");
    let unwrapped = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    if usable {
        assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
        assert!(unwrapped.contains("MISSED freshness_p99 < 50ms [websocket: "), "{stdout}");
        assert!(unwrapped.contains(" deliveries beyond"), "{stdout}");
        assert!(unwrapped.contains("with 95 % confidence, limit 1 %; p99 8"), "{stdout}");
    } else {
        assert!(unwrapped.contains("no usable trial"), "{stdout}");
    }
    assert!(unwrapped.contains("met errors_rate < 1% [websocket: 0 of "), "{stdout}");
}

#[test]
fn a_plan_tells_how_long_a_run_must_be() {
    let more = "objectives = [\"reach >= 1\", \"freshness_p99 < 50ms\", \"freshness_p50 < 50ms\"]\n\
                abort_when = \"errors_rate > 20% for 5s\"";
    let plan = |text: &str| {
        let bench = Bench::new(text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.arg("plan").arg(bench.file()).output().unwrap()
    };
    // 20 clients, 20 events a second of one topic.
    let short = plan(&scenario(&["sse"], 1, "2s", more));
    let told = text(&short.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "reach >= 1 counted: any length decides",
        "freshness_p99 < 50ms a value 20 % off the limit takes about 1,100 samples: 2.7 s of measuring, or 53 s",
        "planned 2 s; WARNING: too short",
        "(--trials 2, or measure = \"3s\")",
        "freshness_p50 < 50ms a value 20 % off the limit takes about 440 samples: 1.1 s",
        "planned 2 s; WARNING: perhaps too short",
        "Ends early when errors_rate > 20% for 5s",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let long = plan(&scenario(&["sse"], 10, "30s", more));
    assert!(!text(&long.stdout).contains("WARNING"), "{}", text(&long.stdout));
    for (condition, words) in [
        ("errors_rate > 20%", "errors_rate > 20% for 5s"),
        ("reach < 1 for 5s", "not known while a trial runs"),
        ("webhook: errors_rate > 20% for 5s", "matches no case"),
        ("", "abort_when: empty"),
    ] {
        let refused = plan(&scenario(&["sse"], 1, "2s", &format!("abort_when = \"{condition}\"")));
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{condition}: {stderr}");
        assert!(stderr.contains(words), "{condition}: {stderr}");
    }
}
