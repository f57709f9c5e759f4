//! Bits per second.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, scale, split};

/// Bits per second; written `64kbit/s`, `10Mbit/s`, `1Gbit/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Bandwidth(u64);

impl Bandwidth {
    const WANTED: &'static str =
        "a bandwidth: write a number with bit/s, kbit/s, Mbit/s or Gbit/s, such as \"10Mbit/s\"";
    const UNITS: [(&'static str, u64); 4] =
        [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];

    /// A bandwidth of `bits` bits per second.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits per second.
    pub const fn bits_per_s(self) -> u64 {
        self.0
    }

    /// Returns how long this many bytes take, in nanoseconds.
    pub const fn takes_ns(self, bytes: u64) -> u64 {
        ((bytes as u128 * 8_000_000_000) / if self.0 == 0 { 1 } else { self.0 as u128 }) as u64
    }
}

impl FromStr for Bandwidth {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bits = split(text).and_then(|(number, unit)| {
            let unit = unit.replace("bps", "bit/s").replace("b/s", "bit/s");
            let unit = if unit == "Kbit/s" { "kbit/s" } else { &unit };
            number.whole(scale(&Self::UNITS, unit)?)
        });
        bits.map(Self).ok_or_else(|| UnitError::new(text, Self::WANTED))
    }
}

impl fmt::Display for Bandwidth {
    /// Exact, as scenarios travel in this form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |scale: u64| self.0 >= scale && self.0.is_multiple_of(scale);
        match Self::UNITS.into_iter().find(|(_, scale)| whole(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}bit/s", self.0),
        }
    }
}

human_serde!(Bandwidth, None);
