//! A WebSocket of any server, by its dialect: what [`super::websocket`] is for the built-in one.

mod frames;
mod outgoing;
mod periodic;
mod pieces;
mod talk;
mod wire;

use std::rc::Rc;

pub(super) use self::outgoing::{Item, Outgoing, Written};
pub(super) use self::pieces::{Cut, Pieces};
pub(super) use self::talk::{Heard, Talk, ear, is_raw};

use super::Link;
use super::conversation::Conversation;
use super::position;
use super::recognise::Contents;
use super::redial::{Ended, Redial, Subscription, hold};
use super::rules::{self, Meaning, failure, meaning};
use super::voice::Voice;
use crate::dialect::matcher::StreamMatcher;
use crate::dialect::model::{Mark, Socket};
use crate::dialect::token::Finder;
use crate::net::Meter;
use crate::scenario::WebSocketOptions;

/// Reads the socket; when it ends, opens it again.
pub(super) async fn run(link: &Link, options: &WebSocketOptions) {
    let voice = Voice::of(link);
    let Some(socket) = voice.dialect().websocket.clone() else {
        return link.cannot_stand(&"the dialect has no [target.websocket]");
    };
    let books = Books { conversation: voice.conversation(), socket: Rc::new(socket), raw: None };
    hold(link, Dialogue { options: *options, voice, books, begun: false }).await;
}

/// A subscription over a WebSocket.
struct Dialogue {
    options: WebSocketOptions,
    voice: Voice,
    books: Books,
    /// Whether the cursor has its first value.
    begun: bool,
}

impl Subscription for Dialogue {
    type Stream = Talk;

    /// Dials, and takes the steps; what arrives between them is taken like anything else.
    async fn open(&mut self, link: &Link, redial: &mut Redial) -> Result<Talk, Ended> {
        if !self.begun {
            position::begin(&mut self.voice, &self.books.socket.cursor)?;
            self.begun = true;
        }
        let Self { voice, books, .. } = self;
        books.begin();
        let socket = Rc::clone(&books.socket);
        Talk::open(link, voice, &socket, &[], redial.rng(), |_, heard| {
            books.take(link, heard).map(drop)
        })
        .await
    }

    async fn read(&mut self, link: &Link, talk: &mut Talk, redial: &mut Redial) -> Ended {
        let slow = link.is_slow();
        loop {
            let read = async {
                let heard = talk.next(link, &mut self.voice).await?;
                if self.books.take(link, &heard)?.events > 0 {
                    redial.succeeded();
                }
                if slow && talk.is_at_end() {
                    talk.pause(link, &mut self.voice, link.after_read(slow)).await?;
                }
                Ok(())
            };
            if let Err(ended) = read.await {
                return ended;
            }
        }
    }

    async fn leave(&mut self, talk: Talk) {
        talk.leave().await;
    }

    fn meter(talk: &Talk) -> Rc<Meter> {
        talk.meter()
    }

    fn heartbeat_ns(&self) -> u64 {
        self.options.ping.ns()
    }
}

/// What the messages of a subscription mean, and where its events are booked.
struct Books {
    conversation: Rc<Conversation>,
    socket: Rc<Socket>,
    /// In a stream without messages.
    raw: Option<Raw>,
}

/// The place in a stream without messages.
struct Raw {
    fail: Vec<StreamMatcher>,
    /// The end of what came, which may begin a token.
    kept: Vec<u8>,
}

impl Books {
    /// Begins a connection.
    fn begin(&mut self) {
        self.raw = is_raw(&self.socket).then(|| {
            let fail = self.socket.messages.fail.iter().filter_map(ear).collect();
            Raw { fail, kept: Vec::new() }
        });
    }

    /// Takes a message; an error if the server says by it that the link has failed.
    fn take(&mut self, link: &Link, heard: &Heard) -> Result<Contents, Ended> {
        let Heard { message, received_ns, answered } = heard;
        let contents = if let Some(raw) = &mut self.raw {
            raw.take(link, &self.conversation, message, *received_ns)?
        } else {
            let meaning = meaning(&self.socket.messages, message, None);
            rules::note(&self.conversation, meaning);
            match meaning {
                Meaning::Failure => return Err(failure(&self.conversation, message)),
                Meaning::Ignored => Contents::default(),
                Meaning::Events if *answered && link.listens() => Contents::default(),
                // What is answered need not be an event.
                Meaning::Events if *answered => {
                    link.take_any(&self.conversation, message, *received_ns).unwrap_or_default()
                }
                Meaning::Events => link.take_message(&self.conversation, message, *received_ns),
            }
        };
        if *answered && contents.events == 0 {
            link.upkeep(*received_ns);
        }
        Ok(contents)
    }
}

impl Raw {
    /// Takes the next piece.
    fn take(
        &mut self,
        link: &Link,
        conversation: &Conversation,
        piece: &[u8],
        received_ns: u64,
    ) -> Result<Contents, Ended> {
        // Each is fed everything.
        if self.fail.iter_mut().map(|ear| ear.feed(piece)).sum::<usize>() > 0 {
            return Err(failure(conversation, piece));
        }
        self.kept.extend_from_slice(piece);
        let whole = match conversation.dialect.recognition.by {
            Mark::Token => self.kept.len() - Finder::unfinished(&self.kept),
            Mark::Ids | Mark::Field | Mark::Envelope => self.kept.len(),
        };
        let contents = link.take_any(conversation, &self.kept[..whole], received_ns);
        self.kept.drain(..whole);
        Ok(contents.unwrap_or_default())
    }
}
