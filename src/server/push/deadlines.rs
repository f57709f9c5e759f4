//! A link's deadlines: heartbeats, pings and their answers, messages that do not end, clients that accept nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::link::{Flow, Link, Phase, State};
use super::protocol::{self, Protocol};
use super::upkeep::Timed;
use crate::server::hub::Listener as _;
use crate::server::sse::codec;
use crate::server::websocket::life::Life;

impl State {
    /// When the link is to be asked again, in monotonic nanoseconds.
    #[inline]
    pub(super) fn due_ns(&self, link: &Link) -> u64 {
        match &self.protocol {
            Protocol::WebSocket(talk) => {
                let overdue_ns = talk.ear.as_ref().map_or(u64::MAX, |ear| ear.inbox.overdue_ns());
                self.next_ns.min(overdue_ns)
            }
            Protocol::Events { .. } => self.next_ns.min(self.stalled_ns(link)),
        }
    }

    /// When a client that accepts nothing has done so for too long, in monotonic nanoseconds.
    #[inline]
    fn stalled_ns(&self, link: &Link) -> u64 {
        match self.flow {
            Flow::Free => u64::MAX,
            Flow::Waits { since_ns } => match link.shard.options().write_timeout.ns() {
                0 => u64::MAX,
                limit_ns => since_ns.saturating_add(limit_ns),
            },
        }
    }

    /// Does what a deadline asks for.
    fn on_time(&mut self, link: &Link, now: u64) {
        let options = link.shard.options();
        if let Protocol::WebSocket(talk) = &mut self.protocol {
            if let Some(ear) = talk.ear.as_mut().filter(|ear| ear.inbox.overdue_ns() <= now) {
                ear.inbox.give_up();
                self.close(link, 1008, "a message that does not end");
                return;
            }
            if self.next_ns > now {
                return;
            }
            let patience = options.websocket.pong_timeout.std();
            let silence = patience.max(options.write_timeout.std());
            let uptake = self.wire.uptake();
            if self.phase == Phase::Open && !talk.awaits_pong {
                protocol::ping(&mut self.control);
                (talk.awaits_pong, talk.life) = (true, Life::asked(uptake));
            } else if !talk.life.signs(uptake, silence) {
                self.phase = Phase::Gone;
            }
            self.next_ns = now.saturating_add(patience.as_nanos() as u64);
        } else if self.stalled_ns(link) <= now {
            self.phase = Phase::Gone;
        } else if self.next_ns <= now {
            if self.phase == Phase::Open && self.flow == Flow::Free {
                self.protocol.append(&mut self.control, codec::HEARTBEAT);
            }
            self.next_ns = now.saturating_add(options.sse.heartbeat.ns().max(1));
        }
    }
}

impl Timed for Link {
    fn due(&self, armed_ns: u64, now: u64) -> Option<u64> {
        if self.armed_ns.get() != armed_ns {
            return None;
        }
        let act = || {
            let mut state = self.state.borrow_mut();
            if state.due_ns(self) <= now {
                state.on_time(self, now);
                state.write_at_once(self);
            }
            state.due_ns(self)
        };
        // A panic is this link's affair.
        let due_ns = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
            self.fail();
            u64::MAX
        });
        self.armed_ns.set(due_ns);
        Some(due_ns).filter(|due_ns| *due_ns != u64::MAX)
    }
}
