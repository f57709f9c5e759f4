//! Networks that are emulated between target and clients: nothing is lost in them, and nothing is early.

use crate::request_support;
use crate::support;
use crate::target_support;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use request_support::{MS, case, run};
use support::{Bench, UNSTEADY, number, only_noise_and, rows, scenario, text};
use target_support::Target;
use tidings::measure::{Counter, RequestSample};
use tidings::pace::Network;
use tidings::scenario::Case;
use tidings::server::Options;
use tidings::unit::{Bandwidth, ByteSize, Span};

const ALL: [&str; 6] = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"];
const NETWORK: &str =
    "[network]\nlatency = \"20ms\"\njitter = \"5ms\"\nbandwidth = \"2Mbit/s\"\nloss = 0.01\n";
/// One-way latency in nanoseconds, minus a histogram's rounding.
const LATENCY: f64 = 19.9e6;

/// Runs it; every case delivered exactly what was expected.
fn exact(bench: &Bench) -> Vec<BTreeMap<String, String>> {
    bench.measure(&["--quiet"]);
    let trials = bench.trials();
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0, "{row:?}");
        assert_eq!(row["expected"], row["delivered"], "{row:?}");
        for nothing in ["lost", "duplicate", "errors"] {
            assert_eq!(row[nothing], "0", "{nothing}: {row:?}");
        }
    }
    bench.wait_until_gone();
    trials
}

/// The smallest sample of a case; `None` if its trial's percentiles are in no file, because the machine spoilt it.
fn least(bench: &Bench, case: &str, metric: &str) -> Option<f64> {
    let rows = rows(&bench.results().join("percentiles.csv"));
    let of = rows.iter().find(|row| row["case"] == case && row["metric"] == metric);
    of.map(|row| number(row, "value_ns"))
}

#[test]
fn every_pattern_delivers_everything_and_nothing_early_plain_and_over_tls() {
    let sweep = "[sweep]\ntransport.tls = [false, true]\n";
    let bench = Bench::new(&format!("{}{NETWORK}{sweep}", scenario(&ALL, 1, "1s", "")));
    let trials = exact(&bench);
    assert_eq!(trials.len(), 12);
    for row in &trials {
        let case = row["case"].as_str();
        let (metric, ways) =
            if row["pattern"] == "request" { ("response", 2.0) } else { ("freshness", 1.0) };
        if row["pattern"] != "request" {
            // Every trial has its maximum.
            let most = number(row, "freshness_ns_max");
            assert!(most >= LATENCY, "{case}: {most}");
        }
        if let Some(least) = least(&bench, case, metric) {
            assert!(least >= ways * LATENCY, "{case}: {metric} {least}");
        }
        // One round trip opens the connection, another is the handshake's; only then follows a request.
        let round_trips = if case.ends_with("tls=true") { 2.0 } else { 1.0 };
        let connect = number(row, "connect_ns_p50");
        assert!(connect >= round_trips * 2.0 * LATENCY, "{case}: {connect}");
    }
    let report = fs::read_to_string(bench.results().join("report.md")).unwrap();
    let told = "network: latency=20ms jitter=5ms bandwidth=2Mbit/s loss=0.01";
    assert!(report.contains(told), "{report}");
    let mut plan = Command::new(env!("CARGO_BIN_EXE_tidings"));
    let plan = plan.arg("plan").arg(bench.file()).stdin(Stdio::null()).output().unwrap();
    assert!(text(&plan.stdout).contains(told), "{}", text(&plan.stdout));
}

#[test]
fn links_that_share_a_connection_or_come_and_go_lose_nothing_in_it() {
    let http_2 = "[transport]\nhttp = \"2\"\nstreams = 8\n";
    let patterns = ["request", "short-poll", "long-poll", "sse"];
    for row in exact(&Bench::new(&format!("{}{NETWORK}{http_2}", scenario(&patterns, 1, "1s", ""))))
    {
        // Of the links of a connection all but the first find it open.
        assert!(number(&row, "connect_ns_p50") >= 2.0 * LATENCY, "{row:?}");
    }

    let patterns = ["long-poll", "sse", "websocket"];
    let text = scenario(&patterns, 1, "1s", "")
        .replace("rate = \"20/s\"", "rate = \"20/s\"\nchurn = \"10/s\"");
    for row in exact(&Bench::new(&format!("{text}{NETWORK}"))) {
        assert!(number(&row, "churned") > 0.0, "{row:?}");
        assert!(number(&row, "connect_ns_p50") >= 4.0 * LATENCY, "{row:?}");
    }
}

