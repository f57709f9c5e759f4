//! What the client of a topic's WebSocket is saying: kept only while a message or an answer to one is under way.

use super::decode::Decoder;
use super::inbox::Inbox;
use crate::server::request::BODY_MAX;

/// Longest message that a client may send, in bytes.
const MESSAGE_MAX: u64 = BODY_MAX as u64;

/// The frame and the message under way, and the posts that wait for their receipts.
#[derive(Debug)]
pub(in crate::server) struct Ear {
    pub(in crate::server) decoder: Decoder,
    pub(in crate::server) inbox: Inbox,
}

impl Ear {
    pub(in crate::server) fn new() -> Self {
        Self { decoder: Decoder::new(MESSAGE_MAX), inbox: Inbox::default() }
    }

    /// Whether nothing is under way, so that a new one would do.
    pub(in crate::server) const fn is_idle(&self) -> bool {
        self.decoder.is_idle() && self.inbox.is_idle()
    }
}
