//! Rates per second.

use std::fmt;
use std::str::FromStr;

use super::{COUNTS, Span, UnitError, exact, human_serde, scale, significant, split};

/// A rate per second; written `50/s`, `10k/s`, `30/m`, `2/h`, `1/10s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    const WANTED: &'static str =
        "a rate: write a number with /s, /m or /h, such as \"50/s\", \"10k/s\" or \"1/10s\"";

    /// `per_s` per second.
    pub const fn per_second(per_s: f64) -> Self {
        Self(per_s)
    }

    /// The rate per second.
    pub const fn per_s(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refused = || UnitError::new(text, Self::WANTED);
        let (count, unit) = text.split_once('/').ok_or_else(refused)?;
        let (number, suffix) = split(count).ok_or_else(refused)?;
        let scale = scale(&COUNTS, suffix.trim_end()).ok_or_else(refused)?;
        let unit = unit.trim();
        // Once per unit, or per several of them.
        let one = unit.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| format!("1{unit}"));
        let per: Span = one.as_deref().unwrap_or(unit).parse().map_err(|_| refused())?;
        let ns_per_s = Span::from_secs(1).ns();
        let per_s = match (per.ns(), scale.checked_mul(ns_per_s)) {
            (0, _) | (_, None) => None,
            // Whole seconds need no nanoseconds, and leave more digits to the number.
            (ns, _) if ns.is_multiple_of(ns_per_s) => number.times(scale, ns / ns_per_s),
            (ns, Some(scale)) => number.times(scale, ns),
        };
        per_s.map(Self).ok_or_else(refused)
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
            _ => f.write_str(&exact(v, "/s")),
        }
    }
}

human_serde!(Rate, None);
