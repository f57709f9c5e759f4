//! `tidings run` with webhooks whose receivers are down, slow or failing: nothing is lost, and the report describes the
//! trouble.

use crate::support;

use support::{Bench, UNSTEADY, number, only_noise_and, text};

/// One case of `webhook` with these options, whose attempts time out after `timeout`.
fn scenario(options: &str, timeout: &str) -> String {
    format!(
        r#"question = "Is anything lost?"
patterns = ["webhook"]
trials = 1
floor = false
[workload]
clients = 20
rate = "20/s"
late_after = "60s"
[phases]
connect = "50ms"
warmup = "200ms"
measure = "2s"
drain = "20s"
[webhook]
timeout = "{timeout}"
attempts = 100
backoff = "10ms"
backoff_max = "100ms"
{options}
"#
    )
}

#[test]
fn receivers_in_trouble_lose_nothing_and_book_nothing_twice() {
    for (options, case, told) in [
        ("receiver = { work = \"2ms\" }", "webhook", "work_ns_p50"),
        ("receiver = { fail = 0.3, fail_status = 503 }", "webhook", "refused_attempts"),
        (
            "receiver = { down_at = \"500ms\", down_for = \"700ms\", affected = 0.5 }",
            "webhook",
            "catch_up_ns_max",
        ),
        (
            "receiver = { down_at = \"500ms\", down_for = \"700ms\", down = \"hang\", affected = 0.1 }",
            "webhook",
            "catch_up_ns_max",
        ),
        // Acknowledged after the target's patience has ended: taken, and sent again.
        ("receiver = { slow = \"800ms\", slow_share = 0.05 }", "webhook", "duplicate_attempts"),
        ("outbox = \"durable\"", "webhook:outbox=durable", "acknowledge_ns_p50"),
        ("batch = 10\nlinger = \"100ms\"", "webhook", "attempts"),
        ("connection = \"per-attempt\"", "webhook", "attempts"),
    ] {
        // A pause of the machine as long as the target's time-out breaks exchanges of healthy receivers, too.
        let timeout = if options.contains("slow") { "500ms" } else { "5s" };
        let bench = Bench::new(&scenario(options, timeout));
        let output = bench.run(&[]);
        only_noise_and(&bench.results(), &output, &UNSTEADY);
        let rows = bench.trials();
        let row = &rows[0];
        assert_ne!(row["verdict"], "failed", "{options}: {}", text(&output.stderr));
        assert_eq!(row["case"], case);
        assert_eq!(row["outbox"], if options.contains("durable") { "durable" } else { "memory" });
        for column in ["lost", "duplicate", "dead_letters", "errors"] {
            assert_eq!(row[column], "0", "{options}: {column} in {row:?}");
        }
        assert_eq!(row["delivered"], row["expected"], "{options}");
        assert!(number(row, told) > 0.0, "{options}: {told} in {row:?}");
        let split = options.contains("affected");
        for column in ["freshness_healthy_ns_p99", "freshness_affected_ns_p99"] {
            assert_eq!(row[column].is_empty(), !split, "{options}: {column}");
        }
        let (attempts, delivered) = (number(row, "attempts"), number(row, "delivered"));
        let fewer = options.contains("batch");
        assert_eq!(attempts < delivered, fewer, "{options}: {attempts} attempts of {delivered}");
        if options.contains("per-attempt") {
            assert!(number(row, "connections") >= delivered, "{options}: {row:?}");
        }
        let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
        assert!(report.contains("Delivery is at least once"), "{options}");
        let troubled = ["fail", "down", "slow"].iter().any(|trouble| options.contains(trouble));
        assert_eq!(report.contains("## Failing receivers"), troubled, "{options}");
        // Only usable trials have times.
        if row["verdict"] != "invalid" {
            assert!(report.contains("sent to acknowledged"), "{options}");
            let caught_up = report.contains("they caught up in");
            assert_eq!(caught_up, options.contains("down"), "{options}");
        }
    }
}

#[test]
fn a_dead_endpoint_loses_only_its_own_deliveries() {
    let down = "receiver = { down_for = \"1h\", down = \"hang\", affected = 0.05 }";
    let text = scenario(down, "500ms").replace("drain = \"20s\"", "drain = \"5s\"");
    let bench = Bench::new(&text);
    let output = bench.run(&[]);
    only_noise_and(&bench.results(), &output, &UNSTEADY);
    let row = &bench.trials()[0];
    // One of twenty never takes anything: what is lost is its alone.
    let count = |column: &str| row[column].parse::<u64>().unwrap();
    let lost = count("lost");
    assert!(lost > 0 && lost * 20 <= count("expected"), "{row:?}");
    assert!(!row["freshness_healthy_ns_p99"].is_empty());
    // A worker that wakes late for the window's start takes what was posted before it does.
    if number(row, "hiccup_ns_max") < 20e6 {
        assert_eq!(lost * 20, count("expected"), "{row:?}");
        assert!(row["freshness_affected_ns_p99"].is_empty(), "{row:?}");
    }
    assert!(row["catch_up_ns_max"].is_empty());
}
