//! Servers whose WebSocket is not what the dialect says: each failure is named, and nothing hangs.

use crate::socket_support;

use std::io::Write as _;

use socket_support::{Lab, Log, Peer, dialect, drain, serve, token};
use tidings::measure::{Counter, ErrorKind};
use tidings::pattern::Context;
use tungstenite::Message;

/// Why a client of `toml` could not open its link to a server that does `script` with everyone.
fn refusal(toml: &str, script: impl Fn(usize, Peer) + Send + Sync + 'static) -> String {
    let target = serve(script);
    Lab::new().receive(dialect(toml), target, Context::failed).0
}

#[test]
fn a_link_that_cannot_be_opened_says_why() {
    let plain = "[websocket]\n";
    let offers = "[websocket]\nsubprotocol = [\"mqtt\"]\n";
    for (toml, answer, says) in [
        (plain, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        (plain, "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "503"),
        (plain, "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "301"),
        (
            plain,
            "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            "Sec-WebSocket-Accept",
        ),
        (plain, "HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", "upgrade"),
        (plain, "garbage\r\n\r\n", ""),
        (plain, "", ""),
    ] {
        let error = refusal(toml, move |_, mut peer| peer.write(answer));
        assert!(error.contains(says), "{answer:?}: {error}");
    }
    for (toml, fields, says) in [
        (offers, "", "accepts none of the subprotocols offered: mqtt"),
        (offers, "sec-websocket-protocol: amqp\r\n", "chooses the subprotocol \"amqp\""),
        (plain, "sec-websocket-protocol: mqtt\r\n", "chooses the subprotocol \"mqtt\""),
        (plain, "sec-websocket-extensions: permessage-deflate\r\n", "extensions"),
    ] {
        let error =
            refusal(toml, move |_, peer| drain(&mut peer.open_with(fields), &Log::default()));
        assert!(error.contains(says), "{fields:?}: {error}");
    }
}

#[test]
fn a_step_that_fails_is_named() {
    let silent = |_, peer: Peer| {
        let mut socket = peer.open();
        let _ = socket.send(Message::text("hello"));
        drain(&mut socket, &Log::default());
    };
    let steps = |steps: &str| {
        format!(
            "[websocket]\nignore = [\"hello\"]\nfail = [{{ prefix = \"-ERR\" }}]\nsteps = [{steps}]"
        )
    };
    let unanswered = steps(
        r#"{ wait = "hello" }, { send = "join" }, { wait = { prefix = "joined" }, timeout = "30ms" }"#,
    );
    let error = refusal(&unanswered, silent);
    assert!(
        error.contains("step 3 of the conversation timed out") && error.contains("30ms"),
        "{error}"
    );
    assert!(error.contains("prefix \"joined\""), "{error}");

    let lacks = steps(r#"{ wait = "hello", capture = { id = "json:/id" } }"#);
    let error = refusal(&lacks, silent);
    assert!(error.contains("captures as 'id'"), "{error}");

    let waits = steps(r#"{ wait = "joined" }"#);
    let error = refusal(&waits, |_, peer| {
        let mut socket = peer.open();
        let _ = socket.send(Message::text("-ERR 'Authorization Violation'"));
        drain(&mut socket, &Log::default());
    });
    assert!(error.contains("-ERR 'Authorization Violation'"), "{error}");

    let error = refusal(&waits, |_, peer| drop(peer.open().close(None)));
    assert!(error.contains("closed"), "{error}");

    let asks = steps(r#"{ request = { path = "/login", body = "me" } }"#);
    let error = refusal(&asks, |_, peer| {
        if peer.is_websocket() {
            drain(&mut peer.open(), &Log::default());
        } else {
            peer.answer(403, "no");
        }
    });
    assert!(error.contains("403"), "{error}");
}

#[test]
fn what_ends_a_link_is_counted_by_its_kind_and_the_link_comes_back() {
    let close = |code: u16, reason: &str| {
        let length = 2 + reason.len() as u8;
        [&[0x88, length][..], &code.to_be_bytes(), reason.as_bytes()].concat()
    };
    let long = [&[0x82, 127][..], &(5_u64 << 20).to_be_bytes()].concat();
    for (name, bytes, kind, says) in [
        ("the middle of a frame", vec![0x81, 20, b'a'], ErrorKind::Closed, "without closing"),
        ("nothing", vec![], ErrorKind::Closed, "without closing"),
        ("garbage", b"HTTP/1.1 500 no\r\n\r\n".to_vec(), ErrorKind::Frame, "reserved"),
        ("a masked frame", vec![0x81, 0x81, 1, 2, 3, 4, 5], ErrorKind::Frame, "masked"),
        ("no UTF-8", vec![0x81, 1, 0xff], ErrorKind::Frame, "UTF-8"),
        ("a continuation of nothing", vec![0x80, 1, b'a'], ErrorKind::Frame, "continuation"),
        ("a long message", long, ErrorKind::Oversized, "4 MiB"),
        ("half a close code", vec![0x88, 1, 3], ErrorKind::Frame, "half a code"),
        ("a code that must not be sent", close(1006, ""), ErrorKind::Frame, "must not be sent"),
        (
            "an error",
            close(1011, "db down"),
            ErrorKind::CloseCode,
            "1011 (internal error): db down",
        ),
        ("a code of its own", close(4001, "no login"), ErrorKind::CloseCode, "4001: no login"),
        ("good order", close(1001, "bye"), ErrorKind::Closed, "closed the stream"),
        ("a failure", b"\x81\x09-ERR full".to_vec(), ErrorKind::Protocol, "-ERR full"),
    ] {
        let target = serve(move |number, peer| {
            let mut socket = peer.open();
            let bytes: &[u8] = if number == 1 { &[] } else { &bytes };
            if number == 1 {
                let _ = socket.send(Message::text(token(1)));
                drain(&mut socket, &Log::default());
                return;
            }
            // The first connection is opened before it ends.
            let _ = socket.get_mut().write_all(bytes);
        });
        let toml = "[websocket]\nfail = [{ prefix = \"-ERR\" }]";
        let (snapshot, ledger) = Lab::new().receive(dialect(toml), target, |context| {
            let recorder = context.recorder.borrow();
            (recorder.counted(Counter::Received) > 0).then(|| recorder.snapshot())
        });
        assert_eq!(snapshot.counters.get(kind.counter()), 1, "{name}");
        let said = &snapshot.described[&kind];
        assert!(said.contains(says), "{name}: {said}");
        assert_eq!(snapshot.counters.get(Counter::Reconnects), 1, "{name}");
        assert_eq!(ledger.delivered, 1, "{name}");
    }
}

#[test]
fn a_server_that_never_reads_does_not_stop_the_reading_and_is_given_up_in_bounded_memory() {
    let target = serve(|number, peer| {
        let mut socket = peer.open();
        if number > 0 {
            return drain(&mut socket, &Log::default());
        }
        let _ = socket.send(Message::text(token(1)));
        // Each has a long answer, and none is read.
        while socket.send(Message::text("?")).is_ok() {}
    });
    let toml = format!(
        "[websocket]\nignore = [\"?\"]\nreply = [{{ to = \"?\", send = \"{}\" }}]",
        "x".repeat(60_000)
    );
    let (snapshot, ledger) = Lab::new().receive(dialect(&toml), target, |context| {
        let recorder = context.recorder.borrow();
        (recorder.counted(Counter::Reconnects) > 0).then(|| recorder.snapshot())
    });
    assert_eq!(ledger.delivered, 1);
    let said = &snapshot.described[&ErrorKind::Timeout];
    assert!(said.contains("does not read"), "{said}");
}
