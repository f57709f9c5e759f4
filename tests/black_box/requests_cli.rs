//! `tidings run` and `plan` of clients that ask: closed loops are named, raw samples written, delays counted.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use support::{Bench, number, rows, text};

type Row = BTreeMap<String, String>;

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
        let received = rows(&bench.results().join("deliveries.csv"));
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
            deliveries_as_counted(&trial, &received, samples);
        }
        let page = fs::read_to_string(bench.results().join("report.md")).unwrap();
        assert!(stdout.replace("\n  ", " ").contains(NAMED), "{stdout}");
        assert!(
            page.contains(NAMED) && page.contains("samples.csv") && page.contains("deliveries.csv"),
            "{page}"
        );
        assert!(page.contains("waited for the next poll"), "{page}");
    }
}

/// The rows of one trial in `deliveries.csv`: the first deliveries, each once, with stamps that fit together.
fn deliveries_as_counted(trial: &Row, all: &[Row], samples: usize) {
    let own: Vec<_> = all
        .iter()
        .filter(|row| ["case", "trial"].iter().all(|of| row[*of] == trial[*of]))
        .collect();
    let delivered =
        if trial["pattern"] == "request" { 0.0 } else { number(trial, "delivered") } as usize;
    assert_eq!(own.len(), delivered.min(samples), "{trial:?}");
    assert!(own.is_sorted_by_key(|row| number(row, "due_ns") as i64), "{trial:?}");
    let events: BTreeSet<_> = own.iter().map(|row| (&row["link"], &row["seq"])).collect();
    assert_eq!(events.len(), own.len(), "{trial:?}");
    let whole = |row: &Row, name: &str| row[name].parse::<i64>().unwrap();
    // The window began at one instant of the host's clock.
    let starts: BTreeSet<_> =
        own.iter().map(|row| whole(row, "received_clock_ns") - whole(row, "received_ns")).collect();
    assert!(starts.len() <= 1, "{starts:?}");
    for row in own {
        assert!((0..500_000_000).contains(&whole(row, "due_ns")), "{row:?}");
        assert!(whole(row, "received_ns") >= whole(row, "due_ns"), "{row:?}");
        assert!((1..=100_000).contains(&whole(row, "seq")), "{row:?}");
        assert_eq!(row["topic"], "0", "{row:?}");
    }
}

/// The columns of clients that ask, and the account of a closed loop.
fn asked_as_told(trial: &Row) {
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
    for file in ["samples.csv", "deliveries.csv"] {
        assert!(!bench.results().join(file).exists(), "{file}");
    }
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
        out.contains(
            "raw samples of the first 10000 requests or polls, and deliveries, per worker shard"
        ),
        "{out}"
    );
    let many = plan(&["--set", "worker.samples=1M", "--set", "worker.shards=2"]);
    let err = text(&many.stderr);
    assert_eq!(many.status.code(), Some(2), "{err}");
    assert!(err.contains("lower worker.samples to at most 500000"), "{err}");
}
