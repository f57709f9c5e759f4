//! The options of a target.

use crate::control::TargetAssignment;
use crate::scenario::{
    Faults, Http, Limits, Pattern, SseOptions, TargetOptions, WebSocketOptions, WebhookOptions,
};
use crate::unit::{ByteSize, Span};

use super::request::BODY_WAIT;
use super::visitors::Visitors;

/// Options of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Threads that serve.
    pub shards: u32,
    /// Topics that exist from the start, named by [`crate::event::topic_name`].
    pub topics: u64,
    /// Events that a topic's log keeps, up to 256 MiB of them.
    pub ring: u64,
    /// The kernel's send buffer of each connection (the kernel doubles it for its own needs). Left alone it would grow
    /// to megabytes, in which a slow consumer's lag does not show.
    pub send_buffer: ByteSize,
    /// A connection that takes none of its bytes for so long is dropped.
    pub write_timeout: Span,
    /// How long a long poll waits for more events after the first.
    pub coalesce: Span,
    /// Options of `sse`.
    pub sse: SseOptions,
    /// Options of `websocket`.
    pub websocket: WebSocketOptions,
    /// Options of `webhook`.
    pub webhook: WebhookOptions,
    /// Longest message that `/echo` takes, in bytes.
    pub echo_max: u64,
    /// The core of the first shard, with the others on the following cores; `None` leaves placement to the kernel.
    pub first_core: Option<u32>,
    /// Whether a connection without TLS may begin HTTP/2 by its preface (h2c).
    pub http2: bool,
    /// Concurrent streams that it allows per HTTP/2 connection, and announces.
    pub max_concurrent_streams: u32,
    /// Whether webhooks may call loopback, private and other addresses that are not public.
    pub allow_private_webhooks: bool,
    /// Injected faults.
    pub faults: Faults,
    /// Seed of random faults.
    pub seed: u64,
    /// Limits on connections and requests.
    pub limits: Limits,
    /// How long the target waits for slow clients.
    pub waits: Waits,
    /// Which web pages may use it.
    pub visitors: Visitors,
}

/// How long the target waits for slow clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// A connection without a whole request head for so long is closed, whether idle or slow.
    pub head: Span,
    /// A body that is not whole for so long is refused.
    pub body: Span,
}

impl Default for Waits {
    fn default() -> Self {
        Self { head: Span::from_secs(75), body: Span::from_secs(BODY_WAIT.as_secs()) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            first_core: None,
            echo_max: 16 << 20,
            topics: 1,
            ring: 65_536,
            send_buffer: TargetOptions::default().send_buffer,
            write_timeout: TargetOptions::default().write_timeout,
            coalesce: Span::default(),
            sse: SseOptions::default(),
            websocket: WebSocketOptions::default(),
            webhook: WebhookOptions {
                timeout: Span::from_secs(15),
                attempts: 6,
                backoff: Span::from_secs(1),
                concurrency: 1,
                ..WebhookOptions::default()
            },
            http2: true,
            max_concurrent_streams: 200,
            allow_private_webhooks: false,
            faults: Faults::default(),
            seed: 1,
            limits: Limits::default(),
            waits: Waits::default(),
            visitors: Visitors::default(),
        }
    }
}

impl From<&TargetAssignment> for Options {
    /// The options of a trial: its case's pattern, with webhooks to loopback, where the workers are.
    fn from(assignment: &TargetAssignment) -> Self {
        let mut options = Self {
            shards: assignment.shards.max(1),
            topics: assignment.case.workload.topics,
            ring: assignment.ring,
            send_buffer: assignment.send_buffer,
            write_timeout: assignment.write_timeout,
            first_core: assignment.pinned.then_some(assignment.first_core),
            // Detecting HTTP/2 by its first bytes costs each connection a little, so only cases that use it pay.
            http2: assignment.case.transport.http == Http::Two,
            max_concurrent_streams: assignment.max_concurrent_streams,
            allow_private_webhooks: true,
            faults: assignment.case.faults,
            seed: assignment.seed,
            limits: assignment.limits,
            ..Self::default()
        };
        match assignment.case.pattern {
            Pattern::Sse(sse) => options.sse = sse,
            Pattern::WebSocket(websocket) => options.websocket = websocket,
            Pattern::Webhook(webhook) => options.webhook = webhook,
            Pattern::LongPoll(long_poll) => options.coalesce = long_poll.coalesce,
            Pattern::Request(_) | Pattern::ShortPoll(_) => {}
        }
        options
    }
}
