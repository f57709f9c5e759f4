#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! A target that is taken down in the middle of a run, and links that come and go: the ledgers stay exact.

use crate::support;

use std::collections::BTreeMap;

use support::{Bench, UNSTEADY, number, only_noise_and, rows, scenario};

const DELIVERING: [&str; 5] = ["short-poll", "long-poll", "sse", "websocket", "webhook"];

fn trials(more: &str, sets: &[&str]) -> (Bench, Vec<BTreeMap<String, String>>) {
    let bench = Bench::new(&scenario(&DELIVERING, 1, "2s", more));
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    bench.measure(&sets);
    let trials = bench.trials();
    assert_eq!(trials.len(), 5);
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0, "{row:?}");
        let (delivered, lost) = (number(row, "delivered"), number(row, "lost"));
        assert_eq!(number(row, "expected"), delivered + lost, "{row:?}");
    }
    (bench, trials)
}

#[test]
fn nothing_is_lost_or_twice_where_the_log_survives_a_kill() {
    let restart = "restart = { at = \"500ms\", down = \"300ms\" }\nsse = { retry = \"20ms\" }";
    let (bench, trials) = trials(restart, &[]);
    for row in &trials {
        assert_eq!((number(row, "lost"), number(row, "duplicate")), (0.0, 0.0), "{row:?}");
        assert!(number(row, "reconnects") >= 20.0, "every link comes back: {row:?}");
        // A worker that was held up from the kill until all were back heard of it too late.
        let heard = number(row, "hiccup_ns_max") < 200e6;
        assert!(
            !heard || number(row, "recovery_ns") >= 300e6,
            "not before the target does: {row:?}"
        );
        assert!(number(row, "dials") >= 40.0, "{row:?}");
        let peak = number(row, "dials_per_10ms_max");
        assert!(
            !heard || (1.0..=number(row, "dials") - 20.0).contains(&peak),
            "of those that come back: {row:?}"
        );
        // Events due during the outage are late, but delivered.
        assert!(number(row, "freshness_ns_max") >= 50e6, "{row:?}");
        assert!(
            number(row, "target_cpu_ns_per_delivery") > 0.0,
            "read over both processes: {row:?}"
        );
    }
    let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(report.contains("## Restart\n\n- short-poll: "), "{report}");
    let timeline = rows(&bench.results().join("timeline.csv"));
    let dialled: f64 =
        timeline.iter().filter(|row| row["case"] == "sse").map(|row| number(row, "dials")).sum();
    assert!(dialled >= 20.0, "the storm stands in the timeline: {dialled}");
    bench.wait_until_gone();
}

#[test]
fn delayed_pushes_go_on_after_a_restart_too() {
    let more = "restart = { at = \"500ms\", down = \"200ms\" }\nsse = { retry = \"20ms\" }\n\
                faults = { delay = \"5ms\" }";
    for row in &trials(more, &[]).1 {
        assert_eq!((number(row, "lost"), number(row, "duplicate")), (0.0, 0.0), "{row:?}");
    }
}

#[test]
fn a_goodbye_loses_nothing_either_and_without_jitter_all_come_back_too() {
    let restart = "restart = { at = \"500ms\", down = \"200ms\", graceful = true }\nsse = { retry = \"20ms\" }\n\
                   reconnect = { jitter = false }";
    for row in &trials(restart, &[]).1 {
        assert_eq!((number(row, "lost"), number(row, "duplicate")), (0.0, 0.0), "{row:?}");
        let heard = number(row, "hiccup_ns_max") < 200e6;
        assert!(!heard || !row["recovery_ns"].is_empty(), "{row:?}");
    }
}

#[test]
fn events_of_a_lost_log_are_announced_and_counted_as_lost() {
    let restart = "restart = { at = \"900ms\", down = \"100ms\", log = \"lost\" }\nsse = { retry = \"20ms\" }";
    // A poll a second leaves most of a second's events unfetched when the target goes.
    let (_bench, trials) = trials(restart, &["short-poll.interval=1s"]);
    for row in &trials {
        let (lost, skipped) = (number(row, "lost"), number(row, "skipped"));
        assert_eq!(number(row, "duplicate"), 0.0, "{row:?}");
        assert!(
            lost <= skipped || row["pattern"] == "webhook",
            "nothing is lost silently: {row:?}"
        );
        if row["pattern"] == "short-poll" {
            assert!(lost > 0.0, "{row:?}");
        }
    }
}

#[test]
fn churning_links_lose_nothing() {
    let bench = Bench::new(
        &scenario(&DELIVERING, 1, "2s", "")
            .replace("rate = \"20/s\"", "rate = \"20/s\"\nchurn = \"40/s\""),
    );
    bench.measure(&[]);
    for row in &bench.trials() {
        assert_eq!((number(row, "lost"), number(row, "reconnects")), (0.0, 0.0), "{row:?}");
        assert!(number(row, "churned") >= 10.0, "{row:?}");
        if row["pattern"] != "webhook" {
            assert_eq!(number(row, "duplicate"), 0.0, "{row:?}");
            assert!(number(row, "connections") >= 20.0 + number(row, "churned") / 2.0, "{row:?}");
        }
    }
}

#[test]
fn slow_consumers_are_handled_by_their_policy() {
    let policies = r#"
[sweep]
websocket.slow_consumer = ["disconnect", "drop-oldest", "conflate"]
[websocket]
queue = 120
[consumers]
slow_share = 0.2
pause = "300ms"
receive_buffer = "4KiB"
"#;
    let load = "rate = \"60/s\"\npayload = \"16KiB\"";
    // A healthy link may lag by two seconds, because shared machines do pause; a slow one soon lags for good.
    let text_ = scenario(&["websocket"], 1, "5s", "target = { send_buffer = \"4KiB\" }");
    let bench = Bench::new(&(text_.replace("rate = \"20/s\"", load) + policies));
    let output = bench.run(&[]);
    only_noise_and(&bench.results(), &output, &UNSTEADY);
    let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(report.contains("4 of 20 clients read slowly; the target "), "{report}");
    for row in &bench.trials() {
        assert!(row["dials_per_10ms_max"].is_empty(), "no restart, no storm: {row:?}");
        assert!(number(row, "slow_actions") > 0.0, "the policy acts: {row:?}");
        assert_eq!(
            number(row, "lost"),
            number(row, "lost_slow"),
            "the others lose nothing: {row:?}"
        );
        assert!(!row["freshness_healthy_ns_p50"].is_empty(), "{row:?}");
        if row["case"].ends_with("disconnect") {
            assert!(number(row, "reconnects") > 0.0, "{row:?}");
        } else {
            assert!(number(row, "skipped") > 0.0 && number(row, "reconnects") == 0.0, "{row:?}");
            assert!(number(row, "lost_slow") > 0.0, "what is left out is lost: {row:?}");
        }
    }
}
