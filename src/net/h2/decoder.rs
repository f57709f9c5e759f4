//! Decodes header blocks (RFC 7541) into the heads and trailers of answers (RFC 9113, section 8.3.2).

use std::collections::VecDeque;
use std::rc::Rc;

use hyper::StatusCode;
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};

use super::{huffman, static_table};

/// Largest dynamic table that the server may fill: the protocol's default.
pub(super) const TABLE_MAX: usize = 4096;
/// Largest head that is taken, by the measure of section 4.1: with 32 octets for each field.
pub(super) const LIST_MAX: usize = 64 << 10;
/// What a field costs beside its name and value.
pub(super) const OVERHEAD: usize = 32;

/// A block that is no block: the connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecodable;

/// The name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Status,
    /// A pseudo-header that no answer has, or a name that is none.
    Wrong(usize),
    Regular(HeaderName),
}

impl Name {
    fn len(&self) -> usize {
        match self {
            Self::Status => ":status".len(),
            Self::Wrong(len) => *len,
            Self::Regular(name) => name.as_str().len(),
        }
    }
}

/// A field; `None` for a value that no field may have, with its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    name: Name,
    value: Result<HeaderValue, usize>,
}

impl Field {
    pub(super) fn size(&self) -> usize {
        let value = self.value.as_ref().map_or_else(|len| *len, HeaderValue::len);
        self.name.len() + value + OVERHEAD
    }
}

/// The head or the trailers of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::net) struct Head {
    /// The status; none in trailers.
    pub(in crate::net) status: Option<StatusCode>,
    /// The fields.
    pub(in crate::net) headers: Rc<HeaderMap>,
    /// Whether the body has a content coding.
    pub(in crate::net) is_coded: bool,
    /// The length that the fields tell; an error where they tell none that can be.
    pub(super) length: Option<Result<u64, &'static str>>,
    /// What makes it malformed, if anything does.
    pub(super) malformed: Option<&'static str>,
    /// Whether it is larger than anything that is kept.
    pub(super) oversized: bool,
}

/// The block that was decoded last, where the same octets would say the same again.
#[derive(Debug, Default)]
pub(super) struct Last {
    /// What it says; `None` where it would not.
    head: Option<Head>,
    block: Vec<u8>,
    /// What it puts into the table.
    inserted: Vec<Rc<Field>>,
    /// Whether it refers to the table: it says the same only until the table changes.
    refers: bool,
    /// Whether it changes the table's size.
    resizes: bool,
}

/// Decodes the blocks of one connection, in their order.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) table: VecDeque<Rc<Field>>,
    pub(super) size: usize,
    /// Largest size of the table, as the server announced it last.
    pub(super) max: usize,
    pub(super) scratch: Vec<u8>,
    pub(super) last: Last,
}

/// Longest block that is remembered.
const REMEMBERED_MAX: usize = 1 << 10;

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            max: TABLE_MAX,
            scratch: Vec::new(),
            last: Last::default(),
        }
    }
}

impl Decoder {
    /// Decodes a whole block. Most servers answer the same request with the same octets until the next second of their clock:
    /// those need not be decoded again.
    pub(super) fn decode(&mut self, block: &[u8]) -> Result<Head, Undecodable> {
        if let Some(head) = &self.last.head
            && self.last.block == block
        {
            let head = head.clone();
            for at in 0..self.last.inserted.len() {
                self.put(Rc::clone(&self.last.inserted[at]));
            }
            return Ok(head);
        }
        self.last.head = None;
        self.last.inserted.clear();
        (self.last.refers, self.last.resizes) = (false, false);
        let head = self.decode_anew(block)?;
        let last = &mut self.last;
        // What refers to the table and changes it refers to something else the next time.
        let inserts = !last.inserted.is_empty();
        let is_passing = last.resizes || (last.refers && inserts);
        if !is_passing && block.len() <= REMEMBERED_MAX {
            last.block.clear();
            last.block.extend_from_slice(block);
            last.head = Some(head.clone());
        }
        Ok(head)
    }

    pub(super) fn decode_anew(&mut self, mut block: &[u8]) -> Result<Head, Undecodable> {
        let (mut head, mut size, mut begun) = (Head::default(), 0, false);
        while let Some(first) = block.first().copied() {
            let field = match first {
                0x80.. => self.at(integer(&mut block, 7)?)?,
                0x40.. => {
                    let field = self.literal(&mut block, 6)?;
                    self.insert(field.clone());
                    field
                }
                0x20.. => {
                    let max = integer(&mut block, 5)?;
                    // Only at the beginning of a block (section 4.2).
                    if begun || max > TABLE_MAX {
                        return Err(Undecodable);
                    }
                    self.max = max;
                    self.last.resizes = true;
                    self.evict(0);
                    continue;
                }
                _ => self.literal(&mut block, 4)?,
            };
            begun = true;
            size += field.size();
            if size > LIST_MAX {
                head.oversized = true;
            } else {
                head.take(field);
            }
        }
        head.is_coded = head.headers.contains_key(CONTENT_ENCODING);
        head.length = length_in(&head.headers);
        Ok(head)
    }

