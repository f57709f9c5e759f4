//! `tidings probe`: flags become a scenario, which is run as any other, and saved.

use crate::probe_support;
use crate::support::{eventually, text};

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use probe_support::servers::{Serve, converse, freezing, heard_of, listener, stamped};
use probe_support::{command, count, errors, finished, json, probe};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn tidings(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_number_of_requests_is_sent_and_no_more_in_either_loop() {
    for more in [&["-c", "7"][..], &["-c", "7", "-q", "500"], &["-c", "3", "--disable-keepalive"]] {
        let (address, heard) = listener();
        let url = format!("http://{address}/x?y=1");
        let (document, _) = json(&[&[url.as_str(), "-n", "100"], more].concat());
        finished(&document);
        assert_eq!(heard_of(&heard).len(), 100, "{more:?}");
        assert_eq!(
            (count(&document, "sent"), count(&document, "answered")),
            (100, 100),
            "{more:?}"
        );
        assert!(errors(&document).is_empty());
        // The window ended with the last of them, and not a day later.
        let seconds = document["trials"][0]["trial"]["measure_s"].as_f64().unwrap();
        assert!(seconds < 80_000.0, "{seconds}");
    }
}

#[test]
fn a_freeze_delays_every_request_that_was_due_in_it() {
    let url = format!("http://{}/", freezing(100));
    let (document, _) = json(&[&url, "-c", "4", "-q", "200", "-n", "400"]);
    finished(&document);
    assert_eq!((count(&document, "sent"), count(&document, "answered")), (400, 400));
    // 200 were due in that second, evenly: of all 400 a quarter waited for half a second at least, and a tenth for 0.8 s. A
    // client that only counts from when it sends would have seen four.
    let at = |column: &str| document["trials"][0]["trial"][column].as_f64().unwrap();
    assert!(at("response_ns_p90") >= 0.7e9, "{document:#}");
    assert!(at("response_ns_max") >= 0.98e9, "{document:#}");
    assert!(at("service_ns_p90") < at("response_ns_p90"), "{document:#}");
}

#[test]
fn flags_of_a_request_reach_the_server_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body.bin");
    std::fs::write(&file, b"{\"price\": \"$${x}\"}\n").unwrap();
    let data = format!("@{}", file.display());
    for (flags, parts) in [
        (&["-m", "put", "-d", "a=$1"][..], &["PUT /p?q={1} HTTP/1.1\r\n", "\r\n\r\na=$1"][..]),
        (&["-d", "x"], &["POST /p?q={1} ", "content-length: 1\r\n"]),
        (&["-m", "DELETE"], &["DELETE /p?q={1} "]),
        (
            &["-H", "X-Quote: \"a\\b\"", "-H", "accept: text/plain", "-T", "text/csv", "-d", "1,2"],
            &[
                "x-quote: \"a\\b\"\r\n",
                "accept: text/plain\r\n",
                "content-type: text/csv\r\n",
                "\r\n\r\n1,2",
            ],
        ),
        (&["-d", &data], &["\r\n\r\n{\"price\": \"$${x}\"}\n"]),
        (&["-d", "n={{n}}"], &["\r\n\r\nn=1"]),
    ] {
        let (address, heard) = listener();
        let url = format!("http://{address}/p?q={{1}}");
        let (document, _) = json(&[&[url.as_str(), "-n", "1", "-c", "1"], flags].concat());
        finished(&document);
        let heard = heard_of(&heard);
        assert_eq!(heard.len(), 1, "{flags:?}");
        for part in parts {
            let lowered = heard[0].to_ascii_lowercase();
            let found = heard[0].contains(part) || lowered.contains(&part.to_ascii_lowercase());
            assert!(found, "{part:?} is missing in {:?}", heard[0]);
        }
    }
}

