//! A reason as files hold it: a stable code with its figures, and the text that people read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// The code of a reason with its figures, written `worker_stalled{"limit_ns":5e8}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// The code: it is the same for all reasons of a kind, in every version.
    pub name: String,
    /// Its figures by name.
    pub figures: Map<String, Value>,
}

impl Code {
    /// Parses the output of [`fmt::Display`].
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find('{').unwrap_or(text.len());
        let (name, figures) = text.split_at(end);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let figures = match figures {
            "" => Map::new(),
            json => serde_json::from_str(json).ok()?,
        };
        (!name.is_empty() && name.chars().all(plain))
            .then(|| Self { name: name.to_owned(), figures })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.figures.is_empty() {
            return Ok(());
        }
        // A vertical bar parts the codes of a cell.
        let figures = Value::Object(self.figures.clone()).to_string();
        f.write_str(&figures.replace('|', "\\u007c"))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom(format!("'{text}' is not a code with figures")))
    }
}

/// A reason for a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// Its code.
    pub code: Code,
    /// Its text.
    pub text: String,
}

#[cfg(test)]
impl From<&str> for Coded {
    fn from(text: &str) -> Self {
        let code = Code { name: "made_up".to_owned(), figures: Map::new() };
        Self { code, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_come_back_as_they_were_written(
            name in "[a-z_]{1,20}", key in "[a-z_]{1,8}", text in "\\PC{0,12}", number: u32,
        ) {
            let mut figures = Map::new();
            for empty in [true, false] {
                if !empty {
                    figures.insert(key.clone(), Value::from(text.clone()));
                    figures.insert("n".to_owned(), Value::from(number));
                }
                let code = Code { name: name.clone(), figures: figures.clone() };
                let written = code.to_string();
                prop_assert!(!written.contains('|'));
                prop_assert_eq!(Code::parse(&written), Some(code));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = Code::parse(&text);
        }
    }
}
