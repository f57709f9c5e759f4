//! Rates a second.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, parse_count, significant};

/// A rate a second; written `50/s`, `10k/s`, `30/m`, `2/h`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    const WANTED: &'static str =
        "a rate: write a number with /s, /m or /h, such as \"50/s\" or \"10k/s\"";

    /// `per_s` a second.
    pub const fn per_second(per_s: f64) -> Self {
        Self(per_s)
    }

    /// The rate a second.
    pub const fn per_s(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refused = || UnitError::new(text, Self::WANTED);
        let (count, unit) = text.split_once('/').ok_or_else(refused)?;
        let count = parse_count(count).ok_or_else(refused)?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(refused()),
        };
        Ok(Self(count / seconds))
    }
}

impl fmt::Display for Rate {
    /// Exact, as scenarios travel in this form: of the short forms, the first that reads back the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        let short = match v {
            v if v >= 999.5e3 => Some(format!("{}M/s", v / 1e6)),
            v if v >= 9999.5 => Some(format!("{}k/s", v / 1e3)),
            v if v == 0.0 || v >= 0.1 => None,
            v if v * 60.0 >= 0.1 => Some(format!("{}/m", significant(v * 60.0))),
            v => Some(format!("{}/h", significant(v * 3600.0))),
        };
        match short {
            Some(text) if text.parse() == Ok(*self) => f.write_str(&text),
            _ => write!(f, "{v}/s"),
        }
    }
}

human_serde!(Rate, None);
