//! Counts.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, parse_count, significant};

/// A count; written `1000` or `10k` or `2M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Count(u64);

impl Count {
    const WANTED: &'static str = "a whole number, such as 1000 or \"10k\"";

    /// A count of `n`.
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The count.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Count {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse_count(text)
            .filter(|n| n.fract() == 0.0 && *n < 1e15)
            .map(|n| Self(n as u64))
            .ok_or_else(|| UnitError::new(text, Self::WANTED))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Prints a count for people, three significant digits: `"950"`, `"12.3k"`, `"4M"`.
pub fn count(value: f64) -> String {
    match value.abs() {
        v if v < 9999.5 => significant(value),
        v if v < 999.5e3 => format!("{}k", significant(value / 1e3)),
        _ => format!("{}M", significant(value / 1e6)),
    }
}

human_serde!(Count, Some(Count::new));
