//! Attribution of pauses: a stopped worker makes its trial invalid and is named; a stopped target is a result.

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Bench, eventually, number, scenario, text};

/// How long a process is stopped: the subject of these tests, not a wait for anything.
const STOP: Duration = Duration::from_secs(1);

/// Whether the measure window of this process is about to begin (within 20 ms) or has begun: its meters run.
fn is_measuring(process: Pid) -> bool {
    let directory = format!("/proc/{}/task", process.as_raw_nonzero());
    let tasks = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("hiccup"))
}

/// Stops a process for [`STOP`] in its measure window.
fn stop(process: Pid) {
    eventually("the measure window", || is_measuring(process).then_some(()));
    kill_process(process, Signal::STOP).unwrap();
    std::thread::sleep(STOP);
    kill_process(process, Signal::CONT).unwrap();
}

fn only(trials: Vec<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    assert_eq!(trials.len(), 1, "{trials:?}");
    trials.into_iter().next().unwrap()
}

/// Calls `stood`, which stops a process on purpose, up to three times until no other process paused: on a shared machine
/// one may. A wrong attribution fails every time.
fn alone(stood: fn() -> bool) {
    assert!((0..3).any(|_| stood()), "another process paused every time");
}

#[test]
fn a_worker_that_is_stopped_makes_its_trial_invalid_and_is_named() {
    alone(stopped_worker);
}

fn stopped_worker() -> bool {
    let more = "worker = { processes = 2, shards = 1 }\nprofile = \"shared\"";
    let bench = Bench::new(&scenario(&["sse"], 1, "4s", more));
    let run = bench.start();
    // The first worker is launched first.
    let workers = eventually("both workers", || {
        let workers = bench.processes("worker");
        (workers.len() == 2).then_some(workers)
    });
    stop(*workers.iter().min_by_key(|pid| pid.as_raw_nonzero()).unwrap());
    let output = run.finish();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let trial = only(bench.trials());
    assert_eq!((trial["verdict"].as_str(), trial["profile"].as_str()), ("invalid", "shared"));
    let reasons = &trial["verdict_reasons"];
    assert!(reasons.contains("worker 1 stalled for"), "{reasons}");
    let other = reasons.contains("worker 2") || reasons.contains("workers stalled");
    assert!(number(&trial, "hiccup_ns_max") >= 0.9e9, "{trial:?}");
    // Missed deliveries are accounted for, and none is lost.
    assert_eq!(trial["expected"], trial["delivered"], "{trial:?}");
    bench.wait_until_gone();
    !other
}

#[test]
fn a_target_that_is_stopped_is_a_result_and_shows_in_the_percentiles() {
    alone(stopped_target);
}

fn stopped_target() -> bool {
    let bench = Bench::new(&scenario(&["request"], 1, "4s", "profile = \"shared\""));
    let run = bench.start();
    stop(bench.wait_for("target"));
    let output = run.finish();
    let trial = only(bench.trials());
    let reasons = &trial["verdict_reasons"];
    assert_ne!(trial["verdict"], "failed", "{reasons} {}", text(&output.stderr));
    let other = reasons.contains("stalled for");
    assert!(number(&trial, "target_hiccup_ns_max") >= 0.9e9, "{trial:?}");
    // Stopped for S of a window of D, the q-quantile is S − (1 − q)·D: 0.96 s at the 99th percentile. A window that began
    // up to 20 ms after the stop, or a target that resumed late, moves it by as much.
    assert!(other || number(&trial, "response_ns_p99") >= 0.85e9, "{trial:?}");
    assert_eq!(trial["expected"], trial["delivered"], "{trial:?}");
    bench.wait_until_gone();
    !other
}

#[test]
fn every_row_and_run_json_have_the_machine_checks() {
    let bench = Bench::new(&scenario(&["short-poll"], 1, "1s", ""));
    let output = bench.measure(&["--quiet"]);
    let trial = only(bench.trials());
    for measured in ["hiccup_ns_p999", "target_hiccup_ns_p999", "slip_share_of_response"] {
        assert!(number(&trial, measured) > 0.0, "{measured}: {trial:?} {}", text(&output.stderr));
    }
    assert!(number(&trial, "hiccup_ns_p999") <= number(&trial, "hiccup_ns_max"), "{trial:?}");
    for share in ["steal_share", "throttled_share", "run_delay_share"] {
        // Empty where the kernel does not tell.
        assert!(trial[share].is_empty() || number(&trial, share) >= 0.0, "{share}: {trial:?}");
    }
    let info = fs::read_to_string(bench.results().join("run.json")).unwrap();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["profiles"], serde_json::json!([trial["profile"]]));
    let report = fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(
        report.contains(&format!("Judged by the limits of a {} host", trial["profile"])),
        "{report}"
    );
}
