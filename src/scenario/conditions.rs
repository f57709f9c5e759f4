//! What the links of a case meet beside load: a network, reconnecting, a restarted target, slow consumers.
//!
//! Tables of the file as written, what their missing keys mean, what they may hold, and the validated form, in one
//! place: no other table depends on them.

use serde::{Deserialize, Serialize};

use super::error::{InvalidKey, require};
use super::network::{self, NetworkFile};
use super::{PatternKind, Phases, Workload};
use crate::pace::Network;
use crate::unit::{ByteSize, Count, Span};

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
pub struct Reconnect {
    /// Bound of the first wait; doubled with every further attempt.
    pub backoff: Span,
    /// Largest bound.
    pub max: Span,
    /// Whether a wait is drawn evenly between 0 and its bound ("full jitter"), or is the bound.
    pub jitter: bool,
    /// A held link that hears nothing for so many heartbeats (pings, for a WebSocket) is given up.
    pub silence: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { backoff: Span::from_ms(50), max: Span::from_secs(2), jitter: true, silence: 3 }
    }
}

/// A restart of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// `[reconnect]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReconnectFile {
    pub backoff: Option<Span>,
    pub max: Option<Span>,
    pub jitter: Option<bool>,
    pub silence: Option<Count>,
}

/// `[restart]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestartFile {
    pub at: Option<Span>,
    pub down: Option<Span>,
    pub log: Option<RestartLog>,
    pub graceful: Option<bool>,
}

/// `[consumers]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsumersFile {
    pub slow_share: Option<f64>,
    pub pause: Option<Span>,
    pub receive_buffer: Option<ByteSize>,
}

/// The tables of this file that stand in a scenario, with the patterns that each bears on.
pub(super) const TABLES: [&str; 4] = ["reconnect", "restart", "consumers", "network"];

/// Whether `table` can make a difference to `kind`.
pub(super) fn applies(table: &str, kind: PatternKind) -> bool {
    match table {
        // A short poll comes back with its next interval.
        "reconnect" => kind.traits().subscribes,
        "consumers" => kind.traits().streams,
        "network" => true,
        _ => kind.delivers(),
    }
}

/// The tables of one case as written.
#[derive(Debug)]
pub(super) struct Written {
    pub reconnect: ReconnectFile,
    pub restart: Option<RestartFile>,
    pub consumers: ConsumersFile,
    pub network: NetworkFile,
}

/// What a case meets.
pub(super) fn resolve(kind: PatternKind, written: &Written) -> Result<Conditions, InvalidKey> {
    let usual = Reconnect::default();
    let ReconnectFile { backoff, max, jitter, silence } = written.reconnect;
    let silence = silence.map_or(u64::from(usual.silence), Count::get);
    require((1..=1_000).contains(&silence), "reconnect.silence", || {
        format!("reconnect.silence = {silence}: must be between 1 and 1000 heartbeats")
    })?;
    let reconnect = Reconnect {
        backoff: backoff.unwrap_or(usual.backoff),
        max: max.unwrap_or(usual.max),
        jitter: jitter.unwrap_or(usual.jitter),
        silence: silence as u32,
    };
    let restart = match &written.restart {
        // Without consumers of events there is nothing that a restart could lose.
        Some(restart) if kind.delivers() => Some(restarted(restart)?),
        _ => None,
    };
    let usual = Consumers::default();
    let ConsumersFile { slow_share, pause, receive_buffer } = written.consumers;
    let consumers = if applies("consumers", kind) {
        Consumers {
            slow_share: slow_share.unwrap_or(usual.slow_share),
            pause: pause.unwrap_or(usual.pause),
            receive_buffer: receive_buffer.unwrap_or(usual.receive_buffer),
        }
    } else {
        usual
    };
    let network = network::resolve(&written.network);
    Ok(Conditions { reconnect, restart, consumers, network })
}

fn restarted(written: &RestartFile) -> Result<Restart, InvalidKey> {
    let RestartFile { at, down, log, graceful } = *written;
    let at = at.ok_or_else(|| InvalidKey {
        key: "restart.at".to_owned(),
        message: "restart.at is missing; write at = \"3s\" in [restart], \
                  from the start of the window"
            .to_owned(),
    })?;
    Ok(Restart {
        at,
        down: down.unwrap_or(Span::from_ms(500)),
        log: log.unwrap_or_default(),
        graceful: graceful.unwrap_or(false),
    })
}

/// Checks what a case meets, with the phases and the workload that it meets it in.
pub(super) fn check(
    conditions: &Conditions,
    workload: &Workload,
    phases: &Phases,
) -> Result<(), InvalidKey> {
    let Conditions { reconnect, restart, consumers, network: _ } = *conditions;
    require(reconnect.backoff.ns() > 0, "reconnect.backoff", || {
        format!("reconnect.backoff = {}: must be greater than 0", reconnect.backoff)
    })?;
    require(reconnect.max >= reconnect.backoff, "reconnect.max", || {
        format!(
            "reconnect.max = {} is less than reconnect.backoff = {}; raise it",
            reconnect.max, reconnect.backoff
        )
    })?;
    require((0.0..=1.0).contains(&consumers.slow_share), "consumers.slow_share", || {
        format!("consumers.slow_share = {}: must be between 0 and 1", consumers.slow_share)
    })?;
    let buffer = consumers.receive_buffer;
    require((1 << 10..=64 << 20).contains(&buffer.bytes()), "consumers.receive_buffer", || {
        format!("consumers.receive_buffer = {buffer} is not between 1KiB and 64MiB")
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