#[test]
fn connections_go_where_flags_send_them_and_the_name_stays() {
    let (address, heard) = listener();
    let port = address.port();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("http.sock");
    let unix = UnixListener::bind(&socket).unwrap();
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in unix.incoming().map_while(Result::ok) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || converse(stream.try_clone().unwrap(), stream, &told));
        }
    });
    let resolve = format!("bench.example:{port}:127.0.0.1");
    let connect_to = format!("bench.example:81:127.0.0.1:{port}");
    for (url, flags) in [
        (format!("http://bench.example:{port}/r"), ["--resolve", resolve.as_str()]),
        ("http://bench.example:81/c".to_owned(), ["--connect-to", &connect_to]),
        ("http://bench.example/u".to_owned(), ["--unix-socket", socket.to_str().unwrap()]),
    ] {
        heard.lock().unwrap().clear();
        let (document, _) = json(&[&[url.as_str(), "-n", "5", "-c", "1"], &flags[..]].concat());
        finished(&document);
        let heard = heard_of(&heard);
        assert_eq!(heard.len(), 5, "{flags:?}");
        let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let wanted = format!("host: {host}\r\n");
        assert!(heard[0].to_ascii_lowercase().contains(&wanted), "{wanted:?} in {:?}", heard[0]);
    }
}

#[test]
fn a_certificate_is_trusted_by_cacert_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("ca.pem");
    let target = Serve::start(&["--tls", "--cert-out", pem.to_str().unwrap()]);
    let url = format!("https://{}/healthz", target.address);
    for (flags, trusted) in [
        (&["-k"][..], true),
        (&["--cacert", pem.to_str().unwrap()], true),
        (&["--cacert", pem.to_str().unwrap(), "--http2"], true),
        (&[], false),
    ] {
        let (document, status) = json(&[&[url.as_str(), "-n", "20", "-c", "2"], flags].concat());
        let verdict = document["trials"][0]["trial"]["verdict"].as_str().unwrap();
        assert_eq!(verdict != "failed", trusted, "{flags:?}: {document:#}");
        if trusted {
            assert_eq!(count(&document, "answered"), 20, "{flags:?}");
        } else {
            assert_eq!(status, 3);
            assert!(errors(&document)["certificate"] >= 1);
        }
    }
}

#[test]
fn clients_that_only_listen_count_what_comes() {
    let target = Serve::start(&["--rate", "50/s"]);
    let address = target.address;
    let stream = "/topics/news-0/stream?since=0";
    for (url, flags) in [
        (format!("http://{address}{stream}"), &["--sse"][..]),
        (format!("ws://{address}/topics/news-0/ws"), &[]),
        (format!("http://{address}/topics/news-0/events?limit=1"), &["--poll", "100ms"]),
        (format!("http://{address}/topics/news-0/events?wait=100ms"), &["--long-poll"]),
    ] {
        let (document, _) = json(&[&[url.as_str(), "-z", "2s", "-c", "4"], flags].concat());
        finished(&document);
        assert!(count(&document, "messages") > 4, "{url}: {document:#}");
        assert!(errors(&document).is_empty(), "{url}: {document:#}");
    }
}

#[test]
fn published_events_are_recognised_and_their_freshness_is_measured() {
    let target = Serve::start(&["--rate", "0/s"]);
    let address = target.address;
    let publish = format!("http://{address}/topics/news-0/events");
    let url = format!("ws://{address}/topics/news-0/ws?since=0");
    let flags = [
        "-z",
        "2s",
        "-c",
        "3",
        "-q",
        "20",
        "--publish",
        &publish,
        "--body",
        "{\"data\":{{event}}}",
    ];
    let (document, _) = json(&[&[url.as_str()], &flags[..]].concat());
    finished(&document);
    let trial = &document["trials"][0]["trial"];
    assert!(count(&document, "expected") > 30, "{document:#}");
    assert_eq!(count(&document, "delivered"), count(&document, "expected"), "{document:#}");
    assert!(trial["freshness_ns_p50"].as_f64().unwrap() > 0.0);
}

#[test]
fn polls_continue_where_the_response_before_said() {
    let target = Serve::start(&["--rate", "50/s"]);
    let url =
        format!("http://{}/topics/news-0/events?since={{{{cursor}}}}&wait=5s", target.address);
    let flags = ["--long-poll", "--cursor", "json:/next", "-z", "2s", "-c", "2"];
    let (document, _) = json(&[&[url.as_str()], &flags[..]].concat());
    finished(&document);
    assert!(errors(&document).is_empty(), "{document:#}");
    // A response each for what is new, of which 50 come in a second.
    assert!(count(&document, "messages") > 4, "{document:#}");
}

