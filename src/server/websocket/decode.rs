//! Reads a client's frames (RFC 6455, section 5): a pure state machine over any split of the bytes.
//!
//! fastwebsockets reads frames too, but reserves 8 KiB per link before the first byte, and a link here only listens: with
//! such a buffer an idle link took 7.2 KB of this process's memory (slope over 1,000 to 5,000 links), without it 1.6 KB.
//! Its reader also accepts unmasked frames, ignores the length of pongs and closes, bounds frames but not messages, and
//! cannot be interrupted. This one keeps about a hundred bytes and is strict; the tests compare it with frames that
//! fastwebsockets made.

use crate::net::websocket::{Head, MASKED_HEADER_MAX, Opcode, mask};

/// A decoded part of a client's stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// The client closes, with this code if it gave one; nothing after it is read.
    Close(Option<u16>),
    /// A piece of a data message, in order.
    Data {
        /// Text (valid UTF-8 over the whole message) or binary.
        text: bool,
        /// The bytes.
        bytes: &'a [u8],
        /// Whether the message ends here.
        last: bool,
    },
}

/// Why a client is refused, as a close code and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseReason {
    /// The close code.
    pub code: u16,
    /// What was wrong.
    pub reason: &'static str,
}

const fn protocol(reason: &'static str) -> CloseReason {
    CloseReason { code: 1002, reason }
}

const NOT_TEXT: CloseReason = CloseReason { code: 1007, reason: "text that is not UTF-8" };

#[derive(Debug, Clone, Copy)]
struct Frame {
    head: Head,
    /// Bytes of the payload read so far.
    read: u64,
}

#[derive(Debug)]
struct Message {
    text: bool,
    size: u64,
    tail: Tail,
}

/// Reads frames from any split of the stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    header: [u8; MASKED_HEADER_MAX],
    header_len: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    /// Payload of the control frame under way; holds no memory between them.
    control: Vec<u8>,
    message_max: u64,
    closed: bool,
}

impl Decoder {
    /// A decoder that refuses messages beyond `message_max` bytes.
    pub(crate) const fn new(message_max: u64) -> Self {
        Self {
            header: [0; MASKED_HEADER_MAX],
            header_len: 0,
            frame: None,
            message: None,
            control: Vec::new(),
            message_max,
            closed: false,
        }
    }

