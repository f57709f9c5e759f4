//! Faults: what is wrong with the target on purpose.
//!
//! Known faults have known consequences, which is how the harness is calibrated, and how users learn what their
//! clients see of a bad server. Here is what they are and how they are written; `target` commits them. What is
//! random is a pure function of the trial's seed ([`service_times`], [`DropFilter`]), so that anyone can replay it.

mod replay;
mod servers;
mod written;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::PatternKind;
use super::keys::FAULTS;
use crate::unit::{ByteSize, Span};

pub use replay::{
    DROP_STREAM, DropFilter, SERVICE_STREAM, ServiceTimes, service_times, shard_service_times,
};
pub use servers::Servers;
pub(super) use servers::UNLIMITED;
pub use written::faults;
pub(super) use written::{DistributionFile, FaultsFile, check, idle, resolve};

/// What is wrong with the target on purpose; nothing unless the scenario says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What each request to the API takes.
    pub service: Option<Service>,
    /// So much later than it would leaves every answer, push and webhook attempt.
    pub delay: Span,
    /// When the whole target stands still.
    pub freeze: Option<Freeze>,
    /// When the publisher alone does.
    pub stall: Option<Stall>,
    /// The share of deliveries that are skipped silently: 0 to 1.
    pub drop: f64,
    /// How long each push keeps the shard busy before it is written.
    pub write_cost: Span,
    /// Spaces after the payload of every event: so many bytes more.
    pub padding: ByteSize,
    /// Whether the target spins before the deadlines of `service` and `delay`; `None` where it does.
    pub spin: Option<bool>,
}

/// What each request to the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The mean time; of [`Distribution::Bimodal`], that of all but the slow requests.
    pub time: Span,
    /// How it is spread.
    pub distribution: Distribution,
    /// Whether requests wait for each other.
    pub servers: Servers,
}

/// How service times are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Every request takes as long.
    Fixed,
    /// Exponential.
    Exponential,
    /// Regularly, a request takes longer.
    Bimodal {
        /// What it takes then.
        slow: Span,
        /// The share of such requests: every [`Distribution::slow_every`]-th is one.
        share: f64,
    },
}

impl Distribution {
    /// Which requests are slow: those whose number, from 1, is a multiple of it. `None` where none is.
    pub fn slow_every(self) -> Option<u64> {
        match self {
            Self::Bimodal { share, .. } if share > 0.0 => Some((1.0 / share).round() as u64),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Exponential => "exponential",
            Self::Bimodal { .. } => "bimodal",
        }
    }
}

/// When the whole target stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// How long after the window's start.
    pub at: Span,
    /// For how long.
    pub length: Span,
    /// From the start of one to the start of the next; `None` where there is one only.
    pub every: Option<Span>,
}

impl Freeze {
    /// Every standstill that begins in `window`, whose start is a monotonic stamp in nanoseconds; of an endless
    /// window without end.
    pub fn standstills(self, window: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        let (first, end) = (window.start.saturating_add(self.at.ns()), window.end);
        let next = move |at: &u64| self.every.and_then(|every| at.checked_add(every.ns()));
        std::iter::successors(Some(first), next)
            .take_while(move |at| *at < end)
            .map(move |at| at..at.saturating_add(self.length.ns()))
    }
}

/// When the publisher alone stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// How long after the window's start.
    pub at: Span,
    /// For how long.
    pub length: Span,
}

impl Stall {
    /// When an event is published that is due at `due_ns`, of a window that starts at `window_ns`.
    pub const fn release(self, due_ns: u64, window_ns: u64) -> u64 {
        let from = window_ns.saturating_add(self.at.ns());
        let until = from.saturating_add(self.length.ns());
        if from <= due_ns && due_ns < until { until } else { due_ns }
    }
}

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// The value of a key as it could be written; `None` where it has none.
    pub fn value(&self, key: &str) -> Option<String> {
        let bimodal = self.service.and_then(|service| match service.distribution {
            Distribution::Bimodal { slow, share } => Some((slow, share)),
            _ => None,
        });
        match key {
            "service" => self.service.map(|service| service.time.to_string()),
            "distribution" => self.service.map(|service| service.distribution.name().to_owned()),
            "slow" => bimodal.map(|(slow, _)| slow.to_string()),
            "slow_share" => bimodal.map(|(_, share)| share.to_string()),
            "servers" => self.service.map(|service| service.servers.to_string()),
            "delay" => Some(self.delay.to_string()),
            "freeze_at" => self.freeze.map(|freeze| freeze.at.to_string()),
            "freeze_for" => self.freeze.map(|freeze| freeze.length.to_string()),
            "freeze_every" => Some(self.freeze?.every?.to_string()),
            "stall_at" => self.stall.map(|stall| stall.at.to_string()),
            "stall_for" => self.stall.map(|stall| stall.length.to_string()),
            "drop" => Some(self.drop.to_string()),
            "write_cost" => Some(self.write_cost.to_string()),
            "padding" => Some(self.padding.to_string()),
            "spin" => self.spin.map(|spin| spin.to_string()),
            _ => None,
        }
    }

    /// What of it makes a difference to a pattern.
    #[must_use]
    pub fn bearing_on(self, kind: PatternKind) -> Self {
        let bears = |key| FAULTS.bears_on(key, kind);
        Self {
            service: self.service.filter(|_| bears("service")),
            delay: self.delay,
            freeze: self.freeze,
            stall: self.stall.filter(|_| bears("stall_at")),
            drop: if bears("drop") { self.drop } else { 0.0 },
            write_cost: if bears("write_cost") { self.write_cost } else { Span::default() },
            padding: if bears("padding") { self.padding } else { ByteSize::default() },
            spin: self.spin,
        }
    }

    /// The faults of several cases in one line, values that differ joined by `|`; `None` where there are none.
    pub fn summary<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<String> {
        let all: Vec<&Self> = all.into_iter().collect();
        let told = FAULTS.keys.iter().filter_map(|key| {
            let key = key.name;
            let mut values: Vec<String> = Vec::new();
            for value in all.iter().filter_map(|faults| faults.value(key)) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            let ordinary = Self::default().value(key).or((key == "servers").then(|| "1".into()));
            let off = values.is_empty() || values.iter().all(|v| Some(v) == ordinary.as_ref());
            (!off).then(|| format!("{key}={}", values.join("|")))
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join(" "))
    }
}

