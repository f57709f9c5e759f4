//! A server's frames, put together to messages from any split of the stream.

use bytes::{Buf as _, Bytes, BytesMut};
use fastwebsockets::WebSocketError;

use crate::net::websocket::{Head, Opcode};
use crate::pattern::redial::Ended;
use crate::pattern::websocket::FRAME_LIMIT;

/// Room that is made for a frame before it is there, in bytes.
const AHEAD: usize = 256 << 10;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A text or binary message.
    Message(Bytes),
    /// A ping, with its payload.
    Ping(Bytes),
    /// A pong, which nobody asked for.
    Pong,
    /// The end, with the payload of the close frame.
    Close(Bytes),
}

/// Reads frames from any split of the stream; a frame or message beyond [`FRAME_LIMIT`] is refused before it is kept.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What was read and not understood yet.
    pub unread: BytesMut,
    /// The parts of a fragmented message so far.
    begun: Option<(Opcode, BytesMut)>,
}

impl Frames {
    /// Returns what is said next; `None` while more of it is to come.
    pub(super) fn next(&mut self) -> Result<Option<Said>, Ended> {
        while let Some((head, payload)) = self.frame()? {
            match head.opcode {
                Opcode::Ping => return Ok(Some(Said::Ping(payload.freeze()))),
                Opcode::Pong => return Ok(Some(Said::Pong)),
                Opcode::Close => return Ok(Some(Said::Close(payload.freeze()))),
                opcode => {
                    if let Some(message) = self.data(opcode, head.last, payload)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes a data frame; returns the message that ends with it.
    fn data(
        &mut self,
        opcode: Opcode,
        last: bool,
        payload: BytesMut,
    ) -> Result<Option<Said>, Ended> {
        let (opcode, whole) = match (opcode, self.begun.take()) {
            (Opcode::Continuation, None) => {
                return Err(Ended::Framing("a continuation without a message that it continues"));
            }
            (Opcode::Continuation, Some((opcode, mut begun))) => {
                if begun.len() + payload.len() > FRAME_LIMIT {
                    return Err(WebSocketError::FrameTooLarge.into());
                }
                begun.extend_from_slice(&payload);
                (opcode, begun)
            }
            (_, Some(_)) => {
                return Err(Ended::Framing("a message within the fragments of another"));
            }
            (opcode, None) => (opcode, payload),
        };
        if !last {
            self.begun = Some((opcode, whole));
            return Ok(None);
        }
        if opcode == Opcode::Text && std::str::from_utf8(&whole).is_err() {
            return Err(WebSocketError::InvalidUTF8.into());
        }
        Ok(Some(Said::Message(whole.freeze())))
    }

    /// The next frame's header and payload, once it is there whole.
    fn frame(&mut self) -> Result<Option<(Head, BytesMut)>, Ended> {
        let Some(head) = Head::read(&self.unread, false).map_err(Ended::Framing)? else {
            return Ok(None);
        };
        if head.length > FRAME_LIMIT as u64 {
            return Err(WebSocketError::FrameTooLarge.into());
        }
        let whole = head.size + head.length as usize;
        if self.unread.len() < whole {
            // Of a long frame, room for what is on its way, and not for what is merely announced.
            self.unread.reserve((whole - self.unread.len()).min(AHEAD));
            return Ok(None);
        }
        let mut frame = self.unread.split_to(whole);
        frame.advance(head.size);
        Ok(Some((head, frame)))
    }
}

#[cfg(test)]
mod tests {
    use fastwebsockets::{Frame, OpCode, Payload};
    use proptest::prelude::*;

    use super::*;

    /// A frame as another maker's server writes it.
    fn theirs(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        Frame::new(fin, opcode, None, Payload::Borrowed(payload)).write(&mut buffer).to_vec()
    }

    /// Everything that is said, however it is split; and how it ended.
    fn read(wire: &[u8], splits: &[usize]) -> (Vec<Said>, Option<String>) {
        let (mut frames, mut said, mut rest) = (Frames::default(), Vec::new(), wire);
        let mut splits = splits.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(splits.next().unwrap_or(1).clamp(1, rest.len()));
            rest = after;
            frames.unread.extend_from_slice(piece);
            loop {
                match frames.next() {
                    Ok(Some(next)) => said.push(next),
                    Ok(None) => break,
                    Err(error) => return (said, Some(error.to_string())),
                }
            }
        }
        (said, None)
    }

    proptest! {
        #[test]
        fn fragments_and_control_frames_between_them_are_read_from_any_split(
            texts in proptest::collection::vec(".{0,200}", 1..5),
            cut in 0..200usize,
            splits in proptest::collection::vec(1..40usize, 0..60),
        ) {
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            for text in &texts {
                // Also between the bytes of a character: only the whole is text.
                let (a, b) = text.as_bytes().split_at(cut % (text.len() + 1));
                wire.extend(theirs(false, OpCode::Text, a));
                wire.extend(theirs(true, OpCode::Ping, b"?"));
                wire.extend(theirs(false, OpCode::Continuation, b""));
                wire.extend(theirs(true, OpCode::Pong, b""));
                wire.extend(theirs(true, OpCode::Continuation, b));
                wire.extend(theirs(true, OpCode::Binary, &[0xff, 0x00]));
                let message = Said::Message(Bytes::copy_from_slice(text.as_bytes()));
                let binary = Said::Message(Bytes::from_static(&[0xff, 0x00]));
                expected.extend([Said::Ping(Bytes::from_static(b"?")), Said::Pong, message, binary]);
            }
            wire.extend(theirs(true, OpCode::Close, &[0x03, 0xe9]));
            expected.push(Said::Close(Bytes::from_static(&[0x03, 0xe9])));
            prop_assert_eq!(read(&wire, &splits), (expected, None));
        }

        #[test]
        fn any_bytes_are_read_or_refused_alike_however_they_are_split(
            wire in proptest::collection::vec(any::<u8>(), 0..100),
            splits in proptest::collection::vec(1..10usize, 0..60),
        ) {
            prop_assert_eq!(read(&wire, &splits), read(&wire, &[]));
        }
    }

    #[test]
    fn frames_that_a_server_must_not_send_are_refused_by_name() {
        let long = [&[0x82, 127][..], &(FRAME_LIMIT as u64 + 1).to_be_bytes()].concat();
        let parts = [
            theirs(false, OpCode::Binary, &vec![0; FRAME_LIMIT]),
            theirs(true, OpCode::Continuation, b"x"),
        ];
        for (what, wire, named) in [
            ("a masked frame", vec![0x81, 0x80, 1, 2, 3, 4], "masked"),
            ("a bit that nobody agreed on", vec![0xc1, 0], "reserved bit"),
            ("a reserved opcode", vec![0x83, 0], "reserved opcode"),
            ("a continuation of nothing", theirs(true, OpCode::Continuation, b"x"), "continuation"),
            ("a message in another", vec![1, 0, 0x81, 0], "within the fragments"),
            ("a fragmented ping", vec![0x09, 0], "control frame"),
            ("a text that is not UTF-8", theirs(true, OpCode::Text, &[0xff]), "UTF-8"),
            ("a frame that is too long, before it is there", long, "exceeds"),
            ("fragments that are too long together", parts.concat(), "exceeds"),
        ] {
            let (said, error) = read(&wire, &[]);
            assert!(said.is_empty(), "{what}");
            let error = error.unwrap_or_else(|| panic!("{what} is taken"));
            assert!(error.contains(named), "{what}: {error}");
        }
    }
}
