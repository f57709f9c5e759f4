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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data of a body that comes in these pieces, how many bytes belonged to it, and its framing at the end.
    fn read<'a>(
        mut framing: Framing,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Vec<u8>, usize, Framing), FramingError> {
        let (mut data, mut taken) = (Vec::new(), 0);
        for piece in pieces {
            let of_body = framing.decode(piece, |bytes| data.extend_from_slice(bytes))?;
            taken += of_body;
            assert!(of_body == piece.len() || framing.is_done());
        }
        Ok((data, taken, framing))
    }

    fn chunked(text: &str) -> Result<(Vec<u8>, usize, Framing), FramingError> {
        read(Framing::chunked(), [text.as_bytes()])
    }

    #[test]
    fn well_formed_chunks_are_read() {
        for (text, data) in [
            ("0\r\n\r\n", ""),
            ("2\r\n{}\r\n0\r\n\r\n", "{}"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("a;x=\"y z\"\r\n0123456789\r\n00000\r\n\r\n", "0123456789"),
            ("1 \t \r\na\r\n1 ;x\r\nb\r\n0;last\r\n\r\n", "ab"),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1\r\na\r\n0\r\nx-sum: 1, 2\r\nY:\r\n\r\n", "a"),
            ("1\r\na\r\n0\r\nx: \u{e9}\t\r\n\r\n", "a"),
            ("000000000000000000000000001\r\na\r\n0\r\n\r\n", "a"),
        ] {
            let (read, taken, framing) = chunked(&format!("{text}GET /")).unwrap();
            assert_eq!((read, taken), (data.as_bytes().to_vec(), text.len()), "{text:?}");
            assert!(framing.is_done(), "{text:?}");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        use FramingError::{Chunk, Size, TooLong, Trailer};
        let extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(EXTRA_MAX as usize + 1));
        let many = "1;xxxxxxxx\r\na\r\n".repeat(EXTRA_MAX as usize / 8 + 1);
        let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(EXTRA_MAX as usize / 6 + 1));
        let space = format!("1{}\r\na\r\n0\r\n\r\n", " ".repeat(EXTRA_MAX as usize + 1));
        for (text, expected) in [
            ("\r\n{}\r\n0\r\n\r\n", Size),
            ("-2\r\n{}\r\n", Size),
            ("+2\r\n{}\r\n", Size),
            ("0x2\r\n{}\r\n", Size),
            (" 2\r\n{}\r\n", Size),
            ("2 2\r\n{}\r\n", Size),
            ("zz\r\n{}\r\n", Size),
            ("2\n{}\n0\n\n", Size),
            ("2\r{}\r\n", Size),
            ("2;a\n{}\r\n", Size),
            ("2;a\0\r\n{}\r\n", Size),
            (";a\r\n\r\n", Size),
            ("10000000000000000\r\n", Size),
            ("2\r\n{}}\r\n0\r\n\r\n", Chunk),
            ("2\r\n{}\n0\r\n\r\n", Chunk),
            ("2\r\n{}\r0\r\n\r\n", Chunk),
            ("2\r\n{}0\r\n\r\n", Chunk),
            ("0\r\n\n", Trailer),
            ("0\r\n\rx", Trailer),
            ("0\r\n x: y\r\n\r\n", Trailer),
            ("0\r\nx: y\r\n z\r\n\r\n", Trailer),
            ("0\r\nx : y\r\n\r\n", Trailer),
            ("0\r\n: y\r\n\r\n", Trailer),
            ("0\r\nGET / HTTP/1.1\r\n\r\n", Trailer),
            ("0\r\nx: \0\r\n\r\n", Trailer),
            ("0\r\nx: y\n\r\n", Trailer),
            (&extension, TooLong),
            (&many, TooLong),
            (&trailers, TooLong),
            (&space, TooLong),
        ] {
            let begin = &text[..text.len().min(40)];
            assert_eq!(chunked(text).map(|_| ()), Err(expected), "{begin:?}");
        }
    }

    #[test]
    fn a_stream_that_ends_is_an_end_only_where_nothing_else_is() {
        let mut until_close = read(Framing::until_close(), [&b"abc"[..], b"d"]).unwrap();
        assert_eq!((until_close.0.as_slice(), until_close.2.is_done()), (&b"abcd"[..], false));
        assert_eq!((until_close.2.finish(), until_close.2.is_done()), (Ok(()), true));
        assert_eq!(Framing::length(0).finish(), Ok(()));
        assert_eq!(Framing::length(1).finish(), Err(FramingError::Truncated));
        let whole = "3;x\r\nabc\r\n0\r\nx: y\r\n\r\n";
        for cut in 0..whole.len() {
            let (.., mut framing) = chunked(&whole[..cut]).unwrap();
            assert_eq!(framing.finish(), Err(FramingError::Truncated), "{cut}");
        }
    }

    fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let begins = std::iter::once(0).chain(cuts.iter().copied());
        begins.zip(ends).map(|(begin, end)| &bytes[begin..end]).collect()
    }

    proptest! {
        #[test]
        fn chunks_are_read_the_same_at_any_split(
            chunks in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..40), "(;[a-z]{0,5})?"), 0..6),
            trailers in proptest::collection::vec("[a-z]{1,5}:[ -~]{0,8}\r\n", 0..3),
            behind in proptest::collection::vec(any::<u8>(), 0..10),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
        ) {
            let mut bytes = Vec::new();
            for (data, extension) in &chunks {
                bytes.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
                bytes.extend_from_slice(data);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n");
            bytes.extend(trailers.concat().into_bytes());
            bytes.extend_from_slice(b"\r\n");
            let length = bytes.len();
            bytes.extend_from_slice(&behind);
            let (data, taken, framing) = read(Framing::chunked(), pieces(&bytes, &cuts)).unwrap();
            let expected: Vec<u8> = chunks.into_iter().flat_map(|(data, _)| data).collect();
            prop_assert_eq!(data, expected);
            prop_assert_eq!(taken, length);
            prop_assert!(framing.is_done());
        }

        #[test]
        fn a_length_is_counted_at_any_split(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), length in 0..80usize,
            cuts in proptest::collection::vec(any::<usize>(), 0..6),
        ) {
            let (data, taken, framing) = read(Framing::length(length as u64), pieces(&bytes, &cuts)).unwrap();
            prop_assert_eq!(&data, &bytes[..length.min(bytes.len())]);
            prop_assert_eq!(taken, data.len());
            prop_assert_eq!(framing.missing(), Some((length - taken) as u64));
        }

        #[test]
        fn any_bytes_are_refused_or_read_the_same_at_any_split(
            text in "[0-3a;\r\nx: ]{0,40}", cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let whole = read(Framing::chunked(), [text.as_bytes()]);
            prop_assert_eq!(read(Framing::chunked(), pieces(text.as_bytes(), &cuts)), whole);
        }
    }
}
