//! A WebSocket: events as text frames, pings answered, resumed with `since`.
//!
//! Frames are read by fastwebsockets, not by [`crate::net::websocket`], so that server and client do not share a mistake.

use std::rc::Rc;
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Role, WebSocket};

use super::conversation::Voice;
use super::handshake::{self, Opened};
use super::redial::{Ended, Redial, Subscription, hold};
use super::{Link, dialogue};
use crate::clock;
use crate::event::{Cursor, decode_gap, decode_head, decode_reset};
use crate::net::websocket::Closing;
use crate::net::{Meter, Stream, Told};
use crate::scenario::WebSocketOptions;

/// Largest frame that is taken, in bytes.
pub(super) const FRAME_LIMIT: usize = 4 << 20;
/// Longest wait for the target's close, once a link has sent its own.
const FAREWELL: Duration = Duration::from_secs(1);

/// Reads the socket; when it ends, reopens it after the last event received.
pub(super) async fn run(link: &Link, options: &WebSocketOptions) {
    if !link.context().conversation.is_envelope() {
        return dialogue::run(link, options).await;
    }
    hold(link, Line::new(link, *options)).await;
}

/// A WebSocket: where it is resumed.
pub(super) struct Line {
    options: WebSocketOptions,
    voice: Voice,
    /// The last sequence received, or announced as left out, and the life of its log.
    cursor: Cursor,
}

impl Subscription for Line {
    type Stream = (WebSocket<Stream>, Rc<Meter>);

    /// Dials and upgrades, subscribing after the cursor.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Self::Stream, Ended> {
        self.voice.set("cursor", self.cursor.to_string());
        let request = self.voice.handshake()?;
        let (socket, meter) = match handshake::open(link, request, redial.rng()).await? {
            Opened::Socket(socket, meter, epoch) => {
                // A cursor of another life is answered by a reset first.
                if self.cursor.epoch.is_none() {
                    self.cursor.epoch = epoch;
                }
                (socket, meter)
            }
            Opened::Refused(response) => {
                return Err(Ended::Unexpected(Told::of_upgrade(&response).into()));
            }
        };
        let mut socket = WebSocket::after_handshake(socket, Role::Client);
        socket.set_max_message_size(FRAME_LIMIT);
        Ok((socket, meter))
    }

    async fn read(
        &mut self,
        link: &Link,
        (socket, _): &mut Self::Stream,
        redial: &mut Redial,
    ) -> Ended {
        let slow = link.is_slow();
        loop {
            // Not cancel-safe, and cancelled only where the link ends.
            let mut frame = match socket.read_frame().await {
                Ok(frame) => frame,
                Err(error) => return error.into(),
            };
            let received_ns = clock::now();
            // The crate has written the answer, but not flushed what lies under it.
            if frame.opcode == OpCode::Ping
                && let Err(error) = socket.flush().await
            {
                return error.into();
            }
            if let Some(ended) = self.take(link, &frame, received_ns, redial) {
                return if is_masked(&mut frame) { Ended::Masked } else { ended };
            }
            link.after_read(slow).await;
        }
    }

    /// Sends a close and waits for the target's, as in RFC 6455, section 7.1.1.
    async fn leave(&mut self, (mut socket, _): Self::Stream) {
        let closed = async {
            socket.write_frame(Frame::close(1000, b"")).await?;
            socket.flush().await?;
            while socket.read_frame().await?.opcode != OpCode::Close {}
            Ok::<_, fastwebsockets::WebSocketError>(())
        };
        // An end of any other kind is an end, too.
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }

    fn meter((_, meter): &Self::Stream) -> Rc<Meter> {
        Rc::clone(meter)
    }

    fn heartbeat_ns(&self) -> u64 {
        self.options.ping.ns()
    }
}

impl Line {
    /// A subscription from the topic's start.
    pub(super) fn new(link: &Link, options: WebSocketOptions) -> Self {
        Self { options, voice: Voice::of(link), cursor: Cursor { seq: 0, epoch: None } }
    }

    /// Processes a frame; returns how the stream ended if it ends with it.
    pub(super) fn take(
        &mut self,
        link: &Link,
        frame: &Frame<'_>,
        received_ns: u64,
        redial: &mut Redial,
    ) -> Option<Ended> {
        match frame.opcode {
            OpCode::Text | OpCode::Binary if frame.fin => {
                if let Ok(head) = decode_head(&frame.payload) {
                    link.receive(head, received_ns);
                    self.cursor.seq = head.seq;
                    redial.succeeded();
                } else if let Some(gap) = decode_gap(&frame.payload) {
                    self.skip(link, gap.to);
                } else if let Some(reset) = decode_reset(&frame.payload) {
                    link.reset();
                    self.cursor = reset.next;
                } else {
                    // Includes masked frames, which a server must not send.
                    return Some(Ended::Event);
                }
            }
            OpCode::Close => {
                if let Some(since) = resumption(&frame.payload) {
                    self.skip(link, since.seq);
                }
                let closing = Closing::read(&frame.payload);
                return Some(closing.map_or(Ended::Closed, Ended::CloseCode));
            }
            // Answered already.
            OpCode::Ping => link.upkeep(received_ns),
            OpCode::Pong => {}
            // The target sends an event in one frame.
            OpCode::Text | OpCode::Binary | OpCode::Continuation => return Some(Ended::Event),
        }
        None
    }

    /// Continues after `to`; the events before it will not be sent.
    fn skip(&mut self, link: &Link, to: u64) {
        link.missed(self.cursor.seq.saturating_add(1)..to.saturating_add(1));
        self.cursor.seq = self.cursor.seq.max(to);
    }
}

/// Whether a frame is masked, which the framing crate takes and does not tell: a server's must not be.
fn is_masked(frame: &mut Frame<'_>) -> bool {
    let before = frame.payload.to_vec();
    frame.unmask();
    frame.payload[..] != before
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
