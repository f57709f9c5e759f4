//! The head of a request (RFC 9112, sections 2 to 6), over `httparse`.

use std::mem::MaybeUninit;

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{Method, Request, Uri, Version};

use super::{Framing, digits};

/// Longest head, in bytes.
pub const HEAD_MAX: usize = 16 << 10;
/// Most fields of a head.
const FIELDS_MAX: usize = 100;

/// Why bytes are no head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// They break the grammar, or their framing is ambiguous: 400.
    #[error("it is not the head of a request")]
    Malformed,
    /// Too many bytes or fields: 431.
    #[error("the head of a request may have {HEAD_MAX} bytes and {FIELDS_MAX} fields")]
    TooLarge,
}

/// A head as it is in the buffer: nothing but its grammar is checked.
#[derive(Debug, Clone, Copy)]
pub struct RawHead<'a> {
    /// `GET`, `POST`…
    pub method: &'a str,
    /// The request's target.
    pub target: &'a str,
    /// Whether it is HTTP/1.1; else it is HTTP/1.0.
    pub is_http_11: bool,
    /// The fields, in order.
    pub fields: &'a [httparse::Header<'a>],
    /// Bytes of the head, its last empty line included.
    pub length: usize,
}

/// Reads the head at the front of `bytes` and passes it to `take`; `None` while it is incomplete.
pub fn read_head<T>(
    bytes: &[u8],
    take: impl FnOnce(RawHead<'_>) -> T,
) -> Result<Option<T>, HeadError> {
    let mut fields = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length > HEAD_MAX => Err(HeadError::TooLarge),
        Ok(httparse::Status::Complete(length)) => {
            let (Some(method), Some(target)) = (request.method, request.path) else {
                return Err(HeadError::Malformed);
            };
            let (is_http_11, fields) = (request.version == Some(1), &*request.headers);
            Ok(Some(take(RawHead { method, target, is_http_11, fields, length })))
        }
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_MAX => Err(HeadError::TooLarge),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooLarge),
        Err(_) => Err(HeadError::Malformed),
    }
}

/// A request whose body is still to come.
#[derive(Debug)]
pub struct Head {
    /// Method, target, version and fields.
    pub request: Request<()>,
    /// Where its body ends.
    pub framing: Framing,
    /// Whether the connection stays open after the answer, as far as the client is concerned.
    pub keep_alive: bool,
    /// Whether the client waits for an interim answer before it sends the body.
    pub expects_continue: bool,
}

impl RawHead<'_> {
    /// The request, its framing checked; `bytes` is what the head was read from.
    pub fn request(&self, bytes: &[u8]) -> Result<Head, HeadError> {
        // One copy, which target and values share.
        let kept = Bytes::copy_from_slice(&bytes[..self.length]);
        let share = |part: &[u8]| match offset(bytes, part) {
            Some(at) if at + part.len() <= kept.len() => kept.slice(at..at + part.len()),
            _ => Bytes::copy_from_slice(part),
        };
        let malformed = |_| HeadError::Malformed;
        let uri = Uri::from_maybe_shared(share(self.target.as_bytes()));
        let uri = uri.map_err(|_| HeadError::Malformed)?;
        let method =
            Method::from_bytes(self.method.as_bytes()).map_err(|_| HeadError::Malformed)?;
        let mut headers = HeaderMap::with_capacity(self.fields.len());
        let mut meaning = Meaning::new(self.is_http_11);
        for field in self.fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let name = name.map_err(|_| HeadError::Malformed)?;
            let value = HeaderValue::from_maybe_shared(share(field.value));
            let value = value.map_err(|_| HeadError::Malformed)?;
            if meaning.take(&name, &value).map_err(malformed)? {
                headers.append(name, value);
            }
        }
        if meaning.chunks {
            // Section 6.3: it overrules the length.
            headers.remove(CONTENT_LENGTH);
        }
        let (framing, keep_alive) = meaning.end().map_err(malformed)?;
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = if self.is_http_11 { Version::HTTP_11 } else { Version::HTTP_10 };
        *request.headers_mut() = headers;
        Ok(Head { request, framing, keep_alive, expects_continue: meaning.expects_continue })
    }
}

