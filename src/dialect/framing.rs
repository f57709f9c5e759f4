//! How a frame, or a stream of them, is cut into messages: at a text, or by the length that each carries.

use serde::{Deserialize, Serialize};

use super::template::Template;

/// What parts messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Split {
    /// A text between them.
    Between(Template),
    /// Their lengths.
    Length(Framing),
}

impl Split {
    /// Whether it parts nothing: an empty text.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Between(between) if between.source().is_empty())
    }
}

/// Where a message says how long it is; the length counts the bytes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framing {
    /// The bytes before the length.
    #[serde(default)]
    pub before: u32,
    /// How the length is written.
    pub length: LengthField,
}

/// How a length is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengthField {
    /// In one byte.
    U8,
    /// In two bytes, the high one first.
    U16,
    /// In four bytes, the high one first.
    U32,
    /// In up to four bytes of seven bits, the low ones first, as in MQTT; all but the last have their high bit set.
    Varint,
}

/// The most bytes of a varint, as MQTT has it (3.1.1, section 2.2.3).
const VARINT: usize = 4;

/// A length that goes on beyond its last possible byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endless;

impl Framing {
    /// The length of the message that `bytes` begin with, its own head included; `None` while too little of it is there to say.
    pub fn whole(self, bytes: &[u8]) -> Result<Option<usize>, Endless> {
        let before = self.before as usize;
        let Some(behind) = bytes.get(before..) else { return Ok(None) };
        let (size, length) = match self.length {
            LengthField::U8 => (1, big_endian::<1>(behind)),
            LengthField::U16 => (2, big_endian::<2>(behind)),
            LengthField::U32 => (4, big_endian::<4>(behind)),
            LengthField::Varint => {
                let last = behind.iter().take(VARINT).position(|byte| byte & 0x80 == 0);
                let Some(last) = last else {
                    return if behind.len() < VARINT { Ok(None) } else { Err(Endless) };
                };
                let digits = behind[..=last].iter().rev();
                (last + 1, Some(digits.fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f))))
            }
        };
        Ok(length.map(|length| before + size + length))
    }
}

fn big_endian<const N: usize>(bytes: &[u8]) -> Option<usize> {
    let field = bytes.first_chunk::<N>()?;
    Some(field.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::template::{NoWorld, Scope};

    #[test]
    fn a_length_is_read_as_texts_write_it() {
        for (length, name) in [
            (LengthField::U8, "u8"),
            (LengthField::U16, "u16"),
            (LengthField::U32, "u32"),
            (LengthField::Varint, "varint"),
        ] {
            for (before, count) in
                [(0, 0), (1, 1), (3, 127), (0, 128), (2, 255), (1, 300), (1, 20_000)]
            {
                if length == LengthField::U8 && count > 255 {
                    continue;
                }
                let text = format!("{}{{{{{name}:{}}}}}", "h".repeat(before), "x".repeat(count));
                let template: Template = text.parse().unwrap();
                let mut message = Vec::new();
                template.render(&mut Scope::new(&mut NoWorld), &mut message).unwrap();
                let framing = Framing { before: before as u32, length };
                let whole = message.len();
                message.extend_from_slice(b"\xff\xff the next");
                assert_eq!(framing.whole(&message), Ok(Some(whole)), "{name}: {count}");
                // As soon as the length is there, and not before.
                let head = whole - count;
                assert_eq!(framing.whole(&message[..head]), Ok(Some(whole)), "{name}: {count}");
                assert_eq!(framing.whole(&message[..head - 1]), Ok(None), "{name}: {count}");
            }
        }
    }

    #[test]
    fn a_length_without_end_is_none() {
        let framing = Framing { before: 1, length: LengthField::Varint };
        assert_eq!(framing.whole(b"0\xff\xff\xff"), Ok(None));
        assert_eq!(framing.whole(b"0\xff\xff\xff\xff"), Err(Endless));
        assert_eq!(framing.whole(b"0\xff\xff\xff\x7f"), Ok(Some(5 + (1 << 28) - 1)));
    }
}
