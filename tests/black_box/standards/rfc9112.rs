//! RFC 9112 (HTTP/1.1): request lines, hosts, frames of messages, connections.

use super::{Row, ask, get, raw, run, target};
use crate::target_support::Target;
use tidings::server::Options;

fn lines_and_hosts() -> Vec<Row> {
    vec![
        raw("2.2: empty lines before a request", "\r\n\r\nGET /items HTTP/1.1\r\nhost: t\r\n\r\n")
            .gives(200),
        raw("2.2: lines that end with LF alone", "GET /items HTTP/1.1\nhost: t\n\n").gives(200),
        raw("strict, 2.2: a CR alone ends nothing", "GET /items HTTP/1.1\r\nhost: t\rx: y\r\n\r\n")
            .gives(400)
            .ends(),
        raw("2.3: versions are of one case", "GET /items http/1.1\r\nhost: t\r\n\r\n")
            .gives(400)
            .ends(),
        raw("2.3: another version", "GET /items HTTP/1.7\r\nhost: t\r\n\r\n").gives(400).ends(),
        raw("3: one space between words", "GET  /items HTTP/1.1\r\nhost: t\r\n\r\n")
            .gives(400)
            .ends(),
        raw("3: a request line of two words", "GET /items\r\n\r\n").gives(400).ends(),
        raw("3.2: a target without a slash", "GET items HTTP/1.1\r\nhost: t\r\n\r\n").gives(400),
        get("3.2.2: the absolute form", "http://target/items", &[]).gives(200),
        get("3.2.2: in it an empty path is the root", "http://target", &[]).gives(200),
        get(
            "3.2.2: it overrules the field",
            "http://127.0.0.1/",
            &["host: elsewhere.example", "accept: text/plain"],
        )
        .gives(200)
        .says("http://127.0.0.1/"),
        ask("3.2.3: the authority form is for CONNECT", "GET target:80", &[], "").gives(400),
        ask("3.2.4: the asterisk form is for OPTIONS", "GET *", &[], "").gives(400),
        ask("3.2.4: the whole server", "OPTIONS *", &[], "").gives(204).has("allow", "GET"),
        raw(
            "strict, 3.2: a request without Host; servers on the way would guess",
            "GET /items HTTP/1.1\r\n\r\n",
        )
        .gives(400)
        .says("Host"),
        raw("3.2: HTTP/1.0 needs none", "GET /items HTTP/1.0\r\n\r\n").gives(200).ends(),
        get(
            "strict, 3.2: two of them, even if they agree",
            "/items",
            &["host: target", "Host: target"],
        )
        .gives(400),
        get("3.2: an empty one", "/items", &["host:"]).gives(200),
        get("3.2: with a port", "/items", &["host: target:8080"]).gives(200),
        get("3.2.2 of RFC 3986: an IPv6 address", "/items", &["host: [::1]:8080"]).gives(200),
        get("3.2.3 of RFC 3986: a port of no digits", "/items", &["host: target:"]).gives(200),
        get("5.1: its name in any case", "/items", &["HOST: TARGET"]).gives(200),
        get("strict, 3.2: a port that is none", "/items", &["host: target:80x"]).gives(400),
        get("strict, 3.2: a port beyond 65535", "/items", &["host: target:65536"]).gives(400),
        get("strict, 3.2: a list", "/items", &["host: a, b"]).gives(400),
        get("strict, 3.2: a user's name", "/items", &["host: me@target"]).gives(400),
        get("strict, 3.2: a path", "/items", &["host: target/items"]).gives(400),
        get("strict, 3.2: brackets around no address", "/items", &["host: [::g]"]).gives(400),
        get("strict, 3.2: an address without brackets", "/items", &["host: ::1"]).gives(400),
        raw("strict, 5.1: space before a colon", "GET /items HTTP/1.1\r\nhost : t\r\n\r\n")
            .gives(400)
            .ends(),
        raw("strict, 5.2: folded lines", "GET /items HTTP/1.1\r\nhost: t\r\nx: a\r\n b\r\n\r\n")
            .gives(400)
            .ends(),
        raw(
            "strict, 5.5 of RFC 9110: NUL in a field",
            "GET /items HTTP/1.1\r\nhost: t\r\nx: a\0b\r\n\r\n",
        )
        .gives(400)
        .ends(),
    ]
}

