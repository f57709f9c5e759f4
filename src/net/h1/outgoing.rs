//! Requests as bytes (RFC 9112, section 3).

use std::cell::OnceCell;
use std::io::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::{Method, Request};

use super::read_head;
use crate::net::NetError;
use crate::net::h2::Prepared;

/// A request as its bytes.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Whether it is HEAD, whose answer has no body.
    pub is_head: bool,
    /// What HTTP/2 sends in its place, once that was asked for.
    prepared: OnceCell<Option<Rc<Prepared>>>,
}

impl Rendered {
    /// A request of these bytes.
    pub const fn new(bytes: Vec<u8>, is_head: bool) -> Self {
        Self { bytes, is_head, prepared: OnceCell::new() }
    }

    /// The same as HTTP/2 sends it, which `prepare` makes the first time; `None` where there is no such request.
    pub(in crate::net) fn prepared(
        &self,
        prepare: impl FnOnce() -> Option<Prepared>,
    ) -> Option<&Rc<Prepared>> {
        self.prepared.get_or_init(|| prepare().map(Rc::new)).as_ref()
    }

    /// The bytes of `request`. A body has a length, unless its fields say that it comes in chunks.
    pub fn of(request: Request<Full<Bytes>>) -> Self {
        let (head, body) = request.into_parts();
        let body = body.into_inner().unwrap_or_default();
        let fields: usize =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let mut out = Vec::with_capacity(64 + fields + 64 + body.len());
        // A vector accepts any write.
        let _ = write!(out, "{} {} HTTP/1.1\r\n", head.method, head.uri);
        let framing = framing(&head.headers, body.len());
        for (name, value) in &head.headers {
            if !framing.leaves_out(name) {
                field(&mut out, name, value.as_bytes());
            }
        }
        match framing {
            Written::Nothing => out.extend_from_slice(b"\r\n"),
            Written::Own(length) => {
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(&body[..body.len().min(length)]);
            }
            Written::Length => {
                let _ = write!(out, "content-length: {}\r\n\r\n", body.len());
                out.extend_from_slice(&body);
            }
            Written::Chunk => {
                chunked(&mut out, &head.headers);
                let _ = write!(out, "\r\n{:X}\r\n", body.len());
                out.extend_from_slice(&body);
                out.extend_from_slice(b"\r\n0\r\n\r\n");
            }
        }
        Self::new(out, head.method == Method::HEAD)
    }

    /// The request that was rendered, for what takes no bytes. Its body has a length.
    pub fn request(&self) -> Result<Request<Full<Bytes>>, NetError> {
        let none = || NetError::Protocol("the request is malformed".to_owned());
        let read =
            read_head(&self.bytes, |head| Some((head.length, head.request(&self.bytes).ok()?)));
        let (length, head) = read.ok().flatten().flatten().ok_or_else(none)?;
        let mut request =
            head.request.map(|()| Full::new(Bytes::copy_from_slice(&self.bytes[length..])));
        // Whoever writes it counts again.
        request.headers_mut().remove(CONTENT_LENGTH);
        Ok(request)
    }
}

/// How a body is written.
enum Written {
    /// There is none.
    Nothing,
    /// With the length that the request has already, and no more of it than that.
    Own(usize),
    /// With its length.
    Length,
    /// As one chunk.
    Chunk,
}

impl Written {
    fn leaves_out(&self, name: &HeaderName) -> bool {
        match self {
            Self::Nothing => *name == TRANSFER_ENCODING,
            Self::Own(_) => false,
            Self::Length => *name == CONTENT_LENGTH,
            Self::Chunk => *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING,
        }
    }
}

fn framing(headers: &HeaderMap, length: usize) -> Written {
    if length == 0 {
        return Written::Nothing;
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Written::Chunk;
    }
    let own = headers.get(CONTENT_LENGTH).and_then(|own| own.to_str().ok()?.parse().ok());
    own.map_or(Written::Length, Written::Own)
}

/// Writes the transfer codings, of which `chunked` must be the last.
fn chunked(out: &mut Vec<u8>, headers: &HeaderMap) {
    let codings: Vec<_> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    for (at, coding) in codings.iter().enumerate() {
        let mut coding = coding.as_bytes().to_vec();
        let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        if at + 1 == codings.len() && !last.eq_ignore_ascii_case(b"chunked") {
            coding.extend_from_slice(b", chunked");
        }
        field(out, &TRANSFER_ENCODING, &coding);
    }
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
