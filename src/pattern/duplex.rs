//! A WebSocket on which both sides send: events arrive as in [`super::websocket`], and the client publishes its own as text
//! frames, each answered with its key, without waiting for one answer before the next frame.
//!
//! Reading never waits for writing, nor the reverse: with a target that stops reading until its answers are read, both
//! would block forever. After a reconnect the client sends unacknowledged events again, under the same key: at least once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use serde_json::value::RawValue;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};

use super::Link;
use super::link::InFlight;
use super::redial::{Ended, Redial, Subscription, hold};
use super::retry_after::unspoken;
use super::sends::{Send, due};
use super::websocket::{Frame, Line, Reading, Turn, owe};
use crate::clock;
use crate::event::PostAnswer;
use crate::measure::{Counter, ErrorKind};
use crate::net::websocket::Opcode;
use crate::net::{Meter, Stream};
use crate::pace::Rng;
use crate::scenario::WebSocketOptions;

/// Stream of a link's randomness that waits after refusals are drawn from.
const REFUSALS: u64 = 1 << 50;

/// Receives, and publishes the link's own events when they are due.
pub(super) async fn run(link: &Link, options: &WebSocketOptions) {
    let speech = Rc::new(Speech::new(link));
    spawn_local(Rc::clone(&speech).run());
    hold(link, Duplex { line: Line::new(options), speech }).await;
}

/// The state of an unacknowledged event.
#[derive(Clone, Copy)]
struct Said {
    send: Send,
    /// When the link could first send it, in monotonic nanoseconds: once it was open.
    free_ns: u64,
    sent: bool,
    /// Refused for now, and waiting.
    waits: bool,
}

/// A frame to write.
enum Word {
    /// The event of that key.
    Event(u64),
    /// Frames that the protocol owes, as they are written.
    Owed(Vec<u8>),
}

/// The sending side of a link, which outlives its connections.
struct Speech {
    link: Link,
    data: Box<RawValue>,
    /// Frames to write on the current connection; `open` alone keeps events from being forgotten.
    words: RefCell<VecDeque<Word>>,
    more: Notify,
    /// Events that are not acknowledged, by key; the trial waits for those that are measured.
    open: RefCell<BTreeMap<u64, (Said, Option<InFlight>)>>,
    /// Refusals in a row.
    refused: Cell<u32>,
    rng: RefCell<Rng>,
}

impl Speech {
    fn new(link: &Link) -> Self {
        Self {
            link: link.share(),
            data: link.payload(),
            words: RefCell::default(),
            more: Notify::new(),
            open: RefCell::default(),
            refused: Cell::new(0),
            rng: RefCell::new(link.rng_of(REFUSALS)),
        }
    }

    /// Publishes each event when it is due, without waiting for earlier acknowledgements.
    async fn run(self: Rc<Self>) {
        for send in self.link.sends().await {
            due(&self.link, send).await;
            let guard = send.measured.then(|| self.link.in_flight());
            let said = Said { send, free_ns: 0, sent: false, waits: false };
            self.open.borrow_mut().insert(send.key, (said, guard));
            self.say(Word::Event(send.key));
        }
    }

    fn say(&self, word: Word) {
        self.words.borrow_mut().push_back(word);
        self.more.notify_one();
    }

    /// Queues the unacknowledged events, oldest first, after the link reopened.
    fn stands(&self) {
        let (mut open, now) = (self.open.borrow_mut(), clock::now());
        for (said, _) in open.values_mut().filter(|(said, _)| !said.sent) {
            said.free_ns = now;
        }
        let again = open.values().filter(|(said, _)| !said.waits);
        *self.words.borrow_mut() = again.map(|(said, _)| Word::Event(said.send.key)).collect();
        self.more.notify_one();
    }

    /// Writes queued frames on one connection until it breaks or this is dropped.
    async fn write(self: Rc<Self>, mut writer: WriteHalf<Stream>, meter: Rc<Meter>) {
        // When a write that the target held up was over.
        let mut held_ns = 0;
        loop {
            let word = self.words.borrow_mut().pop_front();
            let (said, frames) = match word {
                None => {
                    self.more.notified().await;
                    continue;
                }
                Some(Word::Owed(frames)) => (None, frames),
                Some(Word::Event(key)) => {
                    let said = self.open.borrow().get(&key).map(|(said, _)| *said);
                    // A missing event was acknowledged in the meantime.
                    let Some(said) = said else { continue };
                    let mut frame = Vec::new();
                    owe(&mut frame, Opcode::Text, &said.send.encode(&self.data), clock::now());
                    (Some(said), frame)
                }
            };
            meter.arm();
            let started_ns = clock::now();
            let Ok(held) = write(&mut writer, &frames).await else { return };
            if let Some(said) = said {
                self.wrote(said, held_ns, meter.sent_ns().unwrap_or(started_ns));
            }
            if held {
                held_ns = clock::now();
            }
        }
    }

