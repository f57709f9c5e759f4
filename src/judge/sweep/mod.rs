//! What a run sweeps: the axes along which cases of one pattern differ, in one place for everything that draws or compares.

mod closed;
mod cross;
mod map;

pub use closed::expected_p50_ns;
pub use cross::{Crossing, CrossingEnd, CrossingInterval, crossings};
pub use map::{Cell, Decided, Forecast, Map, Polls, maps};

use std::collections::{BTreeMap, BTreeSet};

use super::CaseSummary;
use crate::scenario::PatternKind;
use crate::unit::{ByteSize, Count, Rate, Span};

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Bare numbers: clients, topics, shares.
    Number,
    /// Per second.
    Rate,
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
}

impl Quantity {
    /// Reads a value as ids have it; `None` where it is no quantity.
    fn read(text: &str) -> Option<(Self, f64)> {
        let number = || {
            let count = text.parse::<Count>().ok().map(|count| count.get() as f64);
            count.or_else(|| text.parse::<f64>().ok())
        };
        if let Some(number) = number() {
            return number.is_finite().then_some((Self::Number, number));
        }
        if let Ok(rate) = text.parse::<Rate>() {
            return Some((Self::Rate, rate.per_s()));
        }
        if let Ok(span) = text.parse::<Span>() {
            return Some((Self::Time, span.ns() as f64));
        }
        text.parse::<ByteSize>().ok().map(|size| (Self::Bytes, size.bytes() as f64))
    }
}

/// What an axis changes, where charts and closed forms know it: keys of several tables have the same name in ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// The number of clients.
    Clients,
    /// The rate of events in each topic.
    Events,
    /// The rate of requests over all clients.
    Requests,
    /// The time between two polls.
    PollInterval,
    /// The size of an event's payload.
    Payload,
    /// The number of topics.
    Topics,
    /// Anything else.
    Other,
}

impl Meaning {
    /// What the axis called `name` changes, where all of `cases` were offered what it says.
    fn of(name: &str, cases: &[(&CaseSummary, f64)]) -> Self {
        let all = |of: fn(&CaseSummary) -> Option<f64>| {
            let same = |own: Option<f64>, value: f64| {
                own.is_some_and(|own| (own - value).abs() <= 1e-9 * value)
            };
            cases.iter().all(|(case, value)| same(of(case), *value))
        };
        match name {
            "clients" if all(|case| Some(case.offered.clients as f64)) => Self::Clients,
            "rate" if all(|case| case.offered.events_per_s) => Self::Events,
            "rate" if all(|case| case.offered.requests_per_s) => Self::Requests,
            "interval" if cases.iter().all(|(case, _)| case.pattern == PatternKind::ShortPoll) => {
                Self::PollInterval
            }
            "payload" if all(|case| Some(case.offered.payload_bytes as f64)) => Self::Payload,
            "topics" if all(|case| Some(case.offered.topics as f64)) => Self::Topics,
            _ => Self::Other,
        }
    }
}

/// An axis whose values are quantities, with at least two of them in the cases of one pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptAxis {
    /// Its name in ids: `"clients"`, `"interval"`.
    pub name: String,
    /// What it changes.
    pub meaning: Meaning,
    /// What its values are.
    pub quantity: Quantity,
    /// Its values, ascending.
    pub values: Vec<f64>,
    /// The value of each case that has one.
    of_case: BTreeMap<String, f64>,
}

impl SweptAxis {
    /// The value of a case; `None` where the axis makes no difference to its pattern.
    pub fn value(&self, case: &str) -> Option<f64> {
        self.of_case.get(case).copied()
    }

    /// Whether a case stands at `value`: one that the axis makes no difference to stands at every value.
    fn meets(&self, case: &str, value: f64) -> bool {
        self.value(case).is_none_or(|own| own.total_cmp(&value).is_eq())
    }
}

/// The axes of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweep {
    /// Those whose values are quantities: what load grows by first, then as ids name them.
    pub axes: Vec<SweptAxis>,
    /// Names of the axes with several values, of whatever kind, and how many patterns have each.
    swept: BTreeMap<String, BTreeSet<PatternKind>>,
}

impl Sweep {
    /// The axes of `cases`, by their ids: the pattern, then `:axis=value` for each.
    pub fn of(cases: &[CaseSummary]) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut patterns: BTreeMap<String, BTreeSet<PatternKind>> = BTreeMap::new();
        for case in cases {
            for (name, value) in parts(&case.case) {
                if !names.contains(&name) {
                    names.push(name);
                }
                values.entry(name).or_default().insert(value);
                patterns.entry(name.to_owned()).or_default().insert(case.pattern);
            }
        }
        patterns.retain(|name, _| values.get(name.as_str()).is_some_and(|all| all.len() > 1));
        let mut axes: Vec<SweptAxis> =
            names.into_iter().filter_map(|name| axis(name, cases)).collect();
        axes.sort_by_key(|axis| axis.meaning);
        Self { axes, swept: patterns }
    }

    /// The axis that load grows by; `None` where nothing that can be drawn to scale is swept.
    pub fn load(&self) -> Option<&SweptAxis> {
        self.axes.first()
    }

    /// The axes that several patterns share, without those in `but`, with the values of a case: `"rate=4/s"`.
    pub fn shared(&self, case: &str, but: &[&SweptAxis]) -> String {
        let shared = |name: &str| self.swept.get(name).is_some_and(|own| own.len() > 1);
        self.others(case, but)
            .filter(|(name, _)| shared(name))
            .map(written)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The axes of a case without those in `but`: cases that agree in them and in their pattern are points of one line.
    pub fn rest(&self, case: &str, but: &[&SweptAxis]) -> String {
        self.others(case, but).map(written).collect::<Vec<_>>().join(" ")
    }

    fn others<'a>(
        &'a self,
        case: &'a str,
        but: &'a [&SweptAxis],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = |name: &str| but.iter().any(|axis| axis.name == name);
        parts(case).filter(move |(name, _)| self.swept.contains_key(*name) && !named(name))
    }
}

fn written((name, value): (&str, &str)) -> String {
    format!("{name}={value}")
}

/// The axes that an id names, with their values.
fn parts(id: &str) -> impl Iterator<Item = (&str, &str)> {
    id.split(':').skip(1).filter_map(|part| part.split_once('='))
}

fn axis(name: &str, cases: &[CaseSummary]) -> Option<SweptAxis> {
    let mut of_case = BTreeMap::new();
    let mut by_pattern: BTreeMap<PatternKind, BTreeSet<u64>> = BTreeMap::new();
    let mut quantity = None;
    let mut values_of: Vec<(&CaseSummary, f64)> = Vec::new();
    for case in cases {
        let mut own = parts(&case.case).filter(|(own, _)| *own == name);
        let Some((_, text)) = own.next() else { continue };
        // Keys of two tables with the same name are no one axis.
        if own.next().is_some() {
            return None;
        }
        let (kind, value) = Quantity::read(text)?;
        if *quantity.get_or_insert(kind) != kind || value < 0.0 {
            return None;
        }
        by_pattern.entry(case.pattern).or_default().insert(value.to_bits());
        of_case.insert(case.case.clone(), value);
        values_of.push((case, value));
    }
    if by_pattern.values().all(|own| own.len() < 2) {
        return None;
    }
    let mut values: Vec<f64> = of_case.values().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let meaning = Meaning::of(name, &values_of);
    Some(SweptAxis { name: name.to_owned(), meaning, quantity: quantity?, values, of_case })
}

#[cfg(test)]
mod tests;
