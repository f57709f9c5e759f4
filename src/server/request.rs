//! Reads conditions, body and target of a request, within limits of size and time.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::error::Category;

pub(super) use super::condition::condition;
use super::problem::Problem;
pub(super) use super::target::{Query, segments, whole};
use crate::net::fields::{self, MediaType, is_utf8};

/// Longest body that is read, in bytes.
pub(super) const BODY_MAX: usize = 1 << 20;
/// Longest wait for a body, unless the request has a [`BodyWait`].
pub(super) const BODY_WAIT: Duration = Duration::from_secs(30);

/// An extension of requests: another longest wait for the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyWait(pub Duration);

/// The media types of JSON: its own, and any with the suffix `+json` (RFC 6839).
pub(super) const JSON: [&str; 2] = ["application/json", "application/*+json"];

/// A request's body as operations read it: an HTTP stream, or the body of a call over a WebSocket.
pub(super) trait Content:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static
{
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static> Content for B {}

/// The body, if it is JSON of the right shape and size.
pub(super) async fn json<T: for<'de> Deserialize<'de>>(
    request: Request<impl Content>,
) -> Result<T, Problem> {
    object(&body(request, &JSON).await?)
}

/// Parses a JSON object of the right shape. serde would also read an array as its members in order.
pub(super) fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::unprocessable("the body must be an object, not an array"));
    }
    parse(bytes)
}

/// Parses JSON of the right shape: 400 if it is not JSON, 422 if the shape is wrong.
pub(super) fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Problem::unprocessable(error.to_string()),
        _ => Problem::bad_request(format!("the body is not valid JSON: {error}")),
    })
}

/// Returns which of the allowed types the body has, or 415.
pub(super) fn content_type<T: Copy>(
    headers: &HeaderMap,
    known: &[(&str, T)],
) -> Result<T, Problem> {
    let given = MediaType::of(headers, &CONTENT_TYPE);
    let utf8 = |charset: &str| {
        // ASCII is UTF-8; an empty charset means nothing.
        charset.is_empty() || is_utf8(charset) || charset.eq_ignore_ascii_case("us-ascii")
    };
    let readable = |given: &&MediaType<'_>| given.values("charset").all(utf8);
    // A line that is not text cannot be decoded, and counts as an unknown coding.
    let codings = headers.get_all(CONTENT_ENCODING).iter().all(|line| line.to_str().is_ok());
    let plain = codings
        && fields::list(headers, &CONTENT_ENCODING)
            .all(|coding| coding.eq_ignore_ascii_case("identity"));
    // Strict also for the user's sake: a page of another site can send other types to this address unasked.
    let given = given.as_ref().filter(readable).filter(|_| plain);
    let found = given.and_then(|given| known.iter().find(|(wanted, _)| given.is(wanted)));
    if let Some((_, found)) = found {
        return Ok(*found);
    }
    let types = known.iter().map(|(media, _)| *media).filter(|media| !media.contains('*'));
    let types: Vec<&str> = types.collect();
    let detail = format!(
        "the body must be uncompressed UTF-8 with the header content-type: {}",
        types.join(" or ")
    );
    let mut problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    if !plain {
        // Section 12.5.3: that the coding was the reason, and which would be none.
        problem = problem.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    // RFC 9110, section 15.5.16: names the accepted types.
    Err(match HeaderValue::try_from(types.join(", ")) {
        Ok(types) => problem.header(ACCEPT, types),
        Err(_) => problem,
    })
}

/// The body, if it is of one of the given types and of the right size.
pub(super) async fn body(
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
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
                .closing())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answer::Reply;

    #[test]
    fn a_body_must_match_its_content_type() {
        let known = [("application/json", 'j'), ("text/xml", 'x'), ("application/*+json", 'j')];
        for (value, expected) in [
            ("application/json", Some('j')),
            ("Application/JSON; charset=UTF-8", Some('j')),
            ("text/xml;charset=\"utf-8\"", Some('x')),
            ("application/json; charset=latin1", None),
            ("application/json; charset=utf8", Some('j')),
            ("application/json;charset=\"UTF\\-8\" ; ;q=1;", Some('j')),
            ("application/json; charset='utf-8'", Some('j')),
            ("application/json; charset=us-ascii", Some('j')),
            ("application/json; charset=", Some('j')),
            ("application/vnd.api+json; version=1", Some('j')),
            ("application/merge-patch+json", None),
            ("application/json-patch+json", None),
            ("application/problem+json", None),
            ("application/json; charset=utf-16", None),
            ("application/json; charset=utf-8; charset=latin1", None),
            ("application/json, text/plain", None),
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
    fn invalid_json_and_a_wrong_shape_are_distinguished() {
        assert_eq!(Reply::from(parse::<serde_json::Value>(b"{").unwrap_err()).status(), 400);
        assert_eq!(Reply::from(parse::<u32>(b"\"x\"").unwrap_err()).status(), 422);
        assert_eq!(Reply::from(object::<(u32,)>(b" [1]").unwrap_err()).status(), 422);
    }
}
