//! Answers without a connection, for measurements.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};

use super::Asked;
use super::date::Today;
use super::outbox::Outbox;
use super::render::render;
use crate::server::answer::Body;

/// Answers rendered without a connection, for those who measure this.
#[derive(Debug, Default)]
pub struct RenderedAnswers {
    today: Today,
    out: Outbox,
}

impl RenderedAnswers {
    /// Renders the answer to a GET on a connection that is kept; returns its bytes, without a large body.
    pub fn render(&mut self, status: StatusCode, headers: HeaderMap, body: Bytes) -> &[u8] {
        let mut reply = Response::new(Body::Whole(body));
        *reply.status_mut() = status;
        *reply.headers_mut() = headers;
        let mut asked = Asked { is_head: false, is_http_11: true, keep_alive: true };
        self.out.bytes.clear();
        render(reply, &mut asked, &self.today, &mut self.out);
        self.out.tail = Bytes::new();
        &self.out.bytes
    }
}
