//! `tidings probe` against servers that do wrong: every failure is counted under its kind, as often as the server's own account
//! says.

use crate::probe_support;

use std::collections::BTreeMap;
use std::net::TcpStream;

use probe_support::{Asked, Deed, count, end, errors, hold, json, put, reset, serve, switch};
use serde_json::Value;

/// What a server does, and the kind under which it must be counted; `None` where nothing is wrong.
type Row = (&'static str, Option<&'static str>, fn(&mut TcpStream, &Asked) -> bool);

fn answer(stream: &mut TcpStream, text: &str) -> bool {
    put(stream, text.as_bytes());
    true
}

fn status(stream: &mut TcpStream, status: u16) -> bool {
    let head = format!("HTTP/1.1 {status} X\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nno");
    answer(stream, &head)
}

/// Deeds upon a request, one by one.
const REQUESTS: &[Row] = &[
    ("200", None, |s, _| answer(s, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
    ("200 in chunks", None, |s, _| {
        answer(s, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    }),
    ("200 to the end of the connection", None, |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok");
        end(s)
    }),
    ("500", Some("server_error"), |s, _| status(s, 500)),
    ("502", Some("server_error"), |s, _| status(s, 502)),
    ("504", Some("server_error"), |s, _| status(s, 504)),
    ("503", Some("refused"), |s, _| {
        answer(s, "HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")
    }),
    ("429", Some("refused"), |s, _| {
        answer(s, "HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")
    }),
    ("404", Some("not_found"), |s, _| status(s, 404)),
    ("302", Some("redirect"), |s, _| status(s, 302)),
    ("401", Some("denied"), |s, _| status(s, 401)),
    ("405", Some("not_allowed"), |s, _| status(s, 405)),
    ("413", Some("too_large"), |s, _| status(s, 413)),
    ("400", Some("status"), |s, _| status(s, 400)),
    ("a reset", Some("reset"), |s, _| reset(s)),
    ("a reset within the head", Some("reset"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncont");
        reset(s)
    }),
    ("a reset within the body", Some("reset"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        reset(s)
    }),
    ("an end without an answer", Some("closed"), |s, _| end(s)),
    ("an end within the head", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-le");
        end(s)
    }),
    ("an end within the body", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        end(s)
    }),
    ("an end within a chunk", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc");
        end(s)
    }),
    ("an end between chunks", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
        end(s)
    }),
    ("silence", Some("timeout"), |s, _| hold(s)),
    ("an answer without an end", Some("endless"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        hold(s)
    }),
    ("garbage", Some("protocol"), |s, _| {
        put(s, b"SSH-2.0-OpenSSH_9.6\r\n\r\n");
        hold(s)
    }),
    ("binary garbage", Some("protocol"), |s, _| {
        put(s, &[0x16, 3, 1, 0, 0xff, 0, 13, 10, 13, 10]);
        hold(s)
    }),
    ("a length that is none", Some("protocol"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\nabc");
        hold(s)
    }),
    ("two lengths", Some("protocol"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab");
        hold(s)
    }),
    ("a chunk that is none", Some("protocol"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n");
        hold(s)
    }),
    ("a head without an end", Some("oversized"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\n");
        put(s, format!("x-a: {}\r\n", "a".repeat(1_000)).repeat(2_000).as_bytes());
        hold(s)
    }),
    ("an unknown coding", Some("encoding"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok");
        hold(s)
    }),
];

fn deeds(rows: &[Row]) -> Vec<Deed> {
    rows.iter().map(|&(name, _, act)| Deed { name, act }).collect()
}

/// What the server did, by the kind that it must be counted under; what is right is left out.
fn wrongs(rows: &[Row], done: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    let mut wrongs = BTreeMap::new();
    for (name, kind, _) in rows {
        if let (Some(kind), Some(count)) = (kind, done.get(name)) {
            *wrongs.entry((*kind).to_owned()).or_default() += count;
        }
    }
    wrongs
}

/// Every request is accounted for, and the columns say the same as the list of errors.
fn adds_up(document: &Value) {
    let of = |column| count(document, column);
    assert_eq!(of("sent"), of("answered") + of("failed") + of("unfinished"), "{document:#}");
    let listed: u64 = errors(document).values().sum();
    assert_eq!(listed, of("errors"), "{document:#}");
}