    /// Books that an event was written at `sent_ns`, by a connection that was held up until `held_ns`.
    fn wrote(&self, said: Said, held_ns: u64, sent_ns: u64) {
        if said.sent {
            self.link.count(Counter::SendsRepeated, u64::from(said.send.measured));
        } else {
            self.link.sent(said.send, said.free_ns.max(held_ns), sent_ns);
        }
        // It may be answered already.
        if let Some((said, _)) = self.open.borrow_mut().get_mut(&said.send.key) {
            said.sent = true;
        }
    }

    /// Takes the answer to an event that was sent.
    fn answered(self: &Rc<Self>, answer: &PostAnswer, received_ns: u64) {
        match *answer {
            PostAnswer::Posted { key: Some(key), .. } => {
                self.refused.set(0);
                if let Some((said, _)) = self.open.borrow_mut().remove(&key) {
                    self.link.published(said.send, received_ns);
                }
            }
            PostAnswer::Refused { key: Some(key), status: 429 | 503, .. } => {
                self.link.error(ErrorKind::Refused);
                spawn_local(Rc::clone(self).say_later(key));
            }
            PostAnswer::Refused { key: Some(key), status, .. } => {
                self.link.error(ErrorKind::of_status(status));
                self.open.borrow_mut().remove(&key);
            }
            // We give a key with every event.
            PostAnswer::Posted { key: None, .. } | PostAnswer::Refused { key: None, .. } => {
                self.link.error(ErrorKind::Protocol);
            }
        }
    }

    /// Sends a refused event again, after a wait that grows with every refusal in a row.
    async fn say_later(self: Rc<Self>, key: u64) {
        let waits = |waits| {
            let mut open = self.open.borrow_mut();
            open.get_mut(&key).map(|(said, _)| said.waits = waits).is_some()
        };
        if !waits(true) {
            return;
        }
        let wait_ns = unspoken(self.refused.get(), &mut self.rng.borrow_mut());
        self.refused.set(self.refused.get() + 1);
        self.link.sleep_until(clock::now() + wait_ns).await;
        if waits(false) {
            self.say(Word::Event(key));
        }
    }
}

/// Writes frames; returns whether they were held up.
async fn write(writer: &mut WriteHalf<Stream>, frames: &[u8]) -> io::Result<bool> {
    let mut held = false;
    let mut written = pin!(async {
        writer.write_all(frames).await?;
        writer.flush().await
    });
    poll_fn(|cx| {
        let written = written.as_mut().poll(cx);
        held |= written.is_pending();
        written
    })
    .await?;
    Ok(held)
}

/// An open connection: its reading half, and the task with the writing half.
struct Standing {
    reader: Reading<ReadHalf<Stream>>,
    writing: JoinHandle<()>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

/// A WebSocket on which both sides send.
struct Duplex {
    line: Line,
    speech: Rc<Speech>,
}

impl Subscription for Duplex {
    type Stream = Standing;

    /// Opens the connection, and sends again the events that the previous one left unacknowledged.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Self::Stream, Ended> {
        let (stream, meter) = self.line.open(link, redial).await?.into_parts();
        let (reader, writer) = tokio::io::split(stream);
        self.speech.stands();
        let writing = spawn_local(Rc::clone(&self.speech).write(writer, Rc::clone(&meter)));
        Ok(Standing { reader: Reading::new(reader, meter), writing })
    }

    async fn read(
        &mut self,
        link: &Link,
        Standing { reader, .. }: &mut Self::Stream,
        redial: &mut Redial,
    ) -> Ended {
        let slow = link.is_slow();
        let Self { line, speech } = self;
        loop {
            // A slow consumer reads events slowly; other patterns, too, get the answers to their POSTs elsewhere.
            let mut events = false;
            let mut take = |frame: Frame<'_>| {
                if frame.opcode == Opcode::Text
                    && frame.last
                    && let Some(answer) = PostAnswer::decode(frame.payload)
                {
                    speech.answered(&answer, frame.received_ns);
                    return None;
                }
                events = true;
                line.take(link, frame, redial)
            };
            let turn =
                if slow { reader.slow_turn(&mut take).await } else { reader.turn(&mut take).await };
            let Turn { owed, ended } = turn;
            if !owed.is_empty() {
                speech.say(Word::Owed(owed));
            }
            if let Some(ended) = ended {
                return ended;
            }
            link.after_read(slow && events).await;
        }
    }

    /// Only churning links leave, and clients that publish do not churn: it would abandon events in flight.
    async fn leave(&mut self, stream: Self::Stream) {
        drop(stream);
    }

    fn meter(stream: &Self::Stream) -> Rc<Meter> {
        stream.reader.meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.line.heartbeat_ns()
    }
}
