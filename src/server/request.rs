//! What handlers read of a request: query, conditions, body. Bounded in size and in time.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::error::Category;

pub use super::condition::condition;
use super::problem::Problem;
use crate::unit::Span;

/// Longest body that is read, in bytes.
pub const BODY_MAX: usize = 1 << 20;
/// Longest wait for a body, unless the request has a [`BodyWait`].
pub const BODY_WAIT: Duration = Duration::from_secs(30);

/// An extension of requests: another longest wait for the body.
#[derive(Debug, Clone, Copy)]
pub struct BodyWait(pub Duration);

/// The body of a request, as operations take it: HTTP's, still on its way, or that of a call over a WebSocket.
pub trait Content: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static {}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static> Content for B {}

/// The parameters behind the question mark. Unknown ones are ignored; of repeated ones the first counts.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The query of a URI.
    pub fn of(uri: &'a hyper::Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// The value of a parameter.
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| unescape(value))
    }

    /// A parameter that must be a whole number.
    pub fn number(self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        whole(&text).map(Some).ok_or_else(|| {
            Problem::bad_request(format!(
                "'{text}' is no value for {name}: it takes a whole number"
            ))
        })
    }

    /// A parameter that must be a span of time, or a number of seconds.
    pub fn span(self, name: &str) -> Result<Option<Duration>, Problem> {
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
pub fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Replaces `+` and `%XX`; what is no escape stays as it is.
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

/// The body, if it is JSON of the right shape and size.
pub async fn json<T: for<'de> Deserialize<'de>>(
    request: Request<impl Content>,
) -> Result<T, Problem> {
    object(&body(request, &["application/json"]).await?)
}

/// A JSON object of the right shape. serde would take an array for its members in order, too.
pub fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::unprocessable("the body must be an object, not an array"));
    }
    parse(bytes)
}

/// JSON of the right shape: 400 if it is no JSON, 422 if it is another shape.
pub fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Problem::unprocessable(error.to_string()),
        _ => Problem::bad_request(format!("the body is no JSON: {error}")),
    })
}

/// What the body is said to be, of what it may be; 415 where that is something else.
pub fn content_type<T: Copy>(headers: &HeaderMap, known: &[(&str, T)]) -> Result<T, Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (given, parameters) = given.split_once(';').unwrap_or((given, ""));
    let charset = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
    };
    let plain = headers.get(CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    // Strict also for the user's sake: a page of another site can send other types to this address unasked.
    let found = known.iter().find(|(wanted, _)| given.trim().eq_ignore_ascii_case(wanted));
    match found {
        Some((_, found)) if plain && parameters.split(';').all(charset) => Ok(*found),
        _ => {
            let types: Vec<&str> = known.iter().map(|(media, _)| *media).collect();
            let detail = format!(
                "the body must be in UTF-8, not compressed, and say what it is, with the header content-type: {}",
                types.join(" or ")
            );
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
            // RFC 9110, section 15.5.16: what would be taken.
            Err(match HeaderValue::try_from(types.join(", ")) {
                Ok(types) => problem.header(ACCEPT, types),
                Err(_) => problem,
            })
        }
    }
}

/// The body, if it is of one of the given types and of the right size.
pub async fn body(
    request: Request<impl Content>,
    content_types: &[&str],
) -> Result<Bytes, Problem> {
    let known: Vec<(&str, ())> = content_types.iter().map(|media| (*media, ())).collect();
    content_type(request.headers(), &known)?;
    let too_long =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {BODY_MAX} bytes"));
    let wait = request.extensions().get().map_or(BODY_WAIT, |BodyWait(wait)| *wait);
    let body = request.into_body();
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(too_long());
    }
    match tokio::time::timeout(wait, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(error)) => Err(Problem::bad_request(format!("the body broke off: {error}"))),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
            .header(CONNECTION, HeaderValue::from_static("close"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::server::answer::Reply;

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
        assert!(Query("n=18446744073709551616").number("n").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(text in ".{0,60}") {
            let _ = Query(&text).number("since");
            let _ = Query(&format!("since={text}")).span("since");
        }

        #[test]
        fn what_was_escaped_comes_back(text in ".{0,20}") {
            let escaped: Vec<String> = text.bytes().map(|b| format!("%{b:02X}")).collect();
            let escaped = escaped.concat();
            prop_assert_eq!(unescape(&escaped), text);
        }
    }

    #[test]
    fn a_body_is_what_it_says_or_refused() {
        let known = [("application/json", 'j'), ("text/xml", 'x')];
        for (value, expected) in [
            ("application/json", Some('j')),
            ("Application/JSON; charset=UTF-8", Some('j')),
            ("text/xml;charset=\"utf-8\"", Some('x')),
            ("application/json; charset=latin1", None),
            ("application/jsonp", None),
            ("text/plain", None),
            ("", None),
        ] {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(content_type(&headers, &known).ok(), expected, "{value}");
        }
        let mut headers: HeaderMap =
            [(CONTENT_TYPE, HeaderValue::from_static("text/xml"))].into_iter().collect();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let refusal = Reply::from(content_type(&headers, &known).unwrap_err());
        assert_eq!(
            (refusal.status().as_u16(), &refusal.headers()[ACCEPT]),
            (415, &"application/json, text/xml".parse().unwrap())
        );
    }

    #[test]
    fn no_json_and_another_shape_are_told_apart() {
        assert_eq!(Reply::from(parse::<serde_json::Value>(b"{").unwrap_err()).status(), 400);
        assert_eq!(Reply::from(parse::<u32>(b"\"x\"").unwrap_err()).status(), 422);
        assert_eq!(Reply::from(object::<(u32,)>(b" [1]").unwrap_err()).status(), 422);
    }
}
