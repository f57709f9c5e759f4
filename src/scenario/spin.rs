//! Whether workers spin before a deadline: yes, no, or where cores are spare.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether the shards of a worker spin through the last stretch before a deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spin {
    /// Where the host has more cores than the case has shards, target and workers together.
    #[default]
    Auto,
    /// Always: also where they then take a core from the target.
    Always,
    /// Never.
    Never,
}

/// The word for [`Spin::Auto`].
pub(super) const AUTO: &str = "auto";

impl Serialize for Spin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Always => serializer.serialize_bool(true),
            Self::Never => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Spin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Spin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or \"auto\"")
            }

            fn visit_bool<E: Error>(self, spin: bool) -> Result<Spin, E> {
                Ok(if spin { Spin::Always } else { Spin::Never })
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Spin, E> {
                match word {
                    AUTO => Ok(Spin::Auto),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for (spin, text) in
            [(Spin::Auto, "\"auto\""), (Spin::Always, "true"), (Spin::Never, "false")]
        {
            assert_eq!(serde_json::to_string(&spin).unwrap(), text);
            assert_eq!(serde_json::from_str::<Spin>(text).unwrap(), spin);
        }
        let error = serde_json::from_str::<Spin>("\"maybe\"").unwrap_err().to_string();
        assert!(error.contains("true, false or \"auto\""), "{error}");
    }
}
