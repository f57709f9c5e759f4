//! Where events are encoded in messages.

use std::ops::ControlFlow;

use super::{CaptureError, encoding, pointer};
use crate::dialect::pointer::Pointer;
use crate::prose::suggestion;

/// How the part of a message that holds the event is encoded, such as `base64:/message/data`. Two are equal if their texts are.
#[derive(Clone)]
pub struct Decode {
    pub(super) source: Box<str>,
    encoding: Encoding,
    /// The place in a JSON message; none is the whole message.
    pointer: Option<Pointer>,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Base64,
    Hex,
    Url,
    /// The text of a JSON string.
    Json,
}

impl Decode {
    /// Reads `base64`, `hex`, `url` or `json`, with the JSON pointer of the place behind a colon.
    pub fn parse(text: &str) -> Result<Self, CaptureError> {
        let error = |message| CaptureError { text: text.to_owned(), message };
        let (name, pointer) = match text.split_once(':') {
            Some((name, pointer)) => (name, Some(pointer)),
            None => (text, None),
        };
        let encoding = match name.trim() {
            "base64" => Encoding::Base64,
            "hex" => Encoding::Hex,
            "url" => Encoding::Url,
            "json" => Encoding::Json,
            name => {
                let hint = suggestion(name, &["base64", "hex", "url", "json"]);
                return Err(error(format!("'{name}' is not an encoding{hint}")));
            }
        };
        let pointer = match (encoding, pointer) {
            (Encoding::Json, None) => Some(Pointer::parse("")),
            (_, pointer) => pointer.map(|pointer| Pointer::parse(pointer.trim())),
        };
        Ok(Self { source: text.into(), encoding, pointer: pointer.transpose().map_err(error)? })
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Appends what is decoded from `message` to `out`, a line feed behind each value where there are several. Returns how many
    /// values were decoded: 0 where the place is missing, or not so encoded.
    pub fn decode(&self, message: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(pointer) = &self.pointer else {
            return usize::from(self.encoding.decode(message, out).is_some());
        };
        let mut decoded = 0;
        pointer.find(message, &mut |value| {
            let start = out.len();
            if decoded > 0 {
                out.push(b'\n');
            }
            let text = pointer::text(value);
            match text.and_then(|text| self.encoding.decode(text.as_bytes(), out)) {
                Some(()) => decoded += 1,
                None => out.truncate(start),
            }
            ControlFlow::Continue(())
        });
        decoded
    }
}

impl Encoding {
    fn decode(self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        let decoded = match self {
            Self::Base64 => encoding::base64_decode(text, out),
            Self::Hex => encoding::hex_decode(text, out),
            Self::Url => encoding::url_decode(text, out),
            Self::Json => {
                out.extend_from_slice(text);
                Some(())
            }
        };
        if decoded.is_none() {
            out.truncate(start);
        }
        decoded
    }
}
