//! How many requests are served at once: 1 or "unlimited".

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many requests are served at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Servers {
    /// One, first come first served, over all connections of a shard.
    #[default]
    One,
    /// All: nobody waits for another.
    Unlimited,
}

/// The word for [`Servers::Unlimited`].
pub(in crate::scenario) const UNLIMITED: &str = "unlimited";

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::One { "1" } else { UNLIMITED })
    }
}

impl Serialize for Servers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One => serializer.serialize_u64(1),
            Self::Unlimited => serializer.serialize_str(UNLIMITED),
        }
    }
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Servers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("1 or \"unlimited\"")
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Servers, E> {
                if n == 1 {
                    return Ok(Servers::One);
                }
                Err(E::invalid_value(Unexpected::Unsigned(n), &self))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Servers, E> {
                if n == 1 {
                    return Ok(Servers::One);
                }
                Err(E::invalid_value(Unexpected::Signed(n), &self))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Servers, E> {
                match word {
                    UNLIMITED => Ok(Servers::Unlimited),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}