#[test]
fn a_slow_consumer_is_slow_behind_it_too() {
    let more = "target = { send_buffer = \"4KiB\" }";
    let load = "rate = \"60/s\"\npayload = \"16KiB\"";
    let text = scenario(&["websocket"], 1, "5s", more).replace("rate = \"20/s\"", load);
    let slow = "[consumers]\nslow_share = 0.2\npause = \"300ms\"\nreceive_buffer = \"4KiB\"\n\
                [websocket]\nslow_consumer = \"drop-oldest\"\nqueue = 120\n[network]\nlatency = \"5ms\"\n";
    let bench = Bench::new(&format!("{text}{slow}"));
    let output = bench.run(&["--quiet"]);
    only_noise_and(&bench.results(), &output, &UNSTEADY);
    let row = &bench.trials()[0];
    assert_ne!(row["verdict"], "failed", "{row:?} {}", support::text(&output.stderr));
    assert!(number(row, "slow_actions") > 0.0, "the policy acts: {row:?}");
    assert_eq!(row["lost"], row["lost_slow"], "the others lose nothing: {row:?}");
}

#[test]
fn a_slow_and_lossy_network_is_waited_for() {
    // Registrations, challenges and handshakes of TLS, at five plateaus, longer than any launch without a network takes.
    let network = "[network]\nlatency = \"200ms\"\nloss = 0.01\n[transport]\ntls = true\n";
    let text = scenario(&["webhook"], 1, "1s", "").replace("drain = \"5s\"", "drain = \"15s\"");
    let bench = Bench::new(&format!("{text}{network}"));
    for row in exact(&bench) {
        assert!(number(&row, "connect_ns_p50") >= 4.0 * 200e6 * 0.99, "{row:?}");
    }
}

#[test]
fn events_of_clients_pass_the_emulated_network_too() {
    let patterns = ["short-poll", "long-poll", "sse", "websocket", "webhook"];
    let publish = "rate = \"20/s\"\npublish = \"clients\"";
    let text = scenario(&patterns, 1, "1s", "").replace("rate = \"20/s\"", publish);
    for row in exact(&Bench::new(&format!("{text}{NETWORK}"))) {
        assert!(number(&row, "sends_acknowledged") > 0.0, "{row:?}");
        assert_eq!(row["sends_due"], row["sends_acknowledged"], "{row:?}");
        // There and back; a webhook's publisher does so, too.
        assert!(
            row["send_ns_p50"].is_empty() || number(&row, "send_ns_p50") >= 2.0 * LATENCY,
            "{row:?}"
        );
    }
}

fn service_ns(sample: &RequestSample) -> u64 {
    sample.done_ns - sample.sent_ns.unwrap()
}

fn through(case: Case, network: Network) -> Case {
    let mut case = case;
    case.conditions.network = network;
    case
}

#[test]
fn a_low_bandwidth_delays_every_byte() {
    let target = Target::start(Options::default());
    let payload = ByteSize::new(20_000);
    let bandwidth = Bandwidth::from_bits_per_second(2_000_000);
    let network = Network { bandwidth: Some(bandwidth), ..Network::default() };
    for connection in ["keep-alive", "per-request", "websocket"] {
        let options = format!(
            "rate = \"20/s\"\nconnection = \"{connection}\"\nmix = {{ read = 1, replace = 1 }}"
        );
        let mut case = through(case("request", 2, &options), network);
        case.workload.payload = payload;
        let told = run(case, target.address, 400 * MS, 100, true);
        assert!(
            !told.samples.is_empty() && told.count(Counter::Sent) == told.count(Counter::Answered)
        );
        for sample in &told.samples {
            // The item goes there, or comes back: with a replace it does both.
            let took_ns = service_ns(sample);
            assert!(took_ns >= bandwidth.takes_ns(payload.bytes()), "{connection}: {took_ns}");
        }
        let bytes = 2 * bandwidth.takes_ns(payload.bytes());
        let both = told.samples.iter().filter(|sample| service_ns(sample) >= bytes);
        assert!(both.count() > 0, "{connection}");
    }
}

#[test]
fn a_lost_packet_costs_a_time_out_and_no_delivery() {
    let target = Target::start(Options::default());
    let network = Network { latency: Span::from_ms(5), loss: 0.2, ..Network::default() };
    let case = through(case("request", 4, "rate = \"100/s\"\ntimeout = \"60s\""), network);
    let told = run(case, target.address, 500 * MS, 1_000, true);
    let (sent, answered) = (told.count(Counter::Sent), told.count(Counter::Answered));
    assert!(sent > 0 && sent == answered, "{sent} {answered}");
    assert_eq!(told.snapshot.ledger.lost, 0);
    let (least, late): (Vec<u64>, Vec<u64>) =
        told.samples.iter().map(service_ns).partition(|ns| *ns < 220 * MS);
    assert!(least.iter().all(|ns| *ns >= 10 * MS), "{least:?}");
    // Of 50 requests, each of two packets, 18 are late in the mean; none in 70,000 runs.
    assert!(!late.is_empty());
}
