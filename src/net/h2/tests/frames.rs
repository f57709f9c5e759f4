//! RFC 9113: what a server may send, and what ends a stream or the connection.

use h2::Reason;
use hyper::Method;
use proptest::prelude::*;

use super::super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITISED,
    PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use super::*;

#[test]
fn a_client_begins_with_the_preface_and_settings_that_refuse_pushes() {
    let connection = Connection::new();
    let rest = connection.out.bytes.strip_prefix(frame::PREFACE).unwrap();
    let sent = frames(rest);
    assert_eq!(sent.iter().map(|frame| frame.0).collect::<Vec<_>>(), [SETTINGS, WINDOW_UPDATE]);
    assert_eq!(sent[0].3[..6], [0, 2, 0, 0, 0, 0]);
}

#[test]
fn a_request_is_one_frame_or_as_many_as_the_server_takes() {
    let mut connection = Connection::new();
    connection.out.bytes.clear();
    open(&mut connection, &Method::GET, b"");
    let sent = written(&mut connection);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, sent[0].1, sent[0].2), (HEADERS, END_STREAM | END_HEADERS, 1));
    let mut headers = HeaderMap::new();
    headers.insert("x-long", HeaderValue::from_str(&"~".repeat(40_000)).unwrap());
    let authority = HeaderValue::from_static("localhost");
    let outgoing = Outgoing {
        method: &Method::POST,
        scheme: "http",
        authority: &authority,
        path: "/",
        headers: &headers,
        body: Bytes::from_static(b"body"),
    };
    assert_eq!(connection.open(outgoing), 3);
    let sent = written(&mut connection);
    let kinds: Vec<_> = sent.iter().map(|(kind, flags, ..)| (*kind, *flags)).collect();
    let expected =
        [(HEADERS, 0), (CONTINUATION, 0), (CONTINUATION, END_HEADERS), (DATA, END_STREAM)];
    assert_eq!(kinds, expected);
    assert_eq!(sent[3].3, b"body");
}

