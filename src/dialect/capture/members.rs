//! Messages that are lists of messages.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::CaptureError;
use crate::dialect::pointer::Pointer;

/// The array of a JSON message whose members are messages of their own, as a JSON pointer: `/items`, or the empty pointer for
/// the whole message. Two are equal if their texts are.
#[derive(Debug, Clone)]
pub struct Members {
    source: Box<str>,
    pointer: Pointer,
}

impl Members {
    /// Reads a JSON pointer (RFC 6901).
    pub fn parse(text: &str) -> Result<Self, CaptureError> {
        let pointer = Pointer::parse(text.trim())
            .map_err(|message| CaptureError { text: text.to_owned(), message })?;
        Ok(Self { source: text.into(), pointer })
    }

    /// Visits each member, as JSON; a message without the array is visited whole.
    pub fn visit(&self, message: &[u8], visit: &mut dyn FnMut(&[u8])) {
        let array = self.pointer.first(message);
        let members: Option<Vec<&RawValue>> =
            array.and_then(|array| serde_json::from_str(array.get()).ok());
        match members {
            Some(members) => members.iter().for_each(|member| visit(member.get().as_bytes())),
            None => visit(message),
        }
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_visited_and_anything_else_is_one_message() {
        for (pointer, message, expected) in [
            ("/items", r#"{"items":[{"a":1},"b"]}"#, &[r#"{"a":1}"#, r#""b""#][..]),
            ("", r"[1,[2]]", &["1", "[2]"]),
            ("/items", r#"{"items":[]}"#, &[]),
            ("/items", r#"{"other":1}"#, &[r#"{"other":1}"#]),
            ("/items", "no JSON", &["no JSON"]),
        ] {
            let mut seen = Vec::new();
            let members = Members::parse(pointer).unwrap();
            members.visit(message.as_bytes(), &mut |member| {
                seen.push(String::from_utf8_lossy(member).into_owned());
            });
            assert_eq!(seen, expected, "{pointer} in {message}");
        }
        assert!(Members::parse("items").is_err());
    }
}
