//! Topics on bun: WebSockets by its own publish, SSE by JavaScript.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const CURL: [Program; 1] = [Program { variable: "", name: "curl" }];

#[test]
fn every_event_reaches_every_subscriber_by_sse_and_by_websocket() {
    if !further_are_here("bun", &CURL, &["bun"]) {
        return;
    }
    for pattern in ["sse", "websocket"] {
        let bun = External::that_reports("bun.toml", "{{port}}/status");
        let pattern_key = format!("patterns=[{pattern:?}]");
        let trials = bun.run(&[&pattern_key, "workload.topics=2", "workload.arrivals=burst"]);
        assert_eq!(trials.len(), 1);
        assert_eq!(trials[0]["pattern"], pattern);
        assert_whole(&trials[0]);
        let status: serde_json::Value = serde_json::from_str(&bun.account()).unwrap();
        // Three of the six clients subscribe to each of the two topics.
        let expected = count(&trials[0], "expected");
        assert_eq!(status["published"].as_u64(), Some(expected / 3), "{pattern}: {status}");
    }
}