/// What the server sends on a connection with one request, and the body that it answers with.
#[test]
fn right_answers_are_understood() {
    let status = |code: &str| [&[0x08, 3], code.as_bytes()].concat();
    for (name, answer, body) in [
        ("a head alone", vec![head(true)], &b""[..]),
        ("DATA (6.1)", vec![head(false), frame(DATA, END_STREAM, 1, b"ab")], b"ab"),
        (
            "padded DATA (6.1)",
            vec![head(false), frame(DATA, END_STREAM | PADDED, 1, b"\x03ab\0\0\0")],
            b"ab",
        ),
        (
            "all padding (6.1)",
            vec![head(false), frame(DATA, PADDED, 1, b"\0"), frame(DATA, END_STREAM, 1, b"")],
            b"",
        ),
        (
            "padded HEADERS with a priority (6.2)",
            vec![frame(
                HEADERS,
                END_HEADERS | END_STREAM | PADDED | PRIORITISED,
                1,
                [1, 0, 0, 0, 0, 9, 0x88, 0],
            )],
            b"",
        ),
        (
            "CONTINUATION (6.10)",
            vec![
                frame(HEADERS, END_STREAM, 1, []),
                frame(CONTINUATION, 0, 1, OK),
                frame(CONTINUATION, END_HEADERS, 1, []),
            ],
            b"",
        ),
        (
            "interim answers (8.1)",
            vec![
                frame(HEADERS, END_HEADERS, 1, status("100")),
                frame(HEADERS, END_HEADERS, 1, status("103")),
                head(true),
            ],
            b"",
        ),
        (
            "trailers (8.1)",
            vec![
                head(false),
                frame(DATA, 0, 1, b"ab"),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, [0x40, 1, b't', 1, b'v']),
            ],
            b"ab",
        ),
        (
            "an unknown frame (4.1), a priority (6.3), an ACK (6.5)",
            vec![
                frame(0xee, 0xff, 1, b"?"),
                frame(PRIORITY, 0, 1, [0; 5]),
                frame(SETTINGS, ACK, 0, []),
                head(true),
            ],
            b"",
        ),
        (
            "RST_STREAM after the whole answer (8.1)",
            vec![head(true), frame(RST_STREAM, 0, 1, [0; 4])],
            b"",
        ),
        (
            "GOAWAY that names the stream (6.8)",
            vec![frame(GOAWAY, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0, b'x']), head(true)],
            b"",
        ),
    ] {
        let mut connection = asked(&Method::GET);
        let bytes = [settings(), answer.concat()].concat();
        assert_eq!(fed(&mut connection, &bytes), None, "{name}");
        match outcome(&mut connection, 1) {
            Outcome::Answer(head, found) => {
                assert_eq!(head.status.unwrap().as_u16(), 200, "{name}");
                assert_eq!(found, body, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_length_of_a_body_must_be_right() {
    let length = |text: &str| {
        let block = [&[0x88, 0x0f, 0x0d, text.len() as u8], text.as_bytes()].concat();
        frame(HEADERS, END_HEADERS, 1, block)
    };
    for (method, text, body, right) in [
        (Method::GET, "2", &b"ab"[..], true),
        (Method::GET, "0", b"", true),
        (Method::GET, "3", b"ab", false),
        (Method::GET, "1", b"ab", false),
        (Method::HEAD, "1000", b"", true),
        (Method::GET, "+2", b"ab", false),
        (Method::GET, "2, 2", b"ab", false),
    ] {
        let mut connection = asked(&method);
        let data = frame(DATA, END_STREAM, 1, body);
        assert_eq!(fed(&mut connection, &[settings(), length(text), data].concat()), None);
        let found = outcome(&mut connection, 1);
        assert_eq!(matches!(found, Outcome::Answer(..)), right, "{method} {text}: {found:?}");
        if !right {
            assert!(matches!(found, Outcome::Failed(Failure::Breach(_))), "{text}: {found:?}");
        }
    }
}

/// What ends the connection, with its reason.
#[test]
fn a_breach_of_the_connection_has_its_reason() {
    use Reason as R;
    let long = [0, 0x40, 1, DATA, 0, 0, 0, 0, 1].to_vec();
    let cases: Vec<(&str, Vec<u8>, R)> = vec![
        ("a frame over the limit (4.2)", long, R::FRAME_SIZE_ERROR),
        (
            "a block that cannot be decoded (4.3)",
            frame(HEADERS, END_HEADERS, 1, [0x80]),
            R::COMPRESSION_ERROR,
        ),
        (
            "an interrupted block (6.10)",
            [frame(HEADERS, 0, 1, OK), frame(PING, 0, 0, [0; 8])].concat(),
            R::PROTOCOL_ERROR,
        ),
        (
            "another stream's CONTINUATION (6.10)",
            [frame(HEADERS, 0, 1, OK), frame(CONTINUATION, END_HEADERS, 3, [])].concat(),
            R::PROTOCOL_ERROR,
        ),
        (
            "CONTINUATION of nothing (6.10)",
            frame(CONTINUATION, END_HEADERS, 1, OK),
            R::PROTOCOL_ERROR,
        ),
        ("DATA on stream 0 (6.1)", frame(DATA, 0, 0, b"a"), R::PROTOCOL_ERROR),
        ("DATA on an idle stream (5.1)", frame(DATA, 0, 3, b"a"), R::PROTOCOL_ERROR),
        ("padding beyond the frame (6.1)", frame(DATA, PADDED, 1, [2, 0]), R::PROTOCOL_ERROR),
        ("HEADERS on stream 0 (6.2)", frame(HEADERS, END_HEADERS, 0, OK), R::PROTOCOL_ERROR),
        (
            "HEADERS on a stream of the server's (5.1.1)",
            frame(HEADERS, END_HEADERS, 2, OK),
            R::PROTOCOL_ERROR,
        ),
        ("PRIORITY on stream 0 (6.3)", frame(PRIORITY, 0, 0, [0; 5]), R::PROTOCOL_ERROR),
        ("RST_STREAM on stream 0 (6.4)", frame(RST_STREAM, 0, 0, [0; 4]), R::PROTOCOL_ERROR),
        ("RST_STREAM on an idle stream (6.4)", frame(RST_STREAM, 0, 3, [0; 4]), R::PROTOCOL_ERROR),
        ("RST_STREAM of 5 (6.4)", frame(RST_STREAM, 0, 1, [0; 5]), R::FRAME_SIZE_ERROR),
        ("SETTINGS on a stream (6.5)", frame(SETTINGS, 0, 1, []), R::PROTOCOL_ERROR),
        ("SETTINGS of 5 (6.5)", frame(SETTINGS, 0, 0, [0; 5]), R::FRAME_SIZE_ERROR),
        ("an ACK with settings (6.5)", frame(SETTINGS, ACK, 0, [0; 6]), R::FRAME_SIZE_ERROR),
        ("ENABLE_PUSH 1 (6.5.2)", frame(SETTINGS, 0, 0, [0, 2, 0, 0, 0, 1]), R::PROTOCOL_ERROR),
        (
            "a window of 2^31 (6.5.2)",
            frame(SETTINGS, 0, 0, [0, 4, 0x80, 0, 0, 0]),
            R::FLOW_CONTROL_ERROR,
        ),
        (
            "frames of 16383 (6.5.2)",
            frame(SETTINGS, 0, 0, [0, 5, 0, 0, 0x3f, 0xff]),
            R::PROTOCOL_ERROR,
        ),
        (
            "PUSH_PROMISE (8.4)",
            frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, 0x82]),
            R::PROTOCOL_ERROR,
        ),
        ("PING on a stream (6.7)", frame(PING, 0, 1, [0; 8]), R::PROTOCOL_ERROR),
        ("PING of 7 (6.7)", frame(PING, 0, 0, [0; 7]), R::FRAME_SIZE_ERROR),
        ("GOAWAY on a stream (6.8)", frame(GOAWAY, 0, 1, [0; 8]), R::PROTOCOL_ERROR),
        ("GOAWAY of 7 (6.8)", frame(GOAWAY, 0, 0, [0; 7]), R::FRAME_SIZE_ERROR),
        (
            "GOAWAY that takes back (6.8)",
            [
                frame(GOAWAY, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]),
                frame(GOAWAY, 0, 0, [0, 0, 0, 3, 0, 0, 0, 0]),
            ]
            .concat(),
            R::PROTOCOL_ERROR,
        ),
        ("WINDOW_UPDATE of 3 (6.9)", frame(WINDOW_UPDATE, 0, 1, [0; 3]), R::FRAME_SIZE_ERROR),
        ("WINDOW_UPDATE by 0 (6.9)", frame(WINDOW_UPDATE, 0, 0, [0; 4]), R::PROTOCOL_ERROR),
        (
            "WINDOW_UPDATE on an idle stream (5.1)",
            frame(WINDOW_UPDATE, 0, 3, [0, 0, 0, 1]),
            R::PROTOCOL_ERROR,
        ),
        (
            "a window over 2^31 - 1 (6.9.1)",
            frame(WINDOW_UPDATE, 0, 0, [0x7f, 0xff, 0xff, 0xff]),
            R::FLOW_CONTROL_ERROR,
        ),
    ];
    for (name, bytes, reason) in cases {
        let mut connection = asked(&Method::GET);
        assert_eq!(fed(&mut connection, &settings()), None, "{name}");
        let breach = fed(&mut connection, &bytes).unwrap_or_else(|| panic!("{name}: taken"));
        assert_eq!(breach.reason, reason, "{name}: {}", breach.what);
        connection.out.bytes.clear();
        connection.fail(&breach.into());
        let sent = written(&mut connection);
        assert_eq!(sent[0].0, GOAWAY, "{name}");
        assert_eq!(sent[0].3[4..], u32::from(reason).to_be_bytes(), "{name}");
        assert!(
            matches!(outcome(&mut connection, 1), Outcome::Failed(Failure::Breach(_))),
            "{name}"
        );
        assert!(!connection.is_open(), "{name}");
    }
    let mut connection = asked(&Method::GET);
    assert!(fed(&mut connection, &head(true)).is_some(), "no settings first (3.4)");
}

/// What ends the stream alone: another request is answered.
#[test]
fn a_breach_of_a_stream_leaves_the_connection() {
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("DATA before the head (8.1)", frame(DATA, 0, 1, b"a")),
        (
            "a head without :status (8.3.2)",
            frame(HEADERS, END_HEADERS, 1, [0x40, 1, b'a', 1, b'b']),
        ),
        ("a malformed head (8.1.1)", frame(HEADERS, END_HEADERS, 1, [0x88, 0x88])),
        ("101 (8.6)", frame(HEADERS, END_HEADERS, 1, b"\x08\x03101")),
        (
            "an interim answer that ends (8.1)",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03100"),
        ),
        ("PRIORITY of 4 (6.3)", frame(PRIORITY, 0, 1, [0; 4])),
        ("WINDOW_UPDATE by 0 (6.9)", frame(WINDOW_UPDATE, 0, 1, [0; 4])),
        ("a window over 2^31 - 1 (6.9.1)", frame(WINDOW_UPDATE, 0, 1, [0x7f, 0xff, 0xff, 0xff])),
    ];
    for (name, bytes) in cases {
        let mut connection = asked(&Method::GET);
        assert_eq!(fed(&mut connection, &settings()), None, "{name}");
        assert_eq!(open(&mut connection, &Method::GET, b""), 3, "{name}");
        connection.out.bytes.clear();
        assert_eq!(fed(&mut connection, &bytes), None, "{name}");
        let found = outcome(&mut connection, 1);
        assert!(matches!(found, Outcome::Failed(Failure::Breach(_))), "{name}: {found:?}");
        let sent = written(&mut connection);
        assert_eq!((sent[0].0, sent[0].2), (RST_STREAM, 1), "{name}");
        connection.forget(1);
        assert!(written(&mut connection).is_empty(), "{name}: reset once");
        // What was under way on it is ignored.
        let late = [head(false), frame(DATA, END_STREAM, 1, b"late")].concat();
        assert_eq!(fed(&mut connection, &late), None, "{name}");
        let other = frame(HEADERS, END_HEADERS | END_STREAM, 3, OK);
        assert_eq!(fed(&mut connection, &other), None, "{name}");
        assert!(matches!(outcome(&mut connection, 3), Outcome::Answer(..)), "{name}");
    }
}

