//! The target's WebSocket against RFC 6455, over plain sockets and with another maker's client (tungstenite).
//!
//! `scripts/autobahn` runs the Autobahn suite as well, which needs Python 2.7; this test runs everywhere.

use crate::target_support;

use target_support::websocket::{HANDSHAKE, close_code, frame, masked, theirs};
use target_support::{Client, Target};
use tidings::scenario::WebSocketOptions;
use tidings::server::Options;
use tidings::unit::Span;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};

fn echo(target: &Target) -> Client {
    let mut client = target.connect();
    client.ask("GET", "/echo", &HANDSHAKE, b"");
    assert_eq!(client.head().status, 101);
    client
}

#[test]
fn a_protocol_violation_gets_its_close_code_and_ends_the_connection() {
    let target = Target::start(Options { echo_max: 1000, ..Options::default() });
    let close = |payload: &[u8]| masked(0x88, payload);
    for (what, bytes, code) in [
        ("an unmasked frame", b"\x81\x02hi".to_vec(), 1002),
        ("RSV1 without an extension", masked(0xc1, b"hi"), 1002),
        ("RSV2", masked(0xa1, b"hi"), 1002),
        ("RSV3 on a ping", masked(0x99, b""), 1002),
        ("opcode 3", masked(0x83, b""), 1002),
        ("opcode 15", masked(0x8f, b""), 1002),
        ("a fragmented ping", masked(0x09, b""), 1002),
        ("a fragmented close", masked(0x08, &[3, 232]), 1002),
        ("a ping of 126 bytes", masked(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
        ("text inside text", [masked(0x01, b"a"), masked(0x81, b"b")].concat(), 1002),
        ("a length not in its shortest form", b"\x81\xfe\0\x05".to_vec(), 1002),
        ("a length of 2^63", b"\x82\xff\x80\0\0\0\0\0\0\0".to_vec(), 1002),
        ("a message that is too long", masked(0x82, &[0; 1001]), 1009),
        (
            "fragments that are too long together",
            [masked(0x02, &[0; 600]), masked(0x80, &[0; 600])].concat(),
            1009,
        ),
        ("a length announced and too long", b"\x82\xff\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec(), 1009),
        ("text that is no UTF-8", masked(0x81, b"\xce\xba\xff"), 1007),
        ("half a character at the end", masked(0x81, b"\xce"), 1007),
        ("no UTF-8 in a fragment, long before the end", masked(0x01, b"\xed\xa0\x80"), 1007),
        (
            "a surrogate over two fragments",
            [masked(0x01, b"\xed"), masked(0x00, b"\xa0")].concat(),
            1007,
        ),
        ("half a close code", close(&[3]), 1002),
        ("a close code of 1005", close(&[0x03, 0xed]), 1002),
        ("a close code of 999", close(&[0x03, 0xe7]), 1002),
        ("a close code of 5000", close(&[0x13, 0x88]), 1002),
        ("a close reason that is no UTF-8", close(&[0x03, 0xe8, 0xff]), 1007),
    ] {
        let mut client = echo(&target);
        client.write(&bytes);
        let (first, payload) = frame(&mut client).unwrap_or_else(|| panic!("{what}: no close"));
        assert_eq!((first, close_code(&payload)), (0x88, code), "{what}");
        assert!(std::str::from_utf8(&payload[2..]).is_ok_and(|text| !text.is_empty()), "{what}");
        assert_eq!(frame(&mut client), None, "{what}: nothing after a close");
    }
    target.await_links("websocket", 0);
}

#[test]
fn a_close_is_answered_with_its_code_or_without_one() {
    let target = Target::start(Options::default());
    for code in [1000u16, 1001, 1003, 1011, 3000, 4999] {
        let mut client = echo(&target);
        client.write(&masked(0x88, &[&code.to_be_bytes()[..], b"bye"].concat()));
        assert_eq!(frame(&mut client), Some((0x88, code.to_be_bytes().to_vec())), "{code}");
        assert_eq!(frame(&mut client), None);
    }
    let mut client = echo(&target);
    client.write(&[masked(0x88, b""), masked(0x81, b"too late")].concat());
    assert_eq!(frame(&mut client), Some((0x88, vec![])));
    assert_eq!(frame(&mut client), None, "what follows a close is not read");
}

#[test]
fn messages_come_back_whole_however_they_were_cut() {
    let target = Target::start(Options::default());
    let mut client = echo(&target);
    for size in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        client.write(&masked(0x82, &payload));
        assert_eq!(frame(&mut client), Some((0x82, payload)), "{size}");
    }
    // A character in two fragments, and control frames between them, byte by byte.
    let wire = [
        masked(0x01, b"\xce"),
        masked(0x89, b"now"),
        masked(0x00, b""),
        masked(0x8a, b"unasked"),
        masked(0x80, b"\xba"),
    ];
    for byte in wire.concat() {
        client.write(&[byte]);
    }
    assert_eq!(frame(&mut client), Some((0x8a, b"now".to_vec())));
    assert_eq!(frame(&mut client), Some((0x81, "κ".as_bytes().to_vec())));
}

#[test]
fn bad_handshakes_are_refused_with_the_right_status() {
    let target = Target::start(Options::default());
    let without =
        |name: &str| HANDSHAKE.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    let with =
        |name: &'static str, value: &'static str| [without(name), vec![(name, value)]].concat();
    for path in ["/echo", "/topics/news-0/ws"] {
        for (what, headers, status) in [
            ("no upgrade", without("upgrade"), 426),
            ("an upgrade to something else", with("upgrade", "h2c"), 426),
            ("no connection", without("connection"), 426),
            ("a connection that only stays", with("connection", "keep-alive"), 426),
            ("no version", without("sec-websocket-version"), 426),
            ("version 8", with("sec-websocket-version", "8"), 426),
            ("no key", without("sec-websocket-key"), 400),
            ("a short key", with("sec-websocket-key", "YWJj"), 400),
            ("a key that is no base64", with("sec-websocket-key", "!!!!!!!!!!!!!!!!!!!!!!=="), 400),
        ] {
            let answer = target.connect().request("GET", path, &headers, b"");
            assert_eq!(answer.status, status, "{path}: {what}");
            if status == 426 {
                assert_eq!(answer.header("sec-websocket-version"), Some("13"), "{what}");
                assert_eq!(answer.header("upgrade"), Some("websocket"), "{what}");
            }
        }
        assert_eq!(target.connect().request("POST", path, &HANDSHAKE, b"").status, 405, "{path}");
    }
}

#[test]
fn a_silent_peer_of_the_echo_is_pinged_and_dropped() {
    let target = |pong_timeout| {
        let ping = Span::from_ms(20);
        let websocket = WebSocketOptions { ping, pong_timeout, ..Options::default().websocket };
        Target::start(Options { websocket, ..Options::default() })
    };
    let patient = target(Span::from_secs(10));
    let mut lively = echo(&patient);
    for _ in 0..3 {
        // The next one comes only where the pong was taken.
        assert_eq!(frame(&mut lively), Some((0x89, vec![])));
        lively.write(&masked(0x8a, b""));
    }
    let target = target(Span::from_ms(100));
    let mut silent = echo(&target);
    assert_eq!(frame(&mut silent), Some((0x89, vec![])));
    assert_eq!(frame(&mut silent), None, "silence does not keep it");
    target.await_links("websocket", 0);
}

#[test]
fn another_makers_client_is_understood() {
    let target = Target::start(Options::default());
    let mut socket = theirs(&target, "/echo");
    for size in [0, 100, 70_000, 3 << 20] {
        let text = "é".repeat(size / 2);
        socket.send(Message::text(text.clone())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(text));
        let bytes = vec![0xfe; size];
        socket.send(Message::binary(bytes.clone())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::binary(bytes));
    }
    socket.send(Message::Ping(vec![1, 2].into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(vec![1, 2].into()));
    for (last, part) in [(false, "go"), (false, "od "), (true, "news")] {
        let opcode = if part == "go" { Data::Text } else { Data::Continue };
        let frame = Frame::message(part.to_owned(), OpCode::Data(opcode), last);
        socket.send(Message::Frame(frame)).unwrap();
    }
    assert_eq!(socket.read().unwrap(), Message::text("good news"));
    let bye = CloseFrame { code: CloseCode::Library(4000), reason: "bye".into() };
    socket.close(Some(bye)).unwrap();
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!(close.code, CloseCode::Library(4000));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
}

#[test]
fn another_makers_client_gets_the_close_code_for_a_long_message() {
    let target = Target::start(Options { echo_max: 1 << 10, ..Options::default() });
    let mut socket = theirs(&target, "/echo");
    socket.set_config(|config| *config = WebSocketConfig::default());
    socket.send(Message::binary(vec![0; 1 << 11])).unwrap();
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!(close.code, CloseCode::Size);
}

#[test]
fn another_makers_client_reads_the_news_and_resumes() {
    let target = Target::start(Options::default());
    for n in 1..=3 {
        target.publish("t", n);
    }
    for since in 0..3 {
        let mut socket = theirs(&target, &format!("/topics/t/ws?since={since}"));
        for seq in since + 1..=3 {
            let Message::Text(text) = socket.read().unwrap() else { panic!("no text") };
            assert_eq!(tidings::event::decode_head(text.as_bytes()).unwrap().seq, seq);
        }
    }
}
