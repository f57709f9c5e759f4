//! RFC 9113: what ends the connection, and what ends a stream alone.

use h2::Reason as R;
use hyper::Method;

use super::super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use super::*;

/// What ends the connection, with its reason.
const OF_THE_CONNECTION: &[(&str, &[Raw], R)] = &[
    (
        "a block that cannot be decoded (4.3)",
        &[(HEADERS, END_HEADERS, 1, &[0x80])],
        R::COMPRESSION_ERROR,
    ),
    (
        "an interrupted block (6.10)",
        &[(HEADERS, 0, 1, OK), (PING, 0, 0, &[0; 8])],
        R::PROTOCOL_ERROR,
    ),
    (
        "another stream's CONTINUATION (6.10)",
        &[(HEADERS, 0, 1, OK), (CONTINUATION, END_HEADERS, 3, &[])],
        R::PROTOCOL_ERROR,
    ),
    ("CONTINUATION of nothing (6.10)", &[(CONTINUATION, END_HEADERS, 1, OK)], R::PROTOCOL_ERROR),
    ("DATA on stream 0 (6.1)", &[(DATA, 0, 0, b"a")], R::PROTOCOL_ERROR),
    ("DATA on an idle stream (5.1)", &[(DATA, 0, 3, b"a")], R::PROTOCOL_ERROR),
    ("padding beyond the frame (6.1)", &[(DATA, PADDED, 1, &[2, 0])], R::PROTOCOL_ERROR),
    ("HEADERS on stream 0 (6.2)", &[(HEADERS, END_HEADERS, 0, OK)], R::PROTOCOL_ERROR),
    (
        "HEADERS on a stream of the server's (5.1.1)",
        &[(HEADERS, END_HEADERS, 2, OK)],
        R::PROTOCOL_ERROR,
    ),
    ("PRIORITY on stream 0 (6.3)", &[(PRIORITY, 0, 0, &[0; 5])], R::PROTOCOL_ERROR),
    ("RST_STREAM on stream 0 (6.4)", &[(RST_STREAM, 0, 0, &[0; 4])], R::PROTOCOL_ERROR),
    ("RST_STREAM on an idle stream (6.4)", &[(RST_STREAM, 0, 3, &[0; 4])], R::PROTOCOL_ERROR),
    ("RST_STREAM of 5 (6.4)", &[(RST_STREAM, 0, 1, &[0; 5])], R::FRAME_SIZE_ERROR),
    ("SETTINGS on a stream (6.5)", &[(SETTINGS, 0, 1, &[])], R::PROTOCOL_ERROR),
    ("SETTINGS of 5 (6.5)", &[(SETTINGS, 0, 0, &[0; 5])], R::FRAME_SIZE_ERROR),
    ("an ACK with settings (6.5)", &[(SETTINGS, ACK, 0, &[0; 6])], R::FRAME_SIZE_ERROR),
    ("ENABLE_PUSH 1 (6.5.2)", &[(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 1])], R::PROTOCOL_ERROR),
    (
        "a window of 2^31 (6.5.2)",
        &[(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])],
        R::FLOW_CONTROL_ERROR,
    ),
    ("frames of 16383 (6.5.2)", &[(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff])], R::PROTOCOL_ERROR),
    (
        "PUSH_PROMISE (8.4)",
        &[(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])],
        R::PROTOCOL_ERROR,
    ),
    ("PING on a stream (6.7)", &[(PING, 0, 1, &[0; 8])], R::PROTOCOL_ERROR),
    ("PING of 7 (6.7)", &[(PING, 0, 0, &[0; 7])], R::FRAME_SIZE_ERROR),
    ("GOAWAY on a stream (6.8)", &[(GOAWAY, 0, 1, &[0; 8])], R::PROTOCOL_ERROR),
    ("GOAWAY of 7 (6.8)", &[(GOAWAY, 0, 0, &[0; 7])], R::FRAME_SIZE_ERROR),
    (
        "GOAWAY that takes back (6.8)",
        &[(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]), (GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0])],
        R::PROTOCOL_ERROR,
    ),
    ("WINDOW_UPDATE of 3 (6.9)", &[(WINDOW_UPDATE, 0, 1, &[0; 3])], R::FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE by 0 (6.9)", &[(WINDOW_UPDATE, 0, 0, &[0; 4])], R::PROTOCOL_ERROR),
    (
        "WINDOW_UPDATE on an idle stream (5.1)",
        &[(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1])],
        R::PROTOCOL_ERROR,
    ),
    (
        "a window over 2^31 - 1 (6.9.1)",
        &[(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])],
        R::FLOW_CONTROL_ERROR,
    ),
];