#[test]
fn every_failure_of_a_request_is_counted_under_its_kind_as_often_as_the_server_says() {
    let (address, account) = serve(deeds(REQUESTS), usize::MAX);
    let url = format!("http://{address}/");
    let requests = 4 * REQUESTS.len();
    let rate = format!("{}", requests / 2);
    let (document, _) = json(&[
        &url,
        "-c",
        "12",
        "-q",
        &rate,
        "-z",
        "2s",
        "-t",
        "2s",
        "--warmup",
        "0s",
        "--set",
        "phases.drain=60s",
    ]);
    let done = account.of();
    adds_up(&document);
    assert_eq!(errors(&document), wrongs(REQUESTS, &done), "{document:#}\n{done:#?}");
    assert_eq!(count(&document, "sent"), done.values().sum::<u64>(), "{done:#?}");
    assert_eq!(done.len(), REQUESTS.len(), "{done:#?}");
    assert_eq!(count(&document, "failed"), errors(&document).values().sum::<u64>());
    assert_eq!(count(&document, "unfinished"), 0);
    // Answers by status are those that came whole.
    let statuses = &document["trials"][0]["trial"]["statuses"];
    for (status, name) in [("500", "500"), ("429", "429"), ("404", "404"), ("302", "302")] {
        let told = Value::from(format!("{status}: {}", done[name]));
        assert!(statuses.as_array().unwrap().contains(&told), "{statuses}: {told}");
    }
}

#[test]
fn a_server_that_answers_nothing_but_errors_is_measured_all_the_same() {
    let rows: &[Row] = &[
        ("500", Some("server_error"), |s, _| status(s, 500)),
        ("a reset", Some("reset"), |s, _| reset(s)),
    ];
    let (address, account) = serve(deeds(rows), usize::MAX);
    let (document, _) =
        json(&[&format!("http://{address}/"), "-c", "2", "-q", "50", "-z", "1s", "--warmup", "0s"]);
    let done = account.of();
    adds_up(&document);
    assert_eq!(errors(&document), wrongs(rows, &done));
    let all = done.values().sum::<u64>();
    assert!(all > 0);
    assert_eq!(
        (count(&document, "answered"), count(&document, "failed")),
        (0, all),
        "{document:#}"
    );
}

/// Writes a frame of a server: its first byte, and a payload of under 126 bytes.
fn frame(stream: &mut TcpStream, first: u8, payload: &[u8]) {
    put(stream, &[&[first, payload.len() as u8], payload].concat());
}

/// A WebSocket that stands and says something.
fn talk(stream: &mut TcpStream, asked: &Asked) {
    switch(stream, asked);
    frame(stream, 0x81, b"hello");
}

/// Deeds upon the handshake of a WebSocket; the first is in order.
const SOCKETS: &[Row] = &[
    ("stands", None, |s, asked| {
        talk(s, asked);
        hold(s)
    }),
    ("403", Some("denied"), |s, _| status(s, 403)),
    ("503", Some("refused"), |s, _| status(s, 503)),
    ("500", Some("server_error"), |s, _| status(s, 500)),
    ("200 in place of 101", Some("status"), |s, _| status(s, 200)),
    ("another protocol", Some("protocol"), |s, _| {
        answer(s, "HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n");
        hold(s)
    }),
    ("a wrong proof", Some("protocol"), |s, _| {
        answer(
            s,
            "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n",
        );
        hold(s)
    }),
    ("a subprotocol that nobody offered", Some("protocol"), |s, asked| {
        let proof =
            tungstenite::handshake::derive_accept_key(asked.key.as_deref().unwrap().as_bytes());
        let head = format!(
            "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {proof}\r\n\
             sec-websocket-protocol: mqtt\r\n\r\n"
        );
        answer(s, &head);
        hold(s)
    }),
    ("an end within the handshake", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 101 Swi");
        end(s)
    }),
    ("an end in place of a handshake", Some("closed"), |s, _| end(s)),
    ("a reset in place of a handshake", Some("reset"), |s, _| reset(s)),
    ("silence", Some("timeout"), |s, _| hold(s)),
    ("garbage in place of a handshake", Some("protocol"), |s, _| {
        put(s, b"+OK hello\r\n\r\n");
        hold(s)
    }),
    ("an end without a close", Some("closed"), |s, asked| {
        talk(s, asked);
        end(s)
    }),
    ("an end within a frame", Some("closed"), |s, asked| {
        talk(s, asked);
        put(s, &[0x81, 20, b'a', b'b']);
        end(s)
    }),
    ("an end within the head of a frame", Some("closed"), |s, asked| {
        talk(s, asked);
        put(s, &[0x81, 126, 1]);
        end(s)
    }),
    ("a reset of the socket", Some("reset"), |s, asked| {
        talk(s, asked);
        reset(s)
    }),
    ("a close in order", Some("closed"), |s, asked| {
        talk(s, asked);
        frame(s, 0x88, &1000_u16.to_be_bytes());
        hold(s)
    }),
    ("a close with an error", Some("close_code"), |s, asked| {
        talk(s, asked);
        frame(s, 0x88, &1011_u16.to_be_bytes());
        hold(s)
    }),
    ("a frame of garbage", Some("frame"), |s, asked| {
        talk(s, asked);
        put(s, b"\xff\xff\xff\xff");
        hold(s)
    }),
    ("a masked frame", Some("frame"), |s, asked| {
        talk(s, asked);
        put(s, &[0x81, 0x81, 1, 2, 3, 4, 5]);
        hold(s)
    }),
    ("text that is not UTF-8", Some("frame"), |s, asked| {
        talk(s, asked);
        frame(s, 0x81, &[0xff, 0xfe]);
        hold(s)
    }),
    ("a continuation of nothing", Some("frame"), |s, asked| {
        talk(s, asked);
        frame(s, 0x80, b"x");
        hold(s)
    }),
    ("a message that is too long", Some("oversized"), |s, asked| {
        talk(s, asked);
        put(s, &[&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat());
        hold(s)
    }),
];

