//! Refusals as problem details (RFC 9457, `application/problem+json`).

use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::answer::{Body, Reply};
use crate::event::{Cursor, Epoch};

/// Why a request is not carried out: a status, a sentence, and members that a program can read.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a sentence that says what is wrong and what would be right.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Vec::new(), headers: Vec::new() }
    }

    /// 400: the request could not be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: not found.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422: it is well-formed but not valid.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 405, naming the methods that are allowed.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed; use {allow}"))
            .header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 404: unknown topic.
    pub fn unknown_topic(name: &str) -> Self {
        Self::not_found(format!("no topic '{name}'; publish to it to create it"))
    }

    /// 410: the requested events have left the log.
    pub fn gap(since: u64, oldest: u64, life: Epoch) -> Self {
        let next = Cursor::new(oldest - 1, life).to_string();
        let detail = format!(
            "events after {since} are no longer in the log; the oldest is {oldest}: continue with since={next}"
        );
        Self::new(StatusCode::GONE, detail).member("oldest", oldest).member("next", next)
    }

    /// 410: the cursor names no event of this log.
    pub fn reset(cursor: Cursor, oldest: u64, life: Epoch) -> Self {
        let next = Cursor::new(oldest - 1, life).to_string();
        let detail = format!(
            "{cursor} belongs to a lost log; the oldest event of the current log is {oldest}: continue with \
             since={next}"
        );
        let gone = Self::new(StatusCode::GONE, detail).member("oldest", oldest);
        gone.member("next", next).member("reset", true)
    }

    /// Its status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub fn into_headers(self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers
    }

    /// Seconds of its Retry-After, if any.
    pub fn retry_after_s(&self) -> Option<u64> {
        let (_, wait) = self.headers.iter().find(|(name, _)| *name == RETRY_AFTER)?;
        wait.to_str().ok()?.parse().ok()
    }

    /// Its sentence.
    pub fn into_detail(self) -> String {
        self.detail
    }

    /// Ends the connection, because what follows cannot be told apart from the refused request.
    pub fn closing(self) -> Self {
        self.header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// Adds a member.
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut document = Map::new();
        document.insert("type".to_owned(), "about:blank".into());
        let title = problem.status.canonical_reason().unwrap_or("Problem");
        document.insert("title".to_owned(), title.into());
        document.insert("status".to_owned(), problem.status.as_u16().into());
        document.insert("detail".to_owned(), problem.detail.into());
        document.extend(problem.members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut body = Value::Object(document).to_string();
        body.push('\n');
        let mut response = Response::new(Body::Whole(body.into()));
        *response.status_mut() = problem.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(problem.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_names_the_oldest_for_people_and_programs() {
        let life = Epoch::of(1);
        for (problem, reset) in [
            (Problem::gap(3, 17, life), Value::Null),
            (Problem::reset(3.into(), 17, life), true.into()),
        ] {
            let reply = Reply::from(problem);
            assert_eq!(reply.status(), 410);
            let Body::Whole(body) = reply.body() else { panic!("a whole body") };
            let document: Value = serde_json::from_slice(body).unwrap();
            assert_eq!((&document["oldest"], &document["status"]), (&17.into(), &410.into()));
            let next = format!("16-{life}");
            assert!(document["detail"].as_str().unwrap().ends_with(&format!("since={next}")));
            assert_eq!((&document["next"], &document["reset"]), (&next.into(), &reset));
        }
    }
}
