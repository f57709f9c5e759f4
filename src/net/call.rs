//! Calls over a WebSocket: a request and its answer are one text message each, matched by an id.
//!
//! ```json
//! {"id":7,"method":"PUT","path":"/items/7","headers":{"content-type":"application/json"},"body":{"name":"a"}}
//! {"id":7,"status":200,"headers":{"content-type":"application/json","etag":"\"5\""},"body":{"id":"7","name":"a"}}
//! ```
//!
//! A message contains what HTTP's head and body would. The id returns as it was sent. A body that is JSON by its content
//! type is embedded as it is; any other text is a JSON string. Both ends of the wire share this codec, but not their
//! framing.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, StatusCode, Uri};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::MediaType;

/// Longest id, in bytes as written.
const ID_MAX: usize = 128;
/// Most headers of a message, as in the head of an HTTP message here.
const HEADERS_MAX: usize = 100;

/// Identifies a call among those in progress: a number or a string, as its caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// The id of a message without one.
    pub fn none() -> Self {
        Self("null".to_owned())
    }

    /// A number.
    pub fn number(number: u64) -> Self {
        Self(number.to_string())
    }

    fn read(written: &RawValue) -> Option<Self> {
        let text = written.get();
        let scalar = text.starts_with(['"', '-']) || text.starts_with(|c: char| c.is_ascii_digit());
        (scalar && text.len() <= ID_MAX).then(|| Self(text.to_owned()))
    }
}

/// Why a message is not a call.
#[derive(Debug, PartialEq, Eq)]
pub struct NoCall {
    /// Its id, where it has one.
    pub id: Id,
    /// What is wrong with it.
    pub reason: String,
}

/// A call as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(default)]
    headers: Headers,
    #[serde(borrow, default, deserialize_with = "present")]
    body: Option<&'a RawValue>,
}

/// The parts of an invalid call that an answer needs.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

/// An answer as written. Unknown members are ignored, because a target may add some.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    status: u16,
    #[serde(default)]
    headers: Headers,
    #[serde(borrow, default, deserialize_with = "present")]
    body: Option<&'a RawValue>,
}

/// Distinguishes a body of `null` from a missing one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// Headers as an object of strings. A name that is listed twice is a header that was sent twice.
#[derive(Debug, Default)]
struct Headers(HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers: an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Headers, A::Error> {
                let mut headers = HeaderMap::new();
                while let Some((name, value)) = object.next_entry::<String, String>()? {
                    if headers.len() == HEADERS_MAX {
                        return Err(A::Error::custom(format_args!(
                            "there may be {HEADERS_MAX} headers"
                        )));
                    }
                    let read_name = HeaderName::try_from(name.as_str());
                    let (Ok(read_name), Ok(value)) = (read_name, HeaderValue::try_from(value))
                    else {
                        return Err(A::Error::custom(format_args!(
                            "'{name}' is not a valid header name"
                        )));
                    };
                    headers.append(read_name, value);
                }
                Ok(Headers(headers))
            }
        }

        from.deserialize_map(Object)
    }
}

impl Serialize for Headers {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.keys().map(|name| (name.as_str(), joined(&self.0, name))))
    }
}

/// The values of a header in one (RFC 9110, section 5.3).
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut values = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()));
    let first = values.next().unwrap_or_default();
    values.fold(first, |all, value| Cow::Owned(format!("{all}, {value}")))
}

/// Whether a body is JSON by its content type.
fn is_json(headers: &HeaderMap) -> bool {
    MediaType::of(headers, &CONTENT_TYPE).is_some_and(|media| media.is_json())
}

/// Returns the bytes of a body embedded under these headers.
fn unpacked(headers: &HeaderMap, body: Option<&RawValue>) -> Bytes {
    let Some(body) = body else { return Bytes::new() };
    if !is_json(headers)
        && let Ok(text) = serde_json::from_str::<String>(body.get())
    {
        return text.into();
    }
    Bytes::copy_from_slice(body.get().as_bytes())
}

