//! Human quantities: the only parser and printer of rates, sizes, spans of time and counts.
//!
//! Scenarios, `--set`, objectives, tables and reports use it, so users can type what the tool prints. It knows nothing of a
//! quantity's purpose.

mod bandwidth;
mod count;
mod decimal;
mod pattern;
mod rate;
mod share;
mod size;
mod span;
#[cfg(test)]
mod tests;

pub use bandwidth::Bandwidth;
pub use count::{Count, count};
pub use rate::Rate;
pub use share::Share;
pub use size::{ByteSize, bytes, bytes_per_second};
pub use span::{Span, nanoseconds};

use decimal::Decimal;

/// Why a text is not a quantity, with the text and an example.
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

/// Splits `"1.5 MiB"` into 1.5 and `"MiB"`; `None` where no number leads.
fn split(text: &str) -> Option<(Decimal, &str)> {
    let (number, unit) = Decimal::leading(text.trim())?;
    Some((number, unit.trim_start()))
}

/// Returns the factor of `unit` in `units`.
fn scale(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale)
}

/// Suffixes of counts, also in front of a rate's stroke.
const COUNTS: [(&str, u64); 5] =
    [("", 1), ("k", 1_000), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];

/// A number with its unit, exact: with an exponent where it would have more digits than are read.
fn exact(value: f64, unit: &str) -> String {
    let plain = value.to_string();
    if Decimal::leading(&plain).is_some() { plain + unit } else { format!("{value:e}{unit}") }
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

/// A count with its thousands set apart: `"10,027"`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A text with `µs` for `us` and `×` for `x` behind a number: for readers whose output is UTF-8.
pub fn typographic(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(digit) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, after) = rest.split_at(digit + 1);
        out.push_str(before);
        rest = after;
        for (ascii, symbol) in [(" us", " µs"), ("x", "×")] {
            let ends = |tail: &&str| !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if let Some(tail) = rest.strip_prefix(ascii).filter(ends) {
                out.push_str(symbol);
                rest = tail;
                break;
            }
        }
    }
    out + rest
}

/// A number of busy cores: `"0.123 cores"`, `"1 core"`.
pub fn cores(value: f64) -> String {
    let printed = significant(value);
    let plural = if printed == "1" { "" } else { "s" };
    format!("{printed} core{plural}")
}

/// `n` of a noun whose plural takes an s: `"1 trial"`, `"2 trials"`, `"1,000 trials"`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// Serialises as the human text, and reads the text back, or a bare TOML number where `$number` allows one.
macro_rules! human_serde {
    ($type:ident, $number:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($type::WANTED)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<$type, E> {
                        let number: Option<fn(u64) -> $type> = $number;
                        number
                            .zip(u64::try_from(n).ok())
                            .map(|(make, n)| make(n))
                            .ok_or_else(|| E::custom(UnitError::new(&n.to_string(), $type::WANTED)))
                    }

                    // TOML writes 1e3 as a float: a whole one is as good as an integer.
                    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<$type, E> {
                        const EXACT: f64 = 9_007_199_254_740_992.0;
                        if n.fract() != 0.0 || !(0.0..=EXACT).contains(&n) {
                            return Err(E::custom(UnitError::new(&n.to_string(), $type::WANTED)));
                        }
                        self.visit_i64(n as i64)
                    }

                    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<$type, E> {
                        self.visit_i64(i64::try_from(n).map_err(E::custom)?)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

use human_serde;
