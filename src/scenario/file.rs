//! The file as written: one struct a table, every key optional, nothing decided.
//!
//! What a missing key means is said in [`super::resolve`], what a present one may be in [`super::check`].

use std::fmt;

use serde::de::{self, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::conditions::{ConsumersFile, ReconnectFile, RestartFile};
use super::faults::FaultsFile;
use super::network::NetworkFile;
use super::prices::PricesFile;
use super::transport::TransportFile;
use super::{
    CallbackConnection, Connection, Down, Format, LoopKind, Outbox, PatternKind, Profile, Publish,
    SlowConsumer, Spin,
};
use crate::event::PayloadKind;
use crate::pace::{ArrivalProcess, PollPace};
use crate::unit::{ByteSize, Count, Rate, Span};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub question: Option<String>,
    pub name: Option<String>,
    pub patterns: Option<Vec<PatternKind>>,
    pub trials: Option<Count>,
    pub seed: Option<u64>,
    pub objectives: Option<Vec<String>>,
    #[serde(rename = "abort_when")]
    pub abort_when: Option<String>,
    pub profile: Option<Profile>,
    pub floor: Option<bool>,
    pub phases: Option<PhasesFile>,
    pub target: Option<TargetFile>,
    pub worker: Option<WorkerFile>,
    pub prices: Option<PricesFile>,
    #[serde(rename = "reconnect")]
    _reconnect: Option<ReconnectFile>,
    #[serde(rename = "restart")]
    _restart: Option<RestartFile>,
    #[serde(rename = "consumers")]
    _consumers: Option<ConsumersFile>,
    #[serde(rename = "network")]
    _network: Option<NetworkFile>,
    /// Read once more for every case, as an axis may replace any of its keys; so are the patterns' tables, the faults
    /// and the conditions.
    #[serde(rename = "workload")]
    _workload: Option<WorkloadFile>,
    #[serde(rename = "transport")]
    _transport: Option<TransportFile>,
    #[serde(rename = "request")]
    _request: Option<RequestFile>,
    #[serde(rename = "short-poll")]
    _short_poll: Option<ShortPollFile>,
    #[serde(rename = "long-poll")]
    _long_poll: Option<LongPollFile>,
    #[serde(rename = "sse")]
    _sse: Option<SseFile>,
    #[serde(rename = "websocket")]
    _websocket: Option<WebSocketFile>,
    #[serde(rename = "webhook")]
    _webhook: Option<WebhookFile>,
    #[serde(rename = "faults")]
    _faults: Option<FaultsFile>,
    /// Its keys are the other tables' keys: [`super::sweep`] reads it.
    #[serde(rename = "sweep")]
    _sweep: Option<IgnoredAny>,
}

/// `[phases]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhasesFile {
    pub connect: Option<Span>,
    pub idle: Option<Span>,
    pub warmup: Option<Span>,
    pub measure: Option<Span>,
    pub drain: Option<Span>,
}

/// `[target]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetFile {
    pub shards: Option<Count>,
    pub ring: Option<Count>,
    pub max_concurrent_streams: Option<Count>,
    pub requests_per_s: Option<Count>,
    pub connections: Option<Count>,
    pub send_buffer: Option<ByteSize>,
    pub write_timeout: Option<Span>,
}

/// `[worker]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerFile {
    pub processes: Option<Count>,
    pub shards: Option<Count>,
    pub spin: Option<Spin>,
    pub samples: Option<Count>,
}

/// `[workload]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadFile {
    pub clients: Option<Count>,
    pub topics: Option<Topics>,
    pub rate: Option<Rate>,
    pub arrivals: Option<ArrivalProcess>,
    pub payload: Option<ByteSize>,
    pub payload_kind: Option<PayloadKind>,
    pub late_after: Option<Span>,
    pub churn: Option<Rate>,
    pub publish: Option<Publish>,
}

/// How many topics there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topics {
    /// So many.
    Of(u64),
    /// As many as clients.
    PerClient,
}

/// The word for [`Topics::PerClient`].
pub(super) const PER_CLIENT: &str = "per-client";

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Topics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, such as 1, or \"per-client\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Topics, E> {
                if text == PER_CLIENT {
                    return Ok(Topics::PerClient);
                }
                let count = text.parse::<Count>().ok();
                count
                    .map(|count| Topics::Of(count.get()))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Topics, E> {
                u64::try_from(n)
                    .map(Topics::Of)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `[request]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    #[serde(rename = "loop")]
    pub loop_kind: Option<LoopKind>,
    pub think: Option<Span>,
    pub rate: Option<Rate>,
    pub arrivals: Option<ArrivalProcess>,
    pub mix: Option<MixFile>,
    pub format: Option<Format>,
    pub conditional: Option<bool>,
    pub timeout: Option<Span>,
    pub connection: Option<Connection>,
}

/// `request.mix`: what is not named has no share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MixFile {
    pub create: Option<u32>,
    pub read: Option<u32>,
    pub head: Option<u32>,
    pub replace: Option<u32>,
    pub patch: Option<u32>,
    pub delete: Option<u32>,
    pub list: Option<u32>,
}

/// `[short-poll]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShortPollFile {
    pub interval: Option<Span>,
    pub limit: Option<Count>,
    pub synchronised: Option<bool>,
    pub pace: Option<PollPace>,
    pub jitter: Option<f64>,
    pub conditional: Option<bool>,
    pub timeout: Option<Span>,
}

/// `[long-poll]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongPollFile {
    pub wait: Option<Span>,
    pub gap: Option<Span>,
    pub limit: Option<Count>,
    pub coalesce: Option<Span>,
}

/// `[sse]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SseFile {
    pub heartbeat: Option<Span>,
    pub retry: Option<Span>,
    pub slow_consumer: Option<SlowConsumer>,
    pub queue: Option<Count>,
}

/// `[websocket]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebSocketFile {
    pub ping: Option<Span>,
    pub pong_timeout: Option<Span>,
    pub slow_consumer: Option<SlowConsumer>,
    pub queue: Option<Count>,
}

/// `[webhook]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookFile {
    pub timeout: Option<Span>,
    pub attempts: Option<Count>,
    pub backoff: Option<Span>,
    pub backoff_max: Option<Span>,
    pub concurrency: Option<Count>,
    pub rate: Option<Rate>,
    pub connection: Option<CallbackConnection>,
    pub batch: Option<Count>,
    pub linger: Option<Span>,
    pub outbox: Option<Outbox>,
    pub disable_after: Option<Span>,
    pub receiver: Option<ReceiverFile>,
}

/// `[webhook.receiver]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiverFile {
    pub work: Option<Span>,
    pub slow: Option<Span>,
    pub slow_share: Option<f64>,
    pub fail: Option<f64>,
    pub fail_status: Option<u16>,
    pub retry_after: Option<Span>,
    pub down_at: Option<Span>,
    pub down_for: Option<Span>,
    pub down: Option<Down>,
    pub affected: Option<f64>,
}
