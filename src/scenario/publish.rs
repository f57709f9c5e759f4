//! Who publishes the events: the target by itself, or the clients, so that both sides send.

use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, require};
use super::{Case, PatternKind};

/// Who publishes the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// The target, so that the cost of publishing is not mixed into delivery.
    #[default]
    Target,
    /// The topic's own subscribers, in turn: over their WebSocket, or else with a POST on a connection beside the one
    /// that they receive on.
    Clients,
    /// A publisher of the harness, in a process of its own: always so for a target that is not the built-in one.
    Publisher,
    /// Nobody that tidings knows of: the clients only listen, and count what arrives.
    Nobody,
}

impl Publish {
    /// The name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Clients => "clients",
            Self::Publisher => "publisher",
            Self::Nobody => "nobody",
        }
    }

    /// Whether the harness publishes: its clients, or a process of its own.
    pub const fn is_of_harness(self) -> bool {
        matches!(self, Self::Clients | Self::Publisher)
    }

    /// Whether clients of a pattern need a connection of their own to publish, where HTTP/2 does not share one.
    pub fn needs_connection(self, kind: PatternKind) -> bool {
        self == Self::Clients && kind.delivers() && !kind.traits().duplex
    }
}

/// Checks that what a case meets can be met where the target does not publish by itself; `external` is one that never does.
pub(super) fn check(case: &Case, external: bool) -> Result<(), InvalidKey> {
    let who = case.workload.publish;
    let key = "workload.publish";
    if who == Publish::Nobody {
        return nobody(case, external);
    }
    if who == Publish::Target || external {
        return Ok(());
    }
    let who_name = who.name();
    require(case.conditions.restart.is_none(), key, || {
        format!(
            "{key} = \"{who_name}\": a restarted target takes its log from the schedule that it publishes itself; remove \
             [restart], or write {key} = \"target\""
        )
    })?;
    require(case.faults.stall.is_none(), key, || {
        format!(
            "{key} = \"{who_name}\": faults.stall_at stalls the target's own publisher, and it publishes nothing; remove \
             faults.stall_at and stall_for, or write {key} = \"target\""
        )
    })?;
    if who != Publish::Clients {
        return Ok(());
    }
    require(case.workload.churn.per_s() <= 0.0, "workload.churn", || {
        format!(
            "workload.churn = {}: with {key} = \"clients\" who leaves would leave behind what it has under way; remove \
             workload.churn, or write {key} = \"target\"",
            case.workload.churn
        )
    })?;
    require(case.faults.delay.ns() == 0, "faults.delay", || {
        format!(
            "faults.delay = {}: it delays answers to POSTs and not those on a WebSocket, which {key} = \"clients\" would \
             hold against each other; remove faults.delay, or write {key} = \"target\"",
            case.faults.delay
        )
    })
}

/// Checks that clients which only listen have somebody else to listen to, and that no events are foretold.
fn nobody(case: &Case, external: bool) -> Result<(), InvalidKey> {
    let key = "workload.publish";
    require(external, key, || {
        format!(
            "{key} = \"nobody\": the built-in server has no other publisher; remove it, or name a server of your own by url in \
             [target]"
        )
    })?;
    require(case.workload.rate.per_s() <= 0.0, "workload.rate", || {
        format!(
            "workload.rate = {}: with {key} = \"nobody\" no events are published by tidings; remove workload.rate, or {key}",
            case.workload.rate
        )
    })
}
