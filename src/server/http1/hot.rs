//! The two requests that a load mostly consists of, an item and a short poll, answered without a map of their fields.
//!
//! Only a request whose every field is known here, and known to change nothing or understood, is answered here; any other
//! takes the general way. The bytes of the answer are the same on both.

use std::io::Write as _;

use super::outbox::Outbox;
use crate::net::h1::RawHead;
use crate::server::poll::{self, Short};
use crate::server::shard::{Caller, Shard};
use crate::server::visitors::authority;
use crate::server::{items, request};

/// What a request asks for that is answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<'a> {
    /// An item's JSON.
    Item(u64),
    /// Topic, and query.
    Page(&'a str, &'a str),
}

/// Answers a request if it is one of these; false leaves `out` as it was.
#[inline]
pub(super) fn answer(shard: &Shard, caller: &Caller, head: &RawHead<'_>, out: &mut Outbox) -> bool {
    if head.method != "GET" || !head.is_http_11 || caller.crowded || !is_plain(shard) {
        return false;
    }
    let Some(wanted) = wanted(head.target) else { return false };
    let Ok(condition) = condition(shard, head.fields) else { return false };
    let mut parts = shard.desk.parts.borrow_mut();
    let (etag, body) = &mut *parts;
    etag.clear();
    body.clear();
    let (answer, vary) = match wanted {
        Wanted::Item(id) => {
            let Some(same) = items::read_json(shard, id, condition, (etag, body)) else {
                return false;
            };
            (if same { Answer::Same } else { Answer::Shown }, "vary: accept\r\n")
        }
        Wanted::Page(topic, query) => {
            let Some(short) = poll::short(shard, topic, query, condition, (etag, body)) else {
                return false;
            };
            match short {
                Short::NotModified => (Answer::Same, ""),
                Short::Page => (Answer::Shown, ""),
            }
        }
    };
    write((answer, vary), (etag, body), shard, out);
    true
}

/// The answers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 304
    Same,
    /// 200
    Shown,
}

fn write(
    (answer, vary): (Answer, &str),
    (etag, body): (&str, &[u8]),
    shard: &Shard,
    out: &mut Outbox,
) {
    let bytes = &mut out.bytes;
    bytes.extend_from_slice(match answer {
        Answer::Same => b"HTTP/1.1 304 Not Modified\r\netag: ".as_slice(),
        Answer::Shown => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: ",
    });
    bytes.extend_from_slice(etag.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(vary.as_bytes());
    if answer == Answer::Shown {
        // Writing to memory cannot fail.
        let _ = write!(bytes, "content-length: {}\r\n", body.len());
    }
    bytes.extend_from_slice(&shard.desk.today.line());
    bytes.extend_from_slice(b"\r\n");
    if answer == Answer::Shown {
        bytes.extend_from_slice(body);
    }
    shard.desk.outgoing.take(&mut out.deliveries);
}

/// Whether nothing is configured that could change the answer to a plain request.
fn is_plain(shard: &Shard) -> bool {
    shard.faults.is_none() && shard.admission.is_open() && shard.options().visitors.grant_nothing()
}

/// What a target asks for, if it is written plainly.
fn wanted(target: &str) -> Option<Wanted<'_>> {
    if let Some(id) = target.strip_prefix("/items/") {
        return Some(id).filter(|id| !id.is_empty()).and_then(request::whole).map(Wanted::Item);
    }
    let (topic, rest) = target.strip_prefix("/topics/")?.split_once('/')?;
    let query = rest.strip_prefix("events")?;
    let query = if query.is_empty() { query } else { query.strip_prefix('?')? };
    let plain = |text: &str, more: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let is_plain = plain(topic, b"-._~") && plain(query, b"-._~=&");
    is_plain.then_some(Wanted::Page(topic, query))
}

/// A request has to be answered on the general way.
struct Unfit;

/// The condition in the fields of a request, unless one of them could change the answer in another way.
fn condition<'a>(
    shard: &Shard,
    fields: &[httparse::Header<'a>],
) -> Result<Option<&'a [u8]>, Unfit> {
    let (mut hosts, mut accepts, mut condition) = (0, 0, None);
    for field in fields {
        let (name, value) = (field.name, field.value);
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let harmless = match name.len() {
            4 if is("host") => {
                hosts += 1;
                is_host(shard, value)
            }
            6 if is("accept") => {
                accepts += 1;
                matches!(value, b"*/*" | b"application/json")
            }
            // A browser's requests are looked at more closely.
            10 if is("user-agent") => !value.starts_with(b"Mozilla/"),
            10 if is("connection") => value.eq_ignore_ascii_case(b"keep-alive"),
            13 if is("if-none-match") => condition.replace(value).is_none(),
            15 if is("accept-encoding") => true,
            _ => false,
        };
        if !harmless {
            return Err(Unfit);
        }
    }
    if hosts == 1 && accepts <= 1 { Ok(condition) } else { Err(Unfit) }
}

/// Whether a value of `Host` is well-formed. Nearly all clients of a target call it by one name.
fn is_host(shard: &Shard, value: &[u8]) -> bool {
    let mut known = shard.desk.host.borrow_mut();
    if !known.is_empty() && *known == value {
        return true;
    }
    let text = std::str::from_utf8(value).ok().filter(|host| host.is_ascii());
    let is_host = text.and_then(authority).is_some();
    if is_host {
        known.clear();
        known.extend_from_slice(value);
    }
    is_host
}
