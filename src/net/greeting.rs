//! The first bytes that a server sends on a connection: they show what it speaks where it is not what was expected.

use std::cell::Cell;

/// Bytes that tell protocols apart.
const KEPT: usize = 8;

/// The first bytes of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Greeting(Cell<[u8; KEPT]>);

impl Greeting {
    /// Keeps the beginning of what the first read brought.
    #[cold]
    pub(super) fn keep(&self, bytes: &[u8]) {
        let mut kept = [0; KEPT];
        let count = bytes.len().min(KEPT);
        kept[..count].copy_from_slice(&bytes[..count]);
        self.0.set(kept);
    }

    /// Forgets them: they say nothing of what comes after.
    pub(super) fn forget(&self) {
        self.0.set([0; KEPT]);
    }

    fn is_tls(&self) -> bool {
        matches!(self.0.get(), [0x14..=0x17, 3, 0..=4, ..])
    }

    fn is_http1(&self) -> bool {
        self.0.get().starts_with(b"HTTP/1")
    }

    /// A frame of settings: what a server of HTTP/2 says first.
    fn is_http2(&self) -> bool {
        matches!(self.0.get(), [0, _, _, 4, 0..=1, 0, 0, 0])
    }

    /// What the server speaks in place of HTTP/1.1, with the remedy; `None` where it cannot be told.
    pub(super) fn instead_of_http1(&self) -> Option<&'static str> {
        Some(match self.0.get() {
            _ if self.is_tls() => {
                "the port speaks TLS, and the request was sent without it; write https:// or wss://"
            }
            _ if self.is_http2() => "the server speaks HTTP/2; set http = 2",
            [b'S', b'S', b'H', b'-', ..] => "the port speaks SSH; correct the URL's port",
            _ => return None,
        })
    }

    /// What the server speaks in place of HTTP/2, with the remedy; `None` where it does speak it, or that cannot be told.
    pub(super) fn instead_of_http2(&self) -> Option<&'static str> {
        Some(match () {
            () if self.is_http1() => {
                "the server answers in HTTP/1.1, not HTTP/2; remove transport.http = \"2\""
            }
            () if self.is_tls() => {
                "the port speaks TLS, and the request was sent without it; write https:// or wss://"
            }
            () => return None,
        })
    }

    /// Whether the server answers a TLS handshake with plain text.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_tls() && self.0.get() != [0; KEPT]
    }
}
