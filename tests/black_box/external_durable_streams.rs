//! Durable Streams: one log read by catch-up, long poll and SSE, each from an offset that the server gave.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const NODE: [Program; 2] =
    [Program { variable: "", name: "node" }, Program { variable: "", name: "curl" }];
const PACKAGE: [&str; 1] = ["@durable-streams/server"];
/// The whole stream of the only topic.
const STREAM: &str = "{{port}}/news-0?offset=-1";

fn run(pattern: &str, more: &[&str]) {
    let server = External::that_reports("durable-streams.toml", STREAM);
    let pattern_key = format!("patterns=[{pattern:?}]");
    let settings = [&[&*pattern_key, "short-poll.interval=200ms"], more].concat();
    let trials = server.run(&settings);
    assert_eq!(trials.len(), 1);
    assert_eq!(trials[0]["pattern"], pattern);
    assert_whole(&trials[0]);
    let stream: Vec<serde_json::Value> = serde_json::from_str(&server.account()).unwrap();
    assert_eq!(count(&trials[0], "expected"), 6 * stream.len() as u64, "{pattern}");
}

#[test]
fn every_event_reaches_every_reader_by_each_pattern() {
    if further_are_here("Durable Streams", &NODE, &PACKAGE) {
        for pattern in ["short-poll", "long-poll", "sse"] {
            run(pattern, &[]);
        }
    }
}

/// Without the offset of the control events, a stream that is opened again would begin at the beginning.
#[test]
fn readers_who_leave_and_come_back_miss_nothing_and_read_nothing_twice() {
    if further_are_here("Durable Streams with churn", &NODE, &PACKAGE) {
        run("sse", &["workload.churn=10/s"]);
    }
}
