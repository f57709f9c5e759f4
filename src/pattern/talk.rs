//! A WebSocket on which both sides send: events come as in [`super::websocket`], and the client publishes its own as text
//! frames, each answered with its key. It need not wait for one answer before it sends the next.
//!
//! What is not acknowledged when the link ends is sent again, under the same key, once it stands again: at least once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use fastwebsockets::{
    Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead, WebSocketWrite,
    after_handshake_split,
};
use serde_json::value::RawValue;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_local;

use super::Link;
use super::link::InFlight;
use super::redial::{Ended, Held, Redial, hold};
use super::retry_after::unspoken;
use super::sends::{Send, due};
use super::websocket::{FAREWELL, FRAME_LIMIT, Line};
use crate::clock;
use crate::event::PostAnswer;
use crate::measure::{Counter, ErrorKind};
use crate::net::{Meter, Stream};
use crate::scenario::WebSocketOptions;

type Writer = WebSocketWrite<WriteHalf<Stream>>;

/// Receives, and publishes the link's own events when they are due.
pub async fn run(link: &Link, options: &WebSocketOptions) {
    let speech = Rc::new(Speech::new(link));
    spawn_local(Rc::clone(&speech).run());
    hold(link, Talk { line: Line::new(*options), speech }).await;
}

/// What is said of one event so far.
struct Said {
    send: Send,
    /// When the link could send it at the earliest, in monotonic nanoseconds: once it had written what came before, and
    /// stood.
    free_ns: u64,
    /// First write, in monotonic nanoseconds; none yet where the link was down.
    sent_ns: Option<u64>,
    /// The trial waits for its answer, if it is measured.
    _guard: Option<InFlight>,
}

/// The sending side of a link, which outlives its connections.
struct Speech {
    link: Link,
    data: Box<RawValue>,
    /// Where frames are written while the link stands; its owner alone writes.
    writer: Mutex<Option<(Writer, Rc<Meter>)>>,
    /// Says to whoever writes that the connection is gone: a peer that takes nothing would hold it for ever.
    cut: Notify,
    /// Events that are not acknowledged, by key.
    open: RefCell<BTreeMap<u64, Said>>,
    /// Refusals in a row.
    refused: Cell<u32>,
}

impl Speech {
    fn new(link: &Link) -> Self {
        Self {
            link: link.share(),
            data: link.payload(),
            writer: Mutex::new(None),
            cut: Notify::new(),
            open: RefCell::default(),
            refused: Cell::new(0),
        }
    }

    /// Publishes each event when it is due, whether or not those before it are acknowledged.
    async fn run(self: Rc<Self>) {
        let timeline = self.link.started().await;
        let mut free_ns = 0;
        for send in self.link.sends(timeline) {
            due(&self.link, send).await;
            let guard = send.measured.then(|| self.link.in_flight());
            let said = Said { send, free_ns, sent_ns: None, _guard: guard };
            self.open.borrow_mut().insert(send.key, said);
            // A link that is down sends it when it stands again.
            let _ = self.say(send).await;
            free_ns = clock::now();
        }
    }

    /// Sends an event, if the link stands.
    async fn say(&self, send: Send) -> Result<(), WebSocketError> {
        let mut standing = self.writer.lock().await;
        let Some((writer, meter)) = standing.as_mut() else { return Ok(()) };
        if !self.open.borrow().contains_key(&send.key) {
            // It was answered while this waited for its turn.
            return Ok(());
        }
        meter.arm();
        let frame = Frame::text(Payload::Owned(send.encode(&self.data)));
        let started_ns = clock::now();
        if let Err(error) = self.write(writer, frame).await {
            // Nothing more goes out on it: what was lost on it is sent again on the next.
            *standing = None;
            return Err(error);
        }
        if let Some(said) = self.open.borrow_mut().get_mut(&send.key) {
            let repeated = said.sent_ns.is_some() && send.measured;
            self.link.count(Counter::SendsRepeated, u64::from(repeated));
            said.sent_ns.get_or_insert(meter.sent_ns().unwrap_or(started_ns));
        }
        Ok(())
    }

    /// Writes a frame that the protocol owes.
    async fn owe(&self, frame: Frame<'_>) -> Result<(), WebSocketError> {
        let mut standing = self.writer.lock().await;
        let Some((writer, _)) = standing.as_mut() else { return Ok(()) };
        let written = self.write(writer, frame).await;
        if written.is_err() {
            *standing = None;
        }
        written
    }

    async fn write(&self, writer: &mut Writer, frame: Frame<'_>) -> Result<(), WebSocketError> {
        let written = async {
            writer.write_frame(frame).await?;
            writer.flush().await
        };
        tokio::select! {
            biased;
            written = written => written,
            () = self.cut.notified() => Err(WebSocketError::ConnectionClosed),
        }
    }

    /// The link stands again: returns what is to be said on it, oldest first.
    fn stands(&self) -> Vec<Send> {
        let (mut open, now) = (self.open.borrow_mut(), clock::now());
        for said in open.values_mut().filter(|said| said.sent_ns.is_none()) {
            said.free_ns = now;
        }
        open.values().map(|said| said.send).collect()
    }

