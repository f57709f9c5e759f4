//! Web sockets (`websocket`): each event of a topic as one text frame.
//!
//! After the handshake the link leaves HTTP and writes the log's frames straight to its socket, several at a time. A
//! policy handles a client that lags too far behind, or falls off the ring: it is closed with 1013 ("try again later"; the
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
mod echo;
pub(super) mod handshake;
mod inbox;
mod life;
mod link;

use std::rc::Rc;

use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode, Version};

use self::handshake::{HandshakeError, accept};
use self::link::EventSocket;
use super::answer::{Body, HandlerResult, Reply, Switch, Switched, empty};
use super::cursor::{self, Opening, Place};
use super::faults::{Push, Subscriber};
use super::gauges::Kind;
use super::http1::Inbound;
use super::outlet::{Outgoing, Outlet};
use super::problem::Problem;
use super::request::Query;
use super::shard::Shard;
use super::wire::Wire;
use crate::event::{self, Cursor, encode_hello, encode_reset};

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
    let owner = Rc::clone(shard);
    let mut reply = switch(shard, &proof, move |wire, mut early| {
        let waiter = topic.for_pushes().waiter();
        let mut link = EventSocket::new(owner, wire, waiter, since).with_push(push);
        for message in first {
            link.say(&message);
        }
        link.receive(&mut early);
        link.run()
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
    Ok(switch(shard, &proof, move |wire, early| async move {
        // An error ends the link like its end does; nobody needs the error.
        let _ = echo::run(owner, wire, early).await;
    }))
}

/// `GET /calls`
pub(super) fn calls(shard: &Rc<Shard>, request: &Request<Inbound>) -> HandlerResult {
    let proof = shake_hands(request)?;
    // To the faults, the caller is the connection that the socket was opened on.
    let from = request.extensions().get::<Subscriber>().copied();
    let owner = Rc::clone(shard);
    Ok(switch(shard, &proof, move |wire, early| async move {
        let outgoing = Rc::new(Outgoing::new(Rc::clone(&owner.writes)));
        let socket = Outlet::new(wire, Rc::clone(&outgoing));
        // An error ends the link like its end does; nobody needs the error.
        let _ = calls::run(owner, outgoing, from, socket, early).await;
    }))
}

/// Answers 101, and then passes the wire and early bytes to `serve`, whose future is the link.
fn switch<F: Future<Output = ()> + 'static>(
    shard: &Rc<Shard>,
    proof: &str,
    serve: impl FnOnce(Wire, Vec<u8>) -> F + 'static,
) -> Reply {
    let shard = Rc::clone(shard);
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(proof) = HeaderValue::from_str(proof) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
    *reply.body_mut() = Body::Switch(Switch::new(move |Switched { wire, early, held }| {
        let counted = shard.gauges().hold(Kind::WebSocket);
        shard.nursery.add(async move {
            let _held = (held, counted);
            serve(wire, early).await;
        });
    }));
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
