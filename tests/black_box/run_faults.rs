#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! Faults through `tidings run`: the ledgers and the figures show exactly what was done to the target.

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output, Stdio};

use support::{Bench, UNSTEADY, number, only_noise_and, rows, scenario, text};
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::scenario::{DropFilter, Faults};

const CLIENTS: u64 = 20;
const UNTIL_NS: u64 = 1_200_000_000;

fn ran(bench: &Bench) -> Output {
    let output = bench.run(&["--quiet"]);
    only_noise_and(&bench.results(), &output, &UNSTEADY);
    output
}

/// The schedule of the test's scenario: 200 ms of warm-up, a second of window.
fn schedule(seed: u64) -> Schedule {
    let process = ArrivalProcess::Poisson;
    Schedule { seed, topics: 1, per_s: 20.0, process, until_ns: UNTIL_NS }
}

/// The seed of the run's only block.
fn seed(bench: &Bench) -> u64 {
    let run = fs::read(bench.results().join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_slice(&run).unwrap();
    run["plan"][0]["seed"].as_u64().unwrap()
}

/// Deliveries that the drop filters of `subscribers` take out of the window of the test's schedule.
fn dropped(seed: u64, subscribers: impl Iterator<Item = u64>) -> u64 {
    let faults = Faults { drop: 0.1, ..Faults::default() };
    let window = schedule(seed).sequences(0, &(200_000_000..UNTIL_NS));
    let of = |subscriber| {
        let drop_filter = DropFilter::new(seed, subscriber, 0, &faults).unwrap();
        window.clone().filter(|seq| drop_filter.drops(*seq)).count() as u64
    };
    subscribers.map(of).sum()
}

#[test]
fn only_dropped_deliveries_are_lost() {
    let patterns = ["short-poll", "long-poll", "sse", "websocket", "webhook"];
    let more = "target = { shards = 1 }\nfaults = { drop = 0.1 }";
    // What is lost is waited for until the end of the drain.
    let scenario = scenario(&patterns, 1, "1s", more).replace("drain = \"5s\"", "drain = \"4s\"");
    let bench = Bench::new(&scenario);
    let output = ran(&bench);
    assert!(text(&output.stdout).contains("faults: drop=0.1"), "{}", text(&output.stdout));
    let report = fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(report.contains("faults: drop=0.1"), "{report}");
    let trials = bench.trials();
    assert_eq!(trials.len(), 5);
    for row in &trials {
        // A webhook's number is its id, from 1; a connection's its place among those that were accepted, from 0.
        let first = u64::from(row["pattern"] == "webhook");
        let expected = dropped(seed(&bench), first..first + CLIENTS) as f64;
        assert!(expected > 0.0, "a seed that drops nothing tests nothing");
        assert_eq!(number(row, "lost"), expected, "{row:?}");
        assert_eq!(number(row, "expected"), number(row, "delivered") + expected, "{row:?}");
        for nothing in ["duplicate", "reordered", "errors"] {
            assert_eq!(number(row, nothing), 0.0, "{nothing}: {row:?}");
        }
    }
}

#[test]
fn a_freeze_a_stall_and_a_delay_show_where_they_should_and_lose_nothing() {
    let more = "target = { shards = 1 }\n[faults]\nfreeze_at = \"400ms\"\nfreeze_for = \"300ms\"\n\
                delay = \"20ms\"\nstall_at = \"100ms\"\nstall_for = \"200ms\"";
    let bench = Bench::new(&scenario(&["request", "short-poll", "sse", "webhook"], 1, "1s", more));
    ran(&bench);
    for row in &bench.trials() {
        assert_eq!(number(row, "expected"), number(row, "delivered"), "{row:?}");
        if row["verdict"] == "invalid" {
            // Its accounts count, its percentiles are nowhere: the machine spoilt them.
            continue;
        }
        let pattern = row["pattern"].as_str();
        let metric = if pattern == "request" { "response" } else { "freshness" };
        let of = |metric| extremes(&bench, pattern, metric);
        // Nothing leaves sooner than the delay allows. Histograms keep three digits.
        assert!(of(metric).0 >= 19.9e6, "{pattern}: {metric} {:?}", of(metric));
        match pattern {
            // Of 200 requests a second some are due within the first third of the freeze.
            "request" => assert!(of(metric).1 >= 200e6, "{:?}", of(metric)),
            // What is due in the stall is published at its end: of 20 a second the first is the longest to wait.
            _ => assert!(of("publish_slip").1 >= slip_ns(&bench) as f64 * 0.998, "{pattern}"),
        }
    }
}

/// The least wait of the longest request that is due in the stall, 300 ms to 500 ms after the start.
fn slip_ns(bench: &Bench) -> u64 {
    let stall = 300_000_000..500_000_000;
    let first = schedule(seed(bench)).topic(0).find(|at| stall.contains(at));
    stall.end - first.expect("an event due in the stall")
}

/// The smallest and the largest sample of a case.
fn extremes(bench: &Bench, case: &str, metric: &str) -> (f64, f64) {
    let rows = rows(&bench.results().join("percentiles.csv"));
    let of = |row: &&BTreeMap<String, String>| row["case"] == case && row["metric"] == metric;
    let values: Vec<f64> = rows.iter().filter(of).map(|row| number(row, "value_ns")).collect();
    assert!(values.len() > 1, "{case} {metric}");
    (values[0], values[values.len() - 1])
}

#[test]
fn a_plan_lists_the_faults() {
    let more = "[faults]\nservice = \"1ms\"\n[sweep]\nfaults.delay = [\"0ms\", \"5ms\"]";
    let bench = Bench::new(&scenario(&["request"], 1, "1s", more));
    let plan = |file: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let output = command.arg("plan").arg(file).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let told = plan(&bench.file());
    assert!(
        told.contains("\nfaults: service=1ms distribution=fixed delay=0ns|5ms (injected"),
        "{told}"
    );
    let none = Bench::new(&scenario(&["request"], 1, "1s", ""));
    assert!(!plan(&none.file()).contains("faults"));
}
