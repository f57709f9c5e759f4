//! Messages in frames: one each, several, or lines of a stream whose frames are cut anywhere.

use bytes::{Buf as _, Bytes, BytesMut};
use fastwebsockets::WebSocketError;
use memchr::memmem::Finder;

use crate::pattern::redial::Ended;
use crate::pattern::websocket::FRAME_LIMIT;

/// Cuts frames into messages.
#[derive(Debug)]
pub(in crate::pattern) struct Pieces {
    /// What parts messages; `None` where each frame is one.
    between: Option<Finder<'static>>,
    /// Whether a message may go on in the next frame.
    goes_on: bool,
    /// The current frame, as far as it has not been cut.
    rest: Bytes,
    /// A message whose end has not come.
    kept: BytesMut,
}

impl Pieces {
    /// Messages that `between` parts; `goes_on` across frames.
    pub(in crate::pattern) fn new(between: &[u8], goes_on: bool) -> Self {
        let between = (!between.is_empty()).then(|| Finder::new(between).into_owned());
        Self { between, goes_on, rest: Bytes::new(), kept: BytesMut::new() }
    }

    /// Takes the next frame; the one before has been cut.
    pub(in crate::pattern) fn feed(&mut self, frame: Bytes) -> Result<(), Ended> {
        if self.kept.is_empty() {
            self.rest = frame;
        } else {
            let seam = self.between.as_ref().map_or(0, |between| between.needle().len() - 1);
            let searched = self.kept.len().saturating_sub(seam);
            self.kept.extend_from_slice(&frame);
            let end = self.between.as_ref().and_then(|it| it.find(&self.kept[searched..]));
            if end.is_some() {
                self.rest = self.kept.split().freeze();
            }
        }
        if self.kept.len() > FRAME_LIMIT {
            return Err(WebSocketError::FrameTooLarge.into());
        }
        Ok(())
    }

    /// The next message; empty ones are left out. `None` once the frame is used up.
    pub(in crate::pattern) fn next(&mut self) -> Option<Bytes> {
        let Some(between) = &self.between else {
            return (!self.rest.is_empty()).then(|| std::mem::take(&mut self.rest));
        };
        while !self.rest.is_empty() {
            let message = match between.find(&self.rest) {
                Some(at) => {
                    let message = self.rest.split_to(at);
                    self.rest.advance(between.needle().len());
                    message
                }
                None if self.goes_on => {
                    self.kept.extend_from_slice(&self.rest);
                    self.rest = Bytes::new();
                    return None;
                }
                None => std::mem::take(&mut self.rest),
            };
            if !message.is_empty() {
                return Some(message);
            }
        }
        None
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(between: &[u8], goes_on: bool, frames: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::new(between, goes_on);
        let mut found = Vec::new();
        for frame in frames {
            pieces.feed(Bytes::copy_from_slice(frame)).unwrap();
            while let Some(message) = pieces.next() {
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

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut pieces = Pieces::new(b"\r\n", true);
        let piece = Bytes::from(vec![b'x'; FRAME_LIMIT / 4]);
        let fed: Vec<bool> = (0..6)
            .map(|_| {
                let fed = pieces.feed(piece.clone()).is_ok();
                assert_eq!(pieces.next(), None);
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
