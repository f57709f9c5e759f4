//! The vocabulary of dialects, as the reference page and the error messages print it.

/// One word of the language: a placeholder, a filter, a capture or a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The name, as it is written.
    pub name: &'static str,
    /// How it is written with its arguments.
    pub form: &'static str,
    /// What it stands for.
    pub meaning: &'static str,
    /// A worked example.
    pub example: &'static str,
    /// What the example gives.
    pub gives: &'static str,
}