/// Where `part` begins in `whole`, if it is a part of it.
fn offset(whole: &[u8], part: &[u8]) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)
}

/// Fields that contradict each other, or promise what the version does not have.
struct Ambiguous;

/// What the fields of a head say about its message.
#[expect(clippy::struct_excessive_bools, reason = "fields that were seen or not")]
struct Meaning {
    is_http_11: bool,
    length: Option<u64>,
    /// There is a transfer coding.
    chunks: bool,
    /// The last coding of its last line is `chunked`.
    chunked_last: bool,
    closes: bool,
    keeps: bool,
    expects_continue: bool,
}

impl Meaning {
    const fn new(is_http_11: bool) -> Self {
        Self {
            is_http_11,
            length: None,
            chunks: false,
            chunked_last: false,
            closes: false,
            keeps: is_http_11,
            expects_continue: false,
        }
    }

    /// Takes note of a field; false where it repeats an earlier one.
    fn take(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, Ambiguous> {
        let elements = |value: &HeaderValue, token: &str| {
            let text = value.to_str().unwrap_or_default();
            text.split(',').any(|element| element.trim().eq_ignore_ascii_case(token))
        };
        if *name == CONTENT_LENGTH {
            let length = digits(value.as_bytes()).ok_or(Ambiguous)?;
            return match self.length.replace(length) {
                Some(former) if former != length => Err(Ambiguous),
                former => Ok(former.is_none()),
            };
        } else if *name == TRANSFER_ENCODING {
            if !self.is_http_11 {
                return Err(Ambiguous);
            }
            self.chunks = true;
            let last = value.to_str().ok().and_then(|codings| codings.rsplit(',').next());
            self.chunked_last =
                last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        } else if *name == CONNECTION {
            self.closes |= elements(value, "close");
            self.keeps |= elements(value, "keep-alive");
        } else if *name == EXPECT {
            let awaited = value.as_bytes().eq_ignore_ascii_case(b"100-continue");
            self.expects_continue |= awaited && self.is_http_11;
        }
        Ok(true)
    }

    /// The framing, and whether the connection stays open.
    fn end(&self) -> Result<(Framing, bool), Ambiguous> {
        let keep_alive = self.keeps && !self.closes;
        match (self.chunks, self.length) {
            (false, length) => Ok((Framing::length(length.unwrap_or(0)), keep_alive)),
            (true, _) if !self.chunked_last => Err(Ambiguous),
            // Whoever reads the length would find another message behind it: nothing may follow.
            (true, length) => Ok((Framing::chunked(), keep_alive && length.is_none())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<Head>, HeadError> {
        read_head(text.as_bytes(), |raw| raw.request(text.as_bytes()))?.transpose()
    }

    fn head(lines: &str) -> Result<Head, HeadError> {
        read(&format!("POST /a?b HTTP/1.1\r\n{lines}\r\n")).map(|head| head.expect("whole"))
    }

    #[test]
    fn a_head_becomes_a_request() {
        let text = "PATCH /items/7?x=y HTTP/1.1\r\nHost: t\r\nX-A: 1\r\nx-a: \u{e9}\r\n\r\nbody";
        let length = read_head(text.as_bytes(), |raw| raw.length).unwrap().unwrap();
        assert_eq!(&text[length..], "body");
        let Head { request, framing, keep_alive, expects_continue } = read(text).unwrap().unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri()),
            ("PATCH", &"/items/7?x=y".parse().unwrap())
        );
        assert_eq!(request.version(), Version::HTTP_11);
        let values: Vec<_> =
            request.headers().get_all("x-a").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [&b"1"[..], "\u{e9}".as_bytes()]);
        assert_eq!(request.headers()["host"], "t");
        assert_eq!((framing, keep_alive, expects_continue), (Framing::length(0), true, false));
        for end in 0..length {
            let read = read_head(&text.as_bytes()[..end], |raw| raw.length);
            assert_eq!(read, Ok(None), "{end}");
        }
    }

    #[test]
    fn the_fields_of_a_head_frame_its_message() {
        let (length, chunked) = (Framing::length, Framing::chunked());
        for (lines, framing, keep_alive) in [
            ("", length(0), true),
            ("content-length: 12\r\n", length(12), true),
            ("content-length: 12\r\nContent-Length: 012\r\n", length(12), true),
            ("transfer-encoding: chunked\r\n", chunked, true),
            ("transfer-encoding: gzip,\tChunked\r\n", chunked, true),
            ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", chunked, true),
            ("transfer-encoding: chunked\r\ncontent-length: 2\r\n", chunked, false),
            ("content-length: 2\r\ntransfer-encoding: chunked\r\n", chunked, false),
            ("connection: close\r\n", length(0), false),
            ("connection: keep-alive, Close\r\n", length(0), false),
            ("connection: close\r\nconnection: keep-alive\r\n", length(0), false),
            ("connection: closed\r\n", length(0), true),
        ] {
            let head = head(lines).unwrap();
            assert_eq!((head.framing, head.keep_alive), (framing, keep_alive), "{lines:?}");
            let length = head.request.headers().get_all(CONTENT_LENGTH).iter().count();
            assert_eq!(
                length,
                usize::from(framing.missing().is_some_and(|length| length > 0)),
                "{lines:?}"
            );
        }
        for (lines, keep_alive) in [
            ("", false),
            ("connection: Keep-Alive\r\n", true),
            ("connection: keep-alive, close\r\n", false),
        ] {
            let head = read(&format!("GET / HTTP/1.0\r\n{lines}\r\n")).unwrap().unwrap();
            assert_eq!((head.keep_alive, head.request.version()), (keep_alive, Version::HTTP_10));
        }
        assert!(head("expect: 100-Continue\r\n").unwrap().expects_continue);
        assert!(!head("expect: magic\r\n").unwrap().expects_continue);
        let former = read("POST / HTTP/1.0\r\nexpect: 100-continue\r\n\r\n").unwrap().unwrap();
        assert!(!former.expects_continue);
    }

    #[test]
    fn a_head_that_could_be_read_in_two_ways_is_refused() {
        for lines in [
            "content-length: 1\r\ncontent-length: 2\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: 0x1\r\n",
            "content-length:\r\n",
            "content-length: 18446744073709551616\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding: chunked, identity\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: \x0bchunked\r\n",
            "transfer-encoding : chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: x\r\n",
            " x: y\r\n",
            "x: y\r\n z\r\n",
            "x: a\0b\r\n",
            "x: a\rb\r\n",
            ": y\r\n",
            "x\r\n",
        ] {
            assert_eq!(head(lines).map(|_| ()), Err(HeadError::Malformed), "{lines:?}");
        }
        for text in [
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "hello\r\n\r\n",
            "GET \x01 HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(read(text).map(|_| ()), Err(HeadError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_head_has_a_size() {
        let many = "x: y\r\n".repeat(FIELDS_MAX + 1);
        assert_eq!(head(&many).map(|_| ()), Err(HeadError::TooLarge));
        assert!(head(&many[6..]).is_ok());
        let long = format!("GET /{}", "x".repeat(HEAD_MAX));
        assert_eq!(read(&long).map(|_| ()), Err(HeadError::TooLarge));
        let fitting = format!("x: {}\r\n", "y".repeat(HEAD_MAX - 40));
        assert!(head(&fitting).is_ok());
        let whole = format!("x: {}\r\n", "y".repeat(HEAD_MAX));
        assert_eq!(head(&whole).map(|_| ()), Err(HeadError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_none(
            bytes: Vec<u8>, text in "(GET / HTTP/1.[01]\r\n)?([a-z-]{1,20}: ?[ -~é]{0,20}\r\n){0,5}(\r\n)?",
        ) {
            for bytes in [&bytes[..], text.as_bytes()] {
                if let Ok(Some(length)) = read_head(bytes, |raw| { let _ = raw.request(bytes); raw.length }) {
                    prop_assert!(length <= bytes.len());
                    // What came so far is never taken for another head.
                    for end in 0..length {
                        prop_assert_eq!(read_head(&bytes[..end], |raw| raw.length), Ok(None));
                    }
                }
            }
        }
    }
}
