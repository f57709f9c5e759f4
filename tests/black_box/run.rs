#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! `tidings run` as its users meet it: files, ledgers, exit statuses, messages, and no process left behind.

use crate::support;

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Signal, kill_process};
use support::{Bench, eventually, number, rows, scenario, text};

const ALL: [&str; 6] = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"];

#[test]
fn every_pattern_delivers_everything_once_and_writes_every_file() {
    let bench = Bench::new(&scenario(&ALL, 2, "1s", r#"objectives = ["reach >= 1", "lost == 0"]"#));
    let history = bench.out().with_file_name("history.jsonl");
    let output = bench.measure(&["--history", history.to_str().unwrap()]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let last = stdout.lines().last().unwrap();
    let kept = fs::read_to_string(&history).unwrap();
    assert_eq!(kept.lines().count(), 1, "{kept}");
    for pattern in ALL {
        assert!(kept.contains(&format!("\"{pattern}\"")), "{pattern}: {kept}");
    }
    assert_eq!(fs::canonicalize(last).unwrap(), fs::canonicalize(bench.results()).unwrap());
    for (name, printed) in [("stdout", &stdout), ("stderr", &stderr)] {
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{name}: {printed:?}");
    }
    let trials = bench.trials();
    assert_eq!(trials.len(), 12);
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0, "{row:?}");
        assert_eq!(number(row, "expected"), number(row, "delivered"), "{row:?}");
        for nothing in ["lost", "duplicate", "reordered", "errors"] {
            assert_eq!(number(row, nothing), 0.0, "{nothing}: {row:?}");
        }
        for measured in ["wire_bytes_per_delivery", "target_cpu_ns_per_delivery", "connect_ns_p50"]
        {
            assert!(number(row, measured) > 0.0, "{measured}: {row:?}");
        }
        let delivers = row["pattern"] != "request";
        // A second of twenty events need not give a known median; the maximum and the number of samples are always given.
        assert_eq!(row["freshness_ns_max"].is_empty(), !delivers, "{row:?}");
        assert!(number(row, "n_eff") >= 1.0, "{row:?}");
        assert_eq!(
            row["service_ns_p50"].is_empty(),
            !matches!(row["pattern"].as_str(), "request" | "short-poll")
        );
        let asks = matches!(row["pattern"].as_str(), "request" | "short-poll");
        for stage in ["fired", "dispatch", "first_byte", "reading"] {
            assert_eq!(row[&format!("{stage}_ns_p50")].is_empty(), !asks, "{stage}: {row:?}");
        }
        assert_eq!(row["written_ns_p50"].is_empty(), !delivers, "{row:?}");
        let held = row["pattern"] == "long-poll";
        assert_eq!(row["polls_per_10ms_max"].is_empty(), !held, "{row:?}");
        let stood_still = number(row, "hiccup_ns_max") >= 0.9e9;
        assert!(!held || stood_still || number(row, "polls_per_10ms_max") >= 1.0, "{row:?}");
        assert!(["timerfd", "spin"].contains(&row["pacing"].as_str()), "{row:?}");
    }
    // The same events for every pattern of a block: what is expected differs between blocks only.
    for block in ["1", "2"] {
        let expected: BTreeSet<_> = trials
            .iter()
            .filter(|row| row["block"] == block && row["pattern"] != "request")
            .map(|row| &row["expected"])
            .collect();
        assert_eq!(expected.len(), 1, "{expected:?}");
    }
    for file in [
        "run.json",
        "summary.csv",
        "summary.json",
        "metrics.prom",
        "percentiles.csv",
        "timeline.csv",
        "histograms.hlog",
        "report.md",
        "report.html",
    ] {
        assert!(fs::metadata(bench.results().join(file)).unwrap().len() > 0, "{file}");
    }
    let charts = fs::read_dir(bench.results().join("charts")).unwrap().count();
    assert!(charts >= 6, "{charts} charts");
    bench.wait_until_gone();
}

#[test]
fn several_workers_and_shards_share_the_load_exactly() {
    let text =
        scenario(&ALL, 1, "1s", "worker = { processes = 3, shards = 2 }\ntarget = { shards = 2 }");
    let bench = Bench::new(&text.replace("rate = \"20/s\"", "rate = \"10/s\"\ntopics = 7"));
    let output = bench.measure(&["--quiet"]);
    let stderr = support::text(&output.stderr);
    assert!(stderr.lines().all(|line| line.starts_with("tidings: ")), "quiet is quiet: {stderr}");
    for row in bench.trials() {
        let facts = ["reach", "duplicate", "reordered"].map(|column| number(&row, column));
        assert_eq!(facts, [1.0, 0.0, 0.0], "{row:?}");
    }
}

#[test]
fn a_target_that_dies_is_a_failed_row_and_the_run_continues() {
    let bench = Bench::new(&scenario(&["websocket"], 2, "2s", ""));
    let run = bench.start();
    // The worker runs, so the target has its orders. The worker is stopped, so that the end of the target is noticed before
    // the worker reports it.
    kill_process(bench.wait_for("worker"), Signal::STOP).unwrap();
    kill_process(bench.wait_for("target"), Signal::KILL).unwrap();
    let output = run.finish();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let trials = bench.trials();
    assert_eq!(trials.len(), 2);
    assert_eq!(trials[0]["verdict"], "failed");
    assert!(
        trials[0]["verdict_reasons"].contains("the target was killed by signal 9"),
        "{trials:?}"
    );
    assert_eq!(number(&trials[1], "reach"), 1.0);
    assert!(text(&output.stdout).contains("killed by signal 9"), "{}", text(&output.stdout));
    bench.wait_until_gone();
}

#[test]
fn a_worker_that_dies_is_a_failed_row_that_names_it() {
    let bench = Bench::new(&scenario(&["sse"], 2, "2s", ""));
    let run = bench.start();
    kill_process(bench.wait_for("worker"), Signal::KILL).unwrap();
    let output = run.finish();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let trials = bench.trials();
    assert_eq!(trials[0]["verdict"], "failed");
    assert!(trials[0]["verdict_reasons"].contains("worker 1 was killed by signal 9"), "{trials:?}");
    assert_eq!(number(&trials[1], "reach"), 1.0);
    bench.wait_until_gone();
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_leaves_no_process() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let bench = Bench::new(&scenario(&["websocket", "sse"], 50, "500ms", ""));
        let run = bench.start();
        bench.wait_for_trials(2);
        run.signal(signal);
        let output = run.finish();
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{stdout}");
        bench.wait_until_gone();
        let trials = bench.trials();
        assert!(trials.len() >= 2 && trials.len() < 100);
        assert!(trials[..2].iter().all(|row| number(row, "reach") == 1.0), "{trials:?}");
        let info = fs::read_to_string(bench.results().join("run.json")).unwrap();
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["complete"], false);
        assert!(stdout.contains("partial"), "{stdout}");
        assert_eq!(rows(&bench.results().join("summary.csv")).len(), 2);
    }
}

