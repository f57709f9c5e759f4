//! Payloads that begin with the token of their event.

use std::ops::Range;

use thiserror::Error;

use super::PayloadKind;
use super::payload::{RECORDS_AFTER_NOTE, records_after_note, unicode};

/// Bytes of the token that marks an event: ASCII letters and digits, which no format escapes.
pub const TOKEN_LEN: usize = 24;

/// A payload without room for its kind and a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a {} payload of {bytes} B has no room for the {TOKEN_LEN} characters by which its event is recognised; \
     the smallest is {least} B",
    kind.name()
)]
pub struct TooSmall {
    /// The kind of payload.
    pub kind: PayloadKind,
    /// Its size.
    pub bytes: usize,
    /// The smallest size of this kind.
    pub least: usize,
}

/// The payload of a case's events: one JSON value of exactly the size and kind of [`PayloadKind::payload`], whose first
/// text begins with the token of the event.
///
/// It is built once; for each event only the token is written over that of the event before.
#[derive(Debug, Clone)]
pub struct TokenPayload {
    data: Vec<u8>,
    /// Where the token begins.
    at: usize,
    /// The part that is text: without the quotes if the value is a string.
    text: Range<usize>,
}

impl TokenPayload {
    /// A payload of exactly `bytes` bytes.
    ///
    /// # Errors
    ///
    /// If `bytes` is below [`TokenPayload::least`].
    pub fn new(kind: PayloadKind, bytes: usize) -> Result<Self, TooSmall> {
        let least = Self::least(kind);
        if bytes < least {
            return Err(TooSmall { kind, bytes, least });
        }
        let data = match kind {
            PayloadKind::Text => kind.payload(bytes),
            PayloadKind::Records => records_after_note(bytes),
            PayloadKind::Unicode => {
                let mut data = unicode(bytes - TOKEN_LEN);
                data.splice(1..1, [b'.'; TOKEN_LEN]);
                data
            }
        };
        let (at, text) = match kind {
            PayloadKind::Text | PayloadKind::Unicode => (1, 1..bytes - 1),
            PayloadKind::Records => (RECORDS_AFTER_NOTE.0.len(), 0..bytes),
        };
        Ok(Self { data, at, text })
    }

    /// The size of the smallest payload of a kind that has room for a token, in bytes.
    pub const fn least(kind: PayloadKind) -> usize {
        kind.least() + TOKEN_LEN
    }

    /// The payload of the event that `token` marks: one JSON value.
    #[inline]
    pub fn bytes(&mut self, token: &[u8; TOKEN_LEN]) -> &[u8] {
        self.data[self.at..self.at + TOKEN_LEN].copy_from_slice(token);
        &self.data
    }

    /// The same as plain text: a string without its quotes, 2 bytes shorter; of any other value its JSON.
    #[inline]
    pub fn text(&mut self, token: &[u8; TOKEN_LEN]) -> &[u8] {
        let text = self.text.clone();
        &self.bytes(token)[text]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const TOKENS: [&[u8; TOKEN_LEN]; 2] =
        [b"q947u4hmar0000000001wsm9", b"q947u4hmar002400ygj0nrjk"];

    /// The first text of a value, keys apart, in the order of its bytes.
    fn first_text(value: &Value) -> Option<&str> {
        match value {
            Value::String(text) => Some(text),
            Value::Array(values) => values.iter().find_map(first_text),
            Value::Object(members) => members.values().find_map(first_text),
            _ => None,
        }
    }

    #[test]
    fn a_payload_with_a_token_has_the_size_and_kind_of_one_without() {
        for kind in PayloadKind::ALL {
            for bytes in (TokenPayload::least(kind)..500).chain([1_000, 262_144]) {
                let mut payload = TokenPayload::new(kind, bytes).unwrap();
                for token in TOKENS {
                    let data = payload.bytes(token).to_vec();
                    assert_eq!(data.len(), bytes, "{kind:?}");
                    assert!(!data.contains(&b'\n'));
                    let value: Value = serde_json::from_slice(&data).unwrap();
                    let first = first_text(&value).unwrap();
                    assert!(first.as_bytes().starts_with(token), "{kind:?}: {first}");
                    assert_eq!(data.iter().position(|b| *b == b'9'), Some(payload.at + 1));
                    let text = std::str::from_utf8(payload.text(token)).unwrap();
                    match kind {
                        PayloadKind::Text => assert!(text == first && first.is_ascii()),
                        PayloadKind::Unicode => {
                            assert_eq!(text, first);
                            let wide = first.chars().filter(|c| c.len_utf8() == 3).count();
                            assert_eq!(wide, (bytes - 2 - TOKEN_LEN) / 3);
                        }
                        PayloadKind::Records => {
                            assert_eq!(text.as_bytes(), data);
                            let items = value["items"].as_array().unwrap();
                            assert!(items.len() + 2 >= bytes / 110, "{}", items.len());
                            let plain: Value =
                                serde_json::from_slice(&kind.payload(bytes - TOKEN_LEN)).unwrap();
                            assert_eq!(value["items"], plain["items"]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_payload_without_room_for_a_token_is_refused_with_the_smallest_size() {
        for (kind, least) in
            [(PayloadKind::Text, 26), (PayloadKind::Records, 46), (PayloadKind::Unicode, 26)]
        {
            assert!(TokenPayload::new(kind, least).is_ok());
            for bytes in [0, least - 1] {
                let refused = TokenPayload::new(kind, bytes).unwrap_err();
                assert_eq!(refused, TooSmall { kind, bytes, least });
                let message = refused.to_string();
                let ends = format!("the smallest is {least} B");
                assert!(message.contains(&format!("{bytes} B")) && message.ends_with(&ends));
            }
        }
    }
}
