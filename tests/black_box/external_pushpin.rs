//! Pushpin in front of an origin that answers by GRIP: long poll, SSE and WebSocket, through its proxy.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const PUSHPIN: [Program; 5] = [
    Program { variable: "PUSHPIN", name: "pushpin" },
    Program { variable: "ZURL", name: "zurl" },
    Program { variable: "", name: "condure" },
    Program { variable: "NODE", name: "node" },
    Program { variable: "", name: "curl" },
];

#[test]
fn every_event_reaches_every_client_that_the_proxy_holds() {
    if !further_are_here("pushpin", &PUSHPIN, &[]) {
        return;
    }
    for pattern in ["long-poll", "sse", "websocket"] {
        // The first of the launched is the origin; the last to be started is the first to be stopped.
        let pushpin = External::that_reports("pushpin.toml", "{{port:origin}}/");
        let trials = pushpin.run(&[
            &format!("patterns=[{pattern:?}]"),
            "workload.topics=2",
            "workload.rate=20/s",
        ]);
        assert_eq!(trials.len(), 1);
        assert_whole(&trials[0]);
        let account: serde_json::Value = serde_json::from_str(&pushpin.account()).unwrap();
        let expected = count(&trials[0], "expected");
        assert_eq!(account["published"].as_u64(), Some(expected / 3), "{pattern}: {account}");
    }
}
