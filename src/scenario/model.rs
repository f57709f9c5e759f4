//! The validated scenario: what every other room works from.

use serde::{Deserialize, Serialize};

use super::{
    CallbackConnection, Conditions, Connection, Faults, LoopKind, Outbox, Publish, ReceiverOptions,
    SlowConsumer, Spin, Transport,
};
use crate::pace::{ArrivalProcess, PollPace};
use crate::unit::{ByteSize, Rate, Span};

/// A validated scenario: a question, and the cases whose comparison answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Name of the results folder; the file's stem unless the file says otherwise.
    pub name: String,
    /// The question in prose.
    pub question: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Trials of each case.
    pub trials: u32,
    /// How strictly the machine is judged; `None` leaves it to the run.
    pub profile: Option<Profile>,
    /// Whether the noise floor is measured: the same load against a null target. Older runs did not.
    #[serde(default)]
    pub floor: bool,
    /// Lengths of the phases of every trial.
    pub phases: Phases,
    /// Options of the target.
    pub target: TargetOptions,
    /// Options of the workers.
    pub worker: WorkerOptions,
    /// Every case, in the order of the file's patterns and axes.
    pub cases: Vec<Case>,
    /// What must hold for the run to succeed.
    pub objectives: Vec<String>,
}

/// The kind of host that a trial is judged as: what is a defect on one of its own is daily life on a shared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A host of its own, with a core for every shard and one to spare.
    Dedicated,
    /// A host, or its cores, shared with others or between target and workers.
    Shared,
}

impl Profile {
    /// The name in scenarios and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }
}

/// Lengths of a trial's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Time over which the links are opened, evenly.
    pub connect: Span,
    /// Load before the window, not measured.
    pub warmup: Span,
    /// The window: what is due in it is measured.
    pub measure: Span,
    /// Longest wait, after the window, for what is still in flight.
    pub drain: Span,
}

/// Options of the built-in target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetOptions {
    /// Threads that serve; `None` leaves it to the plan.
    pub shards: Option<u32>,
    /// Events that a topic's log keeps.
    pub ring: u64,
    /// Streams at once that it lets an HTTP/2 connection have.
    pub max_concurrent_streams: u32,
    /// How much it lets in at once.
    #[serde(default)]
    pub limits: Limits,
    /// The kernel's send buffer of each connection, so that slow consumers do not look healthy.
    pub send_buffer: ByteSize,
    /// A connection that takes none of its bytes for so long is dropped.
    pub write_timeout: Span,
}

impl Default for TargetOptions {
    fn default() -> Self {
        let (send_buffer, write_timeout) = (ByteSize::new(64 << 10), Span::from_secs(30));
        Self {
            shards: None,
            ring: 4_096,
            // hyper's own default.
            max_concurrent_streams: 200,
            limits: Limits::default(),
            send_buffer,
            write_timeout,
        }
    }
}

/// How much a target lets in at once; what is above is refused with 429 or 503, and when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Requests a second, over all of its shards.
    pub requests_per_s: Option<u64>,
    /// Connections.
    pub connections: Option<u64>,
}

/// Options of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerOptions {
    /// Worker processes; `None` leaves it to the plan.
    pub processes: Option<u32>,
    /// Threads of each; `None` leaves it to the plan.
    pub shards: Option<u32>,
    /// Whether they spin before a deadline.
    #[serde(default)]
    pub spin: Spin,
    /// Measured requests and polls that each of their shards keeps raw.
    #[serde(default)]
    pub samples: u32,
}

/// One point of the sweep: one pattern with every axis fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique in the scenario: the pattern, then `:axis=value` for every axis that is swept.
    pub id: String,
    /// The pattern and its options.
    pub pattern: Pattern,
    /// What is offered.
    pub workload: Workload,
    /// How its bytes travel.
    #[serde(default)]
    pub transport: Transport,
    /// What is wrong with the target on purpose.
    #[serde(default, skip_serializing_if = "Faults::is_off")]
    pub faults: Faults,
    /// What its links meet beside load.
    #[serde(default)]
    pub conditions: Conditions,
}

/// What is offered to a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Links. Client i subscribes to topic i mod `topics`.
    pub clients: u64,
    /// Topics: 1 is a broadcast, as many as clients is one each.
    pub topics: u64,
    /// Events a second in each topic.
    pub rate: Rate,
    /// How they are spread.
    pub arrivals: ArrivalProcess,
    /// Size of an event's payload.
    pub payload: ByteSize,
    /// A delivery older than this on arrival is late.
    pub late_after: Span,
    /// Departures a second over all links; each is followed by a new connection in its place.
    #[serde(default = "no_churn")]
    pub churn: Rate,
    /// Who publishes the events.
    #[serde(default)]
    pub publish: Publish,
}

impl Workload {
    /// Subscribers of a topic: clients `topic`, `topic + topics`, …
    pub const fn subscribers(&self, topic: u64) -> u64 {
        self.clients.saturating_sub(topic).div_ceil(self.topics)
    }
}

fn no_churn() -> Rate {
    Rate::per_second(0.0)
}

/// A pattern with its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Request and response on `/items`.
    Request(RequestOptions),
    /// Asking for news at intervals.
    ShortPoll(ShortPollOptions),
    /// Asking for news and being held until there is some.
    LongPoll(LongPollOptions),
    /// Server-sent events.
    Sse(SseOptions),
    /// A WebSocket.
    #[serde(rename = "websocket")]
    WebSocket(WebSocketOptions),
    /// A callback to a registered URL.
    Webhook(WebhookOptions),
}

/// The six patterns' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatternKind {
    /// Request and response on `/items`.
    Request,
    /// Asking for news at intervals.
    ShortPoll,
    /// Asking for news and being held until there is some.
    LongPoll,
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    #[serde(rename = "websocket")]
    WebSocket,
    /// A callback to a registered URL.
    Webhook,
}

impl PatternKind {
    /// Every pattern, in the order of tables and charts.
    pub const ALL: [Self; 6] =
        [Self::Request, Self::ShortPoll, Self::LongPoll, Self::Sse, Self::WebSocket, Self::Webhook];

    /// The name in scenarios, columns and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ShortPoll => "short-poll",
            Self::LongPoll => "long-poll",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
            Self::Webhook => "webhook",
        }
    }

    /// The pattern of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether its consumers receive events (`request` has none: it is measured by its responses).
    pub const fn delivers(self) -> bool {
        !matches!(self, Self::Request)
    }
}

impl Pattern {
    /// Which pattern it is.
    pub const fn kind(&self) -> PatternKind {
        match self {
            Self::Request(_) => PatternKind::Request,
            Self::ShortPoll(_) => PatternKind::ShortPoll,
            Self::LongPoll(_) => PatternKind::LongPoll,
            Self::Sse(_) => PatternKind::Sse,
            Self::WebSocket(_) => PatternKind::WebSocket,
            Self::Webhook(_) => PatternKind::Webhook,
        }
    }
}

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
