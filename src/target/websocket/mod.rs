//! Web sockets (`websocket`): each event of a topic as one text frame.
//!
//! After the handshake the link leaves hyper behind and writes the log's frames straight to its socket,
//! several at a time. A client that falls off the ring is closed with 1013 ("try again later"): the link is
//! sound and the client did no wrong, it may come back with `since` and will learn what is left. What clients
//! say is checked and dropped, but for pings, pongs and closes.

pub mod decode;
pub mod frame;
pub mod handshake;
mod link;

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;

use self::handshake::{Refusal, accept};
use self::link::Link;
use super::answer::{Outcome, empty};
use super::faults::Push;
use super::gauges::Kind;
use super::outlet::Outlet;
use super::poll;
use super::problem::Problem;
use super::request::Query;
use super::shard::Shard;

/// `GET /topics/{topic}/ws?since=`
pub fn get(shard: &Rc<Shard>, name: &str, mut request: Request<Incoming>) -> Outcome {
    let topic = shard.hub.topic(name).ok_or_else(|| Problem::unknown_topic(name))?;
    let proof = accept(request.headers()).map_err(refuse)?;
    let since = poll::since(&topic, Query::of(request.uri()))?;
    let since = since.unwrap_or_else(|| topic.identity().newest());
    let push = Push::of(shard, &request, &topic);
    let upgrade = hyper::upgrade::on(&mut request);
    let shard = Rc::clone(shard);
    tokio::task::spawn_local(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Outlet>>() else { return };
        let _held = shard.gauges().hold(Kind::WebSocket);
        let wire = parts.io.into_inner().into_wire();
        let waiter = topic.for_pushes().waiter();
        let mut link = Link::new(shard, wire, waiter, since).with_push(push);
        link.receive(&mut parts.read_buf.to_vec());
        // It would keep hyper's whole buffer for as long as the link lives.
        drop(parts.read_buf);
        link.run().await;
    });
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(proof) = HeaderValue::from_str(&proof) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
    Ok(reply)
}

fn refuse(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Malformed(detail) => Problem::bad_request(detail),
        Refusal::Upgrade(detail) => Problem::new(StatusCode::UPGRADE_REQUIRED, detail)
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(CONNECTION, HeaderValue::from_static("Upgrade"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    }
}
