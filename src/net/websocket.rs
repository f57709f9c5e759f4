//! What both ends of a WebSocket agree on (RFC 6455): frame headers, masks, close frames, and the proof of a handshake.
//!
//! Both ends are tested against fastwebsockets, frame by frame, whole and in pieces: with one framing at both, a mistake in
//! it would not show by itself. That crate does not read here, as links must hold no buffer while they wait, and calls can
//! be interrupted at any byte.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::BufMut;
use sha1::{Digest as _, Sha1};

/// Longest header of an unmasked frame, in bytes.
pub const HEADER_MAX: usize = 10;
/// Longest header of any frame, in bytes.
pub const MASKED_HEADER_MAX: usize = 14;
/// Longest payload of a control frame, in bytes.
const CONTROL_MAX: usize = 125;

/// In a header's second byte: the payload is masked.
const MASKED: u8 = 0x80;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Any bytes.
    Binary = 0x2,
    /// Ends the link.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode of that number; `None` for the reserved ones.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it belongs to the protocol's own traffic.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The header of a final frame.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    /// The header of a text frame with `payload` bytes.
    pub fn text(payload: usize) -> Self {
        Self::new(Opcode::Text, payload)
    }

    /// The header of a frame with `payload` bytes.
    pub fn new(opcode: Opcode, payload: usize) -> Self {
        let mut bytes = [0; HEADER_MAX];
        bytes[0] = 0x80 | opcode as u8;
        let len = match payload {
            0..126 => {
                bytes[1] = payload as u8;
                2
            }
            126..=0xffff => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, len }
    }

    /// The bytes to write before the payload.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The header of a frame that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What the frame carries.
    pub opcode: Opcode,
    /// Whether its message ends with it.
    pub last: bool,
    /// What its payload is masked with; zeros where it is not.
    pub mask: [u8; 4],
    /// Bytes of its payload.
    pub length: u64,
    /// Bytes of the header itself.
    pub size: usize,
}

impl Head {
    /// The header that `bytes` begin with; `None` while more of it is to come. A client's is `masked`, a server's not.
    ///
    /// # Errors
    ///
    /// What breaks the protocol.
    #[inline]
    pub fn read(bytes: &[u8], masked: bool) -> Result<Option<Self>, &'static str> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err("a reserved bit is set");
        }
        let opcode = Opcode::from_bits(first & 0xf).ok_or("a reserved opcode")?;
        let last = first & 0x80 != 0;
        if (second & MASKED != 0) != masked {
            return Err(if masked { "an unmasked frame" } else { "a masked frame" });
        }
        let short = second & 0x7f;
        if opcode.is_control() && (!last || short > CONTROL_MAX as u8) {
            return Err("a control frame that is fragmented or too long");
        }
        let (length, rest) = match short {
            127 => match rest.split_first_chunk() {
                Some((long, rest)) => (u64::from_be_bytes(*long), rest),
                None => return Ok(None),
            },
            126 => match rest.split_first_chunk() {
                Some((short, rest)) => (u64::from(u16::from_be_bytes(*short)), rest),
                None => return Ok(None),
            },
            tiny => (u64::from(tiny), rest),
        };
        let shortest = match short {
            127 => 0x1_0000..1 << 63,
            126 => 126..0x1_0000,
            _ => 0..126,
        };
        if !shortest.contains(&length) {
            return Err("a length that is not written in its shortest form");
        }
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !masked => ([0; 4], rest),
            Some((mask, rest)) => (*mask, rest),
            None => return Ok(None),
        };
        Ok(Some(Self { opcode, last, mask, length, size: bytes.len() - rest.len() }))
    }
}

/// Masks a stretch of a payload that begins `at` bytes into it, or unmasks it.
#[inline]
pub fn mask(bytes: &mut [u8], mask: [u8; 4], at: u64) {
    for (byte, at) in bytes.iter_mut().zip(at..) {
        *byte ^= mask[(at % 4) as usize];
    }
}

/// Appends a final frame as a client writes it, masking its payload in place.
pub fn masked(out: &mut impl BufMut, opcode: Opcode, payload: &mut [u8], key: [u8; 4]) {
    let mut header = Header::new(opcode, payload.len());
    header.bytes[1] |= MASKED;
    out.put_slice(header.as_bytes());
    out.put_slice(&key);
    mask(payload, key, 0);
    out.put_slice(payload);
}

/// Appends a control frame; a payload beyond 125 bytes is cut.
pub fn control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let payload = &payload[..payload.len().min(CONTROL_MAX)];
    out.extend_from_slice(Header::new(opcode, payload.len()).as_bytes());
    out.extend_from_slice(payload);
}

/// Appends the close frame that answers one with this code, or without one.
pub fn close_too(out: &mut Vec<u8>, code: Option<u16>) {
    let code = code.map(u16::to_be_bytes);
    control(out, Opcode::Close, code.as_ref().map_or(&[], |code| code));
}

/// The proof that the key of a handshake was read (section 1.3).
pub fn accept_key(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key);
    BASE64_STANDARD.encode(hash.chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize())
}

