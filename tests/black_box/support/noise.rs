//! Which reasons may make a trial doubtful or unusable in a test: the machine's noise, shown by the row's own figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use super::{rows, text};

/// Words of a reason that a busy machine may cause, and the columns of which one must show that it did: over the figure.
///
/// Accounts are no noise: a ledger, a count of events or connections, a handshake, a clock is never excused.
const NOISE: &[(&str, &[(&str, f64)])] = &[
    ("stood still for", &[("hiccup_ns_max", 50e6)]),
    ("late at the 99th percentile", &[("slip_ns_p99", 50e3), ("send_slip_ns_p99", 50e3)]),
    ("the generator's own lateness is", &[("slip_ns_p99", 0.0), ("send_slip_ns_p99", 0.0)]),
    ("woke their thread late", &[("hiccup_ns_p999", 0.5e6)]),
    ("waited for a core", &[("run_delay_share", 0.005)]),
    ("the hypervisor took", &[("steal_share", 0.0)]),
    ("a CPU quota held", &[("throttled_share", 0.0)]),
    ("the workers used", &[("worker_cpu_share", 0.6)]),
    // A window of a second or two is unsteady wherever the machine paused in it.
    ("still belong to the warm-up", &[("hiccup_ns_max", 1e6)]),
    ("over the window, where 10 % are allowed", &[("hiccup_ns_max", 1e6)]),
    // A worker that stood still until the window was over.
    ("scheduled requests were sent", &[("hiccup_ns_max", 100e6)]),
    ("that they were to publish", &[("hiccup_ns_max", 100e6)]),
];

/// What is said of a window that a scenario disturbs on purpose.
pub const UNSTEADY: [&str; 2] =
    ["still belong to the warm-up", "over the window, where 10 % are allowed"];

/// Reasons that a test's own scenario gives.
pub type Expected<'a> = &'a [&'a str];

/// Asserts that a run was measured: its status is 0 or 3, and what makes a trial or a floor doubtful is noise alone.
pub fn only_noise(results: &Path, output: &Output) {
    only_noise_and(results, output, &[]);
}

/// The same where the scenario itself gives reasons with these words.
pub fn only_noise_and(results: &Path, output: &Output, expected: Expected) {
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let (trials, floor) = (rows(&results.join("trials.csv")), results.join("floor.csv"));
    let floors = if floor.exists() { rows(&floor) } else { Vec::new() };
    let mut spoilt = 0;
    for row in trials.iter().chain(&floors) {
        if let Some(reason) = other_than_noise(row, expected) {
            panic!("no noise: {reason}\n{row:?}");
        }
        spoilt += usize::from(row["verdict"] == "invalid");
    }
    // Nothing but spoilt trials keeps a run from a conclusion.
    assert!(code == Some(0) || spoilt > 0, "{}", text(&output.stderr));
}

/// The first reason of a row that is neither noise nor expected, or that it is failed or doubtful without one.
fn other_than_noise(row: &BTreeMap<String, String>, expected: Expected) -> Option<String> {
    let (verdict, reasons) = (row["verdict"].as_str(), row["verdict_reasons"].as_str());
    if verdict == "failed" || (verdict != "valid") == reasons.is_empty() {
        return Some(format!("{verdict}: '{reasons}'"));
    }
    let noise = |reason: &str| {
        let shown = |(column, least): &(&str, f64)| {
            // A floor has no column for it.
            row.get(*column).is_none_or(|cell| {
                cell.trim_start_matches('>').parse::<f64>().is_ok_and(|figure| figure > *least)
            })
        };
        NOISE.iter().any(|(words, columns)| reason.contains(words) && columns.iter().any(shown))
    };
    let given = |reason: &str| expected.iter().any(|words| reason.contains(words));
    let mut reasons = reasons.split(" | ").filter(|reason| !reason.is_empty());
    reasons.find(|reason| !noise(reason) && !given(reason)).map(str::to_owned)
}

#[test]
fn accounts_are_no_noise_and_noise_shows_in_its_column() {
    let row = |verdict: &str, reasons: &str, hiccup: &str| {
        [("verdict", verdict), ("verdict_reasons", reasons), ("hiccup_ns_max", hiccup)]
            .map(|(column, cell)| (column.to_owned(), cell.to_owned()))
            .into()
    };
    let stood = "worker 1 stood still for 700 ms, and 500 ms is the most";
    let ledger = "the ledger does not balance: 5 expected, 4 delivered and 0 lost";
    for (verdict, reasons, hiccup, excused) in [
        ("valid", "", "60000", true),
        ("invalid", stood, "700000000", true),
        ("invalid", stood, "60000", false),
        ("invalid", stood, "", false),
        ("invalid", ledger, "700000000", false),
        ("invalid", &format!("{stood} | {ledger}"), "700000000", false),
        ("invalid", "21 connections were opened for 20 links", "700000000", false),
        ("invalid", "", "700000000", false),
        ("failed", stood, "700000000", false),
    ] {
        let found = other_than_noise(&row(verdict, reasons, hiccup), &[]);
        assert_eq!(found.is_none(), excused, "{verdict}: {reasons}: {found:?}");
    }
    assert_eq!(other_than_noise(&row("degraded", "so it was meant", "1"), &["was meant"]), None);
}

/// Holds a folder of results to the same, where `scripts/test` names one: it accepts status 3 for noise alone.
#[test]
fn the_named_results_are_doubtful_for_noise_alone() {
    let Some(folder) = std::env::var_os("TIDINGS_TEST_RESULTS") else { return };
    let trials = rows(&Path::new(&folder).join("trials.csv"));
    assert!(!trials.is_empty());
    for row in &trials {
        assert_eq!(other_than_noise(row, &[]), None, "{row:?}");
    }
}