    /// Forgets a connection that has ended.
    fn cut(&self) {
        self.cut.notify_waiters();
        // Whoever holds it has been told, and finds it gone; the next connection stands in its place.
        if let Ok(mut writer) = self.writer.try_lock() {
            *writer = None;
        }
    }

    /// Takes the answer to an event that was sent.
    fn answered(self: &Rc<Self>, answer: &PostAnswer, received_ns: u64) {
        match answer {
            PostAnswer::Posted { key: Some(key), .. } => {
                self.refused.set(0);
                if let Some(Said { send, free_ns, sent_ns, .. }) =
                    self.open.borrow_mut().remove(key)
                {
                    let sent_ns = sent_ns.unwrap_or(received_ns);
                    self.link.published(send, free_ns, sent_ns, received_ns);
                }
            }
            PostAnswer::Refused { key: Some(key), status: 429 | 503, .. } => {
                self.link.error(ErrorKind::Refused);
                let wait_ns = unspoken(self.refused.get(), &mut self.link.rng_of(*key));
                self.refused.set(self.refused.get() + 1);
                let (speech, key) = (Rc::clone(self), *key);
                spawn_local(async move {
                    speech.link.sleep_until(clock::now() + wait_ns).await;
                    let send = speech.open.borrow().get(&key).map(|said| said.send);
                    if let Some(send) = send {
                        let _ = speech.say(send).await;
                    }
                });
            }
            PostAnswer::Refused { key: Some(key), .. } => {
                self.link.error(ErrorKind::Status);
                self.open.borrow_mut().remove(key);
            }
            // We give a key with every event.
            PostAnswer::Posted { key: None, .. } | PostAnswer::Refused { key: None, .. } => {
                self.link.error(ErrorKind::Protocol);
            }
        }
    }
}

/// A connection that stands: its reading half. The writing half is the speech's, and goes with it.
struct Standing {
    reader: WebSocketRead<ReadHalf<Stream>>,
    meter: Rc<Meter>,
    speech: Rc<Speech>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.speech.cut();
    }
}

/// A WebSocket on which both sides send.
struct Talk {
    line: Line,
    speech: Rc<Speech>,
}

impl Held for Talk {
    type Stream = Standing;

    /// Opens the line, and sends again what was not acknowledged on the one before.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Self::Stream, Ended> {
        let (socket, meter) = self.line.open(link, redial).await?;
        let (reader, writer) = tokio::io::split(socket.into_inner());
        let (mut reader, writer) = after_handshake_split(reader, writer, Role::Client);
        reader.set_max_message_size(FRAME_LIMIT);
        *self.speech.writer.lock().await = Some((writer, Rc::clone(&meter)));
        let (again, speech) = (self.speech.stands(), Rc::clone(&self.speech));
        // Beside the reading: a target whose answers nobody takes would take no more.
        spawn_local(async move {
            for send in again {
                if speech.say(send).await.is_err() {
                    return;
                }
            }
        });
        Ok(Standing { reader, meter, speech: Rc::clone(&self.speech) })
    }

    async fn read(
        &mut self,
        link: &Link,
        Standing { reader, .. }: &mut Self::Stream,
        redial: &mut Redial,
    ) -> Ended {
        let slow = link.is_slow();
        loop {
            let speech = &self.speech;
            // Not cancel-safe, and cancelled only where the link ends.
            let frame = match reader.read_frame(&mut |frame| speech.owe(frame)).await {
                Ok(frame) => frame,
                Err(error) => return error.into(),
            };
            let received_ns = clock::now();
            if frame.opcode == OpCode::Text
                && let Some(answer) = PostAnswer::decode(&frame.payload)
            {
                self.speech.answered(&answer, received_ns);
            } else if let Some(ended) = self.line.take(link, &frame, received_ns, redial) {
                return ended;
            }
            link.after_read(slow).await;
        }
    }

    /// Sends a close and waits for the target's.
    async fn leave(&mut self, mut stream: Self::Stream) {
        let Some((mut writer, _)) = self.speech.writer.lock().await.take() else { return };
        let closed = async {
            self.speech.write(&mut writer, Frame::close(1000, b"")).await?;
            loop {
                // Nothing more is owed on a connection that ends.
                let mut none = |_: Frame<'_>| std::future::ready(Ok::<_, WebSocketError>(()));
                let frame = stream.reader.read_frame(&mut none).await?;
                if frame.opcode == OpCode::Close {
                    return Ok::<_, WebSocketError>(());
                }
                if let Some(answer) = PostAnswer::decode(&frame.payload) {
                    self.speech.answered(&answer, clock::now());
                }
            }
        };
        // An end of any other kind is an end, too.
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }

    fn meter(stream: &Self::Stream) -> Rc<Meter> {
        Rc::clone(&stream.meter)
    }

    fn heartbeat_ns(&self) -> u64 {
        self.line.heartbeat_ns()
    }
}