#[test]
fn the_age_of_a_message_is_taken_from_its_stamp() {
    let address = stamped();
    let url = format!("http://{address}/");
    let flags = ["--sse", "-z", "1s", "-c", "1", "--stamp", "json:/t", "--stamp-unit", "s"];
    let (document, _) = json(&[&[url.as_str()], &flags[..]].concat());
    finished(&document);
    // The server's stamps are half a minute old.
    let age = document["trials"][0]["trial"]["stamp_age_ns_p50"].as_f64().unwrap();
    assert!(age >= 29.9e9, "{age}");
}

#[test]
fn webhooks_are_received_where_the_flag_says() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = format!(":{port}");
    let mut command = command(&["--webhook", &place, "-z", "2s", "-o", "json", "--quiet"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut answered = 0;
    // For as long as it listens; the first connection waits until it does.
    let mut stream = eventually("the receiver", || TcpStream::connect(("127.0.0.1", port)).ok());
    let call = "POST /any HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let mut buffer = [0; 1_024];
    while stream.write_all(call.as_bytes()).is_ok()
        && matches!(stream.read(&mut buffer), Ok(read) if read > 0)
    {
        assert!(buffer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&buffer));
        answered += 1;
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    finished(&document);
    let messages = count(&document, "messages");
    assert!(messages > 0 && messages <= answered + 1, "{messages} of {answered}");
}

#[test]
fn a_saved_scenario_is_the_one_that_ran() {
    let (address, heard) = listener();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.toml");
    let results = folder.path().join("probe");
    let url = format!("http://{address}/a'b\"c/$x?é=%20");
    let flags = [
        "-n",
        "20",
        "-c",
        "2",
        "-q",
        "200",
        "-H",
        "x-y: ${HOME} \\ z",
        "-d",
        "{{client}} $${A}",
        "-t",
        "3s",
        "--seed",
        "7",
        "--set",
        "worker.shards=1",
        "--set",
        "request.arrivals=poisson",
    ];
    let save = ["--save", file.to_str().unwrap(), "--results", results.to_str().unwrap()];
    let output = probe(&[&[url.as_str()], &flags[..], &save, &["--quiet"]].concat());
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", text(&output.stderr));
    let mut of_probe = heard_of(&heard);
    heard.lock().unwrap().clear();
    let saved = std::fs::read_to_string(&file).unwrap();
    assert!(saved.starts_with("# Written by tidings probe"), "{saved}");
    let out = folder.path().join("run");
    let ran = tidings(&["run", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--quiet"]);
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{}", text(&ran.stderr));
    let mut of_run = heard_of(&heard);
    // The order in which two clients are served is nobody's promise.
    of_probe.sort();
    of_run.sort();
    assert_eq!(of_probe, of_run, "the same requests, byte for byte");
    assert_eq!(of_run.len(), 20);
    assert_eq!(scenario_of(&results), scenario_of(&out));
    assert_eq!(scenario_of(&out)["seed"], 7);
    let explained = tidings(&["plan", "--explain", file.to_str().unwrap()]);
    assert!(text(&explained.stdout).contains("x-y: ${HOME} \\"), "{}", text(&explained.stdout));
}

/// The scenario in the only run below `folder`.
fn scenario_of(folder: &Path) -> Value {
    let runs: Vec<_> = std::fs::read_dir(folder.join("probe")).unwrap().flatten().collect();
    assert_eq!(runs.len(), 1);
    let run: Value =
        serde_json::from_slice(&std::fs::read(runs[0].path().join("run.json")).unwrap()).unwrap();
    run["scenario"].clone()
}

#[test]
fn nothing_is_written_unless_a_flag_says_where() {
    let (address, _) = listener();
    let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = format!("http://{address}/");
    let mut command = command(&[&url, "-n", "5", "-c", "1", "--quiet"]);
    command.current_dir(here.path()).env("TMPDIR", temporary.path());
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", text(&output.stderr));
    for folder in [&here, &temporary] {
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_interrupt_ends_it_early_and_what_was_measured_is_printed() {
    let (address, heard) = listener();
    let url = format!("http://{address}/");
    let mut command =
        command(&[&url, "-z", "10m", "-c", "2", "--warmup", "0s", "-o", "json", "--quiet"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("requests", || (heard_of(&heard).len() > 50).then_some(()));
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["complete"], false);
    assert!(count(&document, "answered") > 0, "{document:#}");
}
