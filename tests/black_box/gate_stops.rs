//! Gates that end before their decision: what their files say then.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tidings::gate::document::{Document, GateCase, GateSide, GatedMetric, Terms};
use tidings::gate::table::{Account, Appender, Row};
use tidings::gate::{Arm, Order, Worse};
use tidings::measure::Host;
use tidings::record::{Build, Figure, SCHEMA_VERSION, Verdict};

use crate::gate::{BINARY, Bench, document, replay};
use crate::support::{rows, text};

const METRIC: &str = "freshness_ns_p50";

/// Twelve blocks of trials that differ in nothing but what is named here.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// The head's freshness, as a multiple of the base's.
    head: f64,
    /// The later trial of a side, as a multiple of the earlier one.
    later: f64,
    /// What each head trial loses.
    lost: u64,
}

const EQUAL: Shape = Shape { head: 1.0, later: 1.0, lost: 0 };

/// Writes the folder of a gate that ended after twelve blocks.
fn write_gate(folder: &Path, shape: Shape, stopped_by: Option<&str>) {
    let metric =
        GatedMetric { column: METRIC.to_owned(), tolerance: 0.05, worse: Worse::More, gated: true };
    let terms = Terms {
        cases: vec![GateCase { id: "sse".to_owned(), columns: vec![METRIC.to_owned()] }],
        metrics: vec![metric],
        seed: 1,
        blocks: 12,
        fewest_blocks: 7,
        budget_s: 60.0,
        drain_s: 1.0,
    };
    let mut table = Appender::create(folder, &terms).unwrap();
    let mut trials = [0; 2];
    for block in 1..=12 {
        for (arm, slot) in Order::draw(terms.seed, 0, block).arms().into_iter().zip(1..) {
            let of_head = arm == Arm::Head;
            let trial = &mut trials[usize::from(of_head)];
            *trial += 1;
            let lost = if of_head { shape.lost } else { 0 };
            let side = if of_head { shape.head } else { 1.0 };
            let later = if *trial % 2 == 0 { shape.later } else { 1.0 };
            let row = Row {
                case: "sse".to_owned(),
                block,
                slot,
                arm,
                trial: *trial,
                verdict: Verdict::Valid,
                account: Some(Account {
                    expected: 100,
                    delivered: 100 - lost,
                    lost,
                    duplicate: 0,
                    superseded: 0,
                }),
                slowest_ns: Some(9e6),
                values: vec![Some(Figure::Value(5e6 * side * later))],
            };
            table.append(&row).unwrap();
        }
    }
    let side = |what: &str| GateSide { what: what.to_owned(), revision: None };
    let gate = Document {
        schema_version: SCHEMA_VERSION,
        build: Build::this(),
        scenario: "pair".to_owned(),
        base: side("a"),
        head: side("b"),
        terms,
        started_utc: "2026-11-29T10:00:00Z".to_owned(),
        finished_utc: Some("2026-11-29T10:01:00Z".to_owned()),
        stopped_by: stopped_by.map(str::to_owned),
        trials: Some(48),
        notes: Vec::new(),
        host: Host::read(),
        command: Vec::new(),
        result: Value::Null,
    };
    gate.write(folder).unwrap();
}

