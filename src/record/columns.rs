//! The columns of files: name, unit, and kind of cells.

use crate::unit::{bytes, bytes_per_second, cores, count, nanoseconds, significant};

/// The kind of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// Sentences joined by ` | `.
    List,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A number, or `>` and the bound that a censored quantile leaves.
    Figure,
}

/// The unit of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A name, an ordinal.
    None,
    /// Nanoseconds.
    Nanoseconds,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Cores that are kept busy.
    Cores,
    /// Events, requests or deliveries per second.
    PerSecond,
    /// A part of one.
    Share,
    /// A count of things, or a number with a name.
    Of(&'static str),
}

impl Unit {
    /// The unit in FORMAT.md.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Nanoseconds => "ns",
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::Cores => "cores",
            Self::PerSecond => "1/s",
            Self::Share => "share",
            Self::Of(thing) => thing,
        }
    }

    /// A number in the unit, for people.
    pub fn print(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => nanoseconds(value),
            Self::Bytes => bytes(value),
            Self::BytesPerSecond => bytes_per_second(value),
            Self::Cores => cores(value),
            Self::PerSecond => format!("{}/s", count(value)),
            // 0.99996 must not be read as the 1 that it missed.
            _ if (0.99..1.0).contains(&value) => {
                format!("{value:.7}").trim_end_matches('0').to_owned()
            }
            _ => significant(value),
        }
    }
}

/// A column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its header, with the unit in it.
    pub name: &'static str,
    /// The kind of its cells.
    pub kind: Kind,
    /// Their unit.
    pub unit: Unit,
    /// Whether the file must have it.
    pub required: bool,
    /// Whether a cell may be empty: not measured.
    pub may_be_empty: bool,
    /// The meaning, for FORMAT.md.
    pub meaning: &'static str,
    /// When its cells are empty, for FORMAT.md.
    pub empty: &'static str,
}

impl Column {
    /// May be empty.
    pub(super) const fn or_empty(self) -> Self {
        Self { may_be_empty: true, ..self }
    }

    /// May be empty, or missing altogether.
    pub(super) const fn or_absent(self) -> Self {
        Self { may_be_empty: true, required: false, ..self }
    }

    /// Sets the meaning, and when cells are empty.
    pub(super) const fn says(self, meaning: &'static str, empty: &'static str) -> Self {
        Self { meaning, empty, ..self }
    }
}

/// A column that the file must have, in every row.
pub(super) const fn column(name: &'static str, kind: Kind, unit: Unit) -> Column {
    Column { name, kind, unit, required: true, may_be_empty: false, meaning: "", empty: "" }
}
