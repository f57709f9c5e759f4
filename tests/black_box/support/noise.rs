//! Which reasons may make a trial doubtful or unusable in a test: the machine's noise, shown by the row's own figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use super::{rows, text};

/// Codes of reasons that a busy machine may cause, and columns of which one must exceed its figure as evidence.
///
/// Accounts are never noise: a ledger, a count of events or connections, a handshake, a clock.
const NOISE: &[(&str, &[(&str, f64)])] = &[
    ("worker_stalled", &[("hiccup_ns_max", 50e6)]),
    ("generator_late", &[("slip_ns_p99", 50e3), ("send_slip_ns_p99", 50e3)]),
    ("generator_share", &[("slip_ns_p99", 0.0), ("send_slip_ns_p99", 0.0)]),
    ("worker_timer_late", &[("hiccup_ns_p999", 0.5e6)]),
    ("cpu_contended", &[("run_delay_share", 0.005)]),
    ("cpu_stolen", &[("steal_share", 0.0)]),
    ("cpu_throttled", &[("throttled_share", 0.0)]),
    // It comes with one of the three above, or with a late timer.
    (
        "disturbance_effect",
        &[("steal_share", 0.0), ("throttled_share", 0.0), ("hiccup_ns_max", 1e6)],
    ),
    ("closed_loop_bound", &[("worker_cpu_share", 0.6)]),
    ("workers_busy", &[("worker_cpu_share", 0.6)]),
    // A window of a second or two is unsteady wherever the machine paused in it. The meters, which look every 10 ms, miss most
    // pauses under 20 ms: that a thread waited for a core at all says as much.
    ("warming_up", UNSTEADY_WITH),
    ("drifting", UNSTEADY_WITH),
    // A worker that stalled until the window was over.
    ("requests_unsent", &[("hiccup_ns_max", 100e6)]),
    ("sends_unsent", &[("hiccup_ns_max", 100e6)]),
];

/// What shows that the machine had other work in a window.
const UNSTEADY_WITH: &[(&str, f64)] =
    &[("hiccup_ns_max", 1e6), ("run_delay_share", 0.0), ("steal_share", 0.0)];

/// Reasons of a window that a scenario disturbs on purpose.
pub(crate) const UNSTEADY: [&str; 2] = ["warming_up", "drifting"];

/// Codes of reasons that a test's own scenario gives.
pub(super) type Expected<'a> = &'a [&'a str];

/// Asserts that a run was measured: its status is 0 or 3, and what makes a trial or a floor doubtful is noise alone.
pub(crate) fn only_noise(results: &Path, output: &Output) {
    only_noise_and(results, output, &[]);
}

/// The same where the scenario itself gives reasons with these codes.
pub(crate) fn only_noise_and(results: &Path, output: &Output, expected: Expected) {
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let spoilt = spoilt_by_noise(results, expected);
    // Nothing but spoilt trials keeps a run from a conclusion.
    assert!(code == Some(0) || spoilt > 0, "{}", text(&output.stderr));
}

/// Asserts that what makes a trial or a floor of a run doubtful is noise, or expected; returns how many are unusable.
pub(crate) fn spoilt_by_noise(results: &Path, expected: Expected) -> usize {
    let (trials, floor) = (rows(&results.join("trials.csv")), results.join("floor.csv"));
    let floors = if floor.exists() { rows(&floor) } else { Vec::new() };
    let mut spoilt = 0;
    for row in trials.iter().chain(&floors) {
        if let Some(reason) = other_than_noise(row, expected) {
            panic!("no noise: {reason}\n{row:?}");
        }
        spoilt += usize::from(row["verdict"] == "invalid");
    }
    spoilt
}

/// The first reason of a row that is neither noise nor expected, or that it is failed or doubtful without one.
fn other_than_noise(row: &BTreeMap<String, String>, expected: Expected) -> Option<String> {
    let (verdict, codes) = (row["verdict"].as_str(), row["verdict_codes"].as_str());
    if verdict == "failed" || (verdict != "valid" && codes.is_empty()) {
        return Some(format!("{verdict}: '{codes}'"));
    }
    let noise = |code: &str| {
        let shown = |(column, least): &(&str, f64)| {
            // A floor has no column for it.
            row.get(*column).is_none_or(|cell| {
                cell.trim_start_matches('>').parse::<f64>().is_ok_and(|figure| figure > *least)
            })
        };
        NOISE.iter().any(|(name, columns)| *name == code && columns.iter().any(shown))
    };
    let mut codes = codes.split(" | ").filter(|code| !code.is_empty());
    let other = |code: &&str| {
        let name = code.split('{').next().unwrap_or_default();
        !noise(name) && !expected.contains(&name)
    };
    codes.find(other).map(str::to_owned)
}

#[test]
fn accounts_are_no_noise_and_noise_shows_in_its_column() {
    let row = |verdict: &str, reasons: &str, hiccup: &str| {
        [("verdict", verdict), ("verdict_codes", reasons), ("hiccup_ns_max", hiccup)]
            .map(|(column, cell)| (column.to_owned(), cell.to_owned()))
            .into()
    };
    let stood = "worker_stalled{\"limit_ns\":500000000.0}";
    let ledger = "ledger_unbalanced{\"expected\":5}";
    for (verdict, reasons, hiccup, excused) in [
        ("valid", "", "60000", true),
        ("invalid", stood, "700000000", true),
        ("invalid", stood, "60000", false),
        ("invalid", stood, "", false),
        ("invalid", ledger, "700000000", false),
        ("invalid", &format!("{stood} | {ledger}"), "700000000", false),
        ("invalid", "connections_surplus{\"connections\":21}", "700000000", false),
        ("invalid", "", "700000000", false),
        ("failed", stood, "700000000", false),
    ] {
        let found = other_than_noise(&row(verdict, reasons, hiccup), &[]);
        assert_eq!(found.is_none(), excused, "{verdict}: {reasons}: {found:?}");
    }
    assert_eq!(other_than_noise(&row("degraded", "meant", "1"), &["meant"]), None);
    let drifts = |delay: &str| {
        let mut row: BTreeMap<_, _> = row("degraded", "drifting{\"slope\":1.0}", "60000");
        row.extend(
            [("run_delay_share", delay), ("steal_share", "0")]
                .map(|(c, v)| (c.to_owned(), v.to_owned())),
        );
        other_than_noise(&row, &[])
    };
    assert_eq!(drifts("0.0004"), None, "a pause that the meters missed");
    assert!(drifts("0").is_some(), "nobody else wanted the cores");
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
