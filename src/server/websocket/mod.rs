//! Web sockets (`websocket`): each event of a topic as one text frame.
//!
//! After the handshake the link leaves hyper and becomes a push link (`push`), which writes the log's frames straight to its
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

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;

pub(super) use self::echo::farewell;
use self::handshake::{HandshakeError, accept};
use super::answer::{HandlerResult, Reply, empty};
use super::contain::contain;
use super::cursor::{self, Opening, Place};
use super::faults::{Push, Subscriber};
use super::gauges::{CountedLink, Kind};
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
pub(super) fn get(shard: &Rc<Shard>, name: &str, mut request: Request<Incoming>) -> HandlerResult {
    let (query, life) = (Query::of(request.uri()), shard.shared.life);
    let (said, hello) = (cursor::said(query), query.get("hello").is_some());
    let known = said.and_then(Result::ok);
    let topic = cursor::topic(shard, name, known)?;
    let proof = shake_hands(&request)?;
    let cursor = cursor::read(said)?;
    let place = cursor.map(|cursor| Place::of(topic.identity(), life, cursor));
    let Opening { since, reset } = Opening::of(&topic, life, place);
    let hello = hello.then(|| encode_hello(Cursor::new(since, life)));
    let first: Vec<Vec<u8>> = hello.into_iter().chain(reset.map(encode_reset)).collect();
    let push = Push::of(shard, &request, &topic);
    let (owner, log) = (Rc::clone(shard), topic.for_pushes());
    let subscription = Subscription { shard: owner, topic: log, push, since, first };
    let mut reply =
        switch(shard, &mut request, &proof, async move |socket, mut early, connection| {
            push::web_socket(subscription, socket.into_wire(), &mut early, connection);
        });
    // For clients other than browsers, which cannot see headers and request a hello instead.
    let epoch = HeaderValue::try_from(life.to_string());
    reply.headers_mut().extend(epoch.ok().map(|epoch| (EPOCH, epoch)));
    Ok(reply)
}

/// `GET /echo`
pub(super) fn echo(shard: &Rc<Shard>, mut request: Request<Incoming>) -> HandlerResult {
    let proof = shake_hands(&request)?;
    let owner = Rc::clone(shard);
    Ok(switch(shard, &mut request, &proof, async move |socket, early, connection| {
        let _held = (connection, owner.gauges().hold(Kind::WebSocket));
        // An error ends the link like its end does; nobody needs the error.
        let _ = echo::run(Rc::clone(&owner), socket.into_wire(), early).await;
    }))
}

/// `GET /calls`
pub(super) fn calls(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    mut request: Request<Incoming>,
) -> HandlerResult {
    let proof = shake_hands(&request)?;
    // To the faults, the caller is the connection that the socket was opened on.
    let from = request.extensions().get::<Subscriber>().copied();
    let (owner, outgoing) = (Rc::clone(shard), Rc::clone(outgoing));
    Ok(switch(shard, &mut request, &proof, async move |socket, early, connection| {
        let _held = (connection, owner.gauges().hold(Kind::WebSocket));
        // An error ends the link like its end does; nobody needs the error.
        let _ = calls::run(Rc::clone(&owner), outgoing, from, socket, early).await;
    }))
}

/// Answers 101, and then passes the socket, early bytes, and its count as a connection to `serve`.
fn switch(
    shard: &Rc<Shard>,
    request: &mut Request<Incoming>,
    proof: &str,
    serve: impl AsyncFnOnce(Outlet, Vec<u8>, CountedLink) + 'static,
) -> Reply {
    let upgrade = hyper::upgrade::on(request);
    // hyper's hold ends where the socket leaves it: it is a connection all the same, and limited as one.
    let connection = shard.gauges().hold(Kind::Connection);
    tokio::task::spawn_local(contain(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Outlet>>() else { return };
        // Copies the few bytes, because their buffer is hyper's whole one.
        let early = parts.read_buf.to_vec();
        drop(parts.read_buf);
        serve(parts.io.into_inner(), early, connection).await;
    }));
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(proof) = HeaderValue::from_str(proof) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
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
