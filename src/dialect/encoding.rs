//! Encodings of bytes in texts: each function appends to `out`.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use base64::{Engine, encoded_len};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Decoders that take padding and its absence, and bits left over.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Appends the lower-case hexadecimal digits of `bytes`.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 * bytes.len());
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Appends the bytes whose hexadecimal digits are `text`; white space between bytes is skipped. `None` where it is no such text.
pub(super) fn hex_decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut rest = text;
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(()),
            [high, low, after @ ..] => {
                out.push(digit(*high)? << 4 | digit(*low)?);
                rest = after;
            }
            [_] => return None,
        }
    }
}

/// Appends base64 with padding.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    encode(&BASE64_STANDARD, true, bytes, out);
}

/// Appends base64 in the alphabet for URLs, without padding.
pub(super) fn base64url(bytes: &[u8], out: &mut Vec<u8>) {
    encode(&BASE64_URL_SAFE_NO_PAD, false, bytes, out);
}

fn encode(engine: &impl Engine, padding: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_len(bytes.len(), padding).unwrap_or_default(), 0);
    let written = engine.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
}

/// Appends the bytes whose base64, of either alphabet and with or without padding, is `text`; white space, as between the lines of
/// MIME, is skipped. `None` where it is no such text.
pub(super) fn base64_decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = text.trim_ascii();
    if text.iter().any(u8::is_ascii_whitespace) {
        let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace());
        return base64_decode(&digits.copied().collect::<Vec<_>>(), out);
    }
    let is_url = memchr::memchr2(b'-', b'_', text).is_some();
    let engine = if is_url { &URL_SAFE } else { &STANDARD };
    let start = out.len();
    let decoded = engine.decode_vec(text, out);
    if decoded.is_err() {
        out.truncate(start);
    }
    decoded.ok()
}

/// Appends `bytes` as they are written within a JSON string, without its quotes. What is not UTF-8 becomes U+FFFD.
pub(super) fn json_escape(bytes: &[u8], out: &mut Vec<u8>) {
    lossy(bytes, out, |text, out| {
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..0x20 => b"\\u00",
                _ => continue,
            };
            out.extend_from_slice(&text.as_bytes()[plain..at]);
            out.extend_from_slice(escape);
            if escape == b"\\u00" {
                hex(&[byte], out);
            }
            plain = at + 1;
        }
        out.extend_from_slice(&text.as_bytes()[plain..]);
    });
}

/// Appends `bytes` as a JSON string.
pub(super) fn json(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    json_escape(bytes, out);
    out.push(b'"');
}

/// Appends `bytes` percent-encoded: everything but letters, digits, `-`, `.`, `_`, `~` (RFC 3986, unreserved).
pub(super) fn url(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            _ => {
                out.push(b'%');
                out.push(HEX[usize::from(byte >> 4)].to_ascii_uppercase());
                out.push(HEX[usize::from(byte & 15)].to_ascii_uppercase());
            }
        }
    }
}

/// Appends the bytes whose percent-encoding is `text`. `None` where a `%` is followed by no digits.
pub(super) fn url_decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        hex_decode(rest.get(at + 1..at + 3)?, out)?;
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    Some(())
}

/// Appends `bytes` for the text or an attribute of XML.
pub(super) fn xml(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            // A parser normalises these to spaces and line feeds where they are not escaped.
            b'\r' => out.extend_from_slice(b"&#13;"),
            b'\n' => out.extend_from_slice(b"&#10;"),
            b'\t' => out.extend_from_slice(b"&#9;"),
            _ => out.push(*byte),
        }
    }
}

/// Appends `bytes` in lower case.
pub(super) fn lower(bytes: &[u8], out: &mut Vec<u8>) {
    lossy(bytes, out, |text, out| letters(text.chars().flat_map(char::to_lowercase), out));
}

/// Appends `bytes` in upper case.
pub(super) fn upper(bytes: &[u8], out: &mut Vec<u8>) {
    lossy(bytes, out, |text, out| letters(text.chars().flat_map(char::to_uppercase), out));
}

fn letters(letters: impl Iterator<Item = char>, out: &mut Vec<u8>) {
    for letter in letters {
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Applies `write` to what is UTF-8 in `bytes`; the rest becomes U+FFFD.
fn lossy(bytes: &[u8], out: &mut Vec<u8>, write: impl Fn(&str, &mut Vec<u8>)) {
    for chunk in bytes.utf8_chunks() {
        write(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}
