//! Counts of open links by kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of long-lived link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connection of any use.
    Connection,
    /// A long poll that waits.
    LongPoll,
    /// An event stream.
    Sse,
    /// A WebSocket.
    WebSocket,
    /// A webhook endpoint with its delivery task.
    Webhook,
}

impl Kind {
    /// Every kind with its name.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Connection, "connection"),
        (Self::LongPoll, "long-poll"),
        (Self::Sse, "sse"),
        (Self::WebSocket, "websocket"),
        (Self::Webhook, "webhook"),
    ];
}

/// One shard's counts, written by its own thread and read by any.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Gauges([AtomicU64; Kind::ALL.len()]);

impl Gauges {
    /// Counts one more, until the guard is dropped.
    pub(super) fn hold(self: &Arc<Self>, kind: Kind) -> CountedLink {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
        CountedLink { gauges: Arc::clone(self), kind }
    }

    /// The number of open links.
    pub(super) fn get(&self, kind: Kind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }
}

/// One counted link; dropping it decrements the count.
#[derive(Debug)]
pub(super) struct CountedLink {
    gauges: Arc<Gauges>,
    kind: Kind,
}

impl Drop for CountedLink {
    fn drop(&mut self) {
        self.gauges.0[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
