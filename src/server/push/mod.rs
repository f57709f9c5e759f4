//! Push links: WebSockets and event streams of topics, whose events are written straight to their sockets.
//!
//! A link is a cursor over its topic's log, a socket, and a deadline. It has no task and no buffer of its own while it is
//! idle: the shard's [`Fanout`](super::hub::Fanout) visits it when there is news, and it writes what the kernel takes at
//! once, several events per call, from the one encoding that all links share. Only where the socket is full, or the client
//! said something, is the link polled for itself, in the shard's nursery. Deadlines are kept for all links of a shard in
//! one queue ([`Upkeep`]).
//!
//! A policy handles a client that lags too far behind, or falls off the ring: its link is closed, or continues behind a
//! message that describes the gap. How either is said depends on the [`Protocol`].
//!
//! Over HTTP/2 an event stream is a body like any other, because its connection is shared (`sse`).

mod deadlines;
mod inflow;
mod link;
mod outflow;
mod protocol;
mod upkeep;

use std::rc::Rc;

pub(super) use self::upkeep::Upkeep;

use self::link::{Link, Start};
use self::protocol::Protocol;
use super::faults::Push;
use super::gauges::{CountedLink, Kind};
use super::hub::Topic;
use super::shard::Shard;
use super::slow::Bound;
use super::sse;
use super::wire::Wire;
use crate::scenario::WebSocketOptions;

/// What a WebSocket gets.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The shard of its connection.
    pub shard: Rc<Shard>,
    /// The log that it reads.
    pub topic: Rc<Topic>,
    /// Injected faults.
    pub push: Push,
    /// The event after which it begins.
    pub since: u64,
    /// Messages before all events.
    pub first: Vec<Vec<u8>>,
}

/// Serves the WebSocket of a topic, once the answer to its handshake is written. `unread` arrived with the handshake.
pub(super) fn web_socket(
    subscription: Subscription,
    wire: Wire,
    unread: &mut [u8],
    connection: CountedLink,
) {
    let Subscription { shard, topic, push, since, first } = subscription;
    let WebSocketOptions { slow_consumer, queue, .. } = shard.options().websocket;
    let bound = Bound::new(slow_consumer, queue, topic.newest().saturating_sub(since));
    let next_ns = protocol::first_ping_ns(&shard);
    let held = (connection, shard.gauges().hold(Kind::WebSocket));
    let protocol = Protocol::web_socket();
    let start = Start { protocol, push, bound, since, next_ns };
    let said = first.into_iter().flat_map(|message| protocol::text(&message)).collect();
    Link::open(shard, topic, held, (wire, said), start).begin(unread);
}

/// Serves an event stream, once the head of its answer is written: as chunks, or up to the end of the connection.
pub(super) fn event_stream(
    stream: sse::Stream,
    wire: Wire,
    chunked: bool,
    connection: CountedLink,
) {
    let sse::Parts { shard, topic, push, bound, since, opening, beat_ns, held } =
        stream.into_parts();
    let protocol = Protocol::Events { chunked };
    let mut said = Vec::new();
    for piece in opening {
        protocol.append(&mut said, &piece);
    }
    let start = Start { protocol, push, bound, since, next_ns: beat_ns };
    Link::open(shard, topic, (connection, held), (wire, said), start).begin(&mut []);
}
