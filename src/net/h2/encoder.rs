//! Encodes header blocks (RFC 7541): a repeated field takes one octet, as with any common client.

use std::collections::VecDeque;

use hyper::header::{
    ACCEPT_ENCODING, AGE, AUTHORIZATION, CONTENT_LENGTH, COOKIE, ETAG, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION,
};

use super::decoder::{OVERHEAD, TABLE_MAX};
use super::{huffman, static_table};

/// Pseudo-headers of a request, by the static index of their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pseudo {
    Authority = 1,
    Method = 2,
    Path = 4,
    Scheme = 6,
}

/// The name of a field in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Pseudo(Pseudo),
    Regular(HeaderName),
}

impl Name {
    fn len(&self) -> usize {
        match self {
            Self::Pseudo(Pseudo::Authority) => ":authority".len(),
            Self::Pseudo(Pseudo::Method | Pseudo::Scheme) => ":method".len(),
            Self::Pseudo(Pseudo::Path) => ":path".len(),
            Self::Regular(name) => name.as_str().len(),
        }
    }
}

/// How a field is spelt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// For the table, too: the next time it is one octet.
    Kept,
    /// What changes with each request would only drive others out of the table.
    Changing,
    /// Kept by nobody, and by no proxy either (section 7.1.3).
    Secret,
}

/// Encodes the blocks of one connection.
#[derive(Debug)]
pub(super) struct Encoder {
    table: VecDeque<(Name, Box<[u8]>)>,
    size: usize,
    /// Largest size of the table, as the server allows it, up to the default.
    max: usize,
    /// What the next block must announce: the smallest size since the last, and the size now.
    announce: Option<(usize, usize)>,
    /// Whether the table has changed, or is to be announced, since that was asked last.
    changed: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, max: TABLE_MAX, announce: None, changed: false }
    }
}

impl Encoder {
    /// The server allows a table of `size` octets.
    pub(super) fn allow(&mut self, size: usize) {
        let size = size.min(TABLE_MAX);
        if size != self.max || self.announce.is_some() {
            let least = self.announce.map_or(size, |(least, _)| least.min(size));
            self.announce = Some((least, size));
        }
        self.max = size;
        self.changed = true;
        self.evict(0);
    }

    /// Whether a block that was encoded when this was asked last would be another now.
    pub(super) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// Begins a block.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some((least, now)) = self.announce.take() {
            self.changed = true;
            if least < now {
                put_integer(out, 0x20, 5, least);
            }
            put_integer(out, 0x20, 5, now);
        }
    }

    /// Appends a pseudo-header.
    pub(super) fn pseudo(&mut self, name: Pseudo, value: &[u8], out: &mut Vec<u8>) {
        let index = match (name, value) {
            (Pseudo::Method, b"GET") => 2,
            (Pseudo::Method, b"POST") => 3,
            (Pseudo::Path, b"/") => 4,
            (Pseudo::Path, b"/index.html") => 5,
            (Pseudo::Scheme, b"http") => 6,
            (Pseudo::Scheme, b"https") => 7,
            _ => 0,
        };
        if index > 0 {
            return out.push(0x80 | index);
        }
        let spelling = if name == Pseudo::Path { Spelling::Changing } else { Spelling::Kept };
        self.spell(Name::Pseudo(name), value, spelling, out);
    }

    /// Appends a regular field.
    pub(super) fn field(&mut self, name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
        if *name == ACCEPT_ENCODING && value == static_table::CODINGS {
            return out.push(0x80 | static_table::ACCEPT_ENCODING_AT as u8);
        }
        let spelling = match *name {
            _ if value.is_sensitive() => Spelling::Secret,
            AGE | AUTHORIZATION | CONTENT_LENGTH | COOKIE | ETAG | IF_MODIFIED_SINCE
            | IF_NONE_MATCH | LOCATION => Spelling::Changing,
            _ => Spelling::Kept,
        };
        self.spell(Name::Regular(name.clone()), value.as_bytes(), spelling, out);
    }

    fn spell(&mut self, name: Name, value: &[u8], spelling: Spelling, out: &mut Vec<u8>) {
        let mut named = None;
        for (at, entry) in self.table.iter().enumerate() {
            if entry.0 == name {
                let index = static_table::LAST + 1 + at;
                if spelling == Spelling::Kept && *entry.1 == *value {
                    return put_integer(out, 0x80, 7, index);
                }
                named = named.or(Some(index));
            }
        }
        let fixed = match &name {
            Name::Pseudo(pseudo) => Some(*pseudo as usize),
            Name::Regular(name) => static_table::index_of(name),
        };
        let named = fixed.or(named);
        let (pattern, bits) = match spelling {
            Spelling::Kept => (0x40, 6),
            Spelling::Changing => (0, 4),
            Spelling::Secret => (0x10, 4),
        };
        put_integer(out, pattern, bits, named.unwrap_or(0));
        if named.is_none()
            && let Name::Regular(name) = &name
        {
            put_string(out, name.as_str().as_bytes());
        }
        put_string(out, value);
        if spelling == Spelling::Kept {
            self.insert(name, value);
        }
    }

    fn insert(&mut self, name: Name, value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.changed = true;
        self.evict(size);
        if size <= self.max {
            self.size += size;
            self.table.push_front((name, value.into()));
        }
    }

    fn evict(&mut self, size: usize) {
        while self.size + size > self.max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + OVERHEAD;
        }
    }
}

/// Appends an integer with a prefix of `bits` bits behind `pattern` (section 5.1).
pub(super) fn put_integer(out: &mut Vec<u8>, pattern: u8, bits: u8, mut value: usize) {
    let mask = (1 << bits) - 1;
    if value < mask {
        return out.push(pattern | value as u8);
    }
    out.push(pattern | mask as u8);
    value -= mask;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a string in the shorter of its two forms.
fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        put_integer(out, 0x80, 7, coded);
        huffman::encode(text, out);
    } else {
        put_integer(out, 0, 7, text.len());
        out.extend_from_slice(text);
    }
}
