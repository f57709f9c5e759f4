//! Payloads of every kind through `tidings run`, and from `tidings serve`: all arrive, in every pattern and encoding.

use crate::support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use support::{Bench, number, scenario};

const ALL: [&str; 6] = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"];

#[test]
fn every_kind_of_payload_arrives_in_every_pattern_and_encoding() {
    let sweep = "[sweep]\npayload_kind = [\"records\", \"unicode\"]\nrequest.format = [\"json\", \"xml\"]\n";
    let mix = "mix = { create = 1, read = 2, replace = 1, patch = 1, list = 1 }\n";
    let load = scenario(&ALL, 1, "500ms", "")
        .replace("rate = \"20/s\"", "rate = \"20/s\"\npayload = \"1KiB\"");
    let bench = Bench::new(&format!("{load}{mix}{sweep}"));
    bench.measure(&["--quiet"]);
    let trials = bench.trials();
    assert_eq!(trials.len(), 2 * (5 + 2));
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?}");
        assert!(number(row, "expected") > 0.0 && row["expected"] == row["delivered"], "{row:?}");
        for nothing in ["lost", "duplicate", "errors"] {
            assert_eq!(row[nothing], "0", "{nothing}: {row:?}");
        }
        assert_eq!(row["payload_bytes"], "1024");
    }
}

#[test]
fn a_standalone_target_publishes_the_configured_kind() {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["serve", "--listen", "127.0.0.1:0", "--rate", "1000/s"])
        .args(["--payload", "200B", "--payload-kind", "records"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
    let asked = address.map(|address| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET /topics/news-0/events?since=0&wait=10s HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    serve.kill().unwrap();
    serve.wait().unwrap();
    let answer = asked.unwrap();
    assert!(answer.contains("\"data\":{\"items\":[{\"id\":1000,"), "{answer}");
}
