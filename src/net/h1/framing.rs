//! Where a body ends, and which of the bytes are its data (RFC 9112, sections 6 and 7).
//!
//! Strict: a recipient on the way that read a malformed body differently would find another message behind it.

use std::ops::Range;

/// Longest extensions of all chunks of a body, and longest trailer section, in bytes.
const EXTRA_MAX: u32 = 16 << 10;

/// The framing of one body, as far as its bytes have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    state: State,
    /// Bytes of chunk extensions so far; in the trailer section, of that.
    extra: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes are missing; none is the end.
    Length(u64),
    /// Everything until the connection ends.
    UntilClose,
    /// The line before a chunk.
    Size(SizeLine, u64),
    /// So many bytes of a chunk are missing.
    Chunk(u64),
    /// The line end behind a chunk's data: none of it, or its CR, has come.
    ChunkEnd(bool),
    /// The fields behind the last chunk, and the empty line.
    Trailer(TrailerLine),
}

/// How much of the line before a chunk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SizeLine {
    /// Nothing.
    Begin,
    /// Digits.
    Digits,
    /// Space behind them.
    Space,
    /// A semicolon.
    Extension,
    /// The CR.
    Cr,
}

/// How much of a line of the trailer section has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrailerLine {
    /// Nothing.
    Begin,
    /// Part of a name.
    Name,
    /// The colon.
    Value,
    /// The CR of a field.
    Cr,
    /// The CR of the empty line.
    LastCr,
}

/// The bytes break the rules of their framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The line before a chunk is malformed.
    #[error("a chunk's size is not a hexadecimal number on a line of its own")]
    Size,
    /// A chunk does not end where its size says.
    #[error("a chunk's data is not as long as its size says")]
    Chunk,
    /// The trailer section is malformed.
    #[error("the trailer section is malformed")]
    Trailer,
    /// Extensions or trailers are too long.
    #[error("the extensions of its chunks, or its trailers, are longer than {EXTRA_MAX} bytes")]
    TooLong,
    /// The stream ended before the body.
    #[error("the connection ended before the body")]
    Truncated,
}

/// A step through a body's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes taken from the front, data and framing.
    pub taken: usize,
    /// Which of them are data.
    pub data: Range<usize>,
}

impl Framing {
    /// A body of known length; zero is no body.
    pub const fn length(bytes: u64) -> Self {
        Self { state: State::Length(bytes), extra: 0 }
    }

    /// A body in chunks.
    pub const fn chunked() -> Self {
        Self { state: State::Size(SizeLine::Begin, 0), extra: 0 }
    }

    /// A body that ends with the connection.
    pub const fn until_close() -> Self {
        Self { state: State::UntilClose, extra: 0 }
    }

    /// Whether the body is whole.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Length(0))
    }

    /// The number of bytes still missing, where it is known.
    pub const fn missing(&self) -> Option<u64> {
        match self.state {
            State::Length(missing) => Some(missing),
            _ => None,
        }
    }

    /// The stream ended: that is the end of a body only if nothing else marks it.
    pub fn finish(&mut self) -> Result<(), FramingError> {
        if self.state == State::UntilClose {
            self.state = State::Length(0);
        }
        if self.is_done() { Ok(()) } else { Err(FramingError::Truncated) }
    }

    /// Takes what belongs to the body from the front of `bytes`, and hands its data to `sink`; returns how many bytes
    /// that were. Fewer than all only if the body [is done](Self::is_done).
    pub fn decode(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<usize, FramingError> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            let Piece { taken, data } = self.next(&bytes[at..])?;
            if !data.is_empty() {
                sink(&bytes[at..][data]);
            }
            at += taken;
        }
        Ok(at)
    }

    /// Takes bytes up to the end of the next run of data; everything, if there is none.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Piece, FramingError> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.state {
                State::Length(missing) | State::Chunk(missing) if *missing > 0 => {
                    let run =
                        (bytes.len() - at).min(usize::try_from(*missing).unwrap_or(usize::MAX));
                    *missing -= run as u64;
                    let data = at..at + run;
                    return Ok(Piece { taken: data.end, data });
                }
                State::Length(_) => break,
                State::UntilClose => {
                    return Ok(Piece { taken: bytes.len(), data: at..bytes.len() });
                }
                State::Chunk(_) => self.state = State::ChunkEnd(false),
                State::ChunkEnd(cr) => {
                    self.state = match (*cr, bytes[at]) {
                        (false, b'\r') => State::ChunkEnd(true),
                        (true, b'\n') => State::Size(SizeLine::Begin, 0),
                        _ => return Err(FramingError::Chunk),
                    };
                    at += 1;
                }
                State::Size(..) => {
                    self.size(bytes[at])?;
                    at += 1;
                }
                State::Trailer(_) => {
                    self.trailer(bytes[at])?;
                    at += 1;
                }
            }
        }
        Ok(Piece { taken: at, data: at..at })
    }

    /// Takes a byte of the line before a chunk.
    fn size(&mut self, byte: u8) -> Result<(), FramingError> {
        let State::Size(line, size) = self.state else { return Ok(()) };
        let (line, size) = match (line, byte) {
            (SizeLine::Begin | SizeLine::Digits, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or_default();
                let larger = size.checked_mul(16).ok_or(FramingError::Size)?;
                (SizeLine::Digits, larger + u64::from(digit))
            }
            (SizeLine::Digits | SizeLine::Space, b' ' | b'\t') => {
                self.count()?;
                (SizeLine::Space, size)
            }
            (SizeLine::Digits | SizeLine::Space, b';') => (SizeLine::Extension, size),
            (SizeLine::Digits | SizeLine::Space | SizeLine::Extension, b'\r') => {
                (SizeLine::Cr, size)
            }
            (SizeLine::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count()?;
                (SizeLine::Extension, size)
            }
            (SizeLine::Cr, b'\n') if size == 0 => {
                (self.state, self.extra) = (State::Trailer(TrailerLine::Begin), 0);
                return Ok(());
            }
            (SizeLine::Cr, b'\n') => {
                self.state = State::Chunk(size);
                return Ok(());
            }
            _ => return Err(FramingError::Size),
        };
        self.state = State::Size(line, size);
        Ok(())
    }

    /// Takes a byte of the trailer section. Its fields are checked, and passed over.
    fn trailer(&mut self, byte: u8) -> Result<(), FramingError> {
        let State::Trailer(line) = self.state else { return Ok(()) };
        self.count()?;
        let line = match (line, byte) {
            (TrailerLine::Begin, b'\r') => TrailerLine::LastCr,
            (TrailerLine::LastCr, b'\n') => {
                self.state = State::Length(0);
                return Ok(());
            }
            (TrailerLine::Begin | TrailerLine::Name, byte) if is_token(byte) => TrailerLine::Name,
            (TrailerLine::Name, b':') | (TrailerLine::Value, b'\t' | b' '..=b'~' | 0x80..) => {
                TrailerLine::Value
            }
            (TrailerLine::Value, b'\r') => TrailerLine::Cr,
            (TrailerLine::Cr, b'\n') => TrailerLine::Begin,
            _ => return Err(FramingError::Trailer),
        };
        self.state = State::Trailer(line);
        Ok(())
    }

    fn count(&mut self) -> Result<(), FramingError> {
        self.extra += 1;
        if self.extra > EXTRA_MAX { Err(FramingError::TooLong) } else { Ok(()) }
    }
}

/// Whether a byte may be part of a token (RFC 9110, section 5.6.2), as names of fields are.
const fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'z' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests;
