//! Frames (RFC 9113, sections 4 and 6).

use h2::Reason;

/// Octets of a frame's head.
pub(super) const HEAD: usize = 9;
/// Longest payload that either side must take, and the longest that this one takes.
pub(super) const PAYLOAD_MAX: usize = 16 << 10;
/// Largest window.
pub(super) const WINDOW_MAX: i64 = (1 << 31) - 1;
/// What a client sends before its first frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub(super) const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
/// Of HEADERS: priority comes first.
pub(super) const PRIORITISED: u8 = 32;

pub(super) const HEADER_TABLE_SIZE: u16 = 1;
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;
pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// What the server does against the rules, for which the connection or a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) struct Breach {
    pub(super) reason: Reason,
    pub(super) what: &'static str,
}

/// A breach of the protocol.
pub(super) const fn wrong(what: &'static str) -> Breach {
    Breach { reason: Reason::PROTOCOL_ERROR, what }
}

/// A frame of the wrong length.
pub(super) const fn mis_sized(what: &'static str) -> Breach {
    Breach { reason: Reason::FRAME_SIZE_ERROR, what }
}

/// More than a window allows.
pub(super) const fn overflown(what: &'static str) -> Breach {
    Breach { reason: Reason::FLOW_CONTROL_ERROR, what }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHead {
    /// Reads a head, if `bytes` have a whole one.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Breach> {
        // As early as it can be seen: who speaks something else may not send a whole head.
        let Some(length) = bytes.first_chunk::<3>() else { return Ok(None) };
        let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
        if length > PAYLOAD_MAX {
            return Err(mis_sized("a frame is longer than 16 KiB"));
        }
        let Some(head) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
        let stream = word(&head[5..]) & 0x7fff_ffff;
        Ok(Some(Self { length, kind: head[3], flags: head[4], stream }))
    }

    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame's head.
pub(super) fn put_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, length @ ..] = (length as u32).to_be_bytes();
    let mut head = [0; HEAD];
    head[..3].copy_from_slice(&length);
    head[3..5].copy_from_slice(&[kind, flags]);
    head[5..].copy_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(&head);
}

/// Appends a frame whose payload is one word: `RST_STREAM`, `WINDOW_UPDATE`.
pub(super) fn put_word(out: &mut Vec<u8>, kind: u8, stream: u32, word: u32) {
    put_head(out, 4, kind, 0, stream);
    out.extend_from_slice(&word.to_be_bytes());
}

/// The first four octets.
pub(super) fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// A payload without its padding.
pub(super) fn unpadded(head: FrameHead, payload: &[u8]) -> Result<&[u8], Breach> {
    if !head.has(PADDED) {
        return Ok(payload);
    }
    let Some((padding, rest)) = payload.split_first() else {
        return Err(mis_sized("a padded frame has no pad length"));
    };
    let kept = rest.len().checked_sub(usize::from(*padding));
    kept.map(|kept| &rest[..kept]).ok_or(wrong("a frame is padded beyond its length"))
}
