//! Sizes in bytes.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, significant, split};

/// A size in bytes; written `512B`, `16KiB`, `10kB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    const WANTED: &'static str =
        "a size: write a number with B, kB, MB, KiB or MiB, such as \"16KiB\"";
    const UNITS: [(&'static str, f64); 7] = [
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
    ];

    /// A size of `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refused = || UnitError::new(text, Self::WANTED);
        let (number, unit) = split(text).ok_or_else(refused)?;
        let scale = Self::UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1;
        Ok(Self((number * scale).round() as u64))
    }
}

impl fmt::Display for ByteSize {
    /// Exact, as scenarios travel in this form; [`bytes()`] rounds for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1_073_741_824), ("MiB", 1_048_576), ("KiB", 1024), ("kB", 1000)];
        match units.into_iter().find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale))
        {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// Prints bytes for people, three significant digits: `"204 B"`, `"16 KiB"`.
pub fn bytes(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        v if v < 1023.5 => (1.0, "B"),
        v if v < 1023.5 * 1024.0 => (1024.0, "KiB"),
        v if v < 1023.5 * 1_048_576.0 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{} {unit}", significant(value / scale))
}

human_serde!(ByteSize, Some(ByteSize::new));
