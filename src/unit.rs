//! Human quantities: the only parser and the only printer of rates, sizes, spans of time and counts.
//!
//! Scenarios, `--set` and objectives are read with it, tables and reports are printed with it, so what the
//! tool prints can be typed back. It knows nothing of what a quantity is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is no quantity: names the text and shows what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {wanted}")]
pub struct UnitError {
    text: String,
    wanted: &'static str,
}

impl UnitError {
    fn new(text: &str, wanted: &'static str) -> Self {
        Self { text: text.to_owned(), wanted }
    }
}

/// Splits `"1.5 MiB"` into `(1.5, "MiB")`; `None` where no finite non-negative number leads.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, text[end..].trim()))
}

/// Rounds to three significant digits and drops trailing zeros: `1230`, `12.3`, `0.123`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (2 - magnitude).max(0) as usize;
    let mut text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}

/// A span of time in nanoseconds; written `250us`, `1.5s`, `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Span(u64);

impl Span {
    const WANTED: &'static str =
        "a duration: write a number with ns, us, ms, s, m or h, such as \"500ms\"";
    const UNITS: [(&'static str, f64); 7] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];

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
        let refused = || UnitError::new(text, Self::WANTED);
        let (number, unit) = split(text).ok_or_else(refused)?;
        let scale = Self::UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1;
        let ns = number * scale;
        if ns > 365.0 * 86_400e9 { Err(refused()) } else { Ok(Self(ns.round() as u64)) }
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
        // Whole minutes and hours have no rest, so `scale` is a power of ten here.
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

fn parse_count(text: &str) -> Option<f64> {
    let (number, unit) = split(text)?;
    let scale = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        _ => return None,
    };
    Some(number * scale)
}

/// `n` of a noun whose plural takes an s: `"1 trial"`, `"2 trials"`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Prints a count for people, three significant digits: `"950"`, `"12.3k"`, `"4M"`.
pub fn count(value: f64) -> String {
    match value.abs() {
        v if v < 9999.5 => significant(value),
        v if v < 999.5e3 => format!("{}k", significant(value / 1e3)),
        _ => format!("{}M", significant(value / 1e6)),
    }
}

/// Serialises as the human text, and reads the text back, or a bare TOML number where `$number` allows one.
macro_rules! human_serde {
    ($type:ident, $number:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($type::WANTED)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_i64<E: de::Error>(self, n: i64) -> Result<$type, E> {
                        let number: Option<fn(u64) -> $type> = $number;
                        number
                            .zip(u64::try_from(n).ok())
                            .map(|(make, n)| make(n))
                            .ok_or_else(|| E::custom(UnitError::new(&n.to_string(), $type::WANTED)))
                    }

                    fn visit_u64<E: de::Error>(self, n: u64) -> Result<$type, E> {
                        self.visit_i64(i64::try_from(n).map_err(E::custom)?)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

human_serde!(Span, None);
human_serde!(ByteSize, Some(ByteSize::new));
human_serde!(Rate, None);
human_serde!(Count, Some(Count::new));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_and_printed() {
        for (text, ns, printed) in [
            ("500ms", 500_000_000, "500ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("250us", 250_000, "250us"),
            ("250 µs", 250_000, "250us"),
            ("2m", 120_000_000_000, "2m"),
            ("90s", 90_000_000_000, "90s"),
            ("7ns", 7, "7ns"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.ns(), span.to_string().as_str()), (ns, printed), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        for text in ["", "5", "-1s", "1 parsec", "s", "1e9s", "NaNs"] {
            let refusal = text.parse::<Span>().unwrap_err().to_string();
            assert!(refusal.contains("500ms"), "{text}: {refusal}");
        }
        for text in ["5", "5/fortnight", "/s", "-5/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["1.5", "-3", "10q"] {
            assert!(text.parse::<Count>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_rates_and_counts_are_read_and_printed() {
        assert_eq!("16KiB".parse::<ByteSize>().unwrap().bytes(), 16_384);
        assert_eq!(ByteSize::new(16_384).to_string(), "16KiB");
        assert_eq!(ByteSize::new(204).to_string(), "204B");
        let rate: Rate = "10k/s".parse().unwrap();
        assert!((rate.per_s() - 10_000.0).abs() < 1e-9);
        assert_eq!(rate.to_string(), "10k/s");
        assert_eq!(Rate::per_second(0.05).to_string(), "3/m");
        assert_eq!("10k".parse::<Count>().unwrap().get(), 10_000);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(ns in 0..86_400_000_000_000u64, size: u32, rate in 0.0..1e7f64) {
            let (span, size, rate) = (Span(ns), ByteSize(size.into()), Rate(rate));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn any_text_is_a_quantity_or_refused(text in "(-?[0-9.e]{0,8})? ?(ns|us|µs|ms|s|m|h|B|kB|KiB|MiB|k|M|/s|/m|/h)?[ -~é]{0,3}") {
            if let Ok(span) = text.parse::<Span>() {
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
            if let Ok(size) = text.parse::<ByteSize>() {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert!(rate.per_s() >= 0.0 && rate.per_s().is_finite());
            }
            if let Ok(count) = text.parse::<Count>() {
                prop_assert_eq!(count.to_string().parse(), Ok(count));
            }
        }
    }

    #[test]
    fn nothing_is_rounded_on_the_way_into_a_file() {
        for ns in [1_234_567_891, 1_500_000_001, 121_000_000_000, 7_260_000_000_000] {
            assert_eq!(Span(ns).to_string().parse(), Ok(Span(ns)));
        }
        assert_eq!(Span::from_ms(1_234).to_string(), "1.234s");
        assert_eq!(ByteSize::new(1_500).to_string(), "1500B");
        assert_eq!(ByteSize::new(10_000).to_string(), "10kB");
        assert_eq!(Rate::per_second(12_345.0).to_string(), "12.345k/s");
    }

    #[test]
    fn people_get_three_significant_digits() {
        for (ns, text) in
            [(1_234_567.0, "1.23 ms"), (999.0, "999 ns"), (999_600.0, "1 ms"), (0.0, "0 ns")]
        {
            assert_eq!(nanoseconds(ns), text);
        }
        assert_eq!(count(12_345.0), "12.3k");
        assert_eq!(bytes(8.5 * 1024.0), "8.5 KiB");
        assert_eq!(significant(0.012_34), "0.0123");
    }
}