#[test]
fn streams_beyond_the_last_of_a_goaway_fail_and_no_other_is_opened() {
    let mut connection = asked(&Method::GET);
    open(&mut connection, &Method::GET, b"");
    let away = frame(GOAWAY, 0, 0, [0, 0, 0, 1, 0, 0, 0, 11]);
    assert_eq!(fed(&mut connection, &[settings(), away, head(true)].concat()), None);
    let failed = outcome(&mut connection, 3);
    assert!(
        matches!(failed, Outcome::Failed(Failure::GoneAway(Reason::ENHANCE_YOUR_CALM))),
        "{failed:?}"
    );
    assert!(matches!(outcome(&mut connection, 1), Outcome::Answer(..)));
    assert!(!connection.is_open() && !connection.is_done());
    connection.forget(1);
    connection.forget(3);
    assert!(connection.is_done());
}

#[test]
fn a_block_that_never_ends_ends_the_connection() {
    let mut connection = asked(&Method::GET);
    let mut bytes = [settings(), frame(HEADERS, 0, 1, OK)].concat();
    (0..9).for_each(|_| bytes.extend(frame(CONTINUATION, 0, 1, [0x88; 16_384])));
    let breach = fed(&mut connection, &bytes).unwrap();
    assert_eq!(breach.reason, Reason::ENHANCE_YOUR_CALM);
}

