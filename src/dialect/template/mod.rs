//! Texts with placeholders: what is sent, rendered per client, topic and event.
//!
//! A text is compiled once ([`Template::parse`]) to a list of parts and rendered often: one without placeholders is one copy,
//! and none allocates but for the growth of the output. The caller gives the values ([`Scope`], [`World`]), reads the files
//! ([`Template::load`]), and says which placeholders mean something where the text stands ([`Template::names`]).

mod error;
mod explain;
mod filter;
mod keyword;
mod parse;
mod part;
mod render;
mod rows;
mod scope;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::error::{RenderError, TemplateError};
pub use self::explain::printable;
pub use self::filter::Filter;
pub use self::keyword::{filters, is_reserved, placeholders, unknown_capture};
pub use self::part::{Name, Variable};
pub use self::rows::{FileSource, Files};
pub use self::scope::{NoWorld, Scope, World};

use self::part::Part;

/// A text with placeholders, compiled.
///
/// Two are equal if their texts are. Serialized as its text; what [`Template::load`] brought is not part of it.
#[derive(Clone)]
pub struct Template {
    source: Box<str>,
    parts: Box<[Part]>,
    names: Box<[Name]>,
}

impl Template {
    /// Compiles `source`.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let parts = parse::parse(source)?;
        let mut names = Vec::new();
        part::collect_names(&parts, &mut names);
        names.sort_unstable();
        names.dedup();
        Ok(Self { source: source.into(), parts: parts.into(), names: names.into() })
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Appends the rendered text to `out`; on an error `out` is as before.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        render::render(&self.parts, scope, out).inspect_err(|_| out.truncate(start))
    }

    /// As [`Template::render`]; `secret` receives the ranges of `out` that hold a `{{secret:…}}` or were computed from one.
    pub fn render_marked(
        &self,
        scope: &mut Scope<'_>,
        out: &mut Vec<u8>,
        secret: &mut Vec<Range<usize>>,
    ) -> Result<(), RenderError> {
        let start = out.len();
        render::render_marked(&self.parts, scope, out, secret).inspect_err(|_| out.truncate(start))
    }

    /// Appends the text for people to read, for `plan --explain`: secrets as `[secret NAME]`, what has no value yet as
    /// `<name>`, and what is computed from either as `<md5 of …>`. Returns whether it is exactly what will be sent.
    pub fn render_explained(&self, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> bool {
        explain::explain(&self.parts, scope, out)
    }

    /// Reads the files that the text names. Rendering `{{file:…}}` fails before.
    pub fn load(&mut self, files: &mut Files<'_>) -> Result<(), TemplateError> {
        rows::load(&mut self.parts, &self.source, files)
    }

    /// Whether every rendering gives the same bytes.
    pub fn is_constant(&self) -> bool {
        self.constant().is_some()
    }

    /// The bytes of every rendering, where they are always the same.
    pub fn constant(&self) -> Option<&[u8]> {
        match &*self.parts {
            [] => Some(&[]),
            [Part::Literal(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// The bytes before the first part that varies.
    pub fn literal_prefix(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(bytes)) => bytes,
            _ => &[],
        }
    }

    /// What the text needs from its surroundings, arguments of arguments included, each name once.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether the text needs `variable`.
    pub fn uses(&self, variable: Variable) -> bool {
        self.names.contains(&Name::Variable(variable))
    }

    /// Whether the text contains a `{{secret:…}}`.
    pub fn is_secret(&self) -> bool {
        self.names.iter().any(|name| matches!(name, Name::Secret(_)))
    }
}

impl Default for Template {
    /// The empty text.
    fn default() -> Self {
        Self { source: Box::default(), parts: Box::default(), names: Box::default() }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        Self::parse(source)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Template;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, which may contain placeholders such as {{client}}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Template, E> {
                Template::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