/// Why a peer closes a WebSocket: the code of an error, and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The code (section 7.4).
    pub code: u16,
    /// The peer's own words, which may be none.
    pub reason: String,
}

impl Closing {
    /// Reads the payload of a close frame; `None` where it is one in good order: without a code, 1000 (done), 1001 (going
    /// away), 1012 (restart) or 1013 (again later).
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (code, reason) = payload.split_first_chunk()?;
        let code = u16::from_be_bytes(*code);
        let reason = super::Sample::of(reason).to_string();
        (!matches!(code, 1000 | 1001 | 1005 | 1012 | 1013)).then_some(Self { code, reason })
    }
}

impl std::fmt::Display for Closing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = match self.code {
            1002 => " (protocol error)",
            1003 => " (unsupported data)",
            1007 => " (invalid data)",
            1008 => " (policy violation)",
            1009 => " (message too big)",
            1010 => " (extension missing)",
            1011 => " (internal error)",
            1014 => " (bad gateway)",
            _ => "",
        };
        write!(f, "code {}{meaning}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

/// Appends a close frame; a reason too long is cut between characters.
pub fn close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut end = reason.len().min(CONTROL_MAX - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = &reason[..end];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    control(out, Opcode::Close, &payload);
}

#[cfg(test)]
mod tests {
    use fastwebsockets::{Frame, OpCode, Payload};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ends_refuse_the_same_but_for_the_mask() {
        for (what, bytes) in [
            ("a reserved bit", &[0xc1, 0x00][..]),
            ("a reserved opcode", &[0x83, 0x00]),
            ("another", &[0x8b, 0x00]),
            ("a fragmented ping", &[0x09, 0x00]),
            ("a close of 126 bytes", &[0x88, 0x7e, 0x00, 0x7e]),
            ("a length of 125 in two bytes", &[0x82, 0x7e, 0x00, 0x7d]),
            ("a length of 65,535 in eight bytes", &[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            ("a length of 2^63", &[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut masked = bytes.to_vec();
            masked[1] |= MASKED;
            let refused = Head::read(bytes, false);
            assert!(refused.is_err(), "{what}");
            assert_eq!(Head::read(&masked, true), refused, "{what}");
            assert!(Head::read(bytes, true).is_err(), "{what}, unmasked");
            assert!(Head::read(&masked, false).is_err(), "{what}, masked");
        }
        assert_eq!(Head::read(&[0x81, 0x01], true), Err("an unmasked frame"));
        assert_eq!(Head::read(&[0x81, 0x81], false), Err("a masked frame"));
    }

    proptest! {
        #[test]
        fn headers_of_another_maker_are_read_once_they_are_whole(
            fin: bool, size in prop_oneof![0..130usize, 65_530..65_540usize], mask: Option<[u8; 4]>,
        ) {
            let payload = Payload::Owned(vec![b'x'; size]);
            let mut buffer = Vec::new();
            let mut frame = Frame::new(fin, OpCode::Binary, mask, payload);
            if mask.is_some() {
                frame.mask();
            }
            let wire = frame.write(&mut buffer);
            let size_of_header = wire.len() - size;
            let masked = mask.is_some();
            for end in 0..size_of_header {
                prop_assert_eq!(Head::read(&wire[..end], masked), Ok(None));
            }
            let head = Head::read(wire, masked).unwrap().unwrap();
            let (opcode, mask, length) = (Opcode::Binary, mask.unwrap_or_default(), size as u64);
            prop_assert_eq!(head, Head { opcode, last: fin, mask, length, size: size_of_header });
            // And its payload, from wherever it begins.
            let mut bytes = wire[size_of_header..].to_vec();
            let cut = size / 3;
            let (first, second) = bytes.split_at_mut(cut);
            super::mask(first, mask, 0);
            super::mask(second, mask, cut as u64);
            prop_assert!(bytes.iter().all(|byte| *byte == b'x'));
        }

        #[test]
        fn what_a_client_writes_another_maker_would_write_too(text in ".{0,300}", key: [u8; 4]) {
            let mut theirs = Frame::new(true, OpCode::Text, Some(key), Payload::Owned(text.clone().into_bytes()));
            theirs.mask();
            let (mut ours, mut buffer) = (Vec::new(), Vec::new());
            masked(&mut ours, Opcode::Text, &mut text.into_bytes(), key);
            prop_assert_eq!(ours, theirs.write(&mut buffer));
        }
    }

    #[test]
    fn headers_are_those_of_another_makers_encoder() {
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 300_000] {
            let payload = vec![b'x'; size];
            let mut buffer = Vec::new();
            let theirs = Frame::text(Payload::Borrowed(&payload)).write(&mut buffer).to_vec();
            let ours = [Header::text(size).as_bytes(), &payload].concat();
            assert_eq!(ours, theirs, "{size}");
        }
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        close(&mut out, 1013, &"é".repeat(100));
        assert_eq!(out[..4], [0x88, 124, 0x03, 0xf5]);
        assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "é".repeat(61));
    }
}
