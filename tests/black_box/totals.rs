//! Totals, and what causes them, of real trials: a window that is shorter than every interval, and idle links that are counted.

use std::path::Path;
use std::process::Command;

use tidings::record::Run;
use tidings::scenario::{Prices, Taken};

const SCENARIO: &str = r#"
question = "What does it take in all?"
patterns = ["short-poll", "long-poll", "sse", "websocket", "webhook"]
trials = 1
floor = false
[workload]
clients = 150
topics = "per-client"
rate = "12/m"
[phases]
connect = "150ms"
idle = "1s"
warmup = "200ms"
measure = "1s"
drain = "2s"
"#;

fn run(folder: &Path) -> Run {
    let file = folder.join("totals.toml");
    std::fs::write(&file, SCENARIO).unwrap();
    let out = folder.join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(["run", "--quiet", "--out"]).arg(&out).arg(&file);
    let said = command.output().expect("the binary starts").stderr;
    let said = String::from_utf8_lossy(&said);
    let mut folders = std::fs::read_dir(out.join("totals")).expect(&said);
    Run::read(&folders.next().unwrap().unwrap().path()).unwrap()
}

#[test]
fn every_pattern_has_totals_and_says_what_causes_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    assert_eq!(run.trials.len(), 5);
    for trial in &run.trials {
        let name = trial.identity.pattern.name();
        let get = |column: &str| {
            trial.figures.number(column).unwrap_or_else(|| panic!("{name} has no {column}"))
        };
        assert!(trial.ledger.unwrap().delivered > 0 && trial.ledger.unwrap().lost == 0, "{name}");
        // The same figure in each of its forms.
        let bytes = get("wire_bytes_per_s");
        for (what, one, other) in [
            (
                "bytes per client and hour",
                get("wire_bytes_per_client_hour"),
                bytes / 150.0 * 3_600.0,
            ),
            (
                "cores per 1,000 clients",
                get("target_cpu_cores_per_1k_clients"),
                get("target_cpu_cores") / 0.15,
            ),
            (
                "memory per 1,000 clients",
                get("target_memory_bytes_per_1k_clients"),
                get("target_memory_bytes") / 0.15,
            ),
            (
                "money",
                get("cost_per_1k_clients_month"),
                Prices::default().per_month(Taken {
                    cores: get("target_cpu_cores"),
                    memory_bytes: get("target_memory_bytes"),
                    sent_bytes_per_s: get("target_sent_bytes_per_s"),
                    requests_per_s: get("target_requests_per_s"),
                }) / 0.15,
            ),
        ] {
            assert!((one / other - 1.0).abs() < 1e-6, "{name}, {what}: {one} and {other}");
        }
        let sent = get("target_sent_bytes_per_s");
        assert!(sent > 0.0 && sent < bytes, "{name}: {sent} of {bytes}");
        // Heartbeats of 15 s, pings of 25 s and holds of 30 s fall into a second of 150 links.
        let idle = get("idle_wire_bytes_per_client_s");
        assert_eq!(idle > 0.0, name != "webhook", "{name}: {idle} B per client and second");
        let (added, opened) =
            (get("added_wire_bytes_per_delivery"), get("connect_wire_bytes_per_link"));
        // A payload of 128 B, and headers.
        assert!(added > 128.0 && opened > 128.0, "{name}: {added} B added, {opened} B to open");
        assert!(get("connect_cpu_ns_per_link") > 0.0 && get("idle_cpu_ns_per_client_s") >= 0.0);
        if name == "webhook" {
            // One to register, and the one that was verified: deliveries go over that.
            assert_eq!(trial.figures.count("connections"), Some(300));
        }
    }
    let polls = run.trials.iter().find(|t| t.identity.pattern.name() == "short-poll").unwrap();
    assert_eq!(polls.figures.number("target_requests_per_s"), Some(150.0));
}