/// Replays a gate; returns its exit status, its JUnit file, and what it printed.
fn junit(shape: Shape, stopped_by: Option<&str>) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    write_gate(folder.path(), shape, stopped_by);
    let replayed = Command::new(BINARY)
        .args(["gate", "--replay", ".", "--junit", "gate.xml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let file = fs::read_to_string(folder.path().join("gate.xml")).unwrap();
    (replayed.status.code(), file, text(&replayed.stdout) + &text(&replayed.stderr))
}

/// What the blocks of a stopped gate show is neither a failure nor a pass in its JUnit file: skipped, beside one error that says
/// that the gate was stopped.
#[test]
fn a_stopped_gate_shows_no_test_as_failed_or_passed() {
    for (shape, status, whole) in [
        (EQUAL, 0, "failures=\"0\" errors=\"0\" skipped=\"0\""),
        (Shape { head: 1.5, ..EQUAL }, 1, "failures=\"1\" errors=\"0\" skipped=\"0\""),
        (Shape { lost: 3, ..EQUAL }, 1, "failures=\"1\" errors=\"0\" skipped=\"0\""),
        (Shape { later: 2.0, ..EQUAL }, 3, "failures=\"0\" errors=\"1\" skipped=\"0\""),
    ] {
        let (ended, file, said) = junit(shape, None);
        assert_eq!(ended, Some(status), "{shape:?}: {said}");
        assert!(file.contains(whole), "{shape:?}: {file}");
        let (ended, file, said) = junit(shape, Some("SIGTERM"));
        assert_eq!(ended, Some(3), "{shape:?}: {said}");
        assert!(said.contains("INCONCLUSIVE: stopped by SIGTERM after 12 blocks"), "{said}");
        let counts = "tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"2\"";
        assert!(file.contains(counts), "{shape:?}: {file}");
        for (name, told) in [
            (
                "freshness_p50",
                "<skipped message=\"not judged: the gate was stopped before it decided",
            ),
            (
                "no deliveries lost or repeated",
                "<skipped message=\"not judged: the gate was stopped",
            ),
            ("completes", "<error type=\"error\" message=\"stopped by SIGTERM after 12 blocks\""),
        ] {
            let test = format!("name=\"{name}\"");
            let line = file.lines().find(|line| line.contains(&test)).expect(&file);
            assert!(line.contains(told), "{shape:?}: {line}");
        }
    }
}

/// Both sides are one command whose first two processes, which the warm-up has, serve; later ones are killed within their trial.
#[test]
fn a_gate_whose_server_dies_after_the_warm_up_stops_after_three_blocks() {
    let bench = Bench::new();
    let server = format!(
        "echo >> launches\n\
         if [ $(wc -l < launches) -gt 2 ]; then (sleep 0.3; kill -9 $$) & fi\n\
         exec {BINARY} serve --rate 0/s --topics 2 --shards 1 --listen 127.0.0.1:$1\n"
    );
    fs::write(bench.folder.path().join("server.sh"), server).unwrap();
    let side = "sh server.sh {{port}}";
    let ended = bench.gate(&["--base", side, "--head", side, "--junit", "gate.xml"]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(ended.stdout.is_empty(), "no decision beside an error");
    let folder = bench.results().unwrap();
    let table = rows(&folder.join("gate.csv"));
    let ends: Vec<[&str; 2]> =
        table.iter().map(|row| [row["block"].as_str(), row["verdict"].as_str()]).collect();
    assert_eq!(ends, [["1", "failed"], ["2", "failed"], ["3", "failed"]], "{said}");
    for expected in [
        "the gate ended early; its files are in out/pair/",
        "sse: 3 blocks in a row ended at a failed trial, the last one of the ",
        &format!("the last one of the {}: the server 'sh' ", table[2]["arm"]),
        ". Check that the server is still up and survives a trial, and run the gate again",
    ] {
        assert!(said.contains(expected), "expected '{expected}', and it said {said}");
    }
    assert!(!said.contains(".. "), "{said}");
    let told: Value = serde_json::from_slice(&fs::read(folder.join("gate.json")).unwrap()).unwrap();
    assert_eq!((&told["stopped_by"], &told["trials"]), (&"an error".into(), &3.into()));
    assert_eq!(told["result"]["outcome"], "inconclusive");
    let file = fs::read_to_string(bench.folder.path().join("gate.xml")).unwrap();
    assert!(file.contains("tests=\"4\" failures=\"0\" errors=\"1\" skipped=\"3\""), "{file}");
    let again = replay(&folder);
    assert_eq!(again.status.code(), Some(3), "never a pass: {}", text(&again.stderr));
    assert_eq!(document(&again)["result"]["outcome"], "inconclusive");
}
