//! Answers of a receiver as bytes.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};

use crate::pattern::consent::Reply;

/// The `Date` of answers.
pub(super) struct Today {
    second: u64,
    line: String,
}

impl Default for Today {
    fn default() -> Self {
        Self { second: u64::MAX, line: String::new() }
    }
}

impl Today {
    fn line(&mut self) -> &str {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if second != self.second {
            let now = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            (self.second, self.line) = (second, format!("date: {now}\r\n"));
        }
        &self.line
    }
}

/// An answer, rendered except for what changes: its date.
#[derive(Debug)]
pub(in super::super) struct Rendered {
    /// Up to the date.
    front: Box<[u8]>,
    dated: bool,
    body: Box<[u8]>,
    /// Whether its own fields close the connection.
    pub(super) closes: bool,
}

impl Rendered {
    pub(super) fn of(reply: &Reply) -> Self {
        let (code, headers) = (reply.status(), reply.headers());
        let reason = code.canonical_reason().unwrap_or_default();
        let mut front = format!("HTTP/1.1 {} {reason}\r\n", code.as_str()).into_bytes();
        for (name, value) in headers {
            // The framing is ours.
            if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
                front.extend_from_slice(name.as_str().as_bytes());
                front.extend_from_slice(b": ");
                front.extend_from_slice(value.as_bytes());
                front.extend_from_slice(b"\r\n");
            }
        }
        let has_body = !matches!(code, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if has_body { reply.body().to_vec() } else { Vec::new() };
        if has_body {
            let _ = write!(front, "content-length: {}\r\n", body.len());
        }
        let closes = headers.get_all(CONNECTION).iter().any(|value| {
            let options = value.to_str().unwrap_or_default();
            options.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
        });
        let dated = headers.contains_key(DATE);
        Self { front: front.into(), dated, body: body.into(), closes }
    }

    /// The same of an answer that leaves its connection open.
    pub(in super::super) fn constant(reply: &Reply) -> Option<Self> {
        Some(Self::of(reply)).filter(|rendered| !rendered.closes)
    }

    /// Appends the answer, with `more` header lines.
    pub(super) fn append(
        &self,
        out: &mut Vec<u8>,
        today: &mut Today,
        more: &[u8],
        with_body: bool,
    ) {
        out.extend_from_slice(&self.front);
        if !self.dated {
            out.extend_from_slice(today.line().as_bytes());
        }
        out.extend_from_slice(more);
        out.extend_from_slice(b"\r\n");
        if with_body {
            out.extend_from_slice(&self.body);
        }
    }
}