/// What is set, as `key=value` with spaces between; "none" where nothing is.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::summary([self]).as_deref().unwrap_or("none"))
    }
}

#[cfg(test)]
mod files;
#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Span {
        Span::from_secs(seconds)
    }

    #[test]
    fn standstills_repeat_within_the_window() {
        let freeze = |every| Freeze { at: s(1), length: s(2), every };
        let seconds = |freeze: Freeze, window: Range<u64>| -> Vec<(u64, u64)> {
            let of = 1_000_000_000;
            let all = freeze.standstills(&(window.start * of..window.end * of));
            all.map(|still| (still.start / of, still.end / of)).collect()
        };
        assert_eq!(seconds(freeze(None), 10..20), [(11, 13)]);
        assert_eq!(seconds(freeze(Some(s(3))), 10..20), [(11, 13), (14, 16), (17, 19)]);
        assert_eq!(seconds(freeze(Some(s(3))), 10..11), [], "none begins in it");
        let endless = freeze(Some(s(3))).standstills(&(0..u64::MAX));
        assert_eq!(endless.take(1_000).count(), 1_000);
    }

    #[test]
    fn a_stall_releases_what_is_due_in_it_at_its_end() {
        let stall = Stall { at: Span::from_ns(10), length: Span::from_ns(5) };
        for (due_ns, published_ns) in [(109, 109), (110, 115), (114, 115), (115, 115)] {
            assert_eq!(stall.release(due_ns, 100), published_ns, "due at {due_ns}");
        }
    }

    #[test]
    fn faults_are_told_in_one_line() {
        let with = |delay| Faults { delay: Span::from_ms(delay), ..Faults::default() };
        assert_eq!(Faults::default().to_string(), "none");
        assert_eq!(Faults::summary([&with(0), &with(0)]), None);
        assert_eq!(Faults::summary([&with(0), &with(5), &with(5)]).unwrap(), "delay=0ns|5ms");
        let service =
            Service { time: s(1), distribution: Distribution::Fixed, servers: Servers::One };
        let faults = Faults { service: Some(service), drop: 0.01, ..Faults::default() };
        assert_eq!(faults.to_string(), "service=1s distribution=fixed drop=0.01");
    }

    #[test]
    fn a_case_is_given_what_makes_a_difference_to_it() {
        let service =
            Service { time: s(1), distribution: Distribution::Fixed, servers: Servers::One };
        let stall = Stall { at: s(1), length: s(1) };
        let all = Faults {
            service: Some(service),
            delay: s(1),
            freeze: Some(Freeze { at: s(1), length: s(1), every: None }),
            stall: Some(stall),
            drop: 0.5,
            write_cost: s(1),
            padding: ByteSize::new(2),
            spin: Some(false),
        };
        for (kind, lacks) in [
            (PatternKind::Request, "stall drop write_cost padding"),
            (PatternKind::ShortPoll, "write_cost"),
            (PatternKind::LongPoll, "service write_cost"),
            (PatternKind::Sse, "service"),
            (PatternKind::WebSocket, "service"),
            (PatternKind::Webhook, "service"),
        ] {
            let left = all.bearing_on(kind);
            let missing = [
                ("service", left.service.is_none()),
                ("stall", left.stall.is_none()),
                ("drop", left.drop == 0.0),
                ("write_cost", left.write_cost == Span::default()),
                ("padding", left.padding == ByteSize::default()),
            ];
            let missing: Vec<&str> =
                missing.iter().filter(|(_, gone)| *gone).map(|(key, _)| *key).collect();
            assert_eq!(missing.join(" "), lacks, "{kind:?}");
            assert!(left.delay == all.delay && left.freeze == all.freeze, "{kind:?}");
        }
    }
}
