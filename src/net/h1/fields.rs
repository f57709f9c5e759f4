//! The fields of an answer, looked up on demand: most are never asked for.

use std::rc::Rc;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::net::fields::Lines;

/// The fields of an answer: the lines of its head as they came, or the map of another protocol.
#[derive(Debug, Clone)]
pub struct Fields(Repr);

#[derive(Debug, Clone)]
enum Repr {
    /// Checked by the parser of heads: a name, a colon, and a value on each line.
    Lines(Bytes),
    Map(Rc<HeaderMap>),
}

impl Default for Fields {
    fn default() -> Self {
        Self(Repr::Lines(Bytes::new()))
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        Rc::new(map).into()
    }
}

impl From<Rc<HeaderMap>> for Fields {
    fn from(map: Rc<HeaderMap>) -> Self {
        Self(Repr::Map(map))
    }
}

impl Fields {
    /// Fields of a head whose grammar was checked, from the first name to the empty line.
    pub(super) const fn lines(lines: Bytes) -> Self {
        Self(Repr::Lines(lines))
    }

    /// The first value of a field.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        Lines::values(self, name.clone()).next()
    }

    /// The same, to be kept or sent.
    pub fn value(&self, name: &HeaderName) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.get(name)?).ok()
    }

    /// All of them by name.
    pub fn to_map(&self) -> HeaderMap {
        match &self.0 {
            Repr::Map(map) => HeaderMap::clone(map),
            Repr::Lines(lines) => {
                let named = fields(lines).filter_map(|(name, value)| {
                    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
                });
                let mut map = HeaderMap::new();
                for (name, value) in named {
                    map.append(name, value);
                }
                map
            }
        }
    }
}

impl Lines for Fields {
    fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        let (lines, map) = match &self.0 {
            Repr::Lines(lines) => (&lines[..], None),
            Repr::Map(map) => (&[][..], Some(map.get_all(&name))),
        };
        let mapped = map.into_iter().flatten().map(HeaderValue::as_bytes);
        let own = fields(lines)
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_str().as_bytes()));
        own.map(|(_, value)| value).chain(mapped)
    }
}

/// Names and values.
fn fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_TYPE, ETAG, SET_COOKIE};

    use super::*;

    #[test]
    fn lines_and_a_map_are_the_same_fields() {
        let lines =
            b"Content-Type:text/plain\r\nset-cookie: a=1\r\nX-Empty:\r\nSET-COOKIE:\t b=2 \n\r\n";
        let lines = Fields::lines(Bytes::from_static(lines));
        for fields in [Fields::from(lines.to_map()), lines] {
            let all = |name: HeaderName| Lines::values(&fields, name).collect::<Vec<_>>();
            assert_eq!(all(CONTENT_TYPE), [&b"text/plain"[..]]);
            assert_eq!(all(SET_COOKIE), [&b"a=1"[..], b"b=2"]);
            assert_eq!(all(HeaderName::from_static("x-empty")), [&b""[..]]);
            assert_eq!((fields.get(&SET_COOKIE), fields.get(&ETAG)), (Some(&b"a=1"[..]), None));
            assert_eq!(fields.value(&CONTENT_TYPE), Some(HeaderValue::from_static("text/plain")));
        }
        assert!(Fields::default().to_map().is_empty());
    }
}
