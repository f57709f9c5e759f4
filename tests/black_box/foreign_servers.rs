//! Our own links against servers of others that end streams, break rules, or say no: each is counted under its kind, and
//! described.

use crate::{link_support, target_support};

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use link_support::watch;
use target_support::websocket::masked;
use tidings::measure::{ErrorKind, Snapshot};
use tidings::scenario::{Pattern, SseOptions, WebSocketOptions};
use tidings::unit::Span;
use tungstenite::handshake::derive_accept_key;

/// A server whose first connection is in order until it ends; `then` answers all later ones.
fn server(websocket: bool, then: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let then = Arc::new(then);
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let then = Arc::clone(&then);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let (mut line, mut key) = (String::new(), String::new());
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    if let Some((name, value)) = line.split_once(": ")
                        && name.eq_ignore_ascii_case("sec-websocket-key")
                    {
                        value.trim().clone_into(&mut key);
                    }
                    line.clear();
                }
                let stream = reader.get_mut();
                if websocket {
                    switch(stream, &key);
                }
                match (number, websocket) {
                    (0, true) => drop(stream.write_all(&[0x88, 0])),
                    (0, false) => drop(stream.write_all(format!("{STREAM}0\r\n\r\n").as_bytes())),
                    _ => then(stream),
                }
                // Held open until the client goes.
                let _ = reader.read_line(&mut String::new());
            });
        }
    });
    address
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                      a\r\nretry: 1\n\n\r\n";

fn switch(stream: &mut TcpStream, key: &str) {
    let proof = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {proof}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
}

/// What one link books until a kind has occurred twice: without a pause or a hang in between it goes on.
fn told(pattern: Pattern, address: SocketAddr, kind: ErrorKind) -> Snapshot {
    let twice = |snapshot: &Snapshot| snapshot.counters.get(kind.counter()) >= 2;
    let (snapshot, _) = watch(pattern, address, |context| {
        let snapshot = context.recorder.borrow().snapshot();
        twice(&snapshot).then_some(snapshot)
    });
    snapshot
}

/// Checks that whatever else was counted is the first connection's end in good order.
fn alone(name: &str, kind: ErrorKind, says: &str, snapshot: &Snapshot) {
    let said = &snapshot.described[&kind];
    assert!(said.contains(says), "{name}: {said}");
    for other in ErrorKind::ALL {
        let count = snapshot.counters.get(other.counter());
        let related = other == kind || kind.whole() == Some(other) || other == ErrorKind::Closed;
        assert!(related || count == 0, "{name}: {count} of {other:?}");
    }
}

#[test]
fn whatever_ends_a_websocket_is_counted_under_its_kind() {
    let pattern = || {
        Pattern::WebSocket(WebSocketOptions {
            ping: Span::from_secs(60),
            ..WebSocketOptions::default()
        })
    };
    let close = |code: u16, reason: &str| {
        let length = 2 + reason.len() as u8;
        [&[0x88, length][..], &code.to_be_bytes(), reason.as_bytes()].concat()
    };
    let long = [&[0x81, 127][..], &(5u64 << 20).to_be_bytes()].concat();
    for (name, bytes, kind, says) in [
        ("a masked frame", masked(0x81, b"hello"), ErrorKind::Frame, "masked"),
        ("a reserved bit", vec![0xc1, 0], ErrorKind::Frame, "reserved bit"),
        ("a reserved opcode", vec![0x83, 0], ErrorKind::Frame, "reserved opcode"),
        ("no UTF-8", vec![0x81, 2, 0xff, 0xfe], ErrorKind::Frame, "UTF-8"),
        ("a ping in fragments", vec![0x09, 0], ErrorKind::Frame, "fragmented"),
        (
            "a long ping",
            [&[0x89, 126, 0, 126][..], &[0; 126]].concat(),
            ErrorKind::Frame,
            "too long",
        ),
        ("half a close code", vec![0x88, 1, 3], ErrorKind::Frame, "close"),
        ("a close code that is none", close(1005, ""), ErrorKind::Frame, "close"),
        ("a long message", long, ErrorKind::Oversized, "exceeds 4 MiB"),
        (
            "an internal error",
            close(1011, "db down"),
            ErrorKind::CloseCode,
            "code 1011 (internal error): db down",
        ),
        ("a policy", close(1008, ""), ErrorKind::CloseCode, "code 1008 (policy violation)"),
        ("a code of its own", close(4001, "no login"), ErrorKind::CloseCode, "code 4001: no login"),
        ("a close in good order", close(1000, "bye"), ErrorKind::Closed, "closed the stream"),
        ("a server that goes away", close(1001, ""), ErrorKind::Closed, "closed the stream"),
        (
            "text that is no event",
            vec![0x81, 2, b'h', b'i'],
            ErrorKind::Protocol,
            "an event was not understood",
        ),
    ] {
        let address = server(true, move |stream| drop(stream.write_all(&bytes)));
        alone(name, kind, says, &told(pattern(), address, kind));
    }
    for (name, bytes) in [("between frames", &[][..]), ("in a frame", &[0x81, 5, b'h'])] {
        let address = server(true, move |stream| {
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(Shutdown::Both);
        });
        let snapshot = told(pattern(), address, ErrorKind::Closed);
        alone(name, ErrorKind::Closed, "", &snapshot);
    }
}

#[test]
fn a_refused_handshake_is_told_with_what_the_server_says() {
    for (status, kind, says) in [
        (
            "301 Moved Permanently\r\nlocation: /elsewhere",
            ErrorKind::Redirect,
            "redirects to /elsewhere",
        ),
        ("401 Unauthorized", ErrorKind::Denied, "401 Unauthorized: log in first"),
        ("404 Not Found", ErrorKind::NotFound, "404 Not Found: log in first"),
        ("405 Method Not Allowed", ErrorKind::NotAllowed, "405"),
        ("413 Content Too Large", ErrorKind::TooLarge, "413"),
        ("429 Too Many Requests", ErrorKind::Refused, "429"),
        ("502 Bad Gateway", ErrorKind::ServerError, "502 Bad Gateway: log in first"),
        ("418 I'm a teapot", ErrorKind::Status, "418"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 12\r\n\r\nlog in first");
        let address = server(false, move |stream| drop(stream.write_all(answer.as_bytes())));
        let snapshot = told(Pattern::Sse(SseOptions::default()), address, kind);
        alone(status, kind, says, &snapshot);
    }
}

#[test]
fn comments_without_end_are_no_error() {
    let event =
        "event: news\nid: 1\ndata: {\"seq\":1,\"due_ns\":1,\"published_ns\":1,\"data\":1}\n\n";
    let address = server(false, move |stream| {
        let flood = ": nothing\n\n".repeat(10_000);
        let body = format!("{flood}{event}");
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let head = STREAM.split("a\r\n").next().unwrap();
        let _ = stream.write_all(format!("{head}{chunk}").as_bytes());
    });
    let snapshot = told(Pattern::Sse(SseOptions::default()), address, ErrorKind::Closed);
    assert_eq!(snapshot.counters.errors(), snapshot.counters.get(ErrorKind::Closed.counter()));
    assert!(snapshot.counters.get(tidings::measure::Counter::Received) >= 1);
}
