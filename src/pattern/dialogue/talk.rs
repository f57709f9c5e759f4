//! A conversation over a WebSocket, by a dialect: opened by its steps, then message by message.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::frames::Said;
use super::outgoing::{Item, Outgoing};
use super::periodic::Clock;
use super::pieces::{Cut, Pieces};
use super::wire::Wire;
use crate::clock;
use crate::dialect::capture::Answer;
use crate::dialect::framing::Split;
use crate::dialect::matcher::{Matcher, StreamMatcher};
use crate::dialect::model::Socket;
use crate::dialect::template::Template;
use crate::net::websocket::{Closing, Opcode};
use crate::net::{Meter, Told};
use crate::pace::Rng;
use crate::pattern::Link;
use crate::pattern::conversation::Conversation;
use crate::pattern::handshake::{self, Opened};
use crate::pattern::position;
use crate::pattern::redial::Ended;
use crate::pattern::script::{self, Script, Wanted};
use crate::pattern::trace::{self, Kind};
use crate::pattern::voice::Voice;

/// A message of the server.
#[derive(Debug)]
pub(in crate::pattern) struct Heard {
    /// What it says.
    pub message: Bytes,
    /// When its last byte was read, in monotonic nanoseconds.
    pub received_ns: u64,
    /// Whether the dialect has it answered: it may be no event.
    pub answered: bool,
}

/// An open conversation.
#[derive(Debug)]
pub(in crate::pattern) struct Talk {
    conversation: Rc<Conversation>,
    socket: Rc<Socket>,
    wire: Wire,
    pieces: Pieces,
    received_ns: u64,
    /// Whether the end of a message that was put back has been answered with the rest of it.
    again: Option<bool>,
    clock: Clock,
    /// For the replies of a stream without messages.
    ears: Vec<Option<StreamMatcher>>,
}

/// Whether `socket`'s frames are pieces of a stream that has no messages.
pub(in crate::pattern) fn is_raw(socket: &Socket) -> bool {
    socket.stream && socket.split.as_ref().is_none_or(Split::is_none)
}

/// A matcher for a stream without messages; `None` where it can match none.
pub(in crate::pattern) fn ear(matcher: &Matcher) -> Option<StreamMatcher> {
    StreamMatcher::new(Arc::new(matcher.clone())).ok()
}

impl Talk {
    /// Dials, and takes the steps of `socket`, those for each topic for all of `topics`, or for the link's own if there are none;
    /// what is heard between them goes to `take`.
    pub(in crate::pattern) async fn open(
        link: &Link,
        voice: &mut Voice,
        socket: &Rc<Socket>,
        topics: &[u64],
        rng: &mut Rng,
        mut take: impl FnMut(&mut Voice, &Heard) -> Result<(), Ended>,
    ) -> Result<Self, Ended> {
        script::before(link, voice, &socket.steps).await?;
        let request = voice.handshake_of(socket)?;
        let (stream, meter) = match handshake::open(link, request, rng).await? {
            Opened::Socket(stream, meter, _) => (stream, meter),
            Opened::Refused(response) => {
                return Err(Ended::Unexpected(Told::of_upgrade(&response).into()));
            }
        };
        let cut = match &socket.split {
            Some(Split::Between(between)) => Cut::between(&voice.render(between, None)?),
            Some(Split::Length(framing)) => Cut::Length(*framing),
            None => Cut::Nowhere,
        };
        let mut talk = Self {
            conversation: voice.conversation(),
            wire: Wire::new(stream, meter, Rng::new(rng.next_u64(), 0)),
            pieces: Pieces::new(cut, socket.stream),
            received_ns: 0,
            again: None,
            clock: Clock::default(),
            ears: Vec::new(),
            socket: Rc::clone(socket),
        };
        if is_raw(socket) {
            talk.ears = socket.reply.iter().map(|reply| ear(&reply.to)).collect();
        }
        let mut script = Script::over(&socket.steps, topics);
        loop {
            match script.advance(link, voice).await? {
                Wanted::Nothing => break,
                Wanted::Send(message) => talk.send(message, None)?,
                Wanted::Message(matcher, limit) => {
                    let number = script.number();
                    let heard = talk.await_step(link, voice, &mut script, matcher, &mut take);
                    match tokio::time::timeout(limit, heard).await {
                        Ok(heard) => heard?,
                        Err(_) => return Err(Ended::Step(number, matcher.to_string(), limit)),
                    }
                }
            }
        }
        talk.clock = Clock::start(&socket.every, link.index());
        Ok(talk)
    }

    /// Reads until the message that the script's next step waits for.
    async fn await_step(
        &mut self,
        link: &Link,
        voice: &mut Voice,
        script: &mut Script<'_>,
        matcher: &Matcher,
        take: &mut impl FnMut(&mut Voice, &Heard) -> Result<(), Ended>,
    ) -> Result<(), Ended> {
        let mut ear = if is_raw(&self.socket) { ear(matcher) } else { None };
        loop {
            let heard = self.next(link, voice).await?;
            let found = match &mut ear {
                None => script.heard(voice, &heard.message, None)?,
                // What comes behind it is for the steps to come.
                Some(ear) => {
                    let end =
                        (0..heard.message.len()).find(|at| ear.feed(&heard.message[*at..=*at]) > 0);
                    if let Some(end) = end {
                        script.found(voice, &heard.message[..=end], None)?;
                        self.pieces.put_back(heard.message.slice(end + 1..));
                        self.again = Some(heard.answered);
                    }
                    end.is_some()
                }
            };
            if found {
                return Ok(());
            }
            take(voice, &heard)?;
        }
    }

