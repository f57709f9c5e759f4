//! What a folder of a gate can be broken in: each is refused with status 2 and its own words, and never a pass.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::gate::{replay, trials};
use crate::support::text;

type Break = fn(&Path);

fn edit(folder: &Path, name: &str, change: impl Fn(String) -> String) {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "nothing was broken");
    fs::write(path, changed).unwrap();
}
fn cells(folder: &Path, column: &str, cell: &str) {
    edit(folder, "gate.csv", |text| {
        let head = text.lines().next().unwrap();
        let at = head.split(',').position(|name| name == column).unwrap();
        let line = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[at] = cell;
            cells.join(",")
        };
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(n, text)| if n == 2 { line(text) } else { text.to_owned() })
            .collect();
        lines.join("\n") + "\n"
    });
}

/// What is done to a whole folder, and what the refusal says.
const BREAKS: &[(Break, &str)] = &[
    (|f| fs::remove_file(f.join("gate.json")).unwrap(), "is not the folder of a gate"),
    (|f| fs::remove_file(f.join("gate.csv")).unwrap(), "gate.csv cannot be read"),
    (|f| fs::write(f.join("gate.csv"), "").unwrap(), "gate.csv"),
    (|f| edit(f, "gate.csv", |t| t[..t.len() - 5].to_owned()), "the line is cut off"),
    (
        |f| edit(f, "gate.csv", |t| t.lines().take(2).fold(String::new(), |a, l| a + l + "\n")),
        "rows are missing or were added",
    ),
    (|f| edit(f, "gate.json", |t| t[..t.len() / 2].to_owned()), "is not whole, or not JSON"),
    (
        |f| {
            edit(f, "gate.json", |t| {
                t.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1)
            });
        },
        "schema_version 2",
    ),
    (
        |f| edit(f, "gate.json", |t| t.replacen("\"schema_version\": 1,", "", 1)),
        "no schema_version",
    ),
    (
        |f| edit(f, "gate.json", |t| t.replacen("\"tolerance\": 0.2", "\"tolerance\": -0.2", 1)),
        "the tolerance of freshness_ns_p50 is -0.2",
    ),
    (
        |f| edit(f, "gate.json", |t| t.replace("\"gated\": true", "\"gated\": false")),
        "no case has a metric",
    ),
    (|f| cells(f, "schema_version", "7"), "line 3: schema_version 7"),
    (|f| cells(f, "freshness_ns_p50", "NaN"), "line 3: freshness_ns_p50: 'NaN' is not a number"),
    (|f| cells(f, "freshness_ns_p50", "inf"), "'inf' is not a number"),
    (|f| cells(f, "freshness_ns_p50", "-1"), "'-1' is not a number of 0 or more"),
    (|f| cells(f, "lost", "1000"), "line 3: delivered + lost + superseded is not expected"),
    (|f| cells(f, "verdict", "splendid"), "'splendid' is not a verdict"),
    (|f| cells(f, "arm", "both"), "'both' is neither base nor head"),
    (|f| cells(f, "case", "websocket"), "case 'websocket' is not one of gate.json"),
    (
        |f| {
            edit(f, "gate.csv", |t| {
                let second = t.lines().nth(1).unwrap().to_owned();
                let line =
                    |(n, line): (usize, &str)| if n == 2 { second.clone() } else { line.into() };
                t.lines().enumerate().map(line).map(|line| line + "\n").collect()
            });
        },
        "is there twice",
    ),
    (
        |f| {
            edit(f, "gate.csv", |t| {
                t.replace(",base,", ",swap,")
                    .replace(",head,", ",base,")
                    .replace(",swap,", ",head,")
            });
        },
        "drew",
    ),
    (
        |f| edit(f, "gate.csv", |t| t.replacen("freshness_ns_p50", "freshness", 1)),
        "column 'freshness_ns_p50' is missing",
    ),
    (
        |f| {
            edit(f, "gate.csv", |t| {
                t.lines()
                    .enumerate()
                    .map(|(n, l)| if n == 1 { "1,sse\n".to_owned() } else { format!("{l}\n") })
                    .collect()
            });
        },
        "line 2",
    ),
    (
        // No trial of the head is left, and gate.json counts what is there.
        |f| {
            edit(f, "gate.csv", |t| {
                t.split_inclusive('\n').filter(|l| !l.contains(",head,")).collect()
            });
            let left = trials(f);
            edit(f, "gate.json", |t| {
                let at = t.find("\"trials\": ").unwrap();
                let end = at + t[at..].find(',').unwrap();
                format!("{}\"trials\": {left}{}", &t[..at], &t[end..])
            });
        },
        "case sse has no trial of head",
    ),
];

/// A gate that was killed wrote no end, and rows may be missing: it is inconclusive, in its JUnit file too. A replay that is refused
/// leaves no file of an earlier one.
fn killed(whole: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::copy(whole.join("gate.csv"), path("gate.csv")).unwrap();
    let mut document: Value =
        serde_json::from_slice(&fs::read(whole.join("gate.json")).unwrap()).unwrap();
    for key in ["finished_utc", "trials", "result"] {
        document[key] = Value::Null;
    }
    fs::write(path("gate.json"), document.to_string()).unwrap();
    let junit = || {
        let replayed = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["gate", "--replay", "."])
            .args(["--junit", "gate.xml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let file = fs::read_to_string(path("gate.xml")).unwrap();
        (replayed.status.code(), file, text(&replayed.stdout))
    };
    let (status, file, said) = junit();
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("INCONCLUSIVE: stopped by a kill"), "{said}");
    assert!(!file.contains("<failure") && file.contains("<skipped"), "{file}");
    fs::remove_file(path("gate.csv")).unwrap();
    let (status, file, _) = junit();
    assert_eq!(status, Some(2));
    assert!(!file.contains("stopped by a kill") && file.contains("<error"), "{file}");
}

/// Breaks copies of `whole`, the folder of a gate that failed.
pub(crate) fn broken_inputs(whole: &Path) {
    for (number, (breaks, expected)) in BREAKS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["gate.csv", "gate.json"] {
            fs::copy(whole.join(name), folder.path().join(name)).unwrap();
        }
        breaks(folder.path());
        let refused = replay(folder.path());
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{number}: {said}");
        assert!(said.contains(expected), "{number}: expected '{expected}', and it said {said}");
        assert!(refused.stdout.is_empty(), "{number}: no decision beside a refusal");
    }
    killed(whole);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(replay(empty.path()).status.code(), Some(2));
    assert_eq!(replay(&empty.path().join("none")).status.code(), Some(2));
    // A run of its own is not a gate.
    let run = replay(&whole.join("base"));
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
}
