//! Sizes in bytes.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, human_serde, scale, significant, split};

/// A size in bytes; written `512B`, `16KiB`, `10kB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    const WANTED: &'static str = "a size in whole bytes: write a number with B, kB, MB (powers of 1,000), KiB or MiB (of \
                                  1,024), such as \"16KiB\"";
    pub(super) const UNITS: [(&'static str, u64); 16] = [
        ("B", 1),
        ("byte", 1),
        ("bytes", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("kiB", 1 << 10),
        ("Ki", 1 << 10),
        ("MiB", 1 << 20),
        ("Mi", 1 << 20),
        ("GiB", 1 << 30),
        ("Gi", 1 << 30),
        ("TiB", 1 << 40),
        ("Ti", 1 << 40),
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
        let bytes = split(text).and_then(|(number, unit)| number.whole(scale(&Self::UNITS, unit)?));
        bytes.map(Self).ok_or_else(|| UnitError::new(text, Self::WANTED))
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

/// The same for a rate: `"16 KiB/s"`.
pub fn bytes_per_second(value: f64) -> String {
    bytes(value) + "/s"
}

human_serde!(ByteSize, Some(ByteSize::new));