    /// The field at `index` of both tables.
    fn at(&mut self, index: usize) -> Result<Field, Undecodable> {
        use static_table::{ACCEPT_ENCODING_AT, CODINGS, FIRST_STATUS, LAST, STATUSES};
        if let Some(at) = index.checked_sub(LAST + 1) {
            self.last.refers = true;
            return self.table.get(at).map(|field| Field::clone(field)).ok_or(Undecodable);
        }
        let status = index.checked_sub(FIRST_STATUS).and_then(|at| STATUSES.get(at));
        let value = match status {
            Some(status) => status,
            None if index == ACCEPT_ENCODING_AT => CODINGS,
            None => "",
        };
        Ok(Field { name: self.name_at(index)?, value: Ok(HeaderValue::from_static(value)) })
    }

    fn name_at(&mut self, index: usize) -> Result<Name, Undecodable> {
        use static_table::{FIRST_STATUS, LAST};
        match index {
            0 => Err(Undecodable),
            1..FIRST_STATUS => Ok(Name::Wrong(":method".len())),
            FIRST_STATUS..static_table::FIRST_REGULAR => Ok(Name::Status),
            static_table::FIRST_REGULAR..=LAST => {
                static_table::regular(index).cloned().map(Name::Regular).ok_or(Undecodable)
            }
            _ => {
                self.last.refers = true;
                self.table.get(index - LAST - 1).map(|field| field.name.clone()).ok_or(Undecodable)
            }
        }
    }

    /// A field whose value, and perhaps its name, is spelt out; its index has `bits` bits.
    fn literal(&mut self, block: &mut &[u8], bits: u8) -> Result<Field, Undecodable> {
        let name = match integer(block, bits)? {
            0 => {
                let name = string(block, &mut self.scratch)?;
                match name {
                    b":status" => Name::Status,
                    // Upper case is malformed (RFC 9113, section 8.2.1).
                    name => HeaderName::from_lowercase(name)
                        .map_or(Name::Wrong(name.len()), Name::Regular),
                }
            }
            index => self.name_at(index)?,
        };
        let value = string(block, &mut self.scratch)?;
        let spaced = value.first().is_some_and(|first| b" \t".contains(first))
            || value.last().is_some_and(|last| b" \t".contains(last));
        let valid = if spaced { None } else { HeaderValue::from_bytes(value).ok() };
        Ok(Field { name, value: valid.ok_or(value.len()) })
    }

    fn insert(&mut self, field: Field) {
        let field = Rc::new(field);
        self.last.inserted.push(Rc::clone(&field));
        self.put(field);
    }

    /// Puts a field into the table.
    fn put(&mut self, field: Rc<Field>) {
        let size = field.size();
        self.evict(size);
        // Larger than the table: an empty table is no error (section 4.4).
        if size <= self.max {
            self.size += size;
            self.table.push_front(field);
        }
    }

    /// Makes room for `size` more.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.max
            && let Some(last) = self.table.pop_back()
        {
            self.size -= last.size();
        }
    }
}

impl Head {
    fn take(&mut self, field: Field) {
        match (field.name, field.value) {
            (_, Err(_)) => {
                self.malformed = Some("a field's value has characters that none may have");
            }
            (Name::Wrong(_), _) => {
                self.malformed = Some("a field has a name that none may have in an answer");
            }
            (Name::Status, Ok(value)) => {
                if self.status.is_some() || !self.headers.is_empty() {
                    self.malformed = Some(":status is not the first field, or not the only one");
                }
                match StatusCode::from_bytes(value.as_bytes()) {
                    Ok(status) => self.status = Some(status),
                    Err(_) => self.malformed = Some(":status is no status"),
                }
            }
            (Name::Regular(name), Ok(value)) => {
                if is_of_connection(&name, &value) {
                    self.malformed = Some("an answer has fields of a connection");
                }
                // Nobody else has it yet.
                Rc::make_mut(&mut self.headers).append(name, value);
            }
        }
    }
}

/// The length that fields tell (RFC 9113, section 8.1.1).
fn length_in(headers: &HeaderMap) -> Option<Result<u64, &'static str>> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next()?;
    if lengths.any(|other| other != first) {
        return Some(Err("two lengths of one body"));
    }
    let text = first.to_str().unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let length = text.parse().ok().filter(|_| digits);
    Some(length.ok_or("a content-length that is no number"))
}

/// Whether a field belongs to a connection of HTTP/1.1, and to no message of HTTP/2 (RFC 9113, section 8.2.2).
pub(super) fn is_of_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    match *name {
        CONNECTION | TRANSFER_ENCODING | UPGRADE => true,
        TE => value != "trailers",
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    }
}

/// Takes an integer with a prefix of `bits` bits (RFC 7541, section 5.1).
pub(super) fn integer(block: &mut &[u8], bits: u8) -> Result<usize, Undecodable> {
    let (first, rest) = block.split_first().ok_or(Undecodable)?;
    *block = rest;
    let mask = (1 << bits) - 1;
    let mut value = usize::from(*first) & mask;
    if value < mask {
        return Ok(value);
    }
    // Four octets are more than any length or index that is taken.
    for shift in [0, 7, 14, 21] {
        let (next, rest) = block.split_first().ok_or(Undecodable)?;
        *block = rest;
        value += usize::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Undecodable)
}

/// Takes a string (section 5.2), into `scratch` where it is coded.
fn string<'s, 'b: 's>(
    block: &mut &'b [u8],
    scratch: &'s mut Vec<u8>,
) -> Result<&'s [u8], Undecodable> {
    let coded = block.first().ok_or(Undecodable)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or(Undecodable)?;
    *block = rest;
    if !coded {
        return Ok(text);
    }
    scratch.clear();
    huffman::decode(text, scratch).ok_or(Undecodable)?;
    Ok(scratch)
}
