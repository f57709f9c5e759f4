//! What clients of push links send: frames on a WebSocket, and nothing that matters on an event stream.

use std::io;
use std::task::{Context, Poll};

use super::link::{Link, Phase, State};
use super::protocol::{Protocol, Talk};
use crate::clock;
use crate::net::websocket::{self as frame, Opcode};
use crate::server::websocket::decode::{CloseReason, Incoming};
use crate::server::websocket::ear::Ear;

/// A client that lets answers to its pings and posts pile up beyond this is not read until it takes them.
const CONTROL_BACKLOG: usize = 4 << 10;
/// About how many bytes one link reads before the others have their turn.
const TURN: usize = 256 << 10;

impl State {
    /// Reads what has come; ready once the client is gone.
    pub(super) fn hear(&mut self, link: &Link, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        self.poll_inbox(cx);
        let mut turn = 0;
        while self.listens() {
            let mut scratch = link.shard.scratch();
            let Poll::Ready(read) = self.wire.poll_take(cx, &mut scratch)? else {
                break;
            };
            if read == 0 {
                return Ok(Poll::Ready(()));
            }
            self.receive(link, &mut scratch[..read]);
            turn += read;
            if turn > TURN {
                cx.waker().wake_by_ref();
                break;
            }
        }
        if let Protocol::WebSocket(talk) = &mut self.protocol {
            talk.paused = !listens(talk, &self.control);
        }
        // What was read may have begun to wait.
        self.poll_inbox(cx);
        Ok(Poll::Pending)
    }

    /// Takes the answers of posts whose receipts have arrived.
    fn poll_inbox(&mut self, cx: &mut Context<'_>) {
        if let Protocol::WebSocket(Talk { ear, .. }) = &mut self.protocol
            && let Some(open) = ear
        {
            open.inbox.poll(cx, &mut self.control);
            if open.is_idle() {
                *ear = None;
            }
        }
    }

    /// Whether the client is read.
    fn listens(&self) -> bool {
        match &self.protocol {
            Protocol::WebSocket(talk) => listens(talk, &self.control),
            Protocol::Events { .. } => true,
        }
    }

    /// Whether the client, who was not read any more, is read again: nobody else says so.
    pub(super) fn reads_again(&self) -> bool {
        match &self.protocol {
            Protocol::WebSocket(talk) => talk.paused && listens(talk, &self.control),
            Protocol::Events { .. } => false,
        }
    }

    /// Takes bytes of the client's.
    pub(super) fn receive(&mut self, link: &Link, bytes: &mut [u8]) {
        let Self { protocol, control, phase, next_ns, .. } = self;
        // The client of a stream has nothing to say.
        let Protocol::WebSocket(Talk { awaits_pong, ear, .. }) = protocol else { return };
        if bytes.is_empty() {
            return;
        }
        let Ear { decoder, inbox } = &mut **ear.get_or_insert_with(|| Box::new(Ear::new()));
        let refusal = decoder.decode(bytes, &mut |incoming| match incoming {
            Incoming::Ping(payload) if *phase == Phase::Open => {
                frame::control(control, Opcode::Pong, payload);
            }
            Incoming::Close(code) => {
                if *phase == Phase::Open {
                    frame::close_too(control, code);
                }
                *phase = Phase::Closed;
            }
            Incoming::Data { text, bytes, last } if *phase == Phase::Open => {
                inbox.take((text, bytes, last), (&link.shard, &link.topic), control);
            }
            Incoming::Ping(_) | Incoming::Pong | Incoming::Data { .. } => {}
        });
        if ear.as_ref().is_some_and(|ear| ear.is_idle()) {
            *ear = None;
        }
        // A pong, or anything else.
        if *awaits_pong && *phase == Phase::Open {
            *awaits_pong = false;
            let ping_ns = link.shard.options().websocket.ping.ns();
            *next_ns = clock::now().saturating_add(ping_ns);
        }
        if let Err(CloseReason { code, reason }) = refusal {
            self.close(link, code, reason);
        }
    }
}

/// Whether a client is read: not while it leaves answers lying, or has too many posts under way.
fn listens(talk: &Talk, control: &[u8]) -> bool {
    let full = talk.ear.as_ref().is_some_and(|ear| ear.inbox.is_full());
    control.len() < CONTROL_BACKLOG && !full
}
