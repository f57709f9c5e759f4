//! The null target's HTTP/1.1: finds the end of a request and the constant answer to it.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::event::filler;

/// Longest head of a request, in bytes.
const HEAD_MAX: usize = 16 << 10;
/// Longest body of a request, in bytes.
const BODY_MAX: usize = 1 << 20;

/// A request's head, as far as an answer depends on it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// `GET`, `POST`…
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Bytes of the whole request, its body included.
    pub len: usize,
    lines: &'a str,
}

/// The bytes are not a request that the null target supports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Head<'a> {
    /// Reads the head at the start of `bytes`; `None` while it is incomplete.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if bytes.len() > HEAD_MAX { Err(Malformed) } else { Ok(None) };
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed)?;
        let (first, lines) = text.split_once("\r\n").unwrap_or((text, ""));
        let mut words = first.split(' ');
        let (Some(method), Some(path), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Malformed);
        };
        let mut head = Self { method, path, len: end + 4, lines };
        let length = head.fields().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let Some((_, length)) = length {
            let length: usize = length.parse().map_err(|_| Malformed)?;
            head.len += if length > BODY_MAX { return Err(Malformed) } else { length };
        }
        Ok(Some(head))
    }

    fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let field = |line: &'a str| line.split_once(':').map(|(name, value)| (name, value.trim()));
        self.lines.split("\r\n").filter_map(field)
    }

    /// The request's header fields.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.fields() {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.append(name, value);
            }
        }
        headers
    }
}

/// An answer for every operation on `/items`, encoded once.
#[derive(Debug)]
pub(super) struct Answers {
    created: Vec<u8>,
    found: Vec<u8>,
    deleted: &'static [u8],
}

impl Answers {
    /// Answers that carry an item with `payload` bytes of data, as the real ones do.
    pub(super) fn new(payload: usize) -> Self {
        let data = filler(payload);
        // An item and a page of them at once.
        let item =
            [b"{\"id\":\"1\",\"name\":\"item\",\"items\":[],\"data\":", data.as_slice(), b"}"]
                .concat();
        let with = |status: &str| {
            let length = item.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            [head.as_bytes(), &item].concat()
        };
        Self {
            created: with("201 Created"),
            found: with("200 OK"),
            deleted: b"HTTP/1.1 204 No Content\r\n\r\n",
        }
    }

    /// The answer to a request of that method.
    pub(super) fn to(&self, method: &str) -> &[u8] {
        match method {
            "POST" => &self.created,
            "DELETE" => self.deleted,
            _ => &self.found,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_ends_where_its_length_says() {
        let post = b"POST /items HTTP/1.1\r\nHost: x\r\nContent-LENGTH: 5\r\n\r\n12345GET /";
        let head = Head::read(post).unwrap().unwrap();
        assert_eq!((head.method, head.path), ("POST", "/items"));
        assert_eq!(&post[head.len..], b"GET /");
        assert_eq!(head.headers()["host"], "x");
        let get = b"GET /items/1 HTTP/1.1\r\n\r\n";
        assert_eq!(Head::read(get).unwrap().unwrap().len, get.len());
        for end in 0..get.len() {
            assert_eq!(Head::read(&get[..end]), Ok(None), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_none(bytes: Vec<u8>, text in "(GET / HTTP/1.1\r\n)?[ -~\r\n:é]{0,60}(\r\n\r\n)?") {
            for bytes in [&bytes[..], text.as_bytes()] {
                if let Ok(Some(head)) = Head::read(bytes) {
                    prop_assert!(head.len >= 4 && !head.method.is_empty());
                    let _ = head.headers();
                }
            }
        }

        #[test]
        fn pipelined_requests_are_separated_at_any_split(
            sent in proptest::collection::vec(("GET|POST|DELETE", "/[a-z0-9?=/]{0,20}", "[ -~]{0,40}"), 1..6),
            cut in 0..400usize,
        ) {
            let mut stream = Vec::new();
            for (method, path, body) in &sent {
                let length = body.len();
                stream.extend(format!("{method} {path} HTTP/1.1\r\nx: y\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes());
            }
            let (mut rest, mut read) = (&stream[..], Vec::new());
            while let Some(head) = Head::read(rest).unwrap() {
                read.push((head.method.to_owned(), head.path.to_owned()));
                rest = &rest[head.len..];
            }
            prop_assert!(rest.is_empty());
            let expected: Vec<_> =
                sent.iter().map(|(method, path, _)| (method.clone(), path.clone())).collect();
            prop_assert_eq!(read, expected);
            // As much of it as came first is never misunderstood.
            let first = Head::read(&stream[..cut.min(stream.len())]).unwrap();
            prop_assert!(first.is_none_or(|head| head.path == sent[0].1));
        }
    }

    #[test]
    fn an_invalid_request_is_refused() {
        for bytes in [
            &b"hello\r\n\r\n"[..],
            b"GET / HTTP/1.0\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(Head::read(bytes), Err(Malformed), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(Head::read(&vec![b'x'; HEAD_MAX + 1]), Err(Malformed));
    }
}