/// Appends a body under these headers, as the last member; nothing where there is none.
fn pack(out: &mut Vec<u8>, headers: &HeaderMap, body: &[u8]) {
    let body = if is_json(headers) { body.trim_ascii() } else { body };
    if body.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"body\":");
    if is_json(headers) {
        out.extend_from_slice(body);
    } else {
        append(out, &String::from_utf8_lossy(body));
    }
}

fn append(out: &mut Vec<u8>, value: &impl Serialize) {
    // Texts and maps of texts serialise, and a vector accepts any write.
    let _ = serde_json::to_writer(out, value);
}

/// Reads a call.
pub fn read_call(message: &[u8]) -> Result<(Id, Request<Full<Bytes>>), NoCall> {
    let no_call = |reason: String| {
        let named = serde_json::from_slice::<Named<'_>>(message).ok();
        NoCall { id: named.and_then(|named| Id::read(named.id)).unwrap_or_else(Id::none), reason }
    };
    // serde would also read an array as a call's members in order.
    if !message.trim_ascii_start().starts_with(b"{") {
        return Err(no_call("a call is a JSON object".to_owned()));
    }
    let written: Written<'_> = serde_json::from_slice(message)
        .map_err(|error| no_call(format!("the message is not a call: {error}")))?;
    let Some(id) = Id::read(written.id) else {
        let reason = format!("id: a number, or a string, of {ID_MAX} bytes at most");
        return Err(no_call(reason));
    };
    let method = Method::from_bytes(written.method.as_bytes())
        .map_err(|_| no_call(format!("method: '{}' is none", written.method)))?;
    let path = Some(&*written.path).filter(|path| path.starts_with('/'));
    let path = path.and_then(|path| path.parse::<PathAndQuery>().ok()).ok_or_else(|| {
        no_call(format!("path: '{}' is none; it begins with a slash", written.path))
    })?;
    let Headers(headers) = written.headers;
    let body = unpacked(&headers, written.body);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(path);
    *request.headers_mut() = headers;
    Ok((id, request))
}

/// Writes a call; a body that is JSON by its content type must be JSON. The host is the connection's, and left out.
pub fn write_call(id: u64, head: request::Parts, body: &[u8]) -> Vec<u8> {
    let mut headers = head.headers;
    headers.remove(HOST);
    let headers = Headers(headers);
    let mut out = Vec::with_capacity(160 + body.len());
    out.extend_from_slice(b"{\"id\":");
    append(&mut out, &id);
    out.extend_from_slice(b",\"method\":");
    append(&mut out, &head.method.as_str());
    out.extend_from_slice(b",\"path\":");
    append(&mut out, &head.uri.path_and_query().map_or("/", PathAndQuery::as_str));
    out.extend_from_slice(b",\"headers\":");
    append(&mut out, &headers);
    pack(&mut out, &headers.0, body);
    out.push(b'}');
    out
}

/// Writes an answer; a body that is JSON by its content type must be JSON.
pub fn write_answer(id: &Id, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Vec<u8> {
    let headers = Headers(headers);
    let mut out = Vec::with_capacity(128 + body.len());
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id.0.as_bytes());
    out.extend_from_slice(b",\"status\":");
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b",\"headers\":");
    append(&mut out, &headers);
    pack(&mut out, &headers.0, body);
    out.push(b'}');
    out
}

/// Reads an answer: its id, and what HTTP would return; `None` if it is not an answer.
pub fn read_answer(message: &[u8]) -> Option<(Id, StatusCode, HeaderMap, Bytes)> {
    let Said { id, status, headers: Headers(headers), body } =
        serde_json::from_slice(message).ok()?;
    // An answer to an invalid call has no id.
    let id = Id::read(id).unwrap_or_else(Id::none);
    let body = unpacked(&headers, body);
    Some((id, StatusCode::from_u16(status).ok()?, headers, body))
}

#[cfg(test)]
mod tests;
