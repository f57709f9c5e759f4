//! `tidings probe` as someone meets it who knows oha, wrk and curl: flags that it refuses, loads at a limit, servers that refuse.

use crate::probe_support;
use crate::support::text;

use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use probe_support::servers::{Serve, heard_of, listener};
use probe_support::{Account, Asked, Deed, count, errors, finished, json, probe, put, serve};

#[test]
fn flags_that_do_not_go_together_are_refused_with_what_to_write() {
    for (arguments, said) in [
        (&["ws://127.0.0.1:1/", "--sse"][..], "--sse is measured over HTTP"),
        (&["ws://127.0.0.1:1/", "-n", "5"], "-n has no meaning for websocket"),
        (&["ws://127.0.0.1:1/", "-q", "5"], "--publish URL"),
        (&["ws://127.0.0.1:1/", "-m", "POST"], "a handshake is a GET"),
        (
            &["http://127.0.0.1:1/", "--publish", "http://127.0.0.1:1/"],
            "--sse, --poll 1s, --long-poll",
        ),
        (&["http://127.0.0.1:1/", "--sse", "--publish"], "--publish needs the URL"),
        (&["http://127.0.0.1:1/", "--sse", "--poll", "1s"], "cannot be used with"),
        (&["http://127.0.0.1:1/", "-H", "nonsense"], "has no colon"),
        (&["http://ann:pw@127.0.0.1:1/"], "credentials in a URL"),
        (&["http://127.0.0.1:1/", "-q", "fast"], "is not a rate"),
        (&["http://127.0.0.1:1/", "-c", "0"], "-c 0: must be at least 1"),
        (&["http://127.0.0.1:1/", "-d", "{{nonsense}}"], "-d: '{{nonsense}}'"),
        (&["http://127.0.0.1:1/", "--sse", "--retry-after"], "--retry-after has no meaning"),
        (&["http://127.0.0.1:1/", "-m", "B AD"], "URL or -m: 'B AD /'"),
        (&["http://127.0.0.1:1/", "--cacert", "/none.pem"], "--cacert: no file is at /none.pem"),
        (
            &["http://nowhere.invalid:81/"],
            "Check the spelling, or name an address: --resolve nowhere.invalid:81:ADDRESS",
        ),
        (&["http://127.0.0.1:1/", "-t", "0"], "-t 0ns: must be greater than 0"),
        (&["http://127.0.0.1:1/", "-d", "@/nowhere/body"], "cannot read the body /nowhere/body"),
        (&["http://127.0.0.1:1/", "--cert", "x.pem"], "--key"),
        (&["http://127.0.0.1:1/", "--connect-to", "a:1:b"], "host:port:host:port"),
        (&["http://127.0.0.1:1/", "-X", "POST"], "unknown option -X. The method is -m METHOD"),
        (&["http://127.0.0.1:1/", "--vus=10"], "unknown option --vus. Clients are -c N"),
        (&["http://127.0.0.1:1/", "-c5", "-p4"], "connection of its own"),
        (&["--webhook", ":0"], "a sender must know the port"),
        (&["http://127.0.0.1:1/", "--set", "worker.spin=maybe"], "worker.spin"),
        (&["http://127.0.0.1:1/", "-U"], "uncorrected"),
        (&["http://192.0.2.1/"], "--yes-i-may"),
        (&[], "URL"),
    ] {
        let output = probe(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
        assert!(!told.contains("probe:"), "no line of a text that nobody has seen: {told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_flag_to_correct_latencies_is_not_needed_and_says_so() {
    let (address, heard) = listener();
    let url = format!("http://{address}/");
    for flag in ["--latency-correction", "-L"] {
        let output = probe(&[&url, "-n", "2", "-c", "1", flag, "--quiet"]);
        let told = text(&output.stderr);
        assert!(told.contains("always count from when a request was due"), "{told}");
    }
    assert_eq!(heard_of(&heard).len(), 4);
    let output = probe(&[&url, "-n", "2", "-c", "1", "-d", "30s", "--quiet"]);
    assert!(text(&output.stderr).contains("a duration is -z 30s"), "{}", text(&output.stderr));
}

#[test]
fn too_few_descriptors_are_named_with_the_clients_that_fit() {
    for (limit, more, said) in [
        (
            70,
            "--set worker.processes=1",
            "1 worker process; the limit is 70: lower -c to at most 6, or",
        ),
        (64, "", "1,000 worker processes; the limit is 64: raise `ulimit -n`"),
    ] {
        let line = format!(
            "ulimit -n {limit}; exec {} probe http://127.0.0.1:1/ -c 1000 {more}",
            env!("CARGO_BIN_EXE_tidings")
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(said), "{told}");
    }
}

/// A server that refuses every request with 429, and asks for a minute.
fn refusing() -> (std::net::SocketAddr, Arc<Account>) {
    let act = |stream: &mut TcpStream, _: &Asked| {
        put(stream, b"HTTP/1.1 429 X\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
        true
    };
    serve(vec![Deed { name: "429", act }], usize::MAX)
}

#[test]
fn refusals_are_counted_and_the_schedule_is_kept_unless_asked_otherwise() {
    for (flags, backs_off) in [
        (&["-q", "100", "-n", "100"][..], false),
        (&["-n", "100"], false),
        (&["-q", "100", "-z", "1s", "--warmup", "0s", "--retry-after"], true),
    ] {
        let (address, account) = refusing();
        let url = format!("http://{address}/");
        let (document, _) = json(&[&[url.as_str(), "-c", "2"], flags].concat());
        finished(&document);
        let asked = account.of()["429"];
        assert_eq!(errors(&document)["refused"], asked, "{flags:?}: {document:#}");
        // Each client asks once, and then waits for a minute.
        assert_eq!(asked, if backs_off { 2 } else { 100 }, "{flags:?}");
        let page = probe(&[&[url.as_str(), "-c", "2", "--quiet"], flags].concat());
        let words = if backs_off { "clients waited as asked" } else { "clients did not back off" };
        let page = text(&page.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains(words), "{page}");
    }
}

#[test]
fn the_builtin_dialect_publishes_into_a_log_that_has_events_already() {
    let target = Serve::start(&["--rate", "50/s", "--allow-private-webhooks"]);
    for (scheme, flags) in [
        ("http", &["--sse"][..]),
        ("ws", &[]),
        ("http", &["--poll", "100ms"]),
        ("http", &["--long-poll"]),
        ("http", &["--webhook", "127.0.0.1:0"]),
    ] {
        let url = format!("{scheme}://{}", target.address);
        let more = ["--dialect", "builtin", "--publish", "-c", "2", "-q", "20", "-z", "1s"];
        let (document, _) = json(&[&[url.as_str()], &more[..], flags].concat());
        finished(&document);
        assert!(count(&document, "expected") >= 20, "{flags:?}: {document:#}");
        assert_eq!(count(&document, "lost"), 0, "{flags:?}: {document:#}");
        assert!(errors(&document).is_empty(), "{flags:?}: {document:#}");
    }
}

#[test]
fn a_closed_loop_at_full_speed_is_usable_and_its_server_is_found_by_its_port() {
    let target = Serve::start(&["--rate", "0/s"]);
    let url = format!("http://{}/healthz", target.address);
    let (document, _) = json(&[&url, "-c", "32", "-z", "1s", "--warmup", "0s", "-k"]);
    finished(&document);
    let trial = &document["trials"][0]["trial"];
    assert!(trial["target_cpu_ns_per_delivery"].as_f64().unwrap() > 0.0, "{document:#}");
    let codes = trial["verdict_codes"].to_string();
    // A machine that others use may still spoil it; its own full worker may not.
    let theirs = ["worker_stalled", "cpu_stolen", "cpu_throttled"];
    let spoilt = theirs.iter().any(|code| codes.contains(code));
    assert!(trial["verdict"] != "invalid" || spoilt, "{document:#}");
    assert!(!codes.contains("workers_busy"), "{codes}");
    let full = trial["worker_cpu_share"].as_f64().unwrap() > 0.8;
    assert!(!full || codes.contains("closed_loop_bound"), "{document:#}");
}