    /// The next message. Pings are answered, messages by the clock are sent, and the dialect's replies are made. May be
    /// dropped at any time.
    pub(in crate::pattern) async fn next(
        &mut self,
        link: &Link,
        voice: &mut Voice,
    ) -> Result<Heard, Ended> {
        loop {
            if let Some(message) = self.pieces.next()? {
                let received_ns = self.received_ns;
                let answered = if let Some(answered) = self.again.take() {
                    answered
                } else {
                    self.conversation.note(Kind::Received, || trace::shown(&message));
                    let answer = Answer::message(&message);
                    position::move_on(voice, &self.socket.cursor, &answer, "a later connection");
                    self.reply(voice, &message)?
                };
                return Ok(Heard { message, received_ns, answered });
            }
            tokio::select! {
                biased;
                // First: a server that never pauses must not keep messages from being sent in time.
                at = self.clock.due() => self.tick(link, voice, at)?,
                said = self.wire.next() => {
                    self.received_ns = clock::now();
                    match said? {
                        Said::Message(frame) => {
                            self.again = None;
                            self.pieces.feed(frame)?;
                        }
                        Said::Ping(payload) => {
                            link.upkeep(self.received_ns);
                            self.wire.say(Opcode::Pong, payload.to_vec())?;
                        }
                        Said::Pong => {}
                        Said::Close(payload) => {
                            self.wire.close_too(&payload).await;
                            return Err(closed(&payload));
                        }
                    }
                }
            }
        }
    }

    /// Sends the periodic message of that number.
    fn tick(&self, link: &Link, voice: &mut Voice, at: usize) -> Result<(), Ended> {
        let socket = Rc::clone(&self.socket);
        let Some(every) = socket.every.get(at) else { return Ok(()) };
        link.upkeep(clock::now());
        self.say(voice, &every.send)
    }

    /// Makes the dialect's replies to a message; returns whether there were any.
    fn reply(&mut self, voice: &mut Voice, message: &[u8]) -> Result<bool, Ended> {
        if self.socket.reply.is_empty() {
            return Ok(false);
        }
        let socket = Rc::clone(&self.socket);
        let mut answered = false;
        for (at, reply) in socket.reply.iter().enumerate() {
            let times = match self.ears.get_mut(at) {
                None => usize::from(reply.to.matches(message, None)),
                Some(ear) => ear.as_mut().map_or(0, |ear| ear.feed(message)),
            };
            for _ in 0..times {
                script::take(voice, &reply.capture, &Answer::message(message))?;
                self.say(voice, &reply.send)?;
                answered = true;
            }
        }
        Ok(answered)
    }

    /// Sends a text of the dialect.
    fn say(&self, voice: &mut Voice, text: &Template) -> Result<(), Ended> {
        voice.begin();
        let message = voice.render(text, None)?;
        voice.sent += 1;
        self.send(message, None)
    }

    /// Has a message written, which its sender calls `tag`.
    pub(in crate::pattern) fn send(&self, payload: Vec<u8>, tag: Option<u64>) -> Result<(), Ended> {
        self.conversation.note(Kind::Sent, || trace::shown(&payload));
        let opcode = if self.socket.binary { Opcode::Binary } else { Opcode::Text };
        self.wire.outgoing.say(Item { opcode, payload, tag })
    }

    /// What waits to be written.
    pub(in crate::pattern) fn outgoing(&self) -> Rc<Outgoing> {
        Rc::clone(&self.wire.outgoing)
    }

    /// Goes on sending messages by the clock while `pause` lasts.
    pub(in crate::pattern) async fn pause(
        &mut self,
        link: &Link,
        voice: &mut Voice,
        pause: impl Future<Output = ()>,
    ) -> Result<(), Ended> {
        let mut pause = std::pin::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = &mut pause => return Ok(()),
                at = self.clock.due() => self.tick(link, voice, at)?,
            }
        }
    }

    /// Whether the last frame is used up.
    pub(in crate::pattern) fn is_at_end(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Closes by the protocol.
    pub(in crate::pattern) async fn leave(self) {
        self.wire.leave().await;
    }

    /// The meter of the socket.
    pub(in crate::pattern) fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.wire.meter)
    }
}

/// How a connection ended that the server closed.
fn closed(payload: &[u8]) -> Ended {
    let allowed = match payload.split_first_chunk() {
        None if payload.is_empty() => true,
        None => return Ended::Framing("a close frame holds half a code"),
        // Section 7.4: codes that no frame may hold, and those that mean nothing yet.
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            allowed && std::str::from_utf8(reason).is_ok()
        }
    };
    if !allowed {
        return Ended::Framing("a close frame holds a code that must not be sent, or no text");
    }
    Closing::read(payload).map_or(Ended::Closed, Ended::CloseCode)
}
