//! The tables of the patterns: what may be set, and what a missing key means.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, ScenarioError, require};
use super::file::{LongPollFile, MixFile, RequestFile, ShortPollFile, SseFile, WebSocketFile};
use super::read::read;
use super::tree::Table;
use super::{
    CallbackConnection, Connection, LoopKind, Outbox, Pattern, PatternKind, ReceiverOptions,
    SlowConsumer, Workload, webhook,
};
use crate::pace::{ArrivalProcess, PollPace};
use crate::unit::{Count, Rate, Span};

/// Options of `request`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RequestOptions {
    /// What a client's next request waits for.
    #[serde(default, rename = "loop")]
    pub loop_kind: LoopKind,
    /// Time from an answer to the client's next request, in a closed loop; its mean where they are spread as Poisson.
    #[serde(default)]
    pub think: Span,
    /// Requests a second over all clients; 0 in a closed loop, whose answers set the rate.
    pub rate: Rate,
    /// How each client's requests are spread.
    pub arrivals: ArrivalProcess,
    /// Shares of the operations.
    pub mix: Mix,
    /// The encoding of items.
    #[serde(default)]
    pub format: Format,
    /// Whether items are read on the condition that they changed.
    #[serde(default)]
    pub conditional: bool,
    /// A request without an answer for so long has failed.
    pub timeout: Span,
    /// When connections are opened.
    #[serde(default)]
    pub connection: Connection,
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
#[serde(deny_unknown_fields, default)]
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

impl Default for Mix {
    fn default() -> Self {
        Self { create: 0, read: 1, head: 0, replace: 0, patch: 0, delete: 0, list: 0 }
    }
}

/// Options of `short-poll`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShortPollOptions {
    /// Time between the polls of a client.
    pub interval: Span,
    /// Most events in one answer.
    pub limit: u64,
    /// Every client polls at the same instant, in place of a random phase each.
    pub synchronised: bool,
    /// What the interval is counted from.
    #[serde(default)]
    pub pace: PollPace,
    /// Every wait is the interval × (1 + U), U uniform between −jitter and +jitter: 0 to 1.
    #[serde(default)]
    pub jitter: f64,
    /// A poll sends the entity tag of the last answer, and is answered 304 where nothing is new.
    #[serde(default)]
    pub conditional: bool,
    /// A poll without an answer for so long has failed.
    pub timeout: Span,
}

/// Options of `long-poll`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPollOptions {
    /// Longest hold of a poll.
    pub wait: Span,
    /// Time from an answer to the next poll.
    #[serde(default)]
    pub gap: Span,
    /// Most events in one answer.
    pub limit: u64,
    /// How long an answer waits for more events after its first.
    #[serde(default)]
    pub coalesce: Span,
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

/// The pattern of a case, from its table as written.
pub(super) fn pattern(
    file: &str,
    kind: PatternKind,
    options: &Table,
    workload: &Workload,
    located: &dyn Fn(InvalidKey) -> ScenarioError,
) -> Result<Pattern, ScenarioError> {
    fn from<T: DeserializeOwned>(
        file: &str,
        kind: PatternKind,
        at: &Table,
    ) -> Result<T, ScenarioError> {
        read(file, kind.name(), at)
    }
    let ms = Span::from_ms;
    Ok(match kind {
        PatternKind::Request => {
            Pattern::Request(request(from(file, kind, options)?, workload).map_err(located)?)
        }
        PatternKind::ShortPoll => {
            let written: ShortPollFile = from(file, kind, options)?;
            let ShortPollFile { interval, limit, synchronised, timeout, .. } = written;
            Pattern::ShortPoll(ShortPollOptions {
                interval: interval.unwrap_or(ms(1_000)),
                limit: limit.map_or(100, Count::get),
                synchronised: synchronised.unwrap_or(false),
                pace: written.pace.unwrap_or_default(),
                jitter: written.jitter.unwrap_or(0.0),
                conditional: written.conditional.unwrap_or(false),
                timeout: timeout.unwrap_or(ms(10_000)),
            })
        }
        PatternKind::LongPoll => {
            let LongPollFile { wait, gap, limit, coalesce } = from(file, kind, options)?;
            Pattern::LongPoll(LongPollOptions {
                wait: wait.unwrap_or(ms(30_000)),
                gap: gap.unwrap_or_default(),
                limit: limit.map_or(100, Count::get),
                coalesce: coalesce.unwrap_or_default(),
            })
        }
        PatternKind::Sse => {
            let SseFile { heartbeat, retry, slow_consumer, queue } = from(file, kind, options)?;
            let usual = SseOptions::default();
            Pattern::Sse(SseOptions {
                heartbeat: heartbeat.unwrap_or(usual.heartbeat),
                retry: retry.unwrap_or(usual.retry),
                slow_consumer: slow_consumer.unwrap_or_default(),
                queue: queue.map(Count::get),
            })
        }
        PatternKind::WebSocket => {
            let WebSocketFile { ping, pong_timeout, slow_consumer, queue } =
                from(file, kind, options)?;
            let usual = WebSocketOptions::default();
            Pattern::WebSocket(WebSocketOptions {
                ping: ping.unwrap_or(usual.ping),
                pong_timeout: pong_timeout.unwrap_or(usual.pong_timeout),
                slow_consumer: slow_consumer.unwrap_or_default(),
                queue: queue.map(Count::get),
            })
        }
        PatternKind::Webhook => {
            Pattern::Webhook(webhook::resolve(&from(file, kind, options)?).map_err(located)?)
        }
    })
}

/// Keys that one kind of loop has no use for are refused with it, not passed over.
fn request(written: RequestFile, workload: &Workload) -> Result<RequestOptions, InvalidKey> {
    let loop_kind = written.loop_kind.unwrap_or_default();
    match loop_kind {
        LoopKind::Open => require(written.think.is_none(), "request.think", || {
            "request.think: an open loop does not wait for responses; write loop = \"closed\", or remove think".to_owned()
        })?,
        LoopKind::Closed => require(written.rate.is_none(), "request.rate", || {
            "request.rate: in a closed loop the responses set the rate; remove rate, or write loop = \"open\""
                .to_owned()
        })?,
    }
    let by_default = match loop_kind {
        LoopKind::Open => workload.clients as f64,
        LoopKind::Closed => 0.0,
    };
    Ok(RequestOptions {
        loop_kind,
        think: written.think.unwrap_or_default(),
        rate: written.rate.unwrap_or(Rate::per_second(by_default)),
        arrivals: written.arrivals.unwrap_or_default(),
        mix: written.mix.map_or_else(Mix::default, Mix::from),
        format: written.format.unwrap_or_default(),
        conditional: written.conditional.unwrap_or(false),
        timeout: written.timeout.unwrap_or(Span::from_ms(10_000)),
        connection: written.connection.unwrap_or_default(),
    })
}

impl From<MixFile> for Mix {
    fn from(written: MixFile) -> Self {
        let MixFile { create, read, head, replace, patch, delete, list } = written;
        let share = |written: Option<u32>| written.unwrap_or(0);
        Self {
            create: share(create),
            read: share(read),
            head: share(head),
            replace: share(replace),
            patch: share(patch),
            delete: share(delete),
            list: share(list),
        }
    }
}