/// What ends the stream alone.
const OF_A_STREAM: &[(&str, Raw)] = &[
    ("DATA before the head (8.1)", (DATA, 0, 1, b"a")),
    ("a head without :status (8.3.2)", (HEADERS, END_HEADERS, 1, &[0x40, 1, b'a', 1, b'b'])),
    ("a malformed head (8.1.1)", (HEADERS, END_HEADERS, 1, &[0x88, 0x88])),
    ("101 (8.6)", (HEADERS, END_HEADERS, 1, b"\x08\x03101")),
    ("an interim answer that ends (8.1)", (HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03100")),
    ("PRIORITY of 4 (6.3)", (PRIORITY, 0, 1, &[0; 4])),
    ("WINDOW_UPDATE by 0 (6.9)", (WINDOW_UPDATE, 0, 1, &[0; 4])),
    ("a window over 2^31 - 1 (6.9.1)", (WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])),
];

#[test]
fn a_breach_of_the_connection_has_its_reason() {
    for (name, bytes, reason) in OF_THE_CONNECTION {
        let mut connection = asked(&Method::GET);
        assert_eq!(fed(&mut connection, &settings()), None, "{name}");
        let breach = fed(&mut connection, &bytes.iter().flat_map(raw).collect::<Vec<_>>())
            .unwrap_or_else(|| panic!("{name}: taken"));
        assert_eq!(breach.reason, *reason, "{name}: {}", breach.what);
        connection.out.bytes.clear();
        connection.fail(&breach.into());
        let sent = written(&mut connection);
        assert_eq!(sent[0].0, GOAWAY, "{name}");
        assert_eq!(sent[0].3[4..], u32::from(*reason).to_be_bytes(), "{name}");
        assert!(
            matches!(outcome(&mut connection, 1), Outcome::Failed(Failure::Breach(_))),
            "{name}"
        );
        assert!(!connection.is_open(), "{name}");
    }
    let mut connection = asked(&Method::GET);
    assert!(fed(&mut connection, &head(true)).is_some(), "no settings first (3.4)");
}

/// A server that speaks something else need not send a whole head.
#[test]
fn a_frame_over_the_limit_ends_the_connection_with_its_length() {
    for split in 0..4 {
        let mut connection = asked(&Method::GET);
        let bytes = [settings(), vec![0, 0x40, 1]].concat();
        let (first, rest) = bytes.split_at(bytes.len() - split);
        let breach = fed(&mut connection, first).or_else(|| fed(&mut connection, rest));
        assert_eq!(breach.unwrap().reason, R::FRAME_SIZE_ERROR, "{split}");
    }
}

/// Another request is answered.
#[test]
fn a_breach_of_a_stream_leaves_the_connection() {
    for (name, bytes) in OF_A_STREAM {
        let mut connection = asked(&Method::GET);
        assert_eq!(fed(&mut connection, &settings()), None, "{name}");
        assert_eq!(open(&mut connection, &Method::GET, b""), 3, "{name}");
        connection.out.bytes.clear();
        assert_eq!(fed(&mut connection, &raw(bytes)), None, "{name}");
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
