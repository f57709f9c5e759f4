//! Which path leads where.

use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Reply, ReplyFuture};
use super::cors::Grant;
use super::gauges::Kind;
use super::http1::Inbound;
use super::outlet::Outgoing;
use super::problem::Problem;
use super::request::segments;
use super::shard::Shard;
use super::{items, pages, poll, publish, sse, webhook, websocket};
use crate::clock;

/// Routes a request with a body of type `B` to its handler.
pub(super) type Route<B> = fn(&Rc<Shard>, &Rc<Outgoing>, Request<B>) -> ReplyFuture;

/// Answers a request, unless the target is over its limits or the request comes from a web page without permission.
pub(super) fn answer(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    request: Request<Inbound>,
) -> ReplyFuture {
    let visitors = &shard.options().visitors;
    let grant = Grant::of(visitors, request.headers());
    let answer = match visitors.admit(&request) {
        Err(problem) => Err(problem).into(),
        // It leads to nothing, and a browser takes a refusal of it for one of the page.
        Ok(()) => match grant.preflight(&request) {
            Some(preflight) => preflight.into(),
            None => admitted(shard, outgoing, request, route),
        },
    };
    grant.on(answer)
}

/// Refuses a request unseen, in words that the page which sent it may read if it may read answers.
pub(super) fn refuse<B>(shard: &Shard, request: &Request<B>, problem: Problem) -> ReplyFuture {
    Grant::of(&shard.options().visitors, request.headers())
        .on(sse::turned_away(request, problem).into())
}

/// Answers a call over a WebSocket, like any request, if its route can be called.
pub(super) fn call(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    request: Request<Full<Bytes>>,
) -> ReplyFuture {
    admitted(shard, outgoing, request, callable)
}

fn admitted<B>(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    request: Request<B>,
    route: Route<B>,
) -> ReplyFuture {
    // Monitoring a busy target must stay possible.
    if request.uri().path() != "/healthz"
        && let Err(problem) = shard.admission.admit(clock::now)
    {
        return sse::turned_away(&request, problem).into();
    }
    if request.method() == Method::OPTIONS {
        return options(route(shard, outgoing, request));
    }
    route(shard, outgoing, request)
}

/// Answers `OPTIONS` from the methods that a refusal would name.
fn options(refusal: ReplyFuture) -> ReplyFuture {
    match refusal {
        ReplyFuture::Now(Some(reply)) if reply.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let mut allowed = answer::empty(StatusCode::NO_CONTENT);
            if let Some(allow) = reply.headers().get(ALLOW) {
                allowed.headers_mut().insert(ALLOW, allow.clone());
            }
            allowed.into()
        }
        other => other,
    }
}

/// Answers a request whose target is not a path (RFC 9112, section 3.2.4): `OPTIONS *` asks for the server's abilities.
fn pathless<B>(request: &Request<B>) -> ReplyFuture {
    if *request.method() == Method::OPTIONS && request.uri().path() == "*" {
        let mut allowed = answer::empty(StatusCode::NO_CONTENT);
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        allowed.headers_mut().insert(ALLOW, methods);
        return allowed.into();
    }
    Err(Problem::bad_request(
        "the target of a request begins with a slash; GET / lists what there is",
    ))
    .into()
}

/// The routes for calls over a WebSocket: items and publishing. Events are delivered on `/ws`, not by call.
fn callable(shard: &Rc<Shard>, _: &Rc<Outgoing>, request: Request<Full<Bytes>>) -> ReplyFuture {
    let uri = request.uri().clone();
    let segments = match segments(&uri) {
        Ok(segments) => segments,
        Err(problem) => return Err(problem).into(),
    };
    match segments.each_ref().map(Option::as_deref) {
        [Some("items"), None, ..] => items::collection(shard, request),
        [Some("items"), Some(id), None, _] => items::item(shard, id, request),
        [Some("topics"), Some(topic), Some("events"), None] => match *request.method() {
            Method::POST => publish::post(shard, topic, request),
            _ => Err(Problem::method_not_allowed("POST")).into(),
        },
        _ => {
            let detail = "nothing is here for calls: they go to /items, /items/{id} and \
                          /topics/{topic}/events";
            Err(Problem::not_found(detail)).into()
        }
    }
}

fn route(shard: &Rc<Shard>, outgoing: &Rc<Outgoing>, request: Request<Inbound>) -> ReplyFuture {
    // The path outlives the request where a handler takes that.
    let uri = request.uri().clone();
    if !uri.path().starts_with('/') {
        return pathless(&request);
    }
    let segments = match segments(&uri) {
        Ok(segments) => segments,
        Err(problem) => return Err(problem).into(),
    };
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match segments.each_ref().map(Option::as_deref) {
        [Some("items"), None, ..] => items::collection(shard, request),
        [Some("items"), Some(id), None, _] => items::item(shard, id, request),
        [Some("topics"), Some(topic), Some("events"), None] => match *request.method() {
            Method::GET | Method::HEAD => poll::get(shard, outgoing, topic, &request),
            Method::POST => publish::post(shard, topic, request),
            _ => Err(Problem::method_not_allowed("GET, HEAD, POST")).into(),
        },
        [Some("topics"), Some(topic), Some("stream"), None] if request.method() == Method::GET => {
            sse::get(shard, outgoing, topic, &request).into()
        }
        [Some("topics"), Some(topic), Some("ws"), None] if request.method() == Method::GET => {
            websocket::get(shard, topic, &request).into()
        }
        [Some("topics"), Some(_), Some("stream" | "ws"), None] => {
            Err(Problem::method_not_allowed("GET")).into()
        }
        [Some("echo"), None, ..] if request.method() == Method::GET => {
            websocket::echo(shard, &request).into()
        }
        [Some("calls"), None, ..] if request.method() == Method::GET => {
            websocket::calls(shard, &request).into()
        }
        [Some("echo" | "calls"), None, ..] => Err(Problem::method_not_allowed("GET")).into(),
        [Some("webhooks"), None, ..] => webhook::collection(shard, request),
        [Some("webhooks"), Some(id), None, _] => webhook::endpoint(shard, id, None, request),
        [Some("webhooks"), Some(id), part @ Some(_), None] => {
            webhook::endpoint(shard, id, part, request)
        }
        [Some("" | "healthz" | "openapi.json" | "topics"), None, ..] if !get => {
            Err(Problem::method_not_allowed("GET, HEAD")).into()
        }
        [Some(""), None, ..] => pages::index(shard, &request).into(),
        [Some("healthz"), None, ..] => health(shard).into(),
        [Some("openapi.json"), None, ..] => pages::openapi().into(),
        [Some("topics"), None, ..] => publish::topics(shard).into(),
        _ => Err(Problem::not_found("nothing is here; GET / lists what is")).into(),
    }
}

/// `GET /healthz`: the number of open links by kind.
fn health(shard: &Shard) -> Reply {
    let gauges = &shard.shared.gauges;
    let count = |kind: Kind| gauges.iter().map(|gauges| gauges.get(kind)).sum::<u64>();
    let links: Map<String, Value> =
        Kind::ALL.into_iter().map(|(kind, name)| (name.to_owned(), count(kind).into())).collect();
    let health = json!({ "status": "ok", "shards": gauges.len(), "links": links });
    answer::json(StatusCode::OK, &health)
}
