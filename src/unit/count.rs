//! Counts.

use std::fmt;
use std::str::FromStr;

use super::{COUNTS, UnitError, human_serde, scale, significant, split};

/// A count; written `1000` or `10k` or `2M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Count(u64);

/// More than anything that can be counted here.
const MOST: u64 = 1_000_000_000_000_000;

impl Count {
    const WANTED: &'static str = "a whole number, such as 1000, \"10k\" or \"2.5M\"";

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
        let whole = split(text).and_then(|(number, unit)| number.whole(scale(&COUNTS, unit)?));
        whole.filter(|n| *n < MOST).map(Self).ok_or_else(|| UnitError::new(text, Self::WANTED))
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
