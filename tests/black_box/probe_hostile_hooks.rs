//! `tidings probe --webhook` under senders that do wrong: every failure is counted under its kind, as often as the sender's own
//! account says, and what is right is received.

use crate::probe_support;
use crate::support::eventually;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use probe_support::{command, count, errors, reset};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = "{\"n\":1}";
const ROUNDS: u64 = 3;

/// A delivery with the number `id`, signed at `at`; `more` are further header fields.
fn delivery(id: &str, at: i64, more: &str) -> String {
    let signature = standardwebhooks::Webhook::new(SECRET).unwrap().sign(id, at, BODY.as_bytes());
    post(
        &format!(
            "webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {}\r\n{more}",
            signature.unwrap()
        ),
        BODY.len(),
    ) + BODY
}

fn post(fields: &str, length: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: r\r\n{fields}content-length: {length}\r\n\r\n")
}

fn now_s() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// Says it, ends its half of the connection, and returns what is answered.
fn say(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A deed of a sender in a round, over a new connection; it returns what was answered.
type Act = fn(TcpStream, u64) -> String;

/// What a sender does, how its answer begins, what is counted once for it, and the deed.
type Row = (&'static str, &'static str, Option<&'static str>, Act);

const ROWS: &[Row] = &[
    ("a delivery", "HTTP/1.1 204", Some("messages"), |s, n| {
        say(s, delivery(&format!("first-{n}"), now_s(), "").as_bytes())
    }),
    ("the same again", "HTTP/1.1 204", Some("duplicate_attempts"), |s, n| {
        say(s, delivery(&format!("first-{n}"), now_s(), "").as_bytes())
    }),
    ("a body only after 100 Continue", "HTTP/1.1 100", Some("messages"), |mut s, n| {
        let whole = delivery(&format!("continued-{n}"), now_s(), "expect: 100-continue\r\n");
        let (head, body) = whole.split_at(whole.len() - BODY.len());
        s.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 25];
        s.read_exact(&mut first).unwrap();
        let rest = say(s, body.as_bytes());
        assert!(rest.starts_with("HTTP/1.1 204"), "{rest}");
        String::from_utf8_lossy(&first).into_owned()
    }),
    ("no body after 100 Continue", "HTTP/1.1 100", Some("truncated"), |mut s, _| {
        s.write_all(post("expect: 100-continue\r\n", 7).as_bytes()).unwrap();
        let mut first = [0; 25];
        s.read_exact(&mut first).unwrap();
        let rest = say(s, b"");
        assert!(rest.starts_with("HTTP/1.1 400"), "{rest}");
        String::from_utf8_lossy(&first).into_owned()
    }),
    ("a body without waiting for 100 Continue", "HTTP/1.1 204", Some("messages"), |s, n| {
        let id = format!("hasty-{n}");
        say(s, delivery(&id, now_s(), "expect: 100-continue\r\n").as_bytes())
    }),
    ("a wrong signature", "HTTP/1.1 401", Some("signature"), |s, n| {
        say(
            s,
            delivery(&format!("wrong-{n}"), now_s(), "").replace("\"n\":1", "\"n\":2").as_bytes(),
        )
    }),
    ("a stale time stamp", "HTTP/1.1 401", Some("signature"), |s, n| {
        say(s, delivery(&format!("stale-{n}"), now_s() - 86_400, "").as_bytes())
    }),
    ("no signature", "HTTP/1.1 401", Some("signature"), |s, _| {
        say(s, (post("", BODY.len()) + BODY).as_bytes())
    }),
    ("garbage", "HTTP/1.1 400", Some("protocol"), |s, _| {
        say(s, b"\x16\x03\x01\x00garbage\r\n\r\n")
    }),
    ("a method that delivers nothing", "HTTP/1.1 405", Some("protocol"), |s, _| {
        say(s, b"GET / HTTP/1.1\r\nhost: r\r\n\r\n")
    }),
    ("two lengths", "HTTP/1.1 400", Some("protocol"), |s, _| {
        say(s, (post("content-length: 1\r\n", 7) + BODY).as_bytes())
    }),
    ("a chunk that is none", "HTTP/1.1 400", Some("protocol"), |s, _| {
        say(s, b"POST / HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n")
    }),
    ("a length of 5 MiB", "HTTP/1.1 400", Some("protocol"), |s, _| {
        say(s, post("", 5 << 20).as_bytes())
    }),
    ("half a body", "HTTP/1.1 400", Some("truncated"), |s, _| {
        say(s, (post("", 7) + "{\"n").as_bytes())
    }),
    ("half a chunk", "HTTP/1.1 400", Some("truncated"), |s, _| {
        say(s, b"POST / HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"n")
    }),
    ("half a body, and nobody waits for the answer", "", Some("truncated"), |mut s, _| {
        s.write_all((post("", 7) + "{\"n").as_bytes()).unwrap();
        String::new()
    }),
    ("half a head", "", Some("truncated"), |s, _| say(s, b"POST / HTTP/1.1\r\nho")),
    ("a reset within the body", "", Some("reset"), |mut s, _| {
        s.write_all((post("expect: 100-continue\r\n", 7)).as_bytes()).unwrap();
        s.read_exact(&mut [0; 25]).unwrap();
        reset(&s);
        String::new()
    }),
    ("no request at all", "", None, |s, _| say(s, b"")),
];

#[test]
fn every_failure_of_a_sender_is_counted_under_its_kind_as_often_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("sender.toml");
    let verify =
        format!("[target.webhook]\nverify = {{ preset = \"standard\", secret = \"{SECRET}\" }}\n");
    std::fs::write(&page, verify).unwrap();
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = command(&[
        "--webhook",
        &address.to_string(),
        "--dialect",
        page.to_str().unwrap(),
        "-z",
        "10m",
        "-o",
        "json",
        "--quiet",
    ]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(eventually("the receiver", || TcpStream::connect(address).ok()));
    let mut account: BTreeMap<&str, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        for (name, begins, counted, act) in ROWS {
            let answer = act(TcpStream::connect(address).unwrap(), round);
            assert!(answer.starts_with(begins), "{name}: {answer}");
            assert!(!begins.is_empty() || answer.is_empty(), "{name}: {answer}");
            if let Some(counted) = counted {
                *account.entry(counted).or_default() += 1;
            }
        }
    }
    // What the receiver has seen of a connection is known once it answers on a later one.
    for last in ["last", "the very last"] {
        let answer =
            say(TcpStream::connect(address).unwrap(), delivery(last, now_s(), "").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
    *account.get_mut("messages").unwrap() += 2;
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    // Messages count in the window, which begins at any time; failures count at once.
    let sent = account.remove("messages").unwrap();
    assert!(count(&document, "messages") <= sent, "{document:#}");
    counted.insert("duplicate_attempts", count(&document, "duplicate_attempts"));
    let errors = errors(&document);
    counted.extend(errors.iter().map(|(kind, count)| (kind.as_str(), *count)));
    assert_eq!(counted, account, "{document:#}");
}
