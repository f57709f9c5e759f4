//! A WebSocket: events as text frames, pings answered, resumed with `since`.
//!
//! Framing is checked against fastwebsockets, as the server's is, so that both ends cannot share a mistake: that crate keeps
//! 8 KiB for every link, and takes some 2,000 instructions for a frame.

mod reading;

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

pub(super) use self::reading::{Frame, Reading, Turn, owe};

use super::Link;
use super::handshake::{self, Opened};
use super::redial::{Ended, Redial, Subscription, hold};
use super::voice::Voice;
use crate::event::{Cursor, decode_gap, decode_head, decode_reset};
use crate::net::websocket::{Closing, Opcode};
use crate::net::{Meter, Told};
use crate::scenario::WebSocketOptions;

/// Largest frame that is taken, in bytes.
pub(super) const FRAME_LIMIT: usize = 4 << 20;
/// Longest wait for the target's close, once a link has sent its own.
const FAREWELL: Duration = Duration::from_secs(1);

/// Reads the socket; when it ends, reopens it after the last event received.
pub(super) fn run(link: &Link, options: &WebSocketOptions) -> impl Future<Output = ()> {
    hold(link, Line::new(options))
}

/// A WebSocket: where it is resumed.
pub(super) struct Line {
    ping_ns: u64,
    /// Connections so far.
    opened: u64,
    /// The last sequence received, or announced as left out, and the life of its log.
    cursor: Cursor,
}

impl Subscription for Line {
    type Stream = Reading;

    /// Dials and upgrades, subscribing after the cursor.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Self::Stream, Ended> {
        // A link keeps no texts while it stands.
        let mut voice = Voice::of(link);
        voice.skip(self.opened);
        self.opened += 1;
        voice.set("cursor", self.cursor.to_string());
        let request = voice.handshake()?;
        match handshake::open(link, request, redial.rng()).await? {
            Opened::Socket(socket, meter, epoch) => {
                // A cursor of another life is answered by a reset first.
                if self.cursor.epoch.is_none() {
                    self.cursor.epoch = epoch;
                }
                Ok(Reading::new(socket, meter))
            }
            Opened::Refused(response) => Err(Ended::Unexpected(Told::of_upgrade(&response).into())),
        }
    }

    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep its arguments twice")]
    fn read(
        &mut self,
        link: &Link,
        stream: &mut Reading,
        redial: &mut Redial,
    ) -> impl Future<Output = Ended> {
        async move {
            if link.is_slow() {
                return Box::pin(self.read_slowly(link, stream, redial)).await;
            }
            loop {
                let turns = poll_fn(|cx| {
                    stream.poll_turns(cx, &mut |frame| self.take(link, frame, redial))
                });
                let turn = turns.await;
                if let Some(ended) = Box::pin(stream.settle(turn)).await {
                    return ended;
                }
            }
        }
    }

    /// Sends a close and waits for the target's, as in RFC 6455, section 7.1.1.
    async fn leave(&mut self, mut stream: Reading) {
        // An end of any other kind is an end, too.
        let _ = tokio::time::timeout(FAREWELL, stream.close()).await;
    }

    fn meter(stream: &Reading) -> Rc<Meter> {
        stream.meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.ping_ns
    }
}

impl Line {
    /// A subscription from the topic's start.
    pub(super) fn new(options: &WebSocketOptions) -> Self {
        Self { ping_ns: options.ping.ns(), opened: 0, cursor: Cursor { seq: 0, epoch: None } }
    }

    /// Reads with a pause after every frame.
    async fn read_slowly(
        &mut self,
        link: &Link,
        stream: &mut Reading,
        redial: &mut Redial,
    ) -> Ended {
        loop {
            let turn = stream.slow_turn(|frame| self.take(link, frame, redial)).await;
            if let Some(ended) = stream.settle(turn).await {
                return ended;
            }
            link.after_read(true).await;
        }
    }

    /// Processes a frame; returns how the stream ended if it ends with it.
    pub(super) fn take(
        &mut self,
        link: &Link,
        Frame { opcode, last, payload, received_ns }: Frame<'_>,
        redial: &mut Redial,
    ) -> Option<Ended> {
        match opcode {
            Opcode::Text | Opcode::Binary if last => {
                if let Ok(head) = decode_head(payload) {
                    link.receive(head, received_ns);
                    self.cursor.seq = head.seq;
                    redial.succeeded();
                } else if let Some(gap) = decode_gap(payload) {
                    self.skip(link, gap.to);
                } else if let Some(reset) = decode_reset(payload) {
                    link.reset();
                    self.cursor = reset.next;
                } else {
                    return Some(Ended::Event);
                }
            }
            Opcode::Close => {
                if let Some(since) = resumption(payload) {
                    self.skip(link, since.seq);
                }
                return Some(Closing::read(payload).map_or(Ended::Closed, Ended::CloseCode));
            }
            // Answered by whoever reads.
            Opcode::Ping => link.upkeep(received_ns),
            Opcode::Pong => {}
            // The target sends an event in one frame.
            Opcode::Text | Opcode::Binary | Opcode::Continuation => return Some(Ended::Event),
        }
        None
    }

    /// Continues after `to`; the events before it will not be sent.
    fn skip(&mut self, link: &Link, to: u64) {
        link.missed(self.cursor.seq.saturating_add(1)..to.saturating_add(1));
        self.cursor.seq = self.cursor.seq.max(to);
    }
}

/// Parses the cursor in the close reason of a slow link: `…since=17-k3f9x2`.
fn resumption(payload: &[u8]) -> Option<Cursor> {
    let reason = std::str::from_utf8(payload.get(2..)?).ok()?;
    payload.starts_with(&1013u16.to_be_bytes()).then_some(())?;
    reason.rsplit_once("since=")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_close_for_slowness_has_a_cursor() {
        let close = |code: u16, reason: &str| [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        let slow = "too slow: come back with since=17";
        assert_eq!(resumption(&close(1013, slow)), Some(17.into()));
        let known = resumption(&close(1013, "too slow: come back with since=17-k3f9x2")).unwrap();
        assert_eq!((known.seq, known.to_string().as_str()), (17, "17-k3f9x2"));
        for other in [close(1001, slow), close(1013, ""), close(1013, "since=x"), vec![], vec![3]] {
            assert_eq!(resumption(&other), None, "{other:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_close_is_read_without_a_panic(bytes: Vec<u8>) {
            let _ = resumption(&bytes);
        }
    }
}
