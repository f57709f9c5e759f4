//! The tables of the patterns: what may be set, and what a missing key means.

use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, ScenarioError, require};
use super::read::read;
use super::tree::Table;
use super::{
    CallbackConnection, Connection, LoopKind, Outbox, Pattern, PatternKind, ReceiverOptions,
    SlowConsumer, Workload,
};
use crate::pace::{ArrivalProcess, PollPace};
use crate::unit::{Rate, Span};

/// Options of `request`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestOptions {
    /// What a client's next request waits for.
    #[serde(rename = "loop")]
    pub loop_kind: LoopKind,
    /// Time from an answer to the client's next request, in a closed loop; its mean where they are spread as Poisson.
    pub think: Span,
    /// Requests a second over all clients; 0 in a closed loop, whose answers set the rate.
    pub rate: Rate,
    /// How each client's requests are spread.
    pub arrivals: ArrivalProcess,
    /// Shares of the operations.
    pub mix: Mix,
    /// The encoding of items.
    pub format: Format,
    /// Whether items are read on the condition that they changed.
    pub conditional: bool,
    /// A request without an answer for so long has failed.
    pub timeout: Span,
    /// When connections are opened.
    pub connection: Connection,
    /// Whether a client that is refused with 429 or 503 waits for as long as `Retry-After` asks. Older runs always did.
    pub retry_after: bool,
    /// Measured requests over all clients, with which the window ends; `None` where it has its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
}

impl RequestOptions {
    /// The requests of client `index` of `clients`: its share of a number of requests, which differs by one at most.
    pub fn share_of(&self, index: u64, clients: u64) -> u64 {
        let clients = clients.max(1);
        self.requests.map_or(u64::MAX, |all| all / clients + u64::from(index < all % clients))
    }
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            loop_kind: LoopKind::default(),
            think: Span::default(),
            rate: Rate::per_second(0.0),
            arrivals: ArrivalProcess::default(),
            mix: Mix::default(),
            format: Format::default(),
            conditional: false,
            timeout: Span::from_secs(10),
            connection: Connection::default(),
            retry_after: true,
            requests: None,
        }
    }
}

/// The encoding of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// Shares of the operations on `/items`; only their proportions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Mix::empty")]
pub struct Mix {
    /// `POST /items`
    pub create: u32,
    /// `GET /items/{id}`
    pub read: u32,
    /// `HEAD /items/{id}`
    pub head: u32,
    /// `PUT /items/{id}`
    pub replace: u32,
    /// `PATCH /items/{id}`
    pub patch: u32,
    /// `DELETE /items/{id}` of an item created for it.
    pub delete: u32,
    /// `GET /items?limit=20`
    pub list: u32,
}

impl Mix {
    /// Without any operation: what is not named has no share.
    const fn empty() -> Self {
        Self { create: 0, read: 0, head: 0, replace: 0, patch: 0, delete: 0, list: 0 }
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self { read: 1, ..Self::empty() }
    }
}

/// Options of `short-poll`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShortPollOptions {
    /// Time between the polls of a client.
    pub interval: Span,
    /// Most events in one answer.
    pub limit: u64,
    /// Every client polls at the same instant, in place of a random phase each.
    pub synchronised: bool,
    /// What the interval is counted from.
    pub pace: PollPace,
    /// Every wait is the interval × (1 + U), U uniform between −jitter and +jitter: 0 to 1.
    pub jitter: f64,
    /// A poll sends the entity tag of the last answer, and is answered 304 where nothing is new.
    pub conditional: bool,
    /// A client keeps an answer for as long as its header fields say, and sends no poll in that time. Older runs kept none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
    /// A poll without an answer for so long has failed.
    pub timeout: Span,
}

impl Default for ShortPollOptions {
    fn default() -> Self {
        Self {
            interval: Span::from_secs(1),
            limit: 100,
            synchronised: false,
            pace: PollPace::default(),
            jitter: 0.0,
            conditional: false,
            cache: false,
            timeout: Span::from_secs(10),
        }
    }
}

/// Options of `long-poll`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LongPollOptions {
    /// Longest hold of a poll.
    pub wait: Span,
    /// Time from an answer to the next poll.
    pub gap: Span,
    /// Most events in one answer.
    pub limit: u64,
    /// How long an answer waits for more events after its first.
    pub coalesce: Span,
}

impl Default for LongPollOptions {
    fn default() -> Self {
        let (wait, none) = (Span::from_secs(30), Span::default());
        Self { wait, gap: none, limit: 100, coalesce: none }
    }
}

