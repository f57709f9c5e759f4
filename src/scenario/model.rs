//! The validated scenario: what every other room works from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Conditions, External, Faults, GateOptions, LongPollOptions, Outbox, Prices, Publish,
    RequestOptions, ShortPollOptions, Spin, SseOptions, Transport, WebSocketOptions,
    WebhookOptions,
};
use crate::event::PayloadKind;
use crate::pace::ArrivalProcess;
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
    /// Options of the built-in target.
    pub target: TargetOptions,
    /// The server that is measured in place of the built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<Box<External>>,
    /// Options of the workers.
    pub worker: WorkerOptions,
    /// Every case, in the order of the file's patterns and axes.
    pub cases: Vec<Case>,
    /// What must hold for the run to succeed.
    pub objectives: Vec<String>,
    /// What ends the run early, once it has held for so long. Older runs had no such thing.
    #[serde(default)]
    pub abort_when: Option<String>,
    /// What the target is paid by.
    #[serde(default)]
    pub prices: Prices,
    /// How a gate decides about it.
    #[serde(default, skip_serializing_if = "GateOptions::is_usual")]
    pub gate: GateOptions,
}

/// The kind of host that a trial is judged as: what is a defect on one of its own is daily life on a shared one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// Time over which the links are opened, evenly.
    pub connect: Span,
    /// Time in which the links stand and nothing is published yet: what a client costs by itself. Older runs had none.
    #[serde(default)]
    pub idle: Span,
    /// Load before the window, not measured.
    pub warmup: Span,
    /// The window: what is due in it is measured.
    pub measure: Span,
    /// Longest wait, after the window, for what is still in flight.
    pub drain: Span,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            connect: Span::from_ms(500),
            idle: Span::from_ms(500),
            warmup: Span::from_secs(3),
            measure: Span::from_secs(10),
            drain: Span::from_secs(5),
        }
    }
}

/// Options of the built-in target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetOptions {
    /// Threads that serve; `None` leaves it to the plan.
    pub shards: Option<u32>,
    /// Events kept in each topic's log.
    pub ring: u64,
    /// Streams at once that it lets an HTTP/2 connection have.
    pub max_concurrent_streams: u32,
    /// How much it lets in at once.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerOptions {
    /// Worker processes; `None` leaves it to the plan.
    pub processes: Option<u32>,
    /// Threads of each; `None` leaves it to the plan.
    pub shards: Option<u32>,
    /// Whether they spin before a deadline.
    pub spin: Spin,
    /// Requests and polls due within it leave together, as late as that at most.
    // Files written before the key have none.
    #[serde(skip_serializing_if = "super::webhook::is_default")]
    pub gather: Span,
    /// Measured requests and polls that each of their shards keeps raw.
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

impl Case {
    /// Whether its webhooks and their events are on disk, and outlive the target.
    pub const fn keeps_outbox(&self) -> bool {
        matches!(self.pattern, Pattern::Webhook(WebhookOptions { outbox: Outbox::Durable, .. }))
    }

    /// How long a link may take to open, from its dial on.
    pub const fn longest_opening(&self) -> Span {
        match &self.pattern {
            Pattern::Request(options) => options.timeout,
            Pattern::ShortPoll(options) => options.timeout,
            Pattern::LongPoll(options) => options.wait,
            Pattern::Sse(_) | Pattern::WebSocket(_) => self.conditions.reconnect.timeout,
            Pattern::Webhook(_) => Span::from_ms(0),
        }
    }
}

/// What is offered to a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// What it consists of.
    pub payload_kind: PayloadKind,
    /// A delivery older than this on arrival is late.
    pub late_after: Span,
    /// Departures a second over all links; each is followed by a new connection in its place.
    pub churn: Rate,
    /// Who publishes the events.
    pub publish: Publish,
    /// What becomes of clients that cannot connect. Older runs failed.
    #[serde(default, skip_serializing_if = "Unconnected::is_fail")]
    pub unconnected: Unconnected,
}

/// What becomes of a client that cannot connect before the load begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unconnected {
    /// The trial fails.
    #[default]
    Fail,
    /// The failure is counted and the client tries again, as after a connection that ended. Where no client can connect, the
    /// trial fails nevertheless.
    Count,
}

impl Unconnected {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
    const fn is_fail(&self) -> bool {
        matches!(self, Self::Fail)
    }
}

impl Workload {
    /// The payload of every event, or of every item: one JSON value in one line.
    pub fn payload(&self) -> Vec<u8> {
        self.payload_kind.payload(self.payload.bytes() as usize)
    }

    /// Subscribers of a topic: clients `topic`, `topic + topics`, …
    pub const fn subscribers(&self, topic: u64) -> u64 {
        self.clients.saturating_sub(topic).div_ceil(self.topics)
    }
}

impl Default for Workload {
    /// That of a table which says nothing: no load, as clients and rate have no default.
    fn default() -> Self {
        Self {
            clients: 0,
            topics: 1,
            rate: Rate::per_second(0.0),
            arrivals: ArrivalProcess::default(),
            payload: ByteSize::new(128),
            payload_kind: PayloadKind::default(),
            late_after: Span::from_secs(5),
            churn: Rate::per_second(0.0),
            publish: Publish::default(),
            unconnected: Unconnected::default(),
        }
    }
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
