#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! `tidings run` over TLS and in its connection modes: ledgers, counts of connections and handshakes, bytes.

use crate::support;

use std::collections::BTreeMap;

use support::{Bench, number, scenario};

const ALL: [&str; 6] = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"];
/// The overhead of a TLS 1.3 record: header, content type, tag.
const RECORD: f64 = 22.0;

type Row = BTreeMap<String, String>;

/// Runs it, and returns the rows by case; every one of them delivered exactly what was expected, without an error.
fn exact(patterns: &[&str], sweep: &str) -> BTreeMap<String, Row> {
    let bench = Bench::new(&format!("{}{sweep}\n", scenario(patterns, 1, "1s", "")));
    bench.measure(&["--quiet"]);
    let rows: BTreeMap<_, _> =
        bench.trials().into_iter().map(|row| (row["case"].clone(), row)).collect();
    for row in rows.values() {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0, "{row:?}");
        assert_eq!(row["expected"], row["delivered"], "{row:?}");
        for nothing in ["lost", "duplicate", "errors"] {
            assert_eq!(row[nothing], "0", "{nothing}: {row:?}");
        }
        for words in ["connections", "handshakes"] {
            assert!(!row["verdict_reasons"].contains(words), "{row:?}");
        }
    }
    bench.wait_until_gone();
    rows
}

#[test]
fn every_pattern_delivers_exactly_over_tls() {
    let rows = exact(&ALL, "[sweep]\ntransport.tls = [false, true]");
    assert_eq!(rows.len(), 12);
    for pattern in ALL {
        let row = |tls: bool| &rows[&format!("{pattern}:tls={tls}")];
        let (plain, tls) = (row(false), row(true));
        assert_eq!(plain["tls_handshakes"], "", "{plain:?}");
        assert_eq!(tls["tls_handshakes"], tls["connections"], "{tls:?}");
        assert!(number(tls, "tls_handshake_ns_p50") > 0.0, "{tls:?}");
        // What TCP carries: how many acknowledgements go alone is the kernel's affair.
        let bytes = |row| {
            number(row, "wire_bytes_per_delivery")
                - 52.0 * number(row, "wire_segments_per_delivery")
        };
        // One record each way, but for requests that lie across a border of the window. Of the others, how many deliveries share a record, or an answer, is the load's affair.
        let more = bytes(tls) - bytes(plain);
        assert!(pattern != "request" || more >= RECORD, "{pattern}: {more} bytes more");
        assert_eq!(tls["written_ns_p50"].is_empty(), pattern == "request", "{tls:?}");
        if !matches!(pattern, "webhook") {
            assert_eq!(number(tls, "tls_resumed_share"), 0.0, "{pattern}: links are strangers");
        }
    }
}

#[test]
fn one_connection_per_request_resumes_as_configured() {
    let sweep = "connection = \"per-request\"\n[sweep]\ntransport.tls = [false, true]\ntransport.resume = [true, false]";
    let rows = exact(&["request"], sweep);
    assert_eq!(rows.len(), 3);
    for (case, resumed) in [
        ("tls=false", None),
        ("tls=true:resume=true", Some(0.8)),
        ("tls=true:resume=false", Some(0.0)),
    ] {
        let row = &rows[&format!("request:{case}")];
        assert!(number(row, "connections") > number(row, "requests") + 19.0, "{row:?}");
        match resumed {
            None => assert_eq!(row["tls_handshakes"], "", "{row:?}"),
            Some(least) => {
                assert_eq!(row["tls_handshakes"], row["connections"], "{row:?}");
                let share = number(row, "tls_resumed_share");
                // All but the first of each link, or none.
                assert!(
                    if least > 0.0 { share >= least && share < 1.0 } else { share == 0.0 },
                    "{row:?}"
                );
            }
        }
        // The dial is a part of the service, and not of what the generator added.
        assert!(number(row, "slip_ns_p50") < number(row, "service_ns_p50"), "{row:?}");
    }
}

#[test]
fn calls_over_a_websocket_have_one_each_and_deliver_exactly() {
    let sweep = "connection = \"websocket\"\nmix = { create = 2, read = 4, head = 1, replace = 1, patch = 1, delete = 1, list = 1 }\n\
                 conditional = true\n[sweep]\nrequest.format = [\"json\", \"xml\"]\n\
                 transport.tls = [false, true]";
    let rows = exact(&["request"], sweep);
    assert_eq!(rows.len(), 4);
    for (case, row) in &rows {
        assert_eq!(row["connections"], "20", "{case}: {row:?}");
        assert_eq!(number(row, "links_per_connection"), 1.0, "{case}: {row:?}");
        let handshakes = if case.contains("tls=true") { "20" } else { "" };
        assert_eq!(row["tls_handshakes"], handshakes, "{case}: {row:?}");
        assert!(number(row, "not_modified") > 0.0, "{case}: {row:?}");
        for stage in
            ["slip_ns_p50", "service_ns_p50", "first_byte_ns_p50", "encode_ns_p50", "decode_ns_p50"]
        {
            assert!(number(row, stage) > 0.0, "{stage} of {case}: {row:?}");
        }
    }
}

#[test]
fn http_2_shares_connections_and_delivers_exactly() {
    let sweep = "[worker]\nshards = 1\n[transport]\nstreams = 8\n[sweep]\ntransport.tls = [false, true]\ntransport.http = [\"2\"]";
    let patterns = ["request", "short-poll", "long-poll", "sse"];
    let rows = exact(&patterns, sweep);
    assert_eq!(rows.len(), 8);
    for (case, row) in &rows {
        // 20 links, 8 on each.
        assert_eq!(row["connections"], "3", "{case}: {row:?}");
        assert!((number(row, "links_per_connection") - 20.0 / 3.0).abs() < 1e-3, "{case}");
        let handshakes = if case.contains("tls=true") { "3" } else { "" };
        assert_eq!(row["tls_handshakes"], handshakes, "{case}: {row:?}");
        let asks = case.starts_with("request") || case.starts_with("short-poll");
        assert_eq!(row["first_byte_ns_p50"].is_empty(), !asks, "{case}: {row:?}");
        assert_eq!(
            row["written_ns_p50"].is_empty(),
            case.starts_with("request"),
            "{case}: {row:?}"
        );
    }
}
