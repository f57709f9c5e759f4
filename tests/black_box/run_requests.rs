//! Requests as `tidings run` makes them: encodings, conditions, and a target that refuses.
#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]

use crate::support;

use std::collections::BTreeMap;

use support::{Bench, UNSTEADY, number, only_noise_and, text};

/// A scenario of 10 clients with these tables.
fn requests(tables: &str, measure: &str) -> String {
    format!(
        r#"question = "Does it work?"
patterns = ["request"]
trials = 1
[workload]
clients = 10
payload = "256B"
[phases]
connect = "50ms"
warmup = "200ms"
measure = "{measure}"
drain = "5s"
{tables}
"#
    )
}

/// Clients that are refused and wait: they offer less than was due, and never settle.
const HELD_BACK: [&str; 3] = ["requests_refused", UNSTEADY[0], UNSTEADY[1]];

#[test]
fn every_operation_is_answered_well_in_both_encodings() {
    let bench = Bench::new(&requests(
        r#"[request]
rate = "400/s"
conditional = true
mix = { create = 2, read = 4, head = 2, replace = 1, patch = 1, delete = 2, list = 1 }
[sweep]
request.format = ["json", "xml"]"#,
        "1s",
    ));
    let output = bench.measure(&[]);
    let trials = bench.trials();
    assert_eq!(trials.len(), 2, "{}", text(&output.stderr));
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert_eq!(number(row, "expected"), number(row, "delivered"), "{row:?}");
        assert_eq!(number(row, "errors"), 0.0, "{row:?}");
        // The client's own writes bring it the tags: all that it reads is what it has.
        let reads = number(row, "answered") * 6.0 / 13.0;
        let unchanged = number(row, "not_modified");
        assert!(unchanged > reads / 2.0 && unchanged < reads * 2.0, "{row:?}");
        for cost in ["encode_ns_p50", "encode_ns_p99", "decode_ns_p50", "decode_ns_p99"] {
            // A window that the target slept through has none.
            let slept = number(row, "target_hiccup_ns_max") >= 0.9e9;
            assert!(slept || number(row, cost) > 0.0, "{cost}: {row:?}");
        }
    }
    assert!(trials.iter().any(|row| row["case"] == "request:format=xml"), "{trials:?}");
}

#[test]
fn requests_that_are_gathered_wait_for_each_other_and_their_slip_says_so() {
    let tables =
        "[request]\nrate = \"2000/s\"\narrivals = \"constant\"\n[worker]\ngather = \"2ms\"";
    let bench = Bench::new(&requests(tables, "1s"));
    let output = bench.run(&[]);
    let trials = bench.trials();
    let row = &trials[0];
    assert_eq!(number(row, "delivered"), 2_000.0, "{row:?} {}", text(&output.stderr));
    // Four are due within 2 ms, and leave at their end: nothing can leave sooner. Histograms keep three digits.
    assert!(number(row, "slip_ns_max") > 1.99e6, "{row:?}");
    assert!(number(row, "slip_ns_p50") > 0.5e6, "{row:?}");
    let reasons = &row["verdict_reasons"];
    assert!(reasons.contains("Up to 2ms of it is worker.gather"), "{reasons}");
    let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(report.contains("What was due within 2ms of each other left together"), "{report}");
}

#[test]
fn refused_clients_wait_as_long_as_retry_after_says() {
    let bench = Bench::new(&requests(
        "[target]\nrequests_per_s = 40\nshards = 1\n[request]\nrate = \"200/s\"\nconditional = false\n\
         [sweep]\nrequest.connection = [\"keep-alive\", \"websocket\"]",
        "3s",
    ));
    let output = bench.run(&[]);
    only_noise_and(&bench.results(), &output, &HELD_BACK);
    let trials = bench.trials();
    assert_eq!(trials.len(), 2, "{}", text(&output.stderr));
    for row in &trials {
        waited_as_told(row);
        assert!(!row["verdict_codes"].contains("connections_"), "{row:?}");
    }
    let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
    for way in ["connection (keep-alive)", "matched by id (websocket)"] {
        assert!(report.contains(way), "{way}");
    }
}

/// Asserts that 10 clients were refused more than a second's worth of their requests.
fn waited_as_told(row: &BTreeMap<String, String>) {
    assert_ne!(row["verdict"], "failed", "{row:?}");
    let (sent, answered) = (number(row, "sent"), number(row, "answered"));
    let refused = number(row, "error_refused");
    assert!(refused > 0.0 && refused == number(row, "errors"), "{row:?}");
    // 600 requests were due in all. Without back-off 160 per second would be refused; a client that backs off is refused at
    // most once per second of waiting, in the at most 8 s of the trial.
    assert!(refused <= 10.0 * 9.0, "{row:?}");
    assert!(answered < sent && sent < number(row, "scheduled"), "{row:?}");
    assert_eq!(
        number(row, "lost"),
        number(row, "expected") - answered,
        "a refusal is no delivery: {row:?}"
    );
    assert!(row["not_modified"] == "0" && row["error_status"] == "0", "{row:?}");
    // The least back-off is a second: waiting requests were sent at least that late.
    assert!(number(row, "fired_ns_p99") > 1e9, "{row:?}");
    assert!(row["verdict_codes"].starts_with("requests_refused{"), "{row:?}");
}
