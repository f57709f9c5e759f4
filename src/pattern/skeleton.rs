//! A request's bytes but for what its placeholders stand for, which is put in between: no URI, no map of fields, and no request
//! is built for each.

use std::io::Write as _;

use hyper::Uri;
use hyper::header::{
    CONTENT_LENGTH, HOST, HeaderName, HeaderValue, IF_NONE_MATCH, TRANSFER_ENCODING,
};

use super::voice::{Told, Voice};
use crate::dialect::model::{Call, Headers};
use crate::dialect::template::{RenderError, Template};
use crate::net::h1::Rendered;

/// Longest path that is taken as it is: what is longer may be no path.
const PATH_MAX: usize = 32 << 10;

/// A call of a dialect, prepared to be rendered often.
#[derive(Debug)]
pub(super) struct Skeleton {
    /// Method, space, and what stands before every path.
    begin: Box<[u8]>,
    /// Where the path begins.
    path_at: usize,
    is_head: bool,
    path: Template,
    /// Names with the colon and the space behind them.
    fields: Box<[(Box<[u8]>, Template)]>,
    body: Option<Template>,
}

impl Skeleton {
    /// The skeleton of `call`, behind the path `base` and with the fields `common`; `None` if the bytes of its requests depend on
    /// more than what its placeholders stand for.
    pub(super) fn of(call: &Call, base: &str, common: &Headers) -> Option<Self> {
        if call.names_body() {
            return None;
        }
        let method = hyper::Method::from_bytes(call.method().as_bytes()).ok()?;
        let mut seen = vec![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, IF_NONE_MATCH];
        let mut fields = Vec::new();
        for (name, value) in common.iter().chain(&call.headers) {
            // What is no name is left out.
            let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
            if seen.contains(&name) {
                // It would take the other's place, or frame the body.
                return None;
            }
            fields.push(([name.as_str().as_bytes(), b": "].concat().into(), value.clone()));
            seen.push(name);
        }
        let begin = format!("{method} ");
        Some(Self {
            path_at: begin.len(),
            begin: [begin.as_bytes(), base.as_bytes()].concat().into(),
            is_head: method == hyper::Method::HEAD,
            path: call.path.clone(),
            fields: fields.into(),
            body: call.body.clone(),
        })
    }

    /// The request as `voice` says it now; `etag` makes it conditional.
    pub(super) fn render(
        &self,
        voice: &mut Voice,
        told: Option<Told<'_>>,
        etag: Option<&HeaderValue>,
    ) -> Result<Rendered, RenderError> {
        voice.begin();
        // In the order of the general form, in which random numbers are drawn.
        let body = match &self.body {
            None => Vec::new(),
            Some(body) => voice.render(body, told)?,
        };
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&self.begin);
        voice.render_into(&self.path, told, &mut out)?;
        if !is_plain_path(&out[self.path_at..]) {
            let uri = Uri::try_from(&out[self.path_at..]).unwrap_or_default();
            out.truncate(self.path_at);
            // A vector accepts any write.
            let _ = write!(out, "{uri}");
        }
        out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        out.extend_from_slice(voice.host().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, template) in &self.fields {
            let line = out.len();
            out.extend_from_slice(name);
            let begin = out.len();
            voice.render_into(template, told, &mut out)?;
            if is_value(&out[begin..]) {
                out.extend_from_slice(b"\r\n");
            } else {
                // Empty, or what no field may say.
                out.truncate(line);
            }
        }
        if let Some(etag) = etag {
            out.extend_from_slice(b"if-none-match: ");
            out.extend_from_slice(etag.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !body.is_empty() {
            let _ = write!(out, "content-length: {}\r\n", body.len());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
        Ok(Rendered::new(out, self.is_head))
    }
}

/// The bytes of which a plain path consists: looked up, as every poll looks at some fifty.
const PLAIN: [bool; 256] = {
    let (others, mut plain, mut byte) = (b"-._~/?&=%:,;!$'()*+@", [false; 256], 0);
    while byte < 128 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        plain[others[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Whether `path` is one in any parser's eyes, and written as it is.
fn is_plain_path(path: &[u8]) -> bool {
    let plain = |byte: &u8| PLAIN[usize::from(*byte)];
    path.first() == Some(&b'/') && path.len() <= PATH_MAX && path.iter().all(plain)
}

/// Whether a field may say `value`, and says something.
fn is_value(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
}

#[cfg(test)]
mod tests;
