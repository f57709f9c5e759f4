//! `[transport]`: how the links' bytes travel, and what of it can be carried out.

use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, require};
use super::{Case, Pattern, PatternKind};

/// Streams of links that share an HTTP/2 connection unless the file says otherwise.
const STREAMS: u32 = 100;

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Http {
    /// HTTP/1.1: a connection for each link.
    #[default]
    #[serde(rename = "1.1")]
    One,
    /// HTTP/2: links of a shard share connections, a stream for each request.
    #[serde(rename = "2")]
    Two,
}

/// How the links' bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// Whether everything goes through TLS 1.3.
    pub tls: bool,
    /// Whether sessions are resumed: a link that dials again shows its ticket.
    pub resume: bool,
    /// Which HTTP is spoken.
    pub http: Http,
    /// Links that share one HTTP/2 connection, at most.
    pub streams: u32,
}

impl Default for Transport {
    fn default() -> Self {
        Self { tls: false, resume: true, http: Http::One, streams: STREAMS }
    }
}

/// Over what a client of `request` asks, and when it opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// Once, for all of its requests.
    #[default]
    KeepAlive,
    /// Anew for every request.
    PerRequest,
    /// Once, as a WebSocket that carries each request and each answer as a message.
    #[serde(rename = "websocket")]
    WebSocket,
}

impl Connection {
    /// The name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep-alive",
            Self::PerRequest => "per-request",
            Self::WebSocket => "websocket",
        }
    }
}

/// Checks the transport of one case against its pattern, and the streams that the target lets a connection have.
pub(super) fn check(case: &Case, max_concurrent_streams: u32) -> Result<(), InvalidKey> {
    let Transport { http, streams, .. } = case.transport;
    if http == Http::One {
        return Ok(());
    }
    let sweep = "write http = \"1.1\", or sweep it (transport.http = [\"2\"] in [sweep]), which leaves this \
                 pattern as it is";
    let key = "transport.http";
    require(case.pattern.kind() != PatternKind::WebSocket, key, || {
        format!(
            "{key} = \"2\": a WebSocket over HTTP/2 needs extended CONNECT (RFC 8441), which is not supported; {sweep}"
        )
    })?;
    require(case.pattern.kind() != PatternKind::Webhook, key, || {
        format!(
            "{key} = \"2\": each receiver has its own address, so there is no connection to \
             share; {sweep}"
        )
    })?;
    let connection = match &case.pattern {
        Pattern::Request(options) => options.connection,
        _ => Connection::KeepAlive,
    };
    let why = match connection {
        Connection::KeepAlive => None,
        Connection::PerRequest => Some("a connection for every request has no streams to share it"),
        Connection::WebSocket => Some(
            "a WebSocket over HTTP/2 needs extended CONNECT (RFC 8441), which is not supported; each client has its own WebSocket",
        ),
    };
    if let Some(why) = why {
        let remedy = "write request.connection = \"keep-alive\", or http = \"1.1\"";
        return require(false, key, || format!("{key} = \"2\": {why}; {remedy}"));
    }
    // A link that also publishes may have a stream more.
    let posts = case.workload.publish.needs_connection(case.pattern.kind());
    let most = if posts { max_concurrent_streams / 2 } else { max_concurrent_streams };
    require(streams <= most, "transport.streams", || {
        let each = if posts { ", and a client that publishes takes two" } else { "" };
        format!(
            "transport.streams = {streams}: the target allows {max_concurrent_streams} concurrent streams per \
             connection{each}, the others would wait; lower it to at most {most}, or raise \
             target.builtin.max_concurrent_streams"
        )
    })
}
