//! The head of an answer, and a body of known length.

use std::io::Write as _;

use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};

use super::Asked;
use super::date::Today;
use super::outbox::Outbox;
use crate::server::answer::{Body, Reply, Switch, Switched};
use crate::server::push;

/// Renders an answer, and returns what the connection becomes with it. `asked.keep_alive` becomes false if it is the last
/// of its connection.
pub(super) fn render(
    reply: Reply,
    asked: &mut Asked,
    today: &Today,
    out: &mut Outbox,
) -> Option<Switch> {
    let (parts, body) = Response::into_parts(reply);
    let status = parts.status;
    asked.keep_alive &= !lists(&parts.headers, "close");
    // A stream ends its connection.
    asked.keep_alive &= !matches!(body, Body::Events(_));
    head(status, &parts.headers, *asked, &mut out.bytes);
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = match &body {
        _ if bodiless => None,
        Body::Events(_) if asked.is_http_11 => {
            out.bytes.extend_from_slice(b"transfer-encoding: chunked\r\n");
            None
        }
        Body::Empty if asked.is_head => None,
        Body::Empty => Some(0),
        Body::Whole(bytes) => Some(bytes.len()),
        Body::Events(_) | Body::Switch(_) => None,
    };
    if let Some(length) = length {
        // Writing to memory cannot fail.
        let _ = write!(out.bytes, "content-length: {length}\r\n");
    }
    out.bytes.extend_from_slice(&today.line());
    out.bytes.extend_from_slice(b"\r\n");
    match body {
        Body::Whole(bytes) if !bodiless && !asked.is_head => {
            out.body(bytes);
            None
        }
        Body::Empty | Body::Whole(_) => None,
        Body::Events(stream) => {
            let chunked = asked.is_http_11;
            Some(Switch::new(move |Switched { wire, held, .. }| {
                push::event_stream(*stream, wire, chunked, held);
            }))
        }
        Body::Switch(switch) => Some(switch),
    }
}

/// Renders the answer to what is no request; nothing follows it.
pub(super) fn refusal(status: StatusCode, today: &Today, out: &mut Vec<u8>) {
    let asked = Asked { is_http_11: true, ..Asked::default() };
    head(status, &HeaderMap::new(), asked, out);
    out.extend_from_slice(b"content-length: 0\r\n");
    out.extend_from_slice(&today.line());
    out.extend_from_slice(b"\r\n");
}

/// The status line, and the fields of an answer besides those that say where it ends.
fn head(status: StatusCode, headers: &HeaderMap, asked: Asked, out: &mut Vec<u8>) {
    out.extend_from_slice(if asked.is_http_11 { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        // Where the message ends, and when it was made, is known here.
        if !matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | DATE) {
            field(name.as_str(), value.as_bytes(), out);
        }
    }
    if status.is_informational() {
        return;
    }
    match (asked.is_http_11, asked.keep_alive) {
        (true, false) if !lists(headers, "close") => field("connection", b"close", out),
        (false, true) => field("connection", b"keep-alive", out),
        _ => {}
    }
}

fn field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether an answer's `Connection` has a token.
fn lists(headers: &HeaderMap, token: &str) -> bool {
    let lists = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|element| element.trim().eq_ignore_ascii_case(token))
    };
    headers.get_all(CONNECTION).iter().any(lists)
}
