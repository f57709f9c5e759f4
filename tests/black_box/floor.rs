#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! The noise floor through `tidings run`: measured among the trials, written to its own file, shown in every report, and
//! excluded from every summary.

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use support::{Bench, number, rows, scenario, text};

fn with_floor(patterns: &[&str], trials: u32) -> Bench {
    Bench::new(&scenario(patterns, trials, "600ms", "").replace("floor = false", "floor = true"))
}

fn floors(bench: &Bench) -> Vec<BTreeMap<String, String>> {
    rows(&bench.results().join("floor.csv"))
}

#[test]
fn floors_have_exact_ledgers_and_are_not_trials() {
    let bench = with_floor(&["request", "sse", "websocket"], 2);
    let output = bench.measure(&[]);
    let stderr = text(&output.stderr);
    let mut floors = floors(&bench);
    floors.sort_by_key(|row| row["metric"].clone());
    let of: Vec<_> =
        floors.iter().map(|row| (row["metric"].as_str(), row["cases"].as_str())).collect();
    assert_eq!(of, [("freshness", "sse | websocket"), ("response", "request")]);
    for row in &floors {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0, "{row:?}");
        assert_eq!(number(row, "delivered"), number(row, "expected"), "{row:?}");
        for nothing in ["lost", "duplicate", "reordered"] {
            assert_eq!(number(row, nothing), 0.0, "{nothing}: {row:?}");
        }
        let quantiles = ["p50", "p90", "p99"].map(|q| number(row, &format!("floor_ns_{q}")));
        assert!(quantiles[0] > 0.0 && quantiles.is_sorted(), "{row:?}");
        assert!(number(row, "after_trials") <= 3.0, "in the first block: {row:?}");
        assert!(stderr.contains(&format!("noise floor of {}", row["metric"])), "{stderr}");
    }
    // The same events as the trials of the first block, whose window is as long.
    let trials = bench.trials();
    let first = trials.iter().find(|row| row["case"] == "sse" && row["block"] == "1").unwrap();
    assert_eq!(number(&floors[0], "expected"), number(first, "expected"));

    assert_eq!(trials.len(), 6);
    let cases: Vec<_> =
        rows(&bench.results().join("summary.csv")).iter().map(|row| row["case"].clone()).collect();
    assert_eq!(cases, ["request", "sse", "websocket"]);
    for file in ["timeline.csv", "percentiles.csv", "histograms.hlog"] {
        let text = fs::read_to_string(bench.results().join(file)).unwrap();
        assert!(!text.contains("floor"), "{file}");
    }
    let info = fs::read_to_string(bench.results().join("run.json")).unwrap();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!((info["plan"].as_array().unwrap().len(), &info["complete"]), (6, &true.into()));
    bench.wait_until_gone();
}

#[test]
fn the_report_describes_the_floors_and_is_the_same_when_repeated() {
    let bench = with_floor(&["websocket"], 1);
    let output = bench.measure(&["--quiet"]);
    let stdout = text(&output.stdout);
    let usable = ["valid", "degraded"].contains(&floors(&bench)[0]["verdict"].as_str());
    let told = if usable { "Noise floor: freshness p50 " } else { "unknown. Its trial is" };
    assert!(stdout.contains(told), "{stdout}");
    let page = || fs::read_to_string(bench.results().join("report.md")).unwrap();
    let (before, summary) = (page(), fs::read(bench.results().join("summary.csv")).unwrap());
    assert!(before.contains("## Noise floor") && before.contains("(floor.csv)"), "{before}");
    let again = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .arg("report")
        .arg(bench.results())
        .output()
        .unwrap();
    let (first, second) = (stdout.trim_end(), text(&again.stdout));
    let table = |printed: &str| printed.rsplit_once('\n').unwrap().0.trim_end().to_owned();
    assert_eq!(table(first), table(second.trim_end()));
    assert_eq!((page(), fs::read(bench.results().join("summary.csv")).unwrap()), (before, summary));

    // What was written before there were floors is read, too.
    fs::remove_file(bench.results().join("floor.csv")).unwrap();
    let without = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .arg("report")
        .arg(bench.results())
        .output()
        .unwrap();
    assert!(without.status.success(), "{without:?}");
    assert!(text(&without.stdout).contains("No noise floor was measured."));
    let row = &rows(&bench.results().join("summary.csv"))[0];
    assert_eq!((row["floor_ratio_p50"].as_str(), row["floor_ratio_p99"].as_str()), ("", ""));
}

#[test]
fn a_scenario_can_omit_the_floor() {
    let bench = Bench::new(&scenario(&["sse"], 1, "500ms", ""));
    let output = bench.measure(&[]);
    assert!(!bench.results().join("floor.csv").exists());
    assert!(text(&output.stdout).contains("No noise floor was measured."));
}

#[test]
fn every_operation_of_a_mix_is_answered_by_the_null_target() {
    let mix = "mix = { create = 1, read = 1, replace = 1, delete = 1, list = 1 }\n";
    let text =
        scenario(&["request"], 1, "600ms", "").replace("floor = false", "floor = true") + mix;
    let bench = Bench::new(&text);
    bench.measure(&[]);
    let row = &floors(&bench)[0];
    assert!(number(row, "delivered") > 50.0, "{row:?}");
    assert_eq!(number(row, "lost"), 0.0, "{row:?}");
}

#[test]
fn several_workers_and_shards_share_a_floor_exactly() {
    let more = "worker = { processes = 2, shards = 2 }\ntarget = { shards = 3 }";
    let text = scenario(&["sse"], 1, "600ms", more).replace("floor = false", "floor = true");
    let bench = Bench::new(&text.replace("rate = \"20/s\"", "rate = \"10/s\"\ntopics = 7"));
    bench.measure(&["--quiet"]);
    let row = &floors(&bench)[0];
    assert_ne!(row["verdict"], "failed", "{row:?}");
    assert!(!row["verdict_reasons"].contains("published"), "{row:?}");
    assert_eq!(number(row, "delivered"), number(row, "expected"), "{row:?}");
}
