//! Answers that pages of other sites may read (WHATWG Fetch, section 3.2), if the target was started with `--cors`.
//!
//! The target uses no cookies or passwords, so credentials are never allowed: a page that sends some gets no answer.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, StatusCode};

use super::answer::{Reply, ReplyFuture, empty};
use super::visitors::Visitors;
use crate::net::fields;

/// Response headers that a page may read beyond those that `Fetch` always exposes.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, location, link, retry-after, allow, accept-patch, server-timing",
);
/// Methods of all operations.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Request headers that a page may send if it does not name any.
const FIELDS: HeaderValue = HeaderValue::from_static(
    "accept, cache-control, content-type, if-match, if-none-match, last-event-id",
);
/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// The headers that a preflight's answer depends on.
const ASKED: &str = "access-control-request-method, access-control-request-headers, \
                     access-control-request-private-network";
/// Set by a public page that wants to reach a private address (Private Network Access).
const REQUEST_PRIVATE: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What the sender of a request is granted.
#[derive(Debug, Clone, Default)]
pub(super) struct Grant {
    /// Whose pages may read the answer.
    origin: Option<HeaderValue>,
    /// The answer depends on the origin.
    varies: bool,
}

impl Grant {
    /// Returns what a request is granted, by its origin.
    pub(super) fn of(visitors: &Visitors, headers: &HeaderMap) -> Self {
        if visitors.any {
            return Self { origin: Some(HeaderValue::from_static("*")), varies: false };
        }
        if visitors.origins.is_empty() {
            return Self::default();
        }
        let origin = fields::agreed(headers, &ORIGIN).ok().flatten();
        let origin = origin.filter(|origin| visitors.welcome(origin)).cloned();
        Self { origin, varies: true }
    }

    /// The answer to a preflight: whether a page may send the request that it describes; `None` where it is none, or the
    /// page is granted nothing.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Reply> {
        let headers = request.headers();
        let asks = *request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.origin.is_none() {
            return None;
        }
        let mut reply = empty(StatusCode::NO_CONTENT);
        let wanted = fields::list(headers, &ACCESS_CONTROL_REQUEST_HEADERS);
        let wanted: Vec<&str> = wanted.filter(|name| fields::is_token(name)).collect();
        // Any field may be sent: those that are not understood are passed over.
        let allowed = HeaderValue::try_from(wanted.join(", ")).ok().filter(|_| !wanted.is_empty());
        let answers = reply.headers_mut();
        answers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or(FIELDS));
        answers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if fields::lists(headers, &REQUEST_PRIVATE, "true") {
            answers.insert(ALLOW_PRIVATE, HeaderValue::from_static("true"));
        }
        vary(answers, ASKED);
        Some(reply)
    }

    /// Adds the granted headers to an answer.
    pub(super) fn on(self, answer: ReplyFuture) -> ReplyFuture {
        if self.origin.is_none() && !self.varies {
            return answer;
        }
        match answer {
            ReplyFuture::Now(Some(mut reply)) => {
                self.say(&mut reply);
                reply.into()
            }
            ReplyFuture::Now(None) => answer,
            ReplyFuture::Later(later) => ReplyFuture::later(async move {
                let mut reply = later.await.unwrap_or_else(Reply::from);
                self.say(&mut reply);
                Ok(reply)
            }),
        }
    }

    fn say(self, reply: &mut Reply) {
        let headers = reply.headers_mut();
        if self.varies {
            vary(headers, "origin");
        }
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Adds to the headers that an answer depends on.
fn vary(headers: &mut HeaderMap, on: &str) {
    let before = headers.get(VARY).and_then(|value| value.to_str().ok());
    let all = before.map_or_else(|| on.to_owned(), |before| format!("{before}, {on}"));
    if let Ok(all) = HeaderValue::try_from(all) {
        headers.insert(VARY, all);
    }
}
