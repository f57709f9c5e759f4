//! The event stream format of the WHATWG's HTML standard, section 9.2.6, as bytes arrive.

use std::cell::Cell;

use memchr::{memchr, memchr2};

/// One dispatched message of an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The event's type; `message` where the stream names none.
    pub event: &'a str,
    /// The data lines, joined by line feeds.
    pub data: &'a [u8],
    /// The last event id that the stream set, in this message or before.
    pub last_id: &'a [u8],
}

/// Longest message that is taken, in bytes: a stream without blank lines must not grow without bound.
const LIMIT: usize = 4 << 20;

/// A stream that exceeds a bound of this parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

thread_local! {
    /// The room in which a thread's parsers put messages together; between two messages they have no use for any.
    static SPARE: Cell<Option<Box<Block>>> = const { Cell::new(None) };
}

/// Parses a stream from pieces with any boundaries, and returns its messages. Between two messages it keeps the last id.
#[derive(Debug, Default)]
pub struct Parser {
    /// What has come of a block that is not ended.
    block: Option<Box<Block>>,
    /// The id at the last blank line, with which a reader returns. The id of an incomplete block does not count.
    settled_id: Option<Vec<u8>>,
    /// Whether this stream has set it, and not one before.
    own_id: bool,
    retry_ms: Option<u64>,
    /// Comment lines so far.
    comments: u64,
    /// A carriage return ended the last line: a line feed next belongs to it.
    after_return: bool,
    /// Whether the first line, which may begin with a byte order mark, is behind.
    begun: bool,
}

/// The lines of a message as they come.
#[derive(Debug, Default)]
struct Block {
    /// The line that is not ended yet.
    line: Vec<u8>,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    id: Vec<u8>,
    has_id: bool,
}

impl Block {
    const fn is_empty(&self) -> bool {
        self.line.is_empty() && self.event.is_empty() && !self.has_data && !self.has_id
    }
}

impl Parser {
    /// Begins with another stream, which is resumed after the last id.
    pub(super) fn restart(&mut self) {
        *self = Self { settled_id: self.settled_id.take(), ..Self::default() };
    }

    /// Takes the next piece, calling `on_message` for every message that it completes.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut on_message: impl FnMut(Message<'_>),
    ) -> Result<(), TooLong> {
        let mut block = self.block.take().or_else(|| SPARE.take()).unwrap_or_default();
        let fed = self.feed_to(&mut block, bytes, &mut on_message);
        if block.is_empty() {
            SPARE.set(Some(block));
        } else {
            self.block = Some(block);
        }
        fed
    }

    fn feed_to(
        &mut self,
        block: &mut Block,
        mut bytes: &[u8],
        on_message: &mut impl FnMut(Message<'_>),
    ) -> Result<(), TooLong> {
        // An empty piece may be followed by anything.
        if !bytes.is_empty() && std::mem::take(&mut self.after_return) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            if block.line.is_empty() {
                self.take_line(block, line, on_message);
            } else {
                let mut whole = std::mem::take(&mut block.line);
                whole.extend_from_slice(line);
                self.take_line(block, &whole, on_message);
                whole.clear();
                block.line = whole;
            }
            if block.data.len() > LIMIT {
                return Err(TooLong);
            }
            bytes = match rest {
                [b'\r'] => {
                    self.after_return = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        block.line.extend_from_slice(bytes);
        if block.line.len() > LIMIT { Err(TooLong) } else { Ok(()) }
    }

    /// The id with which a reader returns; `None` if no stream has set one.
    pub fn last_id(&self) -> Option<&[u8]> {
        self.settled_id.as_deref()
    }

    /// The reconnect delay that the stream set, in milliseconds, if it did.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// How many comment lines have come: what keeps a quiet stream alive.
    pub const fn comments(&self) -> u64 {
        self.comments
    }

    fn take_line(
        &mut self,
        block: &mut Block,
        mut line: &[u8],
        on_message: &mut impl FnMut(Message<'_>),
    ) {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(block, on_message);
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match field {
            b"data" => {
                if block.has_data {
                    block.data.push(b'\n');
                }
                block.data.extend_from_slice(value);
                block.has_data = true;
            }
            b"event" => {
                block.event.clear();
                block.event.push_str(&String::from_utf8_lossy(value));
            }
            b"id" if !value.contains(&0) => {
                block.id.clear();
                block.id.extend_from_slice(value);
                block.has_id = true;
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry_ms = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            }
            b"" => self.comments += 1,
            // Whatever the standard does not know.
            _ => {}
        }
    }

    fn dispatch(&mut self, block: &mut Block, on_message: &mut impl FnMut(Message<'_>)) {
        if std::mem::take(&mut block.has_id) {
            let settled = self.settled_id.get_or_insert_default();
            settled.clear();
            settled.extend_from_slice(&block.id);
            self.own_id = true;
        }
        if std::mem::take(&mut block.has_data) {
            let own_id = self.settled_id.as_deref().filter(|_| self.own_id);
            on_message(Message {
                event: if block.event.is_empty() { "message" } else { &block.event },
                data: &block.data,
                last_id: own_id.unwrap_or_default(),
            });
            // The buffers are used again for the next message.
            block.data.clear();
        }
        block.event.clear();
    }
}

#[cfg(test)]
mod tests;
