//! GraphQL subscriptions over SSE and over WebSocket, published by a mutation.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const NODE: [Program; 2] =
    [Program { variable: "NODE", name: "node" }, Program { variable: "", name: "curl" }];

const PACKAGES: [&str; 4] = ["graphql", "graphql-yoga", "graphql-ws", "ws"];

#[test]
fn every_event_reaches_every_subscription() {
    if !further_are_here("GraphQL subscriptions", &NODE, &PACKAGES) {
        return;
    }
    for pattern in ["sse", "websocket"] {
        let server =
            External::that_reports("graphql.toml", "{{port}}/graphql?query=%7Bpublished%7D");
        let trials = server.run(&[
            &format!("patterns=[{pattern:?}]"),
            "workload.rate=50/s",
            "workload.topics=2",
        ]);
        assert_eq!(trials.len(), 1);
        assert_whole(&trials[0]);
        let account: serde_json::Value = serde_json::from_str(&server.account()).unwrap();
        let expected = count(&trials[0], "expected");
        assert_eq!(account["data"]["published"].as_u64(), Some(expected / 3), "{account}");
    }
}
