//! NATS over WebSocket, in its own protocol, published over a WebSocket as well.

use crate::external_support::{External, Program, are_here, assert_whole, count};

const NATS: [Program; 2] = [
    Program { variable: "NATS_SERVER", name: "nats-server" },
    Program { variable: "", name: "curl" },
];

#[test]
fn every_event_reaches_every_subscriber_of_a_subject() {
    if !are_here("NATS over WebSocket", &NATS) {
        return;
    }
    let nats = External::that_reports("nats.toml", "{{port:monitor}}/varz");
    // Bursts: the server packs several messages into a frame.
    let trials = nats.run(&["workload.rate=50/s", "workload.topics=2", "workload.arrivals=burst"]);
    assert_eq!(trials.len(), 1);
    assert_whole(&trials[0]);
    let varz: serde_json::Value = serde_json::from_str(&nats.account()).unwrap();
    // Three of the six clients subscribe to each of the two subjects.
    assert_eq!(varz["in_msgs"].as_u64(), Some(count(&trials[0], "expected") / 3), "{varz}");
    assert_eq!(varz["out_msgs"].as_u64(), Some(count(&trials[0], "expected")), "{varz}");
}