#[test]
fn a_ping_is_answered_and_settings_are_acknowledged() {
    let mut connection = asked(&Method::GET);
    let ping = frame(PING, 0, 0, b"12345678");
    assert_eq!(
        fed(&mut connection, &[settings(), ping, frame(PING, ACK, 0, [0; 8])].concat()),
        None
    );
    let sent = written(&mut connection);
    assert_eq!(sent, [(SETTINGS, ACK, 0, Vec::new()), (PING, ACK, 0, b"12345678".to_vec())]);
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_it_is_split(cuts in proptest::collection::vec(0_usize..200, 0..12)) {
        let bytes = [
            settings(),
            frame(HEADERS, 0, 1, [0x88, 0x40, 1, b'a']),
            frame(CONTINUATION, END_HEADERS, 1, [1, b'b']),
            frame(DATA, PADDED, 1, b"\x02one\0\0"),
            frame(PING, 0, 0, [7; 8]),
            frame(DATA, END_STREAM, 1, b"two"),
        ]
        .concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut connection = asked(&Method::GET);
        for pair in cuts.windows(2) {
            prop_assert_eq!(fed(&mut connection, &bytes[pair[0]..pair[1]]), None);
        }
        match outcome(&mut connection, 1) {
            Outcome::Answer(head, body) => {
                prop_assert_eq!(&head.headers["a"], "b");
                prop_assert_eq!(body, b"onetwo");
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(written(&mut connection).len(), 2);
    }

    #[test]
    fn any_octets_are_frames_or_a_breach_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kinds in proptest::collection::vec((0_u8..11, any::<u8>(), 0_u32..5, proptest::collection::vec(any::<u8>(), 0..20)), 0..20),
    ) {
        let mut connection = asked(&Method::GET);
        prop_assert_eq!(fed(&mut connection, &settings()), None);
        for (kind, flags, stream, payload) in kinds {
            if let Some(breach) = fed(&mut connection, &frame(kind, flags, stream, payload)) {
                connection.fail(&breach.into());
                break;
            }
        }
        let _ = fed(&mut connection, &bytes);
        let _ = outcome(&mut connection, 1);
        connection.forget(1);
    }
}
