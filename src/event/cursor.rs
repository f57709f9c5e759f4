//! A reader's position in a log: a sequence, and the life of the log that assigned it.

use std::fmt::{self, Display};
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Crockford's base 32 in lower case: characters that need no escape in a URL, a header or JSON.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of an epoch: 30 bits.
const LENGTH: usize = 6;

/// One life of a log: its sequences restart with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u32);

impl Epoch {
    /// A new one, unlike those before: two lives share one with a chance of one in 2^30.
    pub fn random() -> Self {
        Self::of(RandomState::new().hash_one(std::process::id()))
    }

    /// The one that belongs to `seed`.
    pub const fn of(seed: u64) -> Self {
        // The finalizer of SplitMix64: near seeds lead far apart.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(((mixed ^ (mixed >> 31)) & 0x3fff_ffff) as u32)
    }

    /// Its number, as [`Epoch::from_bits`] takes it.
    pub const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// Its characters, in ASCII, as it is displayed.
    #[inline]
    pub fn digits(self) -> [u8; LENGTH] {
        std::array::from_fn(|i| DIGITS[(self.0 >> (5 * (LENGTH - 1 - i))) as usize % 32])
    }

    /// The one of that number.
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits & 0x3fff_ffff) as u32)
    }
}

impl Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().into_iter().try_for_each(|digit| fmt::Write::write_char(f, digit.into()))
    }
}

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is a sequence such as 17, or a sequence and its log's epoch such as 17-k3f9x2")]
pub struct NoCursor;

impl FromStr for Epoch {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let value = |byte| DIGITS.iter().position(|digit| *digit == byte);
        let bits = text.bytes().try_fold(0, |bits, byte| Some(bits << 5 | value(byte)? as u64));
        bits.filter(|_| text.len() == LENGTH).map(Self::from_bits).ok_or(NoCursor)
    }
}

/// A position in a topic's log: the last sequence that its holder knows.
///
/// On the wire `17-k3f9x2`. A bare number, as people type it, is a position in the current life of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The sequence; 0 before the first event.
    pub seq: u64,
    /// The life of the log that gave it out.
    pub epoch: Option<Epoch>,
}

impl Cursor {
    /// A place in a life of the log.
    pub const fn new(seq: u64, epoch: Epoch) -> Self {
        Self { seq, epoch: Some(epoch) }
    }
}

impl From<u64> for Cursor {
    fn from(seq: u64) -> Self {
        Self { seq, epoch: None }
    }
}

impl Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seq)?;
        self.epoch.map_or(Ok(()), |epoch| write!(f, "-{epoch}"))
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (seq, epoch) = match text.split_once('-') {
            None => (text, None),
            Some((seq, epoch)) => (seq, Some(epoch.parse()?)),
        };
        if seq.is_empty() || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoCursor);
        }
        // An overflowing number is ahead of every event.
        Ok(Self { seq: seq.parse().unwrap_or(u64::MAX), epoch })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.epoch {
            None => serializer.serialize_u64(self.seq),
            Some(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

/// Takes a cursor as a JSON number or string.
struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Cursor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cursor: a whole number, or a string such as \"17-k3f9x2\"")
    }

    fn visit_u64<E: de::Error>(self, seq: u64) -> Result<Cursor, E> {
        Ok(seq.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cursor, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_from_text_and_json(seq: u64, seed: Option<u64>) {
            let cursor = Cursor { seq, epoch: seed.map(Epoch::of) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            let json = serde_json::to_string(&cursor).unwrap();
            prop_assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        }

        #[test]
        fn an_epoch_is_six_plain_letters_and_digits(bits in 0..1u64 << 30) {
            let text = Epoch::from_bits(bits).to_string();
            prop_assert!(text.len() == 6 && text.bytes().all(|b| b.is_ascii_alphanumeric()));
            prop_assert_eq!(text.parse::<Epoch>().unwrap().bits(), bits);
        }

        #[test]
        fn any_text_is_a_cursor_or_none(text in ".{0,30}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert!(text.starts_with(|c: char| c.is_ascii_digit()));
                prop_assert_eq!(cursor.epoch.is_some(), text.contains('-'));
            }
        }
    }

    #[test]
    fn an_invalid_cursor_is_refused_and_an_overflowing_number_is_ahead_of_everything() {
        for text in
            ["", "-", "x", "+1", "-1", "1-", "1-k3f9x", "1-K3F9X2", "1-k3f9x2-1", "1 ", "1-ilouil"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(NoCursor), "{text:?}");
        }
        assert_eq!("99999999999999999999999".parse(), Ok(Cursor::from(u64::MAX)));
    }

    #[test]
    fn lives_differ() {
        let lives: std::collections::HashSet<u64> =
            (0..100).map(|_| Epoch::random().bits()).collect();
        assert!(lives.len() > 98, "{lives:?}");
    }
}
