//! Web sockets (`websocket`): each event of a topic as one text frame.
//!
//! After the handshake the link leaves HTTP and becomes a push link (`push`), which writes the log's frames straight to its
//! socket. A policy handles a client that lags too far behind, or falls off the ring: it is closed with 1013 ("try again later"; the
//! client did no wrong, and may return with the `since` in the reason), or continues behind a text frame that describes the
//! gap. A target that ends closes with 1001. Messages from clients are published in the topic ([`inbox`]).
//!
//! A client whose cursor names no event of this log gets a first text frame `{"reset":{"oldest":1,"next":"0-k3f9x2"}}`.
//! Frames carry the sequence alone; the epoch that completes a cursor is in the response's header `tidings-epoch` and, for
//! browsers, in the first frame `{"hello":{"next":"17-k3f9x2"}}` of a socket opened with `hello=1`.
//!
//! `calls` (requests and their answers) and `echo` are separate.

mod calls;
pub(super) mod decode;
pub(super) mod ear;
mod echo;
pub(super) mod handshake;
mod inbox;
pub(super) mod life;

use std::rc::Rc;
use std::time::Duration;

use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode, Version};

pub(super) use self::echo::farewell;
use self::handshake::{HandshakeError, accept};
use super::answer::{Body, HandlerResult, Reply, Switch, Switched, empty};
use super::cursor::{self, Opening, Place};
use super::faults::{Push, Subscriber};
use super::gauges::Kind;
use super::http1::Inbound;
use super::outlet::{Outgoing, Outlet};
use super::problem::Problem;
use super::push::{self, Subscription};
use super::request::Query;
use super::shard::Shard;
use crate::event::{self, Cursor, encode_hello, encode_reset};

/// Stands for "never" in timers.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// Tells the life that the log is in.
const EPOCH: HeaderName = HeaderName::from_static(event::EPOCH_HEADER);

/// `GET /topics/{topic}/ws?since=&hello=`
pub(super) fn get(shard: &Rc<Shard>, name: &str, request: &Request<Inbound>) -> HandlerResult {
    let (query, life) = (Query::of(request.uri()), shard.shared.life);
    let (said, hello) = (cursor::said(query), query.get("hello").is_some());
    let known = said.and_then(Result::ok);
    let topic = cursor::topic(shard, name, known)?;
    let proof = shake_hands(request)?;
    let cursor = cursor::read(said)?;
    let place = cursor.map(|cursor| Place::of(topic.identity(), life, cursor));
    let Opening { since, reset } = Opening::of(&topic, life, place);
    let hello = hello.then(|| encode_hello(Cursor::new(since, life)));
    let first: Vec<Vec<u8>> = hello.into_iter().chain(reset.map(encode_reset)).collect();
    let push = Push::of(shard, request, &topic);
    let (owner, log) = (Rc::clone(shard), topic.for_pushes());
    let subscription = Subscription { shard: owner, topic: log, push, since, first };
    let mut reply = switch(&proof, move |Switched { wire, mut early, held }| {
        push::web_socket(subscription, wire, &mut early, held);
    });
    // For clients other than browsers, which cannot see headers and request a hello instead.
    let epoch = HeaderValue::try_from(life.to_string());
    reply.headers_mut().extend(epoch.ok().map(|epoch| (EPOCH, epoch)));
    Ok(reply)
}

/// `GET /echo`
pub(super) fn echo(shard: &Rc<Shard>, request: &Request<Inbound>) -> HandlerResult {
    let proof = shake_hands(request)?;
    let owner = Rc::clone(shard);
    Ok(switch(&proof, move |Switched { wire, early, held }| {
        let nursery = owner.nursery.clone();
        nursery.add(async move {
            let _held = (held, owner.gauges().hold(Kind::WebSocket));
            // An error ends the link like its end does; nobody needs the error.
            let _ = echo::run(Rc::clone(&owner), wire, early).await;
        });
    }))
}

/// `GET /calls`
pub(super) fn calls(shard: &Rc<Shard>, request: &Request<Inbound>) -> HandlerResult {
    let proof = shake_hands(request)?;
    // To the faults, the caller is the connection that the socket was opened on.
    let from = request.extensions().get::<Subscriber>().copied();
    let owner = Rc::clone(shard);
    Ok(switch(&proof, move |Switched { wire, early, held }| {
        let nursery = owner.nursery.clone();
        nursery.add(async move {
            let _held = (held, owner.gauges().hold(Kind::WebSocket));
            let outgoing = Rc::new(Outgoing::new(Rc::clone(&owner.writes)));
            let socket = Outlet::new(wire, Rc::clone(&outgoing));
            // An error ends the link like its end does; nobody needs the error.
            let _ = calls::run(Rc::clone(&owner), outgoing, from, socket, early).await;
        });
    }))
}

/// Answers 101, and then passes the connection to `begin`.
fn switch(proof: &str, begin: impl FnOnce(Switched) + 'static) -> Reply {
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(proof) = HeaderValue::from_str(proof) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
    *reply.body_mut() = Body::Switch(Switch::new(begin));
    reply
}

/// Checks a handshake; returns the value of `Sec-WebSocket-Accept`.
fn shake_hands<B>(request: &Request<B>) -> Result<String, Problem> {
    // HTTP/1.0 has no upgrade; the field is ignored (RFC 9110, section 7.8).
    if request.version() < Version::HTTP_11 {
        return Err(refuse(HandshakeError::Upgrade("a WebSocket is opened with HTTP/1.1")));
    }
    accept(request.headers()).map_err(refuse)
}

fn refuse(refusal: HandshakeError) -> Problem {
    match refusal {
        HandshakeError::Malformed(detail) => Problem::bad_request(detail),
        HandshakeError::Upgrade(detail) => Problem::new(StatusCode::UPGRADE_REQUIRED, detail)
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(CONNECTION, HeaderValue::from_static("Upgrade"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    }
}

/// Time until a link's first ping.
fn first_ping(shard: &Shard) -> Duration {
    let ping = shard.options().websocket.ping.std();
    if ping.is_zero() { NEVER } else { shard.upkeep.stagger.first(ping) }
}

/// Time between pings; without pings, so long that it never comes.
fn ping_interval(shard: &Shard) -> Duration {
    let ping = shard.options().websocket.ping.std();
    if ping.is_zero() { NEVER } else { ping }
}