#[test]
fn a_killed_conductor_leaves_no_process() {
    let bench = Bench::new(&scenario(&["websocket"], 1, "60s", ""));
    let run = bench.start();
    bench.wait_for("target");
    let worker = bench.wait_for("worker");
    // Its second thread reads orders: it is the conductor's by then, and ends with it.
    let threads = format!("/proc/{}/task", worker.as_raw_nonzero());
    eventually("an attached worker", || (fs::read_dir(&threads).ok()?.count() > 1).then_some(()));
    // Not even a child that is stopped.
    kill_process(worker, Signal::STOP).unwrap();
    run.signal(Signal::KILL);
    drop(run);
    bench.wait_until_gone();
}

#[test]
fn an_objective_missed_exits_1_after_every_file_is_written() {
    let bench = Bench::new(&scenario(&["sse"], 1, "500ms", r#"objectives = ["reach >= 2"]"#));
    let output = bench.run(&[]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("reach >= 2"), "{stdout}");
    assert!(bench.results().join("report.md").exists());
}

#[test]
fn bad_input_exits_2_with_one_message_and_starts_nothing() {
    let good = scenario(&["sse"], 1, "500ms", "");
    let cases: [(&str, String, &[&str], &[&str]); 6] = [
        (
            "mistyped key",
            good.replace("clients", "clinets"),
            &[],
            &["test.toml:", "clinets", "clients"],
        ),
        (
            "impossible number",
            good.replace("clients = 20", "clients = 0"),
            &[],
            &["test.toml:", "clients"],
        ),
        (
            "unknown --set key",
            good.clone(),
            &["--set", "workload.clinets=3"],
            &["--set", "clinets", "clients"],
        ),
        (
            "unknown objective",
            good.replace("[workload]", "objectives = [\"freshnes_p99 < 1s\"]\n[workload]"),
            &[],
            &["freshnes_p99", "freshness_p99"],
        ),
        ("no trials", good.clone(), &["--trials", "0"], &["trials"]),
        (
            "too many descriptors",
            good.replace("clients = 20", "clients = \"10M\""),
            &[],
            &["descriptors", "clients"],
        ),
    ];
    for (what, text, arguments, expected) in cases {
        let bench = Bench::new(&text);
        let output = bench.run(arguments);
        let stderr = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {stderr}");
        for part in expected {
            assert!(stderr.contains(part), "{what}: '{part}' in {stderr}");
        }
        assert!(!bench.out().exists(), "{what}");
    }
}

#[test]
fn a_missing_file_and_an_unwritable_folder_are_named() {
    let bench = Bench::new(&scenario(&["sse"], 1, "500ms", ""));
    let output = bench.run(&["no-such-scenario.toml"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("no-such-scenario.toml"), "{stderr}");
    assert!(!bench.out().exists(), "everything is checked before anything runs");

    fs::write(bench.out(), "a file where the folder should be").unwrap();
    let output = bench.run(&[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("results") && stderr.contains("--out"), "{stderr}");
}
