//! What a text says behind its escapes, and where.

use std::borrow::Cow;
use std::ops::Range;

/// Decoded bytes, each with its place in the text.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each byte begins in the text, and where the last one ends; none where nothing was decoded.
    places: Option<Vec<usize>>,
}

/// Reads one escape at the beginning of a text: what it says, and its length.
type Escape = fn(&[u8]) -> Option<(Said, usize)>;

/// What an escape says: up to four bytes.
struct Said {
    bytes: [u8; 4],
    length: usize,
}

/// The escapes of percent-encoding, of forms, of JSON, of XML, with the bytes that they begin with.
const ESCAPES: [(&[u8], Escape); 4] = [(b"%", percent), (b"%+", form), (b"\\", json), (b"&", xml)];

impl<'a> View<'a> {
    /// A text as it is.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), places: None }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place of some bytes in the text.
    pub(super) fn range(&self, range: Range<usize>) -> Range<usize> {
        match &self.places {
            None => range,
            Some(places) => places[range.start]..places[range.end],
        }
    }

    /// What the bytes say if they are percent-encoded, a form, JSON, XML: each where it differs.
    pub(super) fn decoded(&self) -> impl Iterator<Item = View<'static>> {
        ESCAPES.iter().filter_map(|(begins, escape)| self.decode(begins, *escape))
    }

    fn decode(&self, begins: &[u8], escape: Escape) -> Option<View<'static>> {
        let source = self.bytes();
        source.iter().find(|byte| begins.contains(byte))?;
        let mut bytes = Vec::with_capacity(source.len());
        let mut places = Vec::with_capacity(source.len() + 1);
        let (mut at, mut differs) = (0, false);
        while at < source.len() {
            let place = self.range(at..at).start;
            let is_escape = begins.contains(&source[at]);
            if let Some((said, length)) = is_escape.then(|| escape(&source[at..])).flatten() {
                bytes.extend_from_slice(&said.bytes[..said.length]);
                places.extend(std::iter::repeat_n(place, said.length));
                at += length;
                differs = true;
            } else {
                bytes.push(source[at]);
                places.push(place);
                at += 1;
            }
        }
        places.push(self.range(at..at).start);
        differs.then_some(View { bytes: Cow::Owned(bytes), places: Some(places) })
    }
}

impl Said {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn letter(letter: char) -> Self {
        let mut bytes = [0; 4];
        let length = letter.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }
}

fn percent(text: &[u8]) -> Option<(Said, usize)> {
    let byte = number(text.get(1..3)?, 16)?;
    Some((Said::byte(byte as u8), 3))
}

fn form(text: &[u8]) -> Option<(Said, usize)> {
    if text[0] == b'+' { Some((Said::byte(b' '), 1)) } else { percent(text) }
}

fn json(text: &[u8]) -> Option<(Said, usize)> {
    let byte = match text.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'u' => return unicode(text),
        byte @ (b'"' | b'\'' | b'\\' | b'/') => *byte,
        _ => return None,
    };
    Some((Said::byte(byte), 2))
}

/// `\u0041`, two of them for a letter beyond 16 bits, or `\u{41}` as Rust prints it.
fn unicode(text: &[u8]) -> Option<(Said, usize)> {
    if text.get(2) == Some(&b'{') {
        let length = text.iter().take(12).position(|byte| *byte == b'}')?;
        let letter = char::from_u32(number(&text[3..length], 16)?)?;
        return Some((Said::letter(letter), length + 1));
    }
    let high = number(text.get(2..6)?, 16)?;
    if let Some(letter) = char::from_u32(high) {
        return Some((Said::letter(letter), 6));
    }
    let low = text.get(6..12).filter(|low| low.starts_with(b"\\u"))?;
    let units = [high as u16, number(&low[2..], 16)? as u16];
    let letter = char::decode_utf16(units).next()?.ok()?;
    Some((Said::letter(letter), 12))
}

fn xml(text: &[u8]) -> Option<(Said, usize)> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let letter = match &text[1..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((Said::letter(letter), end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}
