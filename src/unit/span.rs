//! Spans of time.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, scale, significant, split};

/// A span of time in nanoseconds; written `250us`, `1.5s`, `2m`, `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Span(u64);

impl Span {
    const WANTED: &'static str =
        "a duration: write a number with ns, us, ms, s, m, h or d, such as \"500ms\" or \"1m30s\"";
    /// From large to small, as the parts of a duration must come.
    pub(super) const UNITS: [(&'static str, u64); 25] = [
        ("d", 86_400_000_000_000),
        ("day", 86_400_000_000_000),
        ("days", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("hr", 3_600_000_000_000),
        ("hrs", 3_600_000_000_000),
        ("hour", 3_600_000_000_000),
        ("hours", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("mins", 60_000_000_000),
        ("minute", 60_000_000_000),
        ("minutes", 60_000_000_000),
        ("s", 1_000_000_000),
        ("sec", 1_000_000_000),
        ("secs", 1_000_000_000),
        ("second", 1_000_000_000),
        ("seconds", 1_000_000_000),
        ("ms", 1_000_000),
        ("msec", 1_000_000),
        ("us", 1_000),
        // The micro sign, and the Greek letter that looks like it.
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("usec", 1_000),
        ("ns", 1),
    ];
    /// Longest span: a year.
    const MOST_NS: u64 = 365 * 86_400_000_000_000;

    /// A span of `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// A span of `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// A span of `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// The span in nanoseconds.
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// The span in seconds.
    pub fn secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span as the standard library's type.
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let ns = parts(text).filter(|ns| *ns <= Self::MOST_NS);
        ns.map(Self).ok_or_else(|| UnitError::new(text, Self::WANTED))
    }
}

/// The nanoseconds of `1h 2m 3.5s`: numbers with units that become smaller, to the nearest nanosecond.
fn parts(text: &str) -> Option<u64> {
    let (mut rest, mut sum, mut last) = (text.trim(), 0u64, u64::MAX);
    loop {
        let (number, unit) = split(rest)?;
        let end = unit.find(|c: char| !c.is_alphabetic() && c != '\u{b5}').unwrap_or(unit.len());
        let scale = scale(&Span::UNITS, &unit[..end]).filter(|scale| *scale < last)?;
        sum = sum.checked_add(number.nearest(scale)?)?;
        (rest, last) = (unit[end..].trim_start(), scale);
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

impl fmt::Display for Span {
    /// Exact, as scenarios travel in this form; [`nanoseconds()`] rounds for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60_000_000_000;
        const HOUR: u64 = 60 * MINUTE;
        let (scale, unit) = match self.0 {
            ns if ns >= 2 * HOUR && ns.is_multiple_of(HOUR) => (HOUR, "h"),
            ns if ns >= 2 * MINUTE && ns.is_multiple_of(MINUTE) => (MINUTE, "m"),
            ns if ns >= 1_000_000_000 => (1_000_000_000, "s"),
            ns if ns >= 1_000_000 => (1_000_000, "ms"),
            ns if ns >= 1_000 => (1_000, "us"),
            _ => (1, "ns"),
        };
        let (whole, rest) = (self.0 / scale, self.0 % scale);
        if rest == 0 {
            return write!(f, "{whole}{unit}");
        }
        // Whole minutes and hours have no fraction, so `scale` is a power of ten here.
        let digits = format!("{rest:0width$}", width = scale.ilog10() as usize);
        write!(f, "{whole}.{}{unit}", digits.trim_end_matches('0'))
    }
}

/// Prints nanoseconds for people, three significant digits: `"1.23 ms"`, `"850 ns"`.
pub fn nanoseconds(ns: f64) -> String {
    let (scale, unit) = match ns.abs() {
        v if v < 999.5 => (1.0, "ns"),
        v if v < 999.5e3 => (1e3, "us"),
        v if v < 999.5e6 => (1e6, "ms"),
        v if v < 120e9 => (1e9, "s"),
        v if v < 7200e9 => (60e9, "m"),
        _ => (3600e9, "h"),
    };
    format!("{} {unit}", significant(ns / scale))
}

human_serde!(Span, None);
