//! Filters: what is done to a placeholder's text.

use std::cell::Cell;

use super::error::RenderError;
use crate::dialect::encoding;

/// A filter, written `{{name|filter}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the filter of that name")]
pub enum Filter {
    Json,
    JsonEscape,
    Url,
    Xml,
    Base64,
    Base64Url,
    Base64Decode,
    Hex,
    HexDecode,
    Lower,
    Upper,
    /// Leaves a digest's bytes as they are, in place of their hexadecimal digits.
    Raw,
}

impl Filter {
    /// The name in a text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonEscape => "json-escape",
            Self::Url => "url",
            Self::Xml => "xml",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Base64Decode => "base64-decode",
            Self::Hex => "hex",
            Self::HexDecode => "hex-decode",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Raw => "raw",
        }
    }

    /// Replaces what stands in `out` from `start` on.
    pub(super) fn apply(self, out: &mut Vec<u8>, start: usize) -> Result<(), RenderError> {
        if self == Self::Raw {
            return Ok(());
        }
        let mut text = SCRATCH.take();
        text.clear();
        text.extend_from_slice(&out[start..]);
        out.truncate(start);
        let applied = self.append(&text, out);
        if text.capacity() <= KEPT {
            SCRATCH.set(text);
        }
        applied
    }

    fn append(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), RenderError> {
        let invalid = |encoding| RenderError::NotEncoded { filter: self.name(), encoding };
        match self {
            Self::Json => encoding::json(text, out),
            Self::JsonEscape => encoding::json_escape(text, out),
            Self::Url => encoding::url(text, out),
            Self::Xml => encoding::xml(text, out),
            Self::Base64 => encoding::base64(text, out),
            Self::Base64Url => encoding::base64url(text, out),
            Self::Base64Decode => {
                encoding::base64_decode(text, out).ok_or_else(|| invalid("base64"))?;
            }
            Self::Hex => encoding::hex(text, out),
            Self::HexDecode => {
                encoding::hex_decode(text, out).ok_or_else(|| invalid("hexadecimal"))?;
            }
            Self::Lower => encoding::lower(text, out),
            Self::Upper => encoding::upper(text, out),
            Self::Raw => out.extend_from_slice(text),
        }
        Ok(())
    }
}

/// Largest copy of a text that a thread keeps for the next, in bytes.
const KEPT: usize = 1 << 20;

thread_local! {
    /// The unfiltered text: kept, so that a filter does not allocate for every event.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
