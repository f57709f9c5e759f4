//! `GET /echo`: a WebSocket that returns every message, text as text and binary as binary.
//!
//! It exists for conformance suites and for trying out clients; it delivers and measures nothing (`link` does). A message
//! is kept until it is complete, so a connection holds at most one message in each direction. A client that does not take
//! its message in time, or does not answer a ping, is dropped.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::decode::{CloseReason, Decoder, Incoming};
use super::life::Life;
use crate::net::websocket::{self as frame, Header, Opcode};
use crate::server::shard::Shard;
use crate::server::wire::Wire;

/// After our close frame, the client has so long to end the connection.
const FAREWELL: Duration = Duration::from_secs(1);
/// Least rate at which a client must read its message back, in bytes per second.
const TAKE_RATE: usize = 64 << 10;

/// The message read so far, and the bytes to write.
#[derive(Debug)]
struct Echo {
    decoder: Decoder,
    message: Vec<u8>,
    out: Vec<u8>,
    ended: bool,
    /// Whether a pong, or anything else, has arrived since the last ping.
    heard: bool,
}

impl Echo {
    fn new(message_max: u64) -> Self {
        let (message, out) = (Vec::new(), Vec::new());
        Self { decoder: Decoder::new(message_max), message, out, ended: false, heard: true }
    }

    /// Takes bytes of the client's.
    fn receive(&mut self, bytes: &mut [u8]) {
        self.heard |= !bytes.is_empty();
        let Self { decoder, message, out, ended, .. } = self;
        let decoded = decoder.decode(bytes, &mut |incoming| match incoming {
            Incoming::Ping(payload) => frame::control(out, Opcode::Pong, payload),
            Incoming::Pong => {}
            Incoming::Close(code) => {
                frame::close_too(out, code);
                *ended = true;
            }
            Incoming::Data { text, bytes, last } => {
                message.extend_from_slice(bytes);
                if last {
                    let opcode = if text { Opcode::Text } else { Opcode::Binary };
                    out.extend_from_slice(Header::new(opcode, message.len()).as_bytes());
                    out.append(message);
                }
            }
        });
        if let Err(CloseReason { code, reason }) = decoded {
            frame::close(out, code, reason);
            *ended = true;
        }
        if self.message.is_empty() {
            // A long message leaves no memory behind.
            self.message = Vec::new();
        }
    }
}

/// Echoes until either side ends it; `early` arrived with the handshake.
pub(super) async fn run(shard: Rc<Shard>, mut wire: Wire, mut early: Vec<u8>) -> io::Result<()> {
    let options = shard.options();
    let (ping, patience) = (options.websocket.ping.std(), options.websocket.pong_timeout.std());
    let silence = patience.max(options.write_timeout.std());
    let (mut echo, mut life) = (Echo::new(options.echo_max), Life::default());
    echo.receive(&mut early);
    loop {
        if !echo.out.is_empty() {
            let out = std::mem::take(&mut echo.out);
            let limit = patience + Duration::from_secs((out.len() / TAKE_RATE) as u64);
            let written = async {
                wire.write_all(&out).await?;
                wire.flush().await
            };
            timeout(limit, written).await??;
        }
        if echo.ended {
            return farewell(&shard, &mut wire).await;
        }
        let wait = if echo.heard { ping } else { patience };
        let reading = read(&shard, &mut wire, |bytes| echo.receive(bytes));
        let read = if wait.is_zero() { Ok(reading.await) } else { timeout(wait, reading).await };
        match read {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) if std::mem::take(&mut echo.heard) => {
                frame::control(&mut echo.out, Opcode::Ping, b"");
                life = Life::asked(wire.uptake());
            }
            Err(_) if life.signs(wire.uptake(), silence) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Waits for bytes of the client's, and hands them over; 0 is the end.
async fn read(
    shard: &Shard,
    wire: &mut Wire,
    mut take: impl FnMut(&mut [u8]),
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut scratch = shard.scratch();
        let read = ready!(wire.poll_take(cx, &mut scratch))?;
        take(&mut scratch[..read]);
        Poll::Ready(Ok(read))
    })
    .await
}

/// Closes after our close frame: a socket closed with bytes unread would be reset, and the frame lost.
pub(in crate::server) async fn farewell(shard: &Shard, wire: &mut Wire) -> io::Result<()> {
    wire.shutdown().await?;
    let drained = async {
        while read(shard, wire, |_| {}).await? > 0 {}
        Ok(())
    };
    timeout(FAREWELL, drained).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        frame.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(b, m)| b ^ m));
        frame
    }

    #[test]
    fn fragments_come_back_as_one_message_and_pings_between_them_at_once() {
        let mut echo = Echo::new(100);
        let parts = [masked(0x01, b"he"), masked(0x89, b"?"), masked(0x80, b"llo")];
        echo.receive(&mut parts.concat());
        assert_eq!(echo.out, b"\x8a\x01?\x81\x05hello");
        assert!(!echo.ended);
        echo.receive(&mut masked(0x82, b"\xff"));
        assert!(echo.out.ends_with(b"\x82\x01\xff"));
    }

    #[test]
    fn an_overlong_message_is_not_kept() {
        let mut echo = Echo::new(4);
        echo.receive(&mut masked(0x82, b"12345"));
        assert!(echo.ended && echo.message.is_empty());
        assert_eq!(echo.out[..4], [0x88, echo.out.len() as u8 - 2, 0x03, 0xf1], "1009");
    }
}
