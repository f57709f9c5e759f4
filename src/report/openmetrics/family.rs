//! Metric families: a column of `trials.csv` by the conventions of OpenMetrics.

use crate::record::{Unit, spec};

/// The prefix of every name.
const PREFIX: &str = "tidings_";
/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// A metric family.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// Its name, which ends in its unit.
    pub name: String,
    /// Its unit; empty for a number without one.
    pub unit: String,
    /// Its meaning in a sentence.
    pub help: String,
    /// What a figure of the column is divided by, for base units.
    pub divisor: f64,
}

/// The endings of columns that are quantiles, with the quantile.
const QUANTILES: [(&str, &str); 6] = [
    ("_p50", "0.5"),
    ("_p75", "0.75"),
    ("_p90", "0.9"),
    ("_p99", "0.99"),
    ("_p999", "0.999"),
    ("_max", "1"),
];

impl Family {
    /// A family that is no column.
    pub(super) fn plain(name: &str, unit: &str, help: &str) -> Self {
        Self { name: format!("{PREFIX}{name}"), unit: unit.into(), help: help.into(), divisor: 1.0 }
    }

    /// The family of a column, and the quantile that the column is.
    pub(super) fn of(column: &str) -> (Self, Option<&'static str>) {
        let spec = spec(column);
        let unit = spec.map_or(Unit::None, |spec| spec.column.unit);
        let timed = unit == Unit::Nanoseconds;
        let quantile = QUANTILES.iter().find(|(end, _)| timed && column.ends_with(end));
        let base = quantile.map_or(column, |(end, _)| column.trim_end_matches(end));
        let words: Vec<&str> = base.split('_').map(word).collect();
        let (name, unit) = with_unit(words, unit);
        let meaning = spec.map_or("", |spec| spec.column.meaning);
        let help = match quantile {
            // Their meanings say which quantile each is.
            Some(_) => format!(
                "Quantiles of {} in seconds; FORMAT.md describes {column}.",
                base.trim_end_matches("_ns")
            ),
            None => format!("{}; {column} of summary.csv.", super::super::summary::plain(meaning)),
        };
        let divisor = if timed { NS } else { 1.0 };
        (Self { name: format!("{PREFIX}{name}"), unit, help, divisor }, quantile.map(|(_, q)| *q))
    }

    /// The family of an end of its interval: `lower` or `upper` before the unit.
    pub(super) fn end(&self, end: &str) -> Self {
        let bare = self.name.strip_suffix(&self.unit).unwrap_or(&self.name);
        let name = match self.unit.as_str() {
            "" => format!("{}_{end}", self.name),
            unit => format!("{bare}{end}_{unit}"),
        };
        let help = format!("The {end} end of the interval of {}.", self.name);
        Self { name, help, unit: self.unit.clone(), divisor: self.divisor }
    }
}

/// A word of a column's name in the words of the conventions.
fn word(word: &str) -> &str {
    match word {
        "ns" => "seconds",
        "s" => "second",
        "share" => "ratio",
        other => other,
    }
}

/// The name with its unit at its end, and the unit: from its word on, `seconds_per_delivery`.
fn with_unit(mut words: Vec<&str>, unit: Unit) -> (String, String) {
    let noun = match unit {
        Unit::Nanoseconds | Unit::Seconds => "seconds",
        Unit::Bytes | Unit::BytesPerSecond => "bytes",
        Unit::Cores => "cores",
        Unit::PerSecond => "per",
        Unit::Share => "ratio",
        // A currency is named by the scenario, and a name must not depend on it.
        Unit::None | Unit::Of("currency") => return (words.join("_"), String::new()),
        Unit::Of(noun) => noun,
    };
    let at = words.iter().rposition(|word| *word == noun).unwrap_or_else(|| {
        words.push(noun);
        words.len() - 1
    });
    (words.join("_"), words[at..].join("_"))
}
