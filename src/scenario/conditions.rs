//! What the links of a case meet beside load: a network, reconnecting, a restarted target, slow consumers.
//!
//! No other table depends on them.

use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, ScenarioError, require};
use super::read::read;
use super::tree::Table;
use super::{PatternKind, Phases, Workload};
use crate::pace::Network;
use crate::unit::{ByteSize, Span};

/// What the links of a case meet beside load.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// How links come back.
    pub reconnect: Reconnect,
    /// The target is killed and comes back during the window; `None` where it is left alone.
    pub restart: Option<Restart>,
    /// How consumers read.
    pub consumers: Consumers,
    /// What their connections go through.
    pub network: Network,
}

/// How a link that ended comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconnect {
    /// Bound of the first wait; doubled with every further attempt.
    pub backoff: Span,
    /// Largest bound.
    pub max: Span,
    /// Whether a wait is drawn evenly between 0 and its bound ("full jitter"), or is the bound.
    pub jitter: bool,
    /// A held link that hears nothing for so many heartbeats (pings, for a WebSocket) is given up.
    pub silence: u32,
    /// Longest wait for a stream or a WebSocket to open. Older runs waited 30 s.
    #[serde(default = "open_limit", skip_serializing_if = "is_open_limit")]
    pub timeout: Span,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_open_limit(timeout: &Span) -> bool {
    *timeout == open_limit()
}

const fn open_limit() -> Span {
    Span::from_secs(30)
}

impl Default for Reconnect {
    fn default() -> Self {
        let (backoff, max) = (Span::from_ms(50), Span::from_secs(2));
        Self { backoff, max, jitter: true, silence: 3, timeout: open_limit() }
    }
}

/// A restart of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restart {
    /// When it goes, from the window's start.
    pub at: Span,
    /// Time until its successor is started, on the same port.
    pub down: Span,
    /// What becomes of the events that were published before.
    pub log: RestartLog,
    /// Whether it says goodbye (close code 1001, ended streams), or is killed on the spot.
    pub graceful: bool,
}

impl Default for Restart {
    /// That of a table which says nothing; when it goes has no default.
    fn default() -> Self {
        let (at, down) = (Span::default(), Span::from_ms(500));
        Self { at, down, log: RestartLog::default(), graceful: false }
    }
}

/// What a restarted target knows of what was published before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartLog {
    /// Everything: as with a log on disk.
    #[default]
    Survives,
    /// The sequences only: as with a log in memory beside a counter that is kept.
    Lost,
}

/// How consumers of held links read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consumers {
    /// Share of the links that read slowly, 0 to 1.
    pub slow_share: f64,
    /// Those wait so long after every read.
    pub pause: Span,
    /// Their kernel's receive buffer, so that the slowness is not hidden in it.
    pub receive_buffer: ByteSize,
}

impl Default for Consumers {
    fn default() -> Self {
        let (pause, receive_buffer) = (Span::from_ms(50), ByteSize::new(16 << 10));
        Self { slow_share: 0.0, pause, receive_buffer }
    }
}

impl Consumers {
    /// Whether link number `link` reads slowly: the slow ones are spread evenly over the links.
    pub fn is_slow(&self, link: u64) -> bool {
        let upto = |link: u64| (link as f64 * self.slow_share) as u64;
        upto(link + 1) > upto(link)
    }
}

/// What is done with a link that lags behind its topic by more than its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlowConsumer {
    /// It is closed, and comes back where it was.
    #[default]
    Disconnect,
    /// The oldest events are left out, so many that its queue is full; the gap is told.
    DropOldest,
    /// All but the newest event are left out; the gap is told.
    Conflate,
}

/// What a case of `kind` meets, from those of `tables` that bear on it.
pub(super) fn resolve(
    file: &str,
    kind: PatternKind,
    tables: &Table,
) -> Result<Conditions, ScenarioError> {
    // Without consumers of events there is nothing that a restart could lose, and without a stream no slow reader.
    let restart = tables.table("restart").filter(|_| kind.delivers());
    let consumers = tables.of("consumers");
    let consumers = if kind.traits().streams { consumers } else { Table::none() };
    Ok(Conditions {
        reconnect: read(file, "reconnect", tables.of("reconnect"))?,
        restart: restart.map(|table| read(file, "restart", table)).transpose()?,
        consumers: read(file, "consumers", consumers)?,
        network: read(file, "network", tables.of("network"))?,
    })
}

/// Checks what a case meets, with the phases and the workload that it meets it in.
pub(super) fn check(
    conditions: &Conditions,
    workload: &Workload,
    phases: &Phases,
) -> Result<(), InvalidKey> {
    let Conditions { reconnect, restart, .. } = *conditions;
    require(reconnect.max >= reconnect.backoff, "reconnect.max", || {
        format!(
            "reconnect.max = {} is less than reconnect.backoff = {}; raise it",
            reconnect.max, reconnect.backoff
        )
    })?;
    let churn = workload.churn;
    require(churn.per_s() <= workload.clients as f64 * 10.0, "workload.churn", || {
        format!(
            "workload.churn = {churn}: each of {} clients would leave more than ten times per second; lower it",
            workload.clients
        )
    })?;
    let Some(Restart { at, down, .. }) = restart else { return Ok(()) };
    let back_ns = at.ns().saturating_add(down.ns());
    require(back_ns < phases.measure.ns(), "restart.at", || {
        format!(
            "restart.at = {at} and restart.down = {down}: the target comes back after a measure phase of {}; \
             shorten them, or lengthen phases.measure",
            phases.measure
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_share_of_the_links_is_slow_whatever_their_number(links in 1..5_000u64, percent in 0..=100u32) {
            let consumers = Consumers { slow_share: f64::from(percent) / 100.0, ..Consumers::default() };
            let slow = (0..links).filter(|link| consumers.is_slow(*link)).count() as f64;
            prop_assert!((slow - links as f64 * consumers.slow_share).abs() <= 1.0);
        }
    }
}
