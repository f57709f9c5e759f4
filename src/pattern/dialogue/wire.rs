//! An open WebSocket: what the server says, and what is written to it meanwhile.

use std::rc::Rc;
use std::time::Duration;

use fastwebsockets::WebSocketError;
use tokio::io::{AsyncReadExt as _, ReadHalf};
use tokio::task::{JoinHandle, spawn_local};

use super::frames::{Frames, Said};
use super::outgoing::{Item, Outgoing};
use crate::net::websocket::{Opcode, masked};
use crate::net::{Meter, Stream};
use crate::pace::Rng;
use crate::pattern::redial::Ended;

/// Room for a read, in bytes.
const READ: usize = 4 << 10;
/// Longest wait for the server's close, once a link has sent its own, and for the last words to be written.
const FAREWELL: Duration = Duration::from_secs(1);

/// An open WebSocket.
#[derive(Debug)]
pub(super) struct Wire {
    reader: ReadHalf<Stream>,
    frames: Frames,
    pub meter: Rc<Meter>,
    pub outgoing: Rc<Outgoing>,
    writing: JoinHandle<std::io::Result<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

impl Wire {
    /// A WebSocket after its handshake; masks are drawn from `rng`.
    pub(super) fn new(stream: Stream, meter: Rc<Meter>, mut rng: Rng) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let outgoing = Outgoing::new();
        let encode = move |item: &mut Item, bytes: &mut bytes::BytesMut| {
            let key = (rng.next_u64() as u32).to_le_bytes();
            masked(bytes, item.opcode, &mut item.payload, key);
        };
        let writing =
            spawn_local(Rc::clone(&outgoing).write(writer, Some(Rc::clone(&meter)), encode));
        Self { reader, frames: Frames::default(), meter, outgoing, writing }
    }

    /// Has a frame written.
    pub(super) fn say(&self, opcode: Opcode, payload: Vec<u8>) -> Result<(), Ended> {
        self.outgoing.say(Item { opcode, payload, tag: None })
    }

    /// What the server says next. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Result<Said, Ended> {
        loop {
            if let Some(said) = self.frames.next()? {
                return Ok(said);
            }
            let unread = &mut self.frames.unread;
            unread.reserve(READ);
            tokio::select! {
                biased;
                read = self.reader.read_buf(unread) => match read {
                    Ok(0) => return Err(WebSocketError::UnexpectedEOF.into()),
                    Ok(_) => {}
                    Err(error) => return Err(WebSocketError::IoError(error).into()),
                },
                written = &mut self.writing => {
                    let error = match written {
                        Ok(Ok(())) => std::io::ErrorKind::BrokenPipe.into(),
                        Ok(Err(error)) => error,
                        Err(error) => std::io::Error::other(error),
                    };
                    return Err(WebSocketError::IoError(error).into());
                }
            }
        }
    }

    /// Answers the server's close, and has it written.
    pub(super) async fn close_too(&mut self, payload: &[u8]) {
        let code = payload.get(..2).unwrap_or_default().to_vec();
        if self.say(Opcode::Close, code).is_err() {
            return;
        }
        tokio::select! {
            () = self.outgoing.emptied() => {}
            // Nothing more can be written.
            _ = &mut self.writing => {}
            () = tokio::time::sleep(FAREWELL) => {}
        }
    }

    /// Sends a close and waits for the server's, as in RFC 6455, section 7.1.1.
    pub(super) async fn leave(mut self) {
        if self.say(Opcode::Close, 1000_u16.to_be_bytes().to_vec()).is_err() {
            return;
        }
        let closed = async {
            // An end of any other kind is an end, too.
            while let Ok(said) = self.next().await {
                if matches!(said, Said::Close(_)) {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }
}