/// The end of a message. Bytes behind a refused one must never be taken for another request (request smuggling).
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn frames() -> Vec<Row> {
    const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n";
    let json = "content-type: application/json";
    let framed = |clause, lines: &[&str], body: &str| {
        let lines = [&["host: t", json], lines].concat().join("\r\n");
        raw(clause, format!("POST /items HTTP/1.1\r\n{lines}\r\n\r\n{body}{SMUGGLED}"))
    };
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let chunked = "transfer-encoding: chunked";
    vec![
        framed("6.2: a length", &["content-length: 2"], "{}").answers(&[201, 200]),
        framed(
            "8.6 of RFC 9110: twice the same is once",
            &["content-length: 2", "content-length: 2"],
            "{}",
        )
        .answers(&[201, 200]),
        framed("strict, 6.3: two lengths", &["content-length: 2", "content-length: 3"], "{}")
            .gives(400)
            .ends(),
        framed("strict, 6.3: a list of lengths", &["content-length: 2, 2"], "{}").gives(400).ends(),
        framed("strict, 6.2: a sign", &["content-length: +2"], "{}").gives(400).ends(),
        framed("strict, 6.2: another base", &["content-length: 0x2"], "{}").gives(400).ends(),
        framed("strict, 6.2: no digits", &["content-length:"], "{}").gives(400).ends(),
        framed("strict, 6.2: beyond any number", &["content-length: 18446744073709551618"], "{}")
            .gives(400)
            .ends(),
        framed("7.1: chunks", &[chunked], chunks).answers(&[201, 200]),
        framed("6.1: the coding in any case", &["Transfer-Encoding: CHUNKED"], chunks)
            .answers(&[201, 200]),
        framed(
            "7.1.1: extensions of chunks, and trailers",
            &[chunked],
            "2;a=b\r\n{}\r\n0\r\nx: y\r\n\r\n",
        )
        .answers(&[201, 200]),
        // Section 6.3: such a message may be read by its chunks alone, if the connection ends with the answer.
        framed("strict, 6.3: chunks and a length", &[chunked, "content-length: 2"], chunks)
            .gives(201)
            .has("connection", "close")
            .ends(),
        framed("strict, 6.3: in either order", &["content-length: 2", chunked], chunks)
            .gives(201)
            .has("connection", "close")
            .ends(),
        framed(
            "strict, 6.3: a length that would hide a request",
            &["content-length: 200", chunked],
            chunks,
        )
        .gives(201)
        .ends(),
        framed(
            "strict, 6.1: a coding under the chunks would be taken for the body",
            &["transfer-encoding: gzip, chunked"],
            chunks,
        )
        .gives(501)
        .ends(),
        framed("strict, 6.1: in two lines", &["transfer-encoding: gzip", chunked], chunks)
            .gives(501)
            .ends(),
        framed("strict, 6.1: chunks in chunks", &["transfer-encoding: chunked, chunked"], chunks)
            .gives(501)
            .ends(),
        framed(
            "strict, 6.3: chunked must be last",
            &["transfer-encoding: chunked, identity"],
            chunks,
        )
        .gives(400)
        .ends(),
        framed("strict, 6.3: over lines, too", &[chunked, "transfer-encoding: identity"], chunks)
            .gives(400)
            .ends(),
        framed("strict, 6.1: what only looks like it", &["transfer-encoding: xchunked"], chunks)
            .gives(400)
            .ends(),
        framed("strict, 6.1: other space before it", &["transfer-encoding:\x0bchunked"], chunks)
            .gives(400)
            .ends(),
        framed("strict, 5.1: space behind its name", &["transfer-encoding : chunked"], chunks)
            .gives(400)
            .ends(),
        raw(
            "strict, 6.1: HTTP/1.0 has no chunks",
            format!("POST /items HTTP/1.0\r\n{json}\r\n{chunked}\r\n\r\n{chunks}{SMUGGLED}"),
        )
        .gives(400)
        .ends(),
        framed("strict, 7.1: a chunk without a size", &[chunked], "\r\n{}\r\n0\r\n\r\n")
            .gives(400)
            .ends(),
        framed("strict, 7.1: a negative size", &[chunked], "-2\r\n{}\r\n0\r\n\r\n")
            .gives(400)
            .ends(),
        framed("strict, 7.1: a chunk longer than its size", &[chunked], "2\r\n{}}\r\n0\r\n\r\n")
            .gives(400)
            .ends(),
        framed("strict, 7.1: lines of chunks end with CRLF", &[chunked], "2\n{}\n0\n\n")
            .gives(400)
            .ends(),
        framed("6.3: without either there is no body", &[], "").answers(&[400, 200]),
    ]
}

fn connections() -> Vec<Row> {
    let twice = |lines: &str| {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: t\r\n{lines}\r\n");
        format!("{request}{request}")
    };
    vec![
        raw("9.3: a connection stays", twice("")).answers(&[200, 200]),
        raw("9.6: until it is to close", twice("connection: close\r\n"))
            .gives(200)
            .has("connection", "close")
            .ends(),
        raw("9.6: in any case, in a list", twice("Connection: keep-alive, CLOSE\r\n"))
            .gives(200)
            .ends(),
        raw("9.6: in any line", twice("connection: keep-alive\r\nconnection: close\r\n"))
            .gives(200)
            .ends(),
        raw("9.3: HTTP/1.0 closes", "GET /healthz HTTP/1.0\r\n\r\n").gives(200).ends(),
        raw(
            "9.3: unless asked not to",
            "GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".repeat(2),
        )
        .answers(&[200, 200]),
        raw(
            "9.3.2: pipelined answers come in order",
            "GET /nowhere HTTP/1.1\r\nhost: t\r\n\r\nGET /healthz HTTP/1.1\r\nhost: t\r\n\r\n",
        )
        .answers(&[404, 200]),
    ]
}

fn started() -> Target {
    target(Options::default())
}

#[test]
fn requests_are_parsed_as_rfc_9112_has_it() {
    run(&started(), &lines_and_hosts());
}

#[test]
fn messages_end_where_rfc_9112_has_it() {
    run(&started(), &frames());
}

#[test]
fn connections_last_as_rfc_9112_has_it() {
    run(&started(), &connections());
}
