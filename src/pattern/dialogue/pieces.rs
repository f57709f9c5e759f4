//! Messages in frames: one each, several, or lines of a stream whose frames are cut anywhere.

use bytes::{Buf as _, Bytes, BytesMut};
use fastwebsockets::WebSocketError;
use memchr::memmem::Finder;

use crate::dialect::framing::{Endless, Framing};
use crate::pattern::redial::Ended;
use crate::pattern::websocket::FRAME_LIMIT;

/// Where frames are cut into messages.
#[derive(Debug)]
pub(in crate::pattern) enum Cut {
    /// Each is one.
    Nowhere,
    /// At this text.
    Between(Box<Finder<'static>>),
    /// By their lengths.
    Length(Framing),
}

impl Cut {
    /// At `text`, if there is any.
    pub(in crate::pattern) fn between(text: &[u8]) -> Self {
        if text.is_empty() {
            Self::Nowhere
        } else {
            Self::Between(Box::new(Finder::new(text).into_owned()))
        }
    }
}

/// Cuts frames into messages.
#[derive(Debug)]
pub(in crate::pattern) struct Pieces {
    cut: Cut,
    /// Whether a message may go on in the next frame.
    goes_on: bool,
    /// The current frame, as far as it has not been cut.
    rest: Bytes,
    /// A message whose end has not come.
    kept: BytesMut,
}

impl Pieces {
    /// Messages as `cut` says; they `goes_on` across frames.
    pub(in crate::pattern) fn new(cut: Cut, goes_on: bool) -> Self {
        Self { cut, goes_on, rest: Bytes::new(), kept: BytesMut::new() }
    }

    /// Takes the next frame; the one before has been cut.
    pub(in crate::pattern) fn feed(&mut self, frame: Bytes) -> Result<(), Ended> {
        if self.kept.is_empty() {
            self.rest = frame;
        } else {
            let has_end = match &self.cut {
                Cut::Nowhere => false,
                Cut::Between(between) => {
                    let searched = self.kept.len().saturating_sub(between.needle().len() - 1);
                    self.kept.extend_from_slice(&frame);
                    between.find(&self.kept[searched..]).is_some()
                }
                Cut::Length(framing) => {
                    self.kept.extend_from_slice(&frame);
                    length(*framing, &self.kept)?.is_some_and(|whole| whole <= self.kept.len())
                }
            };
            if has_end {
                self.rest = self.kept.split().freeze();
            }
        }
        if self.kept.len() > FRAME_LIMIT {
            return Err(WebSocketError::FrameTooLarge.into());
        }
        Ok(())
    }