    /// Whether nothing is under way: a new decoder would read what follows in the same way.
    pub(crate) const fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none() && !self.closed
    }

    /// Reads `input`, unmasking it in place, and passes on what is complete. After a refusal or a close the decoder
    /// discards all further input.
    pub(crate) fn decode(
        &mut self,
        mut input: &mut [u8],
        on: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), CloseReason> {
        while !input.is_empty() && !self.closed {
            let taken = match self.frame {
                None => {
                    self.header[self.header_len] = input[0];
                    self.header_len += 1;
                    if let Some(frame) = self.header().inspect_err(|_| self.closed = true)? {
                        self.header_len = 0;
                        self.frame = Some(frame);
                        if frame.head.length == 0 {
                            self.payload(frame, &mut [], on).inspect_err(|_| self.closed = true)?;
                        }
                    }
                    1
                }
                Some(frame) => {
                    let taken = (frame.head.length - frame.read).min(input.len() as u64) as usize;
                    self.payload(frame, &mut input[..taken], on)
                        .inspect_err(|_| self.closed = true)?;
                    taken
                }
            };
            input = &mut input[taken..];
        }
        Ok(())
    }

    /// The frame that the header announces, once the header is complete.
    fn header(&mut self) -> Result<Option<Frame>, CloseReason> {
        let head = Head::read(&self.header[..self.header_len], true).map_err(protocol)?;
        let Some(head) = head else { return Ok(None) };
        self.begin(head.opcode, head.length)?;
        Ok(Some(Frame { head, read: 0 }))
    }

    /// Checks a frame against the message that it begins or continues.
    fn begin(&mut self, opcode: Opcode, length: u64) -> Result<(), CloseReason> {
        if opcode.is_control() {
            self.control.clear();
            return Ok(());
        }
        let message = match (opcode, &mut self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Continuation, None) => return Err(protocol("nothing to continue")),
            (_, Some(_)) => return Err(protocol("a message inside another")),
            (_, none) => {
                let text = opcode == Opcode::Text;
                none.insert(Message { text, size: 0, tail: Tail::default() })
            }
        };
        message.size = message.size.saturating_add(length);
        if message.size > self.message_max {
            return Err(CloseReason { code: 1009, reason: "a message that is too long" });
        }
        Ok(())
    }

    fn payload(
        &mut self,
        mut frame: Frame,
        bytes: &mut [u8],
        on: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), CloseReason> {
        mask(bytes, frame.head.mask, frame.read);
        frame.read += bytes.len() as u64;
        let complete = frame.read == frame.head.length;
        self.frame = (!complete).then_some(frame);
        if frame.head.opcode.is_control() {
            self.control.extend_from_slice(bytes);
            return if complete { self.control(frame.head.opcode, on) } else { Ok(()) };
        }
        let Some(message) = &mut self.message else { return Err(protocol("nothing to continue")) };
        let (text, last) = (message.text, complete && frame.head.last);
        if text && !(message.tail.extend(bytes) && (!last || message.tail.is_whole())) {
            return Err(NOT_TEXT);
        }
        if last {
            self.message = None;
        }
        on(Incoming::Data { text, bytes, last });
        Ok(())
    }

    fn control(
        &mut self,
        opcode: Opcode,
        on: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), CloseReason> {
        let payload = std::mem::take(&mut self.control);
        match opcode {
            Opcode::Ping => on(Incoming::Ping(&payload)),
            Opcode::Pong => on(Incoming::Pong),
            _ => {
                let code = close_code(&payload)?;
                self.closed = true;
                on(Incoming::Close(code));
            }
        }
        Ok(())
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseReason> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(protocol("half a close code")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(protocol("a close code that may not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(NOT_TEXT);
    }
    Ok(Some(code))
}

/// Checks UTF-8 over any split: keeps the beginning of an incomplete character.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; 4],
    len: usize,
}

impl Tail {
    /// Whether the bytes so far are, or may become, UTF-8.
    fn extend(&mut self, mut bytes: &[u8]) -> bool {
        while self.len > 0 {
            let [first, rest @ ..] = bytes else { return true };
            self.bytes[self.len] = *first;
            self.len += 1;
            bytes = rest;
            match std::str::from_utf8(&self.bytes[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let cut = &bytes[error.valid_up_to()..];
                self.bytes[..cut.len()].copy_from_slice(cut);
                self.len = cut.len();
                true
            }
        }
    }

    const fn is_whole(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use fastwebsockets::{Frame as Theirs, OpCode, Payload};
    use proptest::prelude::*;

    use super::*;

    fn masked(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut frame = Theirs::new(fin, opcode, None, Payload::Owned(payload.to_vec()));
        frame.mask();
        let mut buffer = Vec::new();
        frame.write(&mut buffer).to_vec()
    }

    /// What comes out, with data messages put together again.
    fn read(wire: &[u8], splits: &[usize], limit: u64) -> Result<Vec<String>, CloseReason> {
        let (mut decoder, mut said, mut data) = (Decoder::new(limit), Vec::new(), Vec::new());
        let mut wire = wire.to_vec();
        let mut rest = wire.as_mut_slice();
        let mut splits = splits.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let at = splits.next().unwrap_or(1).clamp(1, rest.len());
            let (piece, after) = rest.split_at_mut(at);
            rest = after;
            decoder.decode(piece, &mut |incoming| match incoming {
                Incoming::Ping(payload) => said.push(format!("ping {payload:?}")),
                Incoming::Pong => said.push("pong".to_owned()),
                Incoming::Close(code) => said.push(format!("close {code:?}")),
                Incoming::Data { text, bytes, last } => {
                    data.extend_from_slice(bytes);
                    if last {
                        said.push(format!("{text} {:?}", std::mem::take(&mut data)));
                    }
                }
            })?;
        }
        Ok(said)
    }

    proptest! {
        #[test]
        fn frames_of_another_maker_are_read_from_any_split(
            texts in proptest::collection::vec(".{0,200}", 1..5),
            cuts in proptest::collection::vec(0..200usize, 0..4),
            splits in proptest::collection::vec(1..40usize, 0..60),
        ) {
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            for text in &texts {
                let bytes = text.as_bytes();
                let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (bytes.len() + 1)).collect();
                cuts.sort_unstable();
                let mut from = 0;
                for (i, to) in cuts.iter().copied().chain([bytes.len()]).enumerate() {
                    let opcode = if i == 0 { OpCode::Text } else { OpCode::Continuation };
                    wire.extend(masked(i == cuts.len(), opcode, &bytes[from..to]));
                    // Control frames may come between the fragments of a message.
                    wire.extend(masked(true, OpCode::Ping, &[1, 2]));
                    expected.push("ping [1, 2]".to_owned());
                    from = to;
                }
                expected.insert(expected.len() - 1, format!("true {bytes:?}"));
            }
            wire.extend(masked(true, OpCode::Close, &[0x03, 0xe8]));
            wire.extend(b"whatever follows a close");
            expected.push("close Some(1000)".to_owned());
            prop_assert_eq!(read(&wire, &splits, 10_000).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused_alike_however_they_are_split(
            wire in proptest::collection::vec(any::<u8>(), 0..100),
            splits in proptest::collection::vec(1..10usize, 0..60),
        ) {
            prop_assert_eq!(read(&wire, &splits, 50), read(&wire, &[], 50));
        }

        #[test]
        fn text_is_checked_as_a_whole(bytes in proptest::collection::vec(any::<u8>(), 0..12), cut in 0..12usize) {
            let mut tail = Tail::default();
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let valid = tail.extend(a) && tail.extend(b) && tail.is_whole();
            prop_assert_eq!(valid, std::str::from_utf8(&bytes).is_ok());
        }
    }

    #[test]
    fn a_protocol_violation_is_refused_with_its_code() {
        let text = |fin, payload: &[u8]| masked(fin, OpCode::Text, payload);
        let close = |payload: &[u8]| masked(true, OpCode::Close, payload);
        for (what, wire, code) in [
            ("an unmasked frame", vec![0x81, 0x01, b'x'], 1002),
            ("a reserved bit", vec![0xc1, 0x80], 1002),
            ("a reserved opcode", vec![0x83, 0x80], 1002),
            ("a fragmented ping", vec![0x09, 0x80], 1002),
            ("a ping of 126 bytes", vec![0x89, 0xfe], 1002),
            ("a pong of 126 bytes", vec![0x8a, 0xfe], 1002),
            ("a length of 5 in two bytes", vec![0x81, 0xfe, 0, 5], 1002),
            ("a length of 2^63", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002),
            ("a continuation of nothing", masked(true, OpCode::Continuation, b"x"), 1002),
            ("a message inside another", [text(false, b"a"), text(true, b"b")].concat(), 1002),
            ("half a close code", close(&[3]), 1002),
            ("a close code of 1005", close(&[0x03, 0xed]), 1002),
            ("a close reason that is no text", close(&[0x03, 0xe8, 0xff]), 1007),
            ("text that is no text, before its end", text(false, &[0xf4, 0x90]), 1007),
            ("text that stops inside a character", text(true, &[0xc3]), 1007),
            (
                "a message over the limit",
                [text(false, &[b'a'; 60]), masked(true, OpCode::Continuation, &[b'a'; 60])]
                    .concat(),
                1009,
            ),
        ] {
            assert_eq!(read(&wire, &[], 100).map_err(|r| r.code), Err(code), "{what}");
            assert_eq!(
                read(&wire, &[1; 300], 100).map_err(|r| r.code),
                Err(code),
                "{what}, by bytes"
            );
        }
    }
}
