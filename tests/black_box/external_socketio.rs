//! Socket.IO 4 by polling, over WebSocket, and by the upgrade from one to the other; published by a client of its own that has
//! every event acknowledged.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const NODE: [Program; 2] =
    [Program { variable: "NODE", name: "node" }, Program { variable: "", name: "curl" }];

#[test]
fn every_event_reaches_every_client_of_a_room() {
    if !further_are_here("Socket.IO", &NODE, &["socket.io"]) {
        return;
    }
    for (dialect, pattern) in
        [("socketio", "long-poll"), ("socketio", "websocket"), ("socketio-upgrade", "websocket")]
    {
        let server = External::that_reports("socketio.toml", "{{port}}/");
        let trials = server.run(&[
            &format!("target.dialect={dialect}"),
            &format!("patterns=[{pattern:?}]"),
            "workload.rate=50/s",
            "workload.topics=2",
        ]);
        assert_eq!(trials.len(), 1);
        assert_whole(&trials[0]);
        let account: serde_json::Value = serde_json::from_str(&server.account()).unwrap();
        // Three of the six clients are in each of the two rooms.
        let expected = count(&trials[0], "expected");
        assert_eq!(account["published"].as_u64(), Some(expected / 3), "{dialect}: {account}");
    }
}