/// Options of `sse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SseOptions {
    /// Time between comment lines on a quiet stream.
    pub heartbeat: Span,
    /// The least wait before a reconnect that the stream asks for (`retry:`).
    pub retry: Span,
    /// What is done with a link that lags too far behind.
    pub slow_consumer: SlowConsumer,
    /// Events that a link may lag behind its topic; `None` is the ring.
    pub queue: Option<u64>,
}

impl Default for SseOptions {
    fn default() -> Self {
        let (heartbeat, retry) = (Span::from_secs(15), Span::from_secs(1));
        Self { heartbeat, retry, slow_consumer: SlowConsumer::default(), queue: None }
    }
}

/// Options of `websocket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebSocketOptions {
    /// Time between the target's pings.
    pub ping: Span,
    /// A ping without a pong for so long closes the link.
    pub pong_timeout: Span,
    /// What is done with a link that lags too far behind.
    pub slow_consumer: SlowConsumer,
    /// Events that a link may lag behind its topic; `None` is the ring.
    pub queue: Option<u64>,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        let (ping, pong_timeout) = (Span::from_secs(25), Span::from_secs(8));
        Self { ping, pong_timeout, slow_consumer: SlowConsumer::default(), queue: None }
    }
}

/// Options of `webhook`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookOptions {
    /// An attempt without an answer for so long has failed.
    pub timeout: Span,
    /// Attempts of an event before it becomes a dead letter.
    pub attempts: u32,
    /// Wait before the second attempt; doubled for each further one, with jitter.
    pub backoff: Span,
    /// Longest such wait.
    pub backoff_max: Span,
    /// Attempts under way at once to one endpoint; 1 keeps the order.
    pub concurrency: u32,
    /// Most attempts a second to one endpoint; `None` for no limit.
    pub rate: Option<Rate>,
    /// How the target connects to an endpoint.
    pub connection: CallbackConnection,
    /// Most events in one attempt.
    pub batch: u32,
    /// Longest wait of an event for others of its batch.
    pub linger: Span,
    /// Where events are kept until they are acknowledged.
    pub outbox: Outbox,
    /// An endpoint that has failed for so long without an acknowledgement is disabled; `None` for never.
    pub disable_after: Option<Span>,
    /// How the receivers behave.
    pub receiver: ReceiverOptions,
}

/// The pattern of a case, from its table.
pub(super) fn pattern(
    file: &str,
    kind: PatternKind,
    table: &Table,
    workload: &Workload,
    located: &dyn Fn(InvalidKey) -> ScenarioError,
) -> Result<Pattern, ScenarioError> {
    let name = kind.name();
    Ok(match kind {
        PatternKind::Request => {
            let options = read(file, name, table)?;
            Pattern::Request(request(options, table, workload).map_err(located)?)
        }
        PatternKind::ShortPoll => Pattern::ShortPoll(read(file, name, table)?),
        PatternKind::LongPoll => Pattern::LongPoll(read(file, name, table)?),
        PatternKind::Sse => Pattern::Sse(read(file, name, table)?),
        PatternKind::WebSocket => Pattern::WebSocket(read(file, name, table)?),
        PatternKind::Webhook => Pattern::Webhook(read(file, name, table)?),
    })
}

/// Keys that one kind of loop has no use for are refused with it, not passed over.
fn request(
    mut options: RequestOptions,
    table: &Table,
    workload: &Workload,
) -> Result<RequestOptions, InvalidKey> {
    let lacks = |key: &str| table.get(key).is_none();
    match options.loop_kind {
        LoopKind::Open => require(lacks("think"), "request.think", || {
            "request.think: an open loop does not wait for responses; write loop = \"closed\", or remove think".to_owned()
        })?,
        LoopKind::Closed => require(lacks("rate"), "request.rate", || {
            "request.rate: in a closed loop the responses set the rate; remove rate, or write loop = \"open\""
                .to_owned()
        })?,
    }
    if options.loop_kind == LoopKind::Open && lacks("rate") {
        options.rate = Rate::per_second(workload.clients as f64);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_shares_of_a_number_of_requests_are_all_of_it(requests in 1..100_000u64, clients in 1..500u64) {
            let options = RequestOptions { requests: Some(requests), ..RequestOptions::default() };
            let shares: Vec<u64> = (0..clients).map(|index| options.share_of(index, clients)).collect();
            prop_assert_eq!(shares.iter().sum::<u64>(), requests);
            prop_assert!(shares[0] - shares[shares.len() - 1] <= 1);
        }
    }
}