    /// The next message; empty ones are left out. `None` once the frame is used up.
    pub(in crate::pattern) fn next(&mut self) -> Result<Option<Bytes>, Ended> {
        while !self.rest.is_empty() {
            let found = match &self.cut {
                Cut::Nowhere => return Ok(Some(std::mem::take(&mut self.rest))),
                Cut::Between(between) => {
                    between.find(&self.rest).map(|at| (at, between.needle().len()))
                }
                Cut::Length(framing) => length(*framing, &self.rest)?
                    .filter(|whole| *whole <= self.rest.len())
                    .map(|whole| (whole, 0)),
            };
            let message = match found {
                Some((at, between)) => {
                    let message = self.rest.split_to(at);
                    self.rest.advance(between);
                    message
                }
                None if self.goes_on => {
                    self.kept.extend_from_slice(&self.rest);
                    self.rest = Bytes::new();
                    return Ok(None);
                }
                None => std::mem::take(&mut self.rest),
            };
            if !message.is_empty() {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// What came without its end, once nothing more comes.
    pub(in crate::pattern) fn last(&mut self) -> Option<Bytes> {
        (!self.kept.is_empty()).then(|| self.kept.split().freeze())
    }

    /// Whether the current frame is used up.
    pub(in crate::pattern) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Puts back the end of a message that belongs to the next one.
    pub(in crate::pattern) fn put_back(&mut self, rest: Bytes) {
        self.rest = rest;
    }
}

/// The length of the message that `bytes` begin with, as far as they say.
fn length(framing: Framing, bytes: &[u8]) -> Result<Option<usize>, Ended> {
    match framing.whole(bytes) {
        Ok(whole) if whole.is_some_and(|whole| whole > FRAME_LIMIT) => {
            Err(WebSocketError::FrameTooLarge.into())
        }
        Ok(whole) => Ok(whole),
        Err(Endless) => Err(Ended::Framing("a message's length does not end within four bytes")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::framing::LengthField;

    fn cut(between: &[u8], goes_on: bool, frames: &[&[u8]]) -> Vec<Vec<u8>> {
        cut_by(Cut::between(between), goes_on, frames)
    }

    fn cut_by(cut: Cut, goes_on: bool, frames: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::new(cut, goes_on);
        let mut found = Vec::new();
        for frame in frames {
            pieces.feed(Bytes::copy_from_slice(frame)).unwrap();
            while let Some(message) = pieces.next().unwrap() {
                found.push(message.to_vec());
            }
        }
        found
    }

    #[test]
    fn frames_are_messages_lists_of_messages_or_a_stream() {
        for (between, goes_on, frames, expected, what) in [
            ("", false, &["a\nb", "c"][..], &["a\nb", "c"][..], "a frame each"),
            ("", true, &["a", "b"], &["a", "b"], "pieces of a stream without lines"),
            ("\n", false, &["a\nb", "c\n", "\n\nd"], &["a", "b", "c", "d"], "several to a frame"),
            ("\r\n", true, &["a\r", "\nb", "c\r\nd"], &["a", "bc"], "lines across frames"),
            ("\x1e", false, &["a\x1eb\x1e"], &["a", "b"], "another separator"),
        ] {
            let frames: Vec<&[u8]> = frames.iter().map(|frame| frame.as_bytes()).collect();
            let expected: Vec<Vec<u8>> = expected.iter().map(|it| it.as_bytes().to_vec()).collect();
            assert_eq!(cut(between.as_bytes(), goes_on, &frames), expected, "{what}");
        }
    }

    /// A head of one byte, and the length as in MQTT.
    const PACKETS: Framing = Framing { before: 1, length: LengthField::Varint };

    #[test]
    fn the_packets_of_a_conversation_are_the_same_wherever_its_frames_are_cut() {
        let long = [&[0x30, 0xac, 0x02][..], &[b'x'; 300]].concat();
        let packets: [&[u8]; 5] = [b"\x20\x02\0\0", b"\xd0\0", &long, b"\x30\x03abc", b"\xd0\0"];
        let talk = packets.concat();
        for at in 0..=talk.len() {
            let (one, two) = talk.split_at(at);
            assert_eq!(cut_by(Cut::Length(PACKETS), true, &[one, two]), packets, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = talk.chunks(1).collect();
        assert_eq!(cut_by(Cut::Length(PACKETS), true, &bytes), packets, "a byte to a frame");
        // Where no message goes on in the next frame, the end of a frame ends one, whatever its length says.
        let halves: [&[u8]; 2] = [b"\xd0\0\x30\x03a", b"\x30\x01b"];
        let expected: [&[u8]; 3] = [b"\xd0\0", b"\x30\x03a", b"\x30\x01b"];
        assert_eq!(cut_by(Cut::Length(PACKETS), false, &halves), expected);
    }

    #[test]
    fn a_length_beyond_all_limits_ends_the_connection_once_what_came_before_is_taken() {
        for length in [&[0xff, 0xff, 0xff, 0x7f][..], &[0xff, 0xff, 0xff, 0xff]] {
            let mut pieces = Pieces::new(Cut::Length(PACKETS), true);
            pieces.feed([b"\xd0\0\x30", length].concat().into()).unwrap();
            assert_eq!(pieces.next().unwrap().as_deref(), Some(&b"\xd0\0"[..]));
            assert!(pieces.next().is_err());
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut pieces = Pieces::new(Cut::between(b"\r\n"), true);
        let piece = Bytes::from(vec![b'x'; FRAME_LIMIT / 4]);
        let fed: Vec<bool> = (0..6)
            .map(|_| {
                let fed = pieces.feed(piece.clone()).is_ok();
                assert!(pieces.next().unwrap().is_none());
                fed
            })
            .collect();
        assert_eq!(fed, [true, true, true, true, false, false]);
    }

    #[test]
    fn the_lines_of_a_conversation_are_the_same_wherever_its_frames_are_cut() {
        let talk =
            b"INFO {\"a\":1}\r\n+OK\r\nMSG news 1 5\r\nhello\r\nPING\r\n\r\nMSG x 1 2\r\nab\r\n";
        let whole = cut(b"\r\n", true, &[talk]);
        assert_eq!(whole.len(), 7);
        for at in 0..=talk.len() {
            let (one, two) = talk.split_at(at);
            assert_eq!(cut(b"\r\n", true, &[one, two]), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = talk.chunks(1).collect();
        assert_eq!(cut(b"\r\n", true, &bytes), whole, "a byte to a frame");
    }

    proptest! {
        #[test]
        fn any_stream_is_cut_alike_however_its_frames_are(
            text in "[ab\r\n]{0,120}", splits in proptest::collection::vec(1..20usize, 0..40),
        ) {
            let (mut frames, mut rest) = (Vec::new(), text.as_bytes());
            let mut splits = splits.into_iter().chain(std::iter::repeat(usize::MAX));
            while !rest.is_empty() {
                let (frame, after) = rest.split_at(splits.next().unwrap_or(1).min(rest.len()));
                frames.push(frame);
                rest = after;
            }
            let ended = text.rfind("\r\n").map_or("", |at| &text[..at]);
            let lines = ended.split("\r\n").filter(|line| !line.is_empty());
            let expected: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(cut(b"\r\n", true, &frames), expected);
        }
    }
}
