//! Webhook senders of others: one with endpoints in its configuration file, and one that registers them.

use crate::external_support::{External, Program, are_here, assert_complete, assert_whole, count};

const ALERTMANAGER: [Program; 2] = [
    Program { variable: "ALERTMANAGER", name: "prometheus-alertmanager" },
    Program { variable: "", name: "curl" },
];
const PYTHON: [Program; 2] =
    [Program { variable: "", name: "python3" }, Program { variable: "", name: "curl" }];

#[test]
fn alertmanager_calls_every_receiver_once_per_alert() {
    if !are_here("Prometheus Alertmanager", &ALERTMANAGER) {
        return;
    }
    let alertmanager = External::that_reports("alertmanager.toml", "{{port}}/metrics");
    let trials = alertmanager.run(&["workload.topics=2", "workload.rate=5/s"]);
    assert_eq!(trials.len(), 1);
    // Each alert is a group of its own, and groups are notified independently.
    assert_complete(&trials[0]);
    let firing = "alertmanager_alerts_received_total{status=\"firing\",version=\"v2\"} ";
    let account = alertmanager.account();
    let taken = account.lines().find_map(|line| line.strip_prefix(firing)).unwrap();
    assert_eq!(taken.parse::<u64>().unwrap() * 3, count(&trials[0], "expected"), "{account}");
}

#[test]
fn a_sender_that_registers_is_verified_and_counted() {
    if !are_here("the webhook sender of the examples", &PYTHON) {
        return;
    }
    let sender = External::that_reports("webhook-sender.toml", "{{port}}/");
    let trials = sender.run(&["workload.topics=2", "workload.rate=10/s"]);
    assert_eq!(trials.len(), 1);
    assert_whole(&trials[0]);
    assert_eq!(count(&trials[0], "error_signature"), 0);
    let account: serde_json::Value = serde_json::from_str(&sender.account()).unwrap();
    let expected = count(&trials[0], "expected");
    assert_eq!(account["published"].as_u64().map(|taken| taken * 3), Some(expected), "{account}");
}
