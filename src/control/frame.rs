//! Length-prefixed JSON on a byte stream.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest frame that is accepted, in bytes: an interval of every metric is well under a megabyte.
const LIMIT: u32 = 64 << 20;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed, or ended inside a frame.
    #[error("the control stream failed: {0}")]
    Io(#[from] io::Error),
    /// A frame was not JSON of the expected shape: the peer has another version.
    #[error("a control frame was not understood (is the other side another version?): {0}")]
    Malformed(#[from] serde_json::Error),
    /// A length beyond reason: something else writes to the stream.
    #[error("a control frame of {0} bytes: something else writes to the control stream")]
    TooLong(u32),
}

/// Writes one frame and flushes.
pub fn write_frame<T: Serialize>(to: &mut impl Write, value: &T) -> Result<(), FrameError> {
    let json = serde_json::to_vec(value)?;
    let mut frame = Vec::with_capacity(json.len() + 4);
    frame.extend_from_slice(&(json.len() as u32).to_be_bytes());
    frame.extend_from_slice(&json);
    to.write_all(&frame)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` if the stream ends before one begins.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    let mut filled = 0;
    while filled < length.len() {
        match from.read(&mut length[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = u32::from_be_bytes(length);
    if length > LIMIT {
        return Err(FrameError::TooLong(length));
    }
    let mut json = vec![0; length as usize];
    from.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::{Order, Report};

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut stream = Vec::new();
        write_frame(&mut stream, &Order::Start { at_ns: u64::MAX }).unwrap();
        write_frame(&mut stream, &Order::Abort).unwrap();
        let mut stream = stream.as_slice();
        assert_eq!(read_frame(&mut stream).unwrap(), Some(Order::Start { at_ns: u64::MAX }));
        assert_eq!(read_frame(&mut stream).unwrap(), Some(Order::Abort));
        assert_eq!(read_frame::<Order>(&mut stream).unwrap(), None);
    }

    #[test]
    fn a_stream_cut_inside_a_frame_is_an_error_not_an_end() {
        let mut stream = Vec::new();
        write_frame(&mut stream, &Report::Ready { address: None, trust: None }).unwrap();
        for end in 1..stream.len() {
            assert!(read_frame::<Report>(&mut &stream[..end]).is_err(), "{end}");
        }
    }

    /// Reads a fixed number of bytes at a time, with an interruption now and then.
    struct InPieces<'a>(&'a [u8], std::iter::Cycle<std::slice::Iter<'a, usize>>);

    impl Read for InPieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let wanted = *self.1.next().unwrap_or(&1);
            if wanted == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = wanted.min(buffer.len()).min(self.0.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_whatever_the_pieces(
            values in proptest::collection::vec(proptest::collection::vec((".{0,9}", any::<i64>()), 0..6), 0..6),
            pieces in proptest::collection::vec(0..9usize, 1..9),
        ) {
            prop_assume!(pieces.iter().any(|piece| *piece > 0));
            let mut stream = Vec::new();
            for value in &values {
                write_frame(&mut stream, value).unwrap();
            }
            let mut stream = InPieces(&stream, pieces.iter().cycle());
            for value in values {
                prop_assert_eq!(read_frame(&mut stream).unwrap(), Some(value));
            }
            prop_assert_eq!(read_frame::<Vec<(String, i64)>>(&mut stream).unwrap(), None);
        }

        #[test]
        fn any_bytes_are_a_frame_or_refused(length in 0..80u32, bytes: Vec<u8>) {
            let foreign = read_frame::<Report>(&mut bytes.as_slice());
            prop_assert_eq!(matches!(foreign, Ok(None)), bytes.is_empty());
            let framed = [&length.to_be_bytes()[..], &bytes].concat();
            let _ = read_frame::<Order>(&mut framed.as_slice());
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert!(matches!(
            read_frame::<Report>(&mut &b"Hello, world"[..]),
            Err(FrameError::TooLong(_))
        ));
    }
}
