//! What may be written as the value of a key, and which servers a key is for.

use std::ops::RangeInclusive;

use super::Key;
use crate::scenario::error::ScenarioError;
use crate::scenario::tree::Node;

/// Which servers a key can be carried out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Server {
    /// Any.
    Any,
    /// The built-in one alone: why no other, and what to do instead.
    BuiltIn(&'static str),
    /// One that speaks the built-in one's protocol: why no other, and what to do instead.
    Envelope(&'static str),
    /// Another one where its dialect uses this placeholder in the pattern's request.
    Placeholder(&'static str),
}

/// What may be written as a value.
#[derive(Debug)]
pub(in crate::scenario) enum Kind {
    /// A string.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// A number.
    Number(RangeInclusive<f64>),
    /// A share of a whole.
    Share(RangeInclusive<f64>),
    /// A duration, in nanoseconds.
    Span(RangeInclusive<u64>),
    /// A number per unit of time.
    Rate,
    /// A size in bytes.
    Size(RangeInclusive<u64>),
    /// Bits per second.
    Bandwidth(RangeInclusive<u64>),
    /// One of the words of an enumeration.
    Words(fn() -> &'static [&'static str]),
    /// This word.
    Word(&'static str),
    /// One or the other.
    Either(&'static [Kind]),
    /// A list.
    List(&'static Kind),
    /// A list of at least one value, none of them twice.
    Set(&'static Kind),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table whose keys are names that the user chooses.
    Map(&'static Kind),
    /// A list, or one value for a list of one.
    Listed(&'static Kind),
    /// A request: `"METHOD PATH"`, or a table with these keys.
    Call(&'static [Key]),
    /// A text, or a table, with rules of its own.
    Grammar(&'static Grammar),
}

/// The rules of a text, or of a small table, that is read by itself.
#[derive(Debug)]
pub(in crate::scenario) struct Grammar {
    /// What it is called in README.md.
    pub name: &'static str,
    /// One that is right.
    pub example: &'static str,
    /// What a text of it looks like, as a regular expression for editors; nothing where any text may be right.
    pub pattern: Option<&'static str>,
    /// Whether it may be a table as well.
    pub or_table: bool,
    /// Whether it has placeholders.
    pub has_placeholders: bool,
    /// Refuses what is not one, at its place.
    pub check: fn(file: &str, path: &str, node: &Node) -> Result<(), ScenarioError>,
}

/// Any number of things.
pub(in crate::scenario) const ANY: RangeInclusive<u64> = 0..=u64::MAX;
/// More than none.
pub(in crate::scenario) const SOME: RangeInclusive<u64> = 1..=u64::MAX;
