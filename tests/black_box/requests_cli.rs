//! `tidings run` and `plan` of clients that ask: closed loops are named, raw samples written, delays counted.

use crate::support;

use std::fs;
use std::process::Command;

use support::{Bench, number, rows, text};

const SCENARIO: &str = r#"question = "Does it work?"
patterns = ["request", "short-poll", "long-poll", "sse"]
trials = 2
worker = { shards = 1, samples = SAMPLES }
[workload]
clients = 5
rate = "40/s"
[phases]
connect = "50ms"
warmup = "200ms"
measure = "500ms"
drain = "5s"
[request]
loop = "closed"
think = "5ms"
[short-poll]
interval = "50ms"
pace = "after-response"
jitter = 0.5
conditional = true
[long-poll]
gap = "20ms"
"#;

const NAMED: &str = "request: closed loop, subject to coordinated omission";

#[test]
fn samples_are_written_up_to_the_configured_number() {
    for samples in [7, 100_000] {
        let bench = Bench::new(&SCENARIO.replace("SAMPLES", &samples.to_string()));
        let output = bench.measure(&["--quiet"]);
        let stdout = text(&output.stdout);
        let kept = rows(&bench.results().join("samples.csv"));
        for trial in bench.trials() {
            assert_eq!((number(&trial, "lost"), number(&trial, "errors")), (0.0, 0.0), "{trial:?}");
            let own: Vec<_> = kept
                .iter()
                .filter(|row| ["case", "trial", "block"].iter().all(|of| row[*of] == trial[*of]))
                .collect();
            let sent = trial["requests"].parse::<usize>().unwrap_or(0);
            assert_eq!(own.len(), sent.min(samples), "{trial:?}");
            assert!(own.is_sorted_by_key(|row| number(row, "due_ns") as i64), "{trial:?}");
            for row in own {
                let stamps = ["due_ns", "fired_ns", "sent_ns", "first_byte_ns", "done_ns"];
                assert!(stamps.map(|stamp| number(row, stamp) as i64).is_sorted(), "{row:?}");
                assert_eq!(row["error"], "", "{row:?}");
                assert!(["200", "304", "204"].contains(&row["status"].as_str()), "{row:?}");
                let within = |ns: f64| (0.0..500e6).contains(&ns);
                // A held poll is measured where its answer comes.
                let counts = if row["case"] == "long-poll" { "done_ns" } else { "due_ns" };
                assert!(within(number(row, counts)), "{row:?}");
            }
            asked_as_told(&trial);
        }
        let page = fs::read_to_string(bench.results().join("report.md")).unwrap();
        assert!(stdout.replace("\n  ", " ").contains(NAMED), "{stdout}");
        assert!(page.contains(NAMED) && page.contains("samples.csv"), "{page}");
        assert!(page.contains("waited for the next poll"), "{page}");
    }
}

/// The columns of clients that ask, and the account of a closed loop.
fn asked_as_told(trial: &std::collections::BTreeMap<String, String>) {
    let polls = trial["pattern"].ends_with("poll");
    assert_eq!(trial["delayed"].is_empty(), !polls, "{trial:?}");
    if polls {
        assert!(number(trial, "delayed") <= number(trial, "delivered"), "{trial:?}");
    }
    if trial["pattern"] == "request" {
        assert_eq!((trial["loop"].as_str(), trial["requests_per_s"].as_str()), ("closed", ""));
        let expected = &trial["expected"];
        // A worker that slept through the window asked nothing in it.
        assert!(number(trial, "hiccup_ns_max") >= 400e6 || number(trial, "expected") > 0.0);
        for same in ["delivered", "scheduled", "sent", "answered"] {
            assert_eq!(&trial[same], expected, "{same}: {trial:?}");
        }
    } else {
        assert_eq!(trial["loop"], "");
    }
}

#[test]
fn no_samples_file_is_written_by_default() {
    let bench = Bench::new(&SCENARIO.replace("SAMPLES", "0"));
    bench.measure(&["--quiet", "--trials", "1"]);
    assert_eq!(bench.trials().len(), 4);
    assert!(!bench.results().join("samples.csv").exists());
}

#[test]
fn a_plan_names_closed_loops_and_samples() {
    let bench = Bench::new(&SCENARIO.replace("SAMPLES", "\"10k\""));
    let plan = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.arg("plan").arg(bench.file()).args(more).output().unwrap()
    };
    let out = text(&plan(&[]).stdout);
    assert!(out.contains("request: closed loop, next request 5ms after a response"), "{out}");
    assert!(
        out.contains("raw samples of the first 10000 requests or polls per worker shard"),
        "{out}"
    );
    let many = plan(&["--set", "worker.samples=1M", "--set", "worker.shards=2"]);
    let err = text(&many.stderr);
    assert_eq!(many.status.code(), Some(2), "{err}");
    assert!(err.contains("lower worker.samples to at most 500000"), "{err}");
}
