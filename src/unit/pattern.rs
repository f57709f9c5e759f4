//! Regular expressions for quantities, made from the units that are read: for editors, which check a file before it is run.
//!
//! They are valid in ECMA-262, as JSON Schema wants, and in Rust. They accept every text that is read, and a few that are not:
//! that the parts of a duration become smaller is left to the reader.

use super::{Bandwidth, ByteSize, COUNTS, Count, Rate, Share, Span};

/// A number as [`super::decimal::Decimal`] reads it.
const NUMBER: &str =
    r"(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?";

/// White space, without a class that not every engine knows.
const SPACE: &str = r"[ \t\r\n]*";

/// One of `names`, of which an empty one makes the rest optional.
fn one_of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let optional = if names.clone().any(str::is_empty) { "?" } else { "" };
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    format!("(?:{}){optional}", names.join("|"))
}

fn units(units: &'static [(&'static str, u64)]) -> String {
    one_of(units.iter().map(|(name, _)| *name))
}

/// A number with one of `units`.
fn with_unit(units: &str) -> String {
    format!("^{SPACE}{NUMBER}{SPACE}{units}{SPACE}$")
}

impl Count {
    /// A regular expression for counts.
    pub fn pattern() -> String {
        with_unit(&units(&COUNTS))
    }
}

impl ByteSize {
    /// A regular expression for sizes.
    pub fn pattern() -> String {
        with_unit(&units(&Self::UNITS))
    }
}

impl Bandwidth {
    /// A regular expression for bandwidths.
    pub fn pattern() -> String {
        with_unit("[kKMG]?(?:bit/s|b/s|bps)")
    }
}

impl Share {
    /// A regular expression for shares.
    pub fn pattern() -> String {
        with_unit("%?")
    }
}

impl Span {
    /// A regular expression for durations.
    pub fn pattern() -> String {
        format!("^{SPACE}(?:{NUMBER}{SPACE}{}{SPACE})+$", units(&Self::UNITS))
    }
}

impl Rate {
    /// A regular expression for rates.
    pub fn pattern() -> String {
        let (counts, spans) = (units(&COUNTS), units(&Span::UNITS));
        let more = format!("(?:{NUMBER}{SPACE}{spans}{SPACE})*");
        format!(
            "^{SPACE}{NUMBER}{SPACE}{counts}{SPACE}/{SPACE}(?:{NUMBER}{SPACE})?{spans}{SPACE}{more}$"
        )
    }
}
