//! Shares of a whole.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, exact, split};

/// A share; written `0.02` or `2%`. Its reader checks the range.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

impl Share {
    const WANTED: &'static str =
        "a share: write a number such as 0.02, or a percentage such as \"2%\"";

    /// The share, 1 being the whole.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let share = split(text).and_then(|(number, unit)| match unit {
            "" => number.times(1, 1),
            "%" => number.times(1, 100),
            _ => None,
        });
        share.map(Self).ok_or_else(|| UnitError::new(text, Self::WANTED))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&exact(self.0, ""))
    }
}
