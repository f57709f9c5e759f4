//! The target of a request (RFC 3986, RFC 9112, section 3.2): the segments of its path, and its query.
//!
//! The crates for this (`percent-encoding`, `form_urlencoded`) ignore malformed escapes in paths. Here such a path is
//! refused, so that all readers agree on where it leads.

use std::borrow::Cow;
use std::time::Duration;

use hyper::Uri;

use super::problem::Problem;
use crate::unit::Span;

/// Returns the first segments of a path, unescaped once: an escaped letter is that letter (RFC 3986, section 6.2.2.2), and
/// an escaped slash belongs to a name and separates nothing.
pub(super) fn segments(uri: &Uri) -> Result<[Option<Cow<'_, str>>; 4], Problem> {
    let mut segments = uri.path().split('/').skip(1).map(segment);
    let mut next = || segments.next().transpose();
    Ok([next()?, next()?, next()?, next()?])
}

fn segment(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    out.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let bytes = part.as_bytes();
        let Some(escaped) = bytes.get(..2).and_then(hexadecimal) else {
            return Err(Problem::bad_request(format!(
                "'{text}' in the path has a % that begins no escape: write %25 for a percent sign"
            )));
        };
        out.push(escaped);
        out.extend_from_slice(&bytes[2..]);
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| {
        Problem::bad_request(format!(
            "'{text}' in the path is not UTF-8 once its escapes are undone"
        ))
    })
}

/// The parameters behind the question mark, as forms are encoded (WHATWG URL, section 5): names and values may be escaped.
/// Unknown ones are ignored; of repeated ones the first counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The query of a URI.
    pub(super) fn of(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// The query of a target as it was sent.
    pub(super) fn sent(query: &'a str) -> Self {
        Self(query)
    }

    /// The value of a parameter.
    pub(super) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| unescape(key) == name).map(|(_, value)| unescape(value))
    }

    /// A parameter that must be a whole number.
    pub(super) fn number(self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        whole(&text).map(Some).ok_or_else(|| {
            Problem::bad_request(format!("'{text}' is not valid for {name}; use a whole number"))
        })
    }

    /// A parameter that must be a span of time, or a number of seconds.
    pub(super) fn span(self, name: &str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        if let Some(seconds) = whole(&text).filter(|s| *s <= 86_400) {
            return Ok(Some(Duration::from_secs(seconds)));
        }
        match text.parse::<Span>() {
            Ok(span) => Ok(Some(span.std())),
            Err(error) => {
                Err(Problem::bad_request(format!("{name}: {error}, or a number of seconds")))
            }
        }
    }
}

/// A whole number in decimal digits and nothing else (Rust's own parser allows a plus sign).
pub(super) fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Replaces `+` and `%XX`. A malformed escape stays as it is, and a number that contains one is refused.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match bytes.get(at..at + 2).and_then(hexadecimal) {
                Some(escaped) => {
                    out.push(escaped);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            plain => out.push(plain),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(digits[0])? * 16 + digit(digits[1])?) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_unescaped_once_after_it_is_taken_apart() {
        for (path, expected) in [
            ("/topics/a/events", Some([Some("topics"), Some("a"), Some("events"), None])),
            ("/%74opics/%61%2Fb/x", Some([Some("topics"), Some("a/b"), Some("x"), None])),
            ("/%2561/+", Some([Some("%61"), Some("+"), None, None])),
            ("/%C3%a9", Some([Some("é"), None, None, None])),
            ("/", Some([Some(""), None, None, None])),
            ("/%", None),
            ("/%6", None),
            ("/a%zz", None),
            ("/%ff", None),
        ] {
            let uri: Uri = path.parse().unwrap();
            let read = segments(&uri).ok();
            let read = read.as_ref().map(|segments| segments.each_ref().map(Option::as_deref));
            assert_eq!(read, expected, "{path}");
        }
    }

    #[test]
    fn parameters_are_read_or_refused() {
        let query = Query("since=17&wait=1.5s&limit=%31%30&bad=1x&plus=+1&empty=&wait=9s");
        assert_eq!(query.number("since").unwrap(), Some(17));
        assert_eq!(query.number("limit").unwrap(), Some(10));
        assert_eq!(query.number("none").unwrap(), None);
        assert_eq!(query.span("wait").unwrap(), Some(Duration::from_millis(1500)));
        assert_eq!(query.span("since").unwrap(), Some(Duration::from_secs(17)));
        for bad in ["bad", "plus", "empty"] {
            assert!(query.number(bad).is_err() && query.span(bad).is_err(), "{bad}");
        }
        assert_eq!(Query("%73ince=1&since=2").number("since").unwrap(), Some(1));
        assert_eq!(Query("s=%zz").get("s").unwrap(), "%zz");
        assert!(Query("n=18446744073709551616").number("n").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(text in ".{0,60}") {
            let _ = Query(&text).number("since");
            let _ = Query(&format!("since={text}")).span("since");
        }

        #[test]
        fn escaped_text_is_unescaped_unchanged(text in ".{0,20}") {
            let escaped: Vec<String> = text.bytes().map(|b| format!("%{b:02X}")).collect();
            let escaped = escaped.concat();
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
