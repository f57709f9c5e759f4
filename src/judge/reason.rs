//! Why a trial has its verdict: codes with figures. The modules below make texts of them, one per group of checks.
//!
//! A text says what happened, how much and against which limit, in its first 110 characters; the remedy follows a full stop.

mod accounts;
mod figures;
mod generator;
mod machine;
mod steadiness;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::measure::Metric;
use crate::record::{Code, Coded};
use crate::scenario::Profile;

/// What a worker sends on schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Requests and polls.
    Requests,
    /// Events that clients publish.
    Events,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Events => "events",
        }
    }
}

/// What a closed loop's rate was limited by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The workers' cores were full, and the server's, as far as is known, were not.
    Generator,
    /// The server's cores were full, and the workers' were not.
    Server,
    /// Both were full.
    Both,
    /// Neither was full, or the server's CPU time is unknown.
    Unknown,
}

/// A figure of one worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfWorker {
    /// `"worker 1"`.
    pub worker: String,
    /// The figure.
    pub figure: f64,
}

/// Why a trial has its verdict. The codes are the variants' names in `snake_case`; they are never renamed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the text of each says what its figures are")]
pub enum Reason {
    TrialFailed {
        why: String,
    },
    WindowNotReached,
    NothingDue,
    LedgerUnbalanced {
        expected: u64,
        delivered: u64,
        lost: u64,
    },
    PublishedOffSchedule {
        published: u64,
        clients: u64,
        topics: u64,
        deliveries: u64,
        expected: u64,
    },
    FreshnessNegative {
        deliveries: u64,
    },
    SamplesSaturated {
        samples: u64,
    },
    RequestsRefused {
        refused: u64,
        unsent: u64,
    },
    RequestsUnsent {
        sent: u64,
        scheduled: u64,
    },
    GeneratorLate {
        load: Load,
        p99_ns: f64,
        limit_ns: f64,
        profile: Profile,
    },
    GeneratorShare {
        load: Load,
        metric: Metric,
        share: f64,
        limit: f64,
        late_ns: f64,
        mean_ns: f64,
        profile: Profile,
    },
    WorkerCpuUnknown,
    WorkersBusy {
        share: f64,
        limit: f64,
        cores: u32,
        profile: Profile,
    },
    ClosedLoopBound {
        bound: Bound,
        share: f64,
        limit: f64,
        cores: u32,
        server_cores: Option<f64>,
        profile: Profile,
    },
    WorkerStalled {
        workers: Vec<OfWorker>,
        limit_ns: f64,
        target_ns: Option<f64>,
        profile: Profile,
    },
    TimersUnmeasured {
        workers: Vec<String>,
    },
    WorkerTimerLate {
        workers: Vec<OfWorker>,
        limit_ns: f64,
        profile: Profile,
    },
    TargetTimerLate {
        p999_ns: f64,
        limit_ns: f64,
        profile: Profile,
    },
    CpuContended {
        workers: Vec<OfWorker>,
        limit: f64,
        profile: Profile,
    },
    CpuStolen {
        share: f64,
        limit: f64,
        profile: Profile,
    },
    CpuThrottled {
        share: f64,
        limit: f64,
        profile: Profile,
    },
    DisturbanceEffect {
        metric: Metric,
        share: f64,
        p50_effect: f64,
        p99_effect: Option<f64>,
        limit: f64,
    },
    ConnectionsMissing {
        opened: u64,
        due: u64,
        links: String,
    },
    ConnectionsReopened {
        opened: u64,
        reopened: u64,
        links: String,
    },
    ConnectionsMiscounted {
        opened: u64,
        due: u64,
    },
    HandshakesMiscounted {
        handshakes: u64,
        connections: u64,
        tls: bool,
    },
    SessionsResumed {
        resumed: u64,
        handshakes: u64,
    },
    SessionsNotResumed {
        resumed: u64,
        able: u64,
    },
    UpkeepSeldom {
        what: &'static str,
        period_ns: f64,
        expected: f64,
        enough_ns: f64,
    },
    SendsUnbalanced {
        due: u64,
        clients: u64,
        topics: u64,
        expected: u64,
        least: u64,
        most: u64,
    },
    SendsUnsent {
        sent: u64,
        due: u64,
    },
    SendsMiscounted {
        acknowledged: u64,
        due: u64,
        published: u64,
    },
    WarmingUp {
        metric: Metric,
        warm_ns: f64,
        warmup_ns: Option<f64>,
    },
    Drifting {
        metric: Metric,
        change: f64,
        p: f64,
    },
}

impl Reason {
    /// The code with its figures.
    pub fn code(&self) -> Code {
        let Ok(Value::Object(mut figures)) = serde_json::to_value(self) else {
            unreachable!("a reason is a struct of plain figures")
        };
        match figures.remove("code") {
            Some(Value::String(name)) => Code { name, figures },
            _ => unreachable!("the tag of a reason is its code"),
        }
    }
}

impl From<Reason> for Coded {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code(), text: reason.to_string() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&figures::apart(&match self {
            // It may name a port.
            Self::TrialFailed { why } => return f.write_str(why),
            Self::WindowNotReached
            | Self::NothingDue
            | Self::LedgerUnbalanced { .. }
            | Self::PublishedOffSchedule { .. }
            | Self::FreshnessNegative { .. }
            | Self::SamplesSaturated { .. }
            | Self::UpkeepSeldom { .. }
            | Self::SendsUnbalanced { .. }
            | Self::SendsUnsent { .. }
            | Self::SendsMiscounted { .. } => accounts::text(self),
            Self::RequestsRefused { .. }
            | Self::RequestsUnsent { .. }
            | Self::GeneratorLate { .. }
            | Self::GeneratorShare { .. }
            | Self::WorkerCpuUnknown
            | Self::WorkersBusy { .. }
            | Self::ClosedLoopBound { .. } => generator::text(self),
            Self::WorkerStalled { .. }
            | Self::TimersUnmeasured { .. }
            | Self::WorkerTimerLate { .. }
            | Self::TargetTimerLate { .. }
            | Self::CpuContended { .. }
            | Self::CpuStolen { .. }
            | Self::CpuThrottled { .. }
            | Self::DisturbanceEffect { .. } => machine::text(self),
            Self::ConnectionsMissing { .. }
            | Self::ConnectionsReopened { .. }
            | Self::ConnectionsMiscounted { .. }
            | Self::HandshakesMiscounted { .. }
            | Self::SessionsResumed { .. }
            | Self::SessionsNotResumed { .. } => transport::text(self),
            Self::WarmingUp { .. } | Self::Drifting { .. } => steadiness::text(self),
        }))
    }
}
