//! What differs between a WebSocket and an event stream: the form of an event, and how things are said.

use std::rc::Rc;

use crate::clock;
use crate::event::{Cursor, Epoch, Missed, encode_gap};
use crate::net::websocket::{self as frame, Header, Opcode};
use crate::server::hub::Entry;
use crate::server::shard::Shard;
use crate::server::slow::Lag;
use crate::server::sse::{codec, gap_event, last_gap_event};
use crate::server::websocket::{ear::Ear, life::Life};

/// The protocol of a link, and the state that only this protocol has.
#[derive(Debug)]
pub(super) enum Protocol {
    /// Frames, in both directions.
    WebSocket(Talk),
    /// Server-sent events.
    Events {
        /// Whether they are chunks of HTTP/1.1.
        chunked: bool,
    },
}

/// What is known of a WebSocket's client.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Whether a ping is unanswered.
    pub awaits_pong: bool,
    /// Whether the client is not read, until it takes its answers.
    pub paused: bool,
    /// Signs of life of a client that is to answer a ping, or a close.
    pub life: Life,
    /// What it is saying; nothing between its messages.
    pub ear: Option<Box<Ear>>,
}

/// The form in which events are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Frame,
    Chunk(Epoch),
    Text(Epoch),
}

impl Form {
    /// An event in this form.
    #[inline]
    pub(super) fn of(self, entry: &Entry) -> &[u8] {
        match self {
            Self::Frame => entry.frame(),
            Self::Chunk(life) => entry.chunk(life),
            Self::Text(life) => entry.sse(life),
        }
    }
}

/// What a policy has to say to a client, and whether its link ends with it.
#[derive(Debug)]
pub(super) enum Told {
    /// It continues after this event.
    Continues(u64),
    /// It closes.
    Ends,
}

impl Protocol {
    /// A WebSocket whose client has said nothing yet.
    pub(super) fn web_socket() -> Self {
        Self::WebSocket(Talk::default())
    }

    /// The form of events in the log of that life.
    #[inline]
    pub(super) const fn form(&self, life: Epoch) -> Form {
        match self {
            Self::WebSocket(_) => Form::Frame,
            Self::Events { chunked: true } => Form::Chunk(life),
            Self::Events { chunked: false } => Form::Text(life),
        }
    }

    /// Appends a piece of an event stream.
    pub(super) fn append(&self, out: &mut Vec<u8>, piece: &[u8]) {
        if matches!(self, Self::Events { chunked: true }) {
            codec::chunk(out, piece);
        } else {
            out.extend_from_slice(piece);
        }
    }

    /// Appends what ends the link: a close frame, or the end of the body.
    pub(super) fn append_end(&self, out: &mut Vec<u8>, code: u16, reason: &str) {
        match self {
            Self::WebSocket(_) => frame::close(out, code, reason),
            Self::Events { chunked: true } => out.extend_from_slice(codec::LAST_CHUNK),
            Self::Events { chunked: false } => {}
        }
    }

    /// Appends the notice for a client that lags as `lag`; `None` where it does not lag. The notice to a stream that is ended
    /// names what it missed; a WebSocket's close frame says where to resume.
    pub(super) fn append_lag(
        &self,
        out: &mut Vec<u8>,
        (since, life): (u64, Epoch),
        lag: Lag,
    ) -> Option<Told> {
        match (lag, self) {
            (Lag::Within, _) => return None,
            (Lag::Disconnect { since }, Self::WebSocket(_)) => {
                let since = Cursor::new(since, life);
                self.append_end(out, 1013, &format!("too slow: come back with since={since}"));
            }
            (Lag::Disconnect { since: from }, Self::Events { .. }) => {
                if from != since {
                    self.append(out, &last_gap_event(Cursor::new(from, life)));
                }
                self.append_end(out, 0, "");
            }
            (Lag::Skip { to }, _) => {
                let missed = Missed { from: since + 1, to };
                match self {
                    Self::WebSocket(_) => out.extend(text(&encode_gap(missed))),
                    Self::Events { .. } => {
                        self.append(out, &gap_event(Cursor::new(to, life), missed));
                    }
                }
                return Some(Told::Continues(to));
            }
        }
        Some(Told::Ends)
    }
}

/// A text frame of the target's own.
pub(super) fn text(message: &[u8]) -> Vec<u8> {
    [Header::text(message.len()).as_bytes(), message].concat()
}

/// Appends a ping.
pub(super) fn ping(out: &mut Vec<u8>) {
    frame::control(out, Opcode::Ping, b"");
}

/// When a WebSocket's first ping is due, in monotonic nanoseconds; without pings, never.
pub(super) fn first_ping_ns(shard: &Rc<Shard>) -> u64 {
    let ping = shard.options().websocket.ping;
    if ping.ns() == 0 {
        return u64::MAX;
    }
    clock::now().saturating_add(shard.upkeep.stagger.first(ping.std()).as_nanos() as u64)
}