#[test]
fn every_failure_of_a_websocket_is_counted_under_its_kind_as_often_as_the_server_says() {
    hostile_stream("ws", SOCKETS, &[]);
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An event stream that stands and says something.
fn tell(stream: &mut TcpStream) {
    put(stream, STREAM.as_bytes());
    put(stream, b"d\r\ndata: hello\n\n\r\n");
}

/// Deeds upon the request of an event stream; the first is in order.
const STREAMS: &[Row] = &[
    ("stands", None, |s, _| {
        tell(s);
        hold(s)
    }),
    ("403", Some("denied"), |s, _| status(s, 403)),
    ("503", Some("refused"), |s, _| status(s, 503)),
    ("500", Some("server_error"), |s, _| status(s, 500)),
    ("JSON in place of a stream", Some("protocol"), |s, _| {
        answer(
            s,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        );
        hold(s)
    }),
    ("an end in place of a head", Some("closed"), |s, _| end(s)),
    ("an end within the head", Some("truncated"), |s, _| {
        put(s, b"HTTP/1.1 200 OK\r\ncontent-ty");
        end(s)
    }),
    ("a reset in place of a head", Some("reset"), |s, _| reset(s)),
    ("silence", Some("timeout"), |s, _| hold(s)),
    ("garbage in place of a head", Some("protocol"), |s, _| {
        put(s, b"+OK hello\r\n\r\n");
        hold(s)
    }),
    ("an end of the stream", Some("closed"), |s, _| {
        tell(s);
        put(s, b"0\r\n\r\n");
        hold(s)
    }),
    ("an end within an event", Some("truncated"), |s, _| {
        tell(s);
        put(s, b"20\r\ndata: hal");
        end(s)
    }),
    ("an end between events", Some("truncated"), |s, _| {
        tell(s);
        end(s)
    }),
    ("a reset of the stream", Some("reset"), |s, _| {
        tell(s);
        reset(s)
    }),
    ("a chunk that is none", Some("protocol"), |s, _| {
        tell(s);
        put(s, b"zz\r\ndata: x\n\n\r\n");
        hold(s)
    }),
];

#[test]
fn every_failure_of_an_event_stream_is_counted_under_its_kind_as_often_as_the_server_says() {
    hostile_stream("http", STREAMS, &["--sse"]);
}

/// Clients that are wronged twice in every way, and stand from then on.
fn hostile_stream(scheme: &str, rows: &[Row], more: &[&str]) {
    let turns = 2 * rows.len();
    let (address, account) = serve(deeds(rows), turns);
    let url = format!("{scheme}://{address}/");
    let arguments = [
        url.as_str(),
        "-c",
        "6",
        "-z",
        "4s",
        "-t",
        "1s",
        "--warmup",
        "0s",
        "--set",
        "reconnect.backoff=1ms",
        "--set",
        "reconnect.max=2ms",
    ];
    let (document, _) = json(&[&arguments, more].concat());
    let done = account.of();
    for (name, ..) in rows {
        assert!(done.get(name).is_some_and(|times| *times >= 2), "{name}: {done:#?}");
    }
    assert_eq!(errors(&document), wrongs(rows, &done), "{document:#}\n{done:#?}");
    let listed: u64 = errors(&document).values().sum();
    assert_eq!(listed, count(&document, "errors"));
}
