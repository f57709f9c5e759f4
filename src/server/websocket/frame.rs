//! Frame headers as a server writes them (RFC 6455, section 5.2): unmasked, unfragmented, of least length.

/// Longest header of an unmasked frame, in bytes.
pub(crate) const HEADER_MAX: usize = 10;
/// Longest payload of a control frame, in bytes.
pub(crate) const CONTROL_MAX: usize = 125;

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
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
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
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
    pub(crate) const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The header of a final frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    /// The header of a text frame with `payload` bytes.
    pub(crate) fn text(payload: usize) -> Self {
        Self::new(Opcode::Text, payload)
    }

    /// The header of a frame with `payload` bytes.
    pub(crate) fn new(opcode: Opcode, payload: usize) -> Self {
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
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Appends a control frame; a payload beyond [`CONTROL_MAX`] is cut.
pub(crate) fn control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let payload = &payload[..payload.len().min(CONTROL_MAX)];
    out.extend_from_slice(Header::new(opcode, payload.len()).as_bytes());
    out.extend_from_slice(payload);
}

/// Appends a close frame; a reason too long is cut between characters.
pub(crate) fn close(out: &mut Vec<u8>, code: u16, reason: &str) {
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
    use fastwebsockets::{Frame, Payload};

    use super::*;

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
