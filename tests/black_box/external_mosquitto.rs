//! MQTT over WebSocket at mosquitto: binary packets, published and delivered at `QoS` 0.

use crate::external_support::{External, Program, assert_whole, count, further_are_here};

const MOSQUITTO: [Program; 2] = [
    Program { variable: "MOSQUITTO", name: "mosquitto" },
    Program { variable: "", name: "mosquitto_sub" },
];

/// The counts are brought up to date every second, together with the uptime: after two of its updates they are whole.
const ASKS: &str = r#""sh", "-c", "mosquitto_sub -p {{port:mqtt}} -t '$SYS/broker/uptime' -C 3 >/dev/null; mosquitto_sub -p {{port:mqtt}} -t '$SYS/broker/publish/messages/received' -t '$SYS/broker/publish/messages/sent' -F '%t %p' -C 2 >'ACCOUNT'; kill $(cat '{{directory}}/mosquitto.pid')""#;

#[test]
fn every_event_reaches_every_subscriber_of_a_topic() {
    if !further_are_here("MQTT over WebSocket", &MOSQUITTO, &[]) {
        return;
    }
    let mosquitto = External::that_is_asked("mosquitto.toml", ASKS, "30s");
    // Bursts: several packets may be in a frame.
    let trials =
        mosquitto.run(&["workload.rate=50/s", "workload.topics=2", "workload.arrivals=burst"]);
    assert_eq!(trials.len(), 1);
    assert_whole(&trials[0]);
    let account = mosquitto.account();
    let counted = |what: &str| -> u64 {
        let name = format!("$SYS/broker/publish/messages/{what} ");
        let line = account.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("no {what}: {account}")).parse().unwrap()
    };
    let expected = count(&trials[0], "expected");
    // Three of the six clients subscribe to each of the two topics.
    assert_eq!(counted("received"), expected / 3, "{account}");
    // Whoever asked was sent uptimes, some of which may be counted by then.
    let sent = counted("sent");
    assert!((expected..=expected + 3).contains(&sent), "{account}");
}
