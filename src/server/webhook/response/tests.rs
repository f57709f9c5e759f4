use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> (Result<(), String>, Response, Vec<u8>) {
    let mut response = Response::default();
    let (read, used) = match response.read_head(bytes) {
        Ok(used) => (Ok(()), used),
        Err(reason) => (Err(reason), 0),
    };
    (read, response, bytes[used..].to_vec())
}

/// The expected rest: a body and whether the connection is reused, or incomplete.
enum Expected {
    Whole(&'static str, bool),
    More,
    Abandon,
}
use Expected::{Abandon, More, Whole};

/// The bytes, whether the connection has ended, the status, the rest, and why.
const RESPONSES: &[(&str, bool, Option<u16>, Expected, &str)] = &[
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        false,
        Some(200),
        Whole("ok", true),
        "whole",
    ),
    ("HTTP/1.1 204\r\n\r\n", false, Some(204), Whole("", true), "no reason phrase, no body"),
    (
        "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
        false,
        Some(204),
        Whole("", true),
        "a 204 has no body",
    ),
    ("HTTP/1.1 200 OK\n\n", true, Some(200), Whole("", false), "bare line feeds, until it closes"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok", false, Some(200), More, "a short body"),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok",
        true,
        Some(200),
        Abandon,
        "a short body, closed",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500",
        false,
        Some(200),
        Whole("", false),
        "more than was asked for",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        false,
        Some(200),
        Abandon,
        "too long",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        false,
        Some(200),
        More,
        "two lengths",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab",
        true,
        Some(200),
        Whole("ab", false),
        "a bad length",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        true,
        Some(200),
        Whole("0\r\n\r\n", false),
        "both",
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\na: b\r\n\r\n",
        false,
        Some(200),
        Whole("ok!", true),
        "chunks",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        false,
        Some(200),
        More,
        "an open end",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        false,
        Some(200),
        Abandon,
        "no chunk",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n",
        false,
        Some(200),
        Abandon,
        "a huge chunk",
    ),
    (
        "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        false,
        Some(200),
        Whole("", false),
        "HTTP/1.0 closes",
    ),
    (
        "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n",
        false,
        Some(200),
        Whole("", true),
        "unless it says not to",
    ),
    (
        "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 0\r\n\r\n",
        false,
        Some(200),
        Whole("", false),
        "close",
    ),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        false,
        Some(202),
        Whole("", true),
        "interim responses",
    ),
    (
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        true,
        Some(101),
        Whole("", false),
        "nobody asked for it: final",
    ),
    (
        "HTTP/1.1 200 OK\r\nhalf a hea",
        false,
        Some(200),
        More,
        "the status line counts before the head is whole",
    ),
    (
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        true,
        Some(200),
        Whole("no colon\r\n\r\n", false),
        "a bad header costs the connection",
    ),
    ("HTTP/1.1 20", false, None, More, "half a status line"),
    ("", true, None, Abandon, "nothing"),
];

#[test]
fn a_response_is_known_by_its_status_line_and_its_end_by_its_framing() {
    for (bytes, ended, status, rest, why) in RESPONSES {
        let (read, response, buffer) = read(bytes.as_bytes());
        assert_eq!(read, Ok(()), "{why}");
        assert_eq!(response.status, *status, "{why}");
        if bytes.contains("no colon") {
            assert!(!response.worth_finishing(), "{why}");
        } else {
            let rest = match *rest {
                Whole(body, reusable) => Rest::Whole { body: Bytes::from(body), reusable },
                More => Rest::More,
                Abandon => Rest::Abandon,
            };
            assert_eq!(response.rest(&buffer, *ended), rest, "{why}");
        }
    }
}

#[test]
fn a_response_other_than_http_is_refused() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(INTERIM_MAX + 1);
    for bytes in [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 abc\r\n",
        "HTTP/1.1\r\n",
        &interim,
    ] {
        let (read, response, _) = read(bytes.as_bytes());
        assert!(read.is_err() && response.status.is_none(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn however_it_is_cut_it_is_the_same(cuts in prop::collection::vec(1..9usize, 1..60), chunked: bool) {
        let message: &[u8] = if chunked {
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nretry-after: 7\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        } else {
            b"HTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 3\r\n\r\nabc"
        };
        let (mut response, mut buffer, mut at) = (Response::default(), Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            if at == message.len() {
                break;
            }
            let early = matches!(response.rest(&buffer, false), Rest::Whole { .. });
            prop_assert!(!early, "whole before its last byte");
            let end = message.len().min(at + cut);
            buffer.extend_from_slice(&message[at..end]);
            at = end;
            let used = response.read_head(&buffer).unwrap();
            buffer.drain(..used);
        }
        prop_assert_eq!(response.status, Some(503));
        prop_assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
        let whole = Rest::Whole { body: Bytes::from_static(b"abc"), reusable: true };
        prop_assert_eq!(response.rest(&buffer, false), whole);
    }

    #[test]
    fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), status: bool) {
        let mut all = if status { b"HTTP/1.1 200 OK\r\n".to_vec() } else { Vec::new() };
        all.extend(bytes);
        let (_, response, buffer) = read(&all);
        let _ = response.rest(&buffer, true);
    }
}
