//! RFC 9113: what a server may send, and what ends a stream or the connection.

use std::rc::Rc;

use h2::Reason;
use hyper::Method;
use proptest::prelude::*;

use super::super::Prepared;
use super::super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITISED,
    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
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

/// The head of a right answer that a body follows, and one that none follows.
const HEAD: Raw = (HEADERS, END_HEADERS, 1, OK);
const ONLY: Raw = (HEADERS, END_HEADERS | END_STREAM, 1, OK);

/// What the server sends on a connection with one request, and the body that it answers with.
const RIGHT: &[(&str, &[Raw], &[u8])] = &[
    ("a head alone", &[ONLY], b""),
    ("DATA (6.1)", &[HEAD, (DATA, END_STREAM, 1, b"ab")], b"ab"),
    ("padded DATA (6.1)", &[HEAD, (DATA, END_STREAM | PADDED, 1, b"\x03ab\0\0\0")], b"ab"),
    ("all padding (6.1)", &[HEAD, (DATA, PADDED, 1, b"\0"), (DATA, END_STREAM, 1, b"")], b""),
    (
        "padded HEADERS with a priority (6.2)",
        &[(
            HEADERS,
            END_HEADERS | END_STREAM | PADDED | PRIORITISED,
            1,
            &[1, 0, 0, 0, 0, 9, 0x88, 0],
        )],
        b"",
    ),
    (
        "CONTINUATION (6.10)",
        &[
            (HEADERS, END_STREAM, 1, b""),
            (CONTINUATION, 0, 1, OK),
            (CONTINUATION, END_HEADERS, 1, b""),
        ],
        b"",
    ),
    (
        "interim answers (8.1)",
        &[
            (HEADERS, END_HEADERS, 1, b"\x08\x03100"),
            (HEADERS, END_HEADERS, 1, b"\x08\x03103"),
            ONLY,
        ],
        b"",
    ),
    (
        "trailers (8.1)",
        &[
            HEAD,
            (DATA, 0, 1, b"ab"),
            (HEADERS, END_HEADERS | END_STREAM, 1, &[0x40, 1, b't', 1, b'v']),
        ],
        b"ab",
    ),
    (
        "an unknown frame (4.1), a priority (6.3), an ACK (6.5)",
        &[(0xee, 0xff, 1, b"?"), (PRIORITY, 0, 1, &[0; 5]), (SETTINGS, ACK, 0, b""), ONLY],
        b"",
    ),
    ("RST_STREAM after the whole answer (8.1)", &[ONLY, (RST_STREAM, 0, 1, &[0; 4])], b""),
    (
        "GOAWAY that names the stream (6.8)",
        &[(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0, b'x']), ONLY],
        b"",
    ),
];

#[test]
fn right_answers_are_understood() {
    for (name, answer, body) in RIGHT {
        let mut connection = asked(&Method::GET);
        let bytes = [settings(), answer.iter().flat_map(raw).collect()].concat();
        assert_eq!(fed(&mut connection, &bytes), None, "{name}");
        match outcome(&mut connection, 1) {
            Outcome::Answer(head, found) => {
                assert_eq!(head.status.unwrap().as_u16(), 200, "{name}");
                assert_eq!(found, *body, "{name}");
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

    #[test]
    fn a_request_that_is_sent_again_is_as_if_it_were_encoded_anew(
        steps in proptest::collection::vec((0..4_usize, 0..6_u32), 1..40),
    ) {
        let prepared = ["/", "/a", "/b"].map(|path| {
            let mut headers = HeaderMap::new();
            headers.insert("x-path", HeaderValue::from_static(path));
            headers.insert("x-other", HeaderValue::from_static("the same"));
            Rc::new(Prepared {
                method: Method::GET,
                authority: HeaderValue::from_static("localhost"),
                path: path.parse().ok(),
                headers,
                body: Bytes::new(),
            })
        });
        let (mut again, mut anew) = (Connection::new(), Connection::new());
        for (at, size) in steps {
            if let Some(prepared) = prepared.get(at) {
                again.open_prepared(prepared, "http");
                anew.open(prepared.outgoing("http"));
            } else {
                // The server allows a smaller table, or a larger one.
                again.encoder.allow(40 * size as usize);
                anew.encoder.allow(40 * size as usize);
            }
            prop_assert_eq!(&again.out.bytes, &anew.out.bytes);
        }
    }
}
