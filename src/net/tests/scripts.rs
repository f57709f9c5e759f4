//! What a server of HTTP/1.1 may say, and what it comes to.

use super::peer::{Act, FINE, say};
use crate::measure::ErrorKind;

/// What a script comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer, and whether its connection carries the next request.
    Answer(u16, &'static str, bool),
    /// A failure, and what its message contains.
    Failure(ErrorKind, &'static str),
}
use Outcome::{Answer, Failure};

/// A head, and what is said after it.
pub(super) fn read_then(bytes: impl AsRef<[u8]>) -> Vec<Act> {
    vec![Act::Read, say(bytes)]
}

/// The same on a connection that then stays open for one more exchange.
fn kept(bytes: &str) -> Vec<Act> {
    vec![Act::Read, say(bytes), Act::Read, say(FINE), Act::Hold]
}

pub(super) fn right_answers() -> Vec<(&'static str, Vec<Act>, Outcome)> {
    vec![
        ("a length", kept(FINE), Answer(200, "fine", true)),
        (
            "chunks",
            kept(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nfi\r\n2;x=y\r\nne\r\n0\r\nt: 1\r\n\r\n",
            ),
            Answer(200, "fine", true),
        ),
        (
            "informational answers before the final one",
            kept(&format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{FINE}"
            )),
            Answer(200, "fine", true),
        ),
        ("no content", kept("HTTP/1.1 204 No Content\r\n\r\n"), Answer(204, "", true)),
        (
            "no reason phrase",
            kept("HTTP/1.1 200\r\ncontent-length: 4\r\n\r\nfine"),
            Answer(200, "fine", true),
        ),
        (
            "HTTP/1.0 without a length",
            read_then("HTTP/1.0 200 OK\r\n\r\nfine"),
            Answer(200, "fine", false),
        ),
        (
            "HTTP/1.1 without a length",
            read_then("HTTP/1.1 200 OK\r\n\r\nfine"),
            Answer(200, "fine", false),
        ),
        (
            "connection: close",
            kept("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfine"),
            Answer(200, "fine", false),
        ),
        ("closed after the answer", read_then(FINE), Answer(200, "fine", false)),
        (
            "closed half after the answer",
            vec![Act::Read, say(FINE), Act::HalfClose, Act::Hold],
            Answer(200, "fine", false),
        ),
        ("more than was asked for", kept(&format!("{FINE}{FINE}")), Answer(200, "fine", false)),
        (
            "identity",
            kept("HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 4\r\n\r\nfine"),
            Answer(200, "fine", true),
        ),
    ]
}

pub(super) fn broken_answers() -> Vec<(&'static str, Vec<Act>, Outcome)> {
    [ends(), heads(), others()].concat()
}

/// Answers that end too soon.
fn ends() -> Vec<(&'static str, Vec<Act>, Outcome)> {
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfine";
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nfine";
    vec![
        ("no answer", vec![Act::Read], Failure(ErrorKind::Closed, "without an answer")),
        (
            "half closed without an answer",
            vec![Act::Read, Act::HalfClose, Act::Hold],
            Failure(ErrorKind::Closed, "without an answer"),
        ),
        (
            "reset before the answer",
            vec![Act::Read, Act::Reset],
            Failure(ErrorKind::Reset, "before it answered"),
        ),
        (
            "an end in the status line",
            read_then("HTTP/1.1 2"),
            Failure(ErrorKind::Truncated, "the answer's head"),
        ),
        (
            "an end in the head",
            read_then("HTTP/1.1 200 OK\r\nx: "),
            Failure(ErrorKind::Truncated, "the answer's head"),
        ),
        (
            "an end in the body",
            read_then(length),
            Failure(ErrorKind::Truncated, "the answer's body"),
        ),
        ("an end in a chunk", read_then(chunk), Failure(ErrorKind::Truncated, "the answer's body")),
        (
            "an end before the last chunk",
            read_then(chunk.replace('9', "4")),
            Failure(ErrorKind::Truncated, "the answer's body"),
        ),
        (
            "half closed in the body",
            vec![Act::Read, say(length), Act::HalfClose, Act::Hold],
            Failure(ErrorKind::Truncated, "the answer's body"),
        ),
    ]
}

/// Heads that are none.
fn heads() -> Vec<(&'static str, Vec<Act>, Outcome)> {
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{}\r\n", fields.concat())
    };
    vec![
        (
            "101 that nobody asked for",
            kept("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            Failure(ErrorKind::Protocol, "101 Switching Protocols"),
        ),
        (
            "a head of 300 KiB",
            read_then(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(300 << 10))),
            Failure(ErrorKind::Oversized, "at most 64 KiB"),
        ),
        (
            "a head without end",
            vec![Act::Read, say("HTTP/1.1 200 OK\r\n"), Act::Flood(b"x: y\r\n".repeat(10))],
            Failure(ErrorKind::Oversized, "100 fields"),
        ),
        ("101 fields", read_then(fields(101)), Failure(ErrorKind::Oversized, "100 fields")),
        (
            "another greeting",
            read_then("HELLO\r\n\r\n"),
            Failure(ErrorKind::Protocol, "not understood"),
        ),
        (
            "a status of letters",
            read_then("HTTP/1.1 abc OK\r\n\r\n"),
            Failure(ErrorKind::Protocol, "status"),
        ),
        (
            "a version of tomorrow",
            read_then("HTTP/9.9 200 OK\r\n\r\n"),
            Failure(ErrorKind::Protocol, "version"),
        ),
        (
            "a header without a name",
            read_then("HTTP/1.1 200 OK\r\n: x\r\n\r\n"),
            Failure(ErrorKind::Protocol, "header"),
        ),
        (
            "a length that is none",
            read_then("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"),
            Failure(ErrorKind::Protocol, "content-length"),
        ),
        (
            "two lengths",
            read_then("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfine!"),
            Failure(ErrorKind::Protocol, "content-length"),
        ),
    ]
}

/// Bodies that are none, and other protocols.
fn others() -> Vec<(&'static str, Vec<Act>, Outcome)> {
    let coded = |coding: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 4\r\n\r\nfine")
    };
    vec![
        (
            "a chunk that is none",
            read_then("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            Failure(ErrorKind::Protocol, "chunk"),
        ),
        (
            "gzip that was not asked for",
            kept(&coded("gzip")),
            Failure(ErrorKind::Encoding, "'gzip' was not asked for"),
        ),
        ("br", kept(&coded("br")), Failure(ErrorKind::Encoding, "'br' was not asked for")),
        (
            "a TLS alert",
            read_then([21, 3, 3, 0, 2, 2, 10]),
            Failure(ErrorKind::Protocol, "write https:// or wss://"),
        ),
        (
            "HTTP/2 settings",
            read_then([0, 0, 0, 4, 0, 0, 0, 0, 0]),
            Failure(ErrorKind::Protocol, "set http = 2"),
        ),
        ("SSH", read_then("SSH-2.0-OpenSSH_9.2\r\n"), Failure(ErrorKind::Protocol, "SSH")),
    ]
}
