//! The Pusher protocol at soketi: channels over a WebSocket, published by a request that is signed in its query.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const NODE: [Program; 2] =
    [Program { variable: "", name: "node" }, Program { variable: "", name: "curl" }];
const PACKAGE: [&str; 1] = ["@soketi/soketi"];

/// The sum of a counter of soketi's Prometheus page.
fn counted(page: &str, name: &str) -> u64 {
    let lines = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn every_event_reaches_every_subscriber_of_a_channel() {
    if !further_are_here("the Pusher protocol at soketi", &NODE, &PACKAGE) {
        return;
    }
    let soketi = External::that_reports("soketi.toml", "{{port:metrics}}/metrics");
    let trials = soketi.run(&["workload.rate=50/s", "workload.topics=2"]);
    assert_eq!(trials.len(), 1);
    assert_whole(&trials[0]);
    let page = soketi.account();
    let expected = count(&trials[0], "expected");
    // Three of the six clients subscribe to each of the two channels. Every request was accepted by its signature.
    assert_eq!(counted(&page, "soketi_http_calls_received_total"), expected / 3, "{page}");
    // Each was greeted, and told that its subscription stands.
    assert_eq!(counted(&page, "soketi_ws_messages_sent_total"), expected + 2 * 6, "{page}");
}

#[test]
fn a_wrong_secret_is_refused_by_the_server() {
    if !further_are_here("soketi with a wrong secret", &NODE, &PACKAGE) {
        return;
    }
    let soketi = External::of("scenarios/external/soketi.toml");
    let output = soketi
        .command(
            "run",
            &["target.publish.sign.secret=wrong", "workload.rate=5/s", "phases.drain=1s"],
        )
        .output()
        .unwrap();
    let trials = crate::support::rows(&soketi.results(&output).join("trials.csv"));
    // soketi answers 200, and says in the body that it refuses.
    let due = count(&trials[0], "sends_due");
    assert!(due > 0, "{:?}", trials[0]);
    assert_eq!(count(&trials[0], "publishes_refused"), due, "{:?}", trials[0]);
    assert_eq!(count(&trials[0], "delivered"), 0, "{:?}", trials[0]);
    assert!(!output.status.success());
}
