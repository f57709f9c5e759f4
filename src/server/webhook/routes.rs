//! The routes of `/webhooks`: registration, and an owner's view of deliveries.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::spawn_local;

use super::destination::Destination;
use super::endpoint::{Config, Endpoint};
use super::outbox::{deliver_over, unix_seconds};
use super::secret::Secret;
use super::{dead, verify::verify};
use crate::event::Cursor;
use crate::server::answer::{self, HandlerResult, Reply, ReplyFuture, empty};
use crate::server::cursor::Place;
use crate::server::http1::Inbound;
use crate::server::hub::SharedTopic;
use crate::server::problem::Problem;
use crate::server::request::{self, Query, whole};
use crate::server::shard::Shard;

/// How long a rotated secret still signs by default, in seconds.
const OVERLAP_S: u64 = 24 * 3600;
/// Most topics of one endpoint.
const TOPICS_MAX: usize = 100;
/// Default number of endpoints on a page.
const LIMIT: u64 = 100;
/// Most endpoints in a page.
const LIMIT_MAX: u64 = 1000;

/// `/webhooks`
pub(crate) fn collection(shard: &Rc<Shard>, request: Request<Inbound>) -> ReplyFuture {
    match *request.method() {
        Method::GET | Method::HEAD => list(shard, &request).into(),
        Method::POST => ReplyFuture::later(register(Rc::clone(shard), request)),
        _ => Err(Problem::method_not_allowed("GET, HEAD, POST")).into(),
    }
}

/// `/webhooks/{id}` and `/webhooks/{id}/{part}`
pub(crate) fn endpoint(
    shard: &Rc<Shard>,
    id: &str,
    part: Option<&str>,
    request: Request<Inbound>,
) -> ReplyFuture {
    let found = whole(id).and_then(|id| shard.shared.webhooks.get(id));
    let Some(endpoint) = found else {
        return Err(Problem::not_found(format!("no webhook {id}"))).into();
    };
    match (part, request.method()) {
        (None, &Method::GET | &Method::HEAD) => show(&endpoint).into(),
        (None, &Method::DELETE) => {
            shard.shared.webhooks.remove(endpoint.id());
            if shard.shared.store.is_none() {
                return empty(StatusCode::NO_CONTENT).into();
            }
            ReplyFuture::later(forget(Rc::clone(shard), endpoint))
        }
        (None, &Method::PATCH) => ReplyFuture::later(change(Rc::clone(shard), endpoint, request)),
        (None, _) => Err(Problem::method_not_allowed("GET, HEAD, PATCH, DELETE")).into(),
        (Some("rotate"), &Method::POST) => {
            ReplyFuture::later(rotate(Rc::clone(shard), endpoint, request))
        }
        (Some("dead-letters"), &Method::GET | &Method::HEAD) => dead::list(&endpoint).into(),
        (Some("dead-letters"), _) => Err(Problem::method_not_allowed("GET, HEAD")).into(),
        (Some("replay"), &Method::POST) => ReplyFuture::later(dead::replay(endpoint, request)),
        (Some("rotate" | "replay"), _) => Err(Problem::method_not_allowed("POST")).into(),
        (Some(_), _) => {
            Err(Problem::not_found("a webhook has rotate, dead-letters and replay")).into()
        }
    }
}

/// A registration as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"url\" and \"topics\"")]
struct Draft {
    url: String,
    topics: Vec<String>,
    secret: Option<String>,
    since: Option<Cursor>,
}

/// An endpoint as shown; its secret is shown only on creation.
#[derive(Debug, Serialize)]
struct View {
    id: u64,
    url: String,
    topics: Vec<String>,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<String>,
    delivered: u64,
    retries: u64,
    dead_letters: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl View {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let config = endpoint.config()?;
        let (delivered, retries, dead_letters) = endpoint.tally();
        Some(Self {
            id: endpoint.id(),
            url: config.destination.to_string(),
            topics: config.topics.iter().map(|(topic, _)| topic.name().to_owned()).collect(),
            enabled: config.disabled.is_none(),
            disabled: config.disabled.clone(),
            delivered,
            retries,
            dead_letters,
            secret: None,
        })
    }
}

async fn register(shard: Rc<Shard>, request: Request<Inbound>) -> HandlerResult {
    let draft: Draft = request::json(request).await?;
    let destination = destination(&draft.url)?;
    let named = topics(&shard, &draft.topics)?;
    let secret = secret(draft.secret.as_deref())?;
    let pool = verify(&shard, &destination, std::iter::once(&secret)).await?;
    let topics = starts(&shard, named, draft.since)?;
    let config =
        Config { destination, topics, secret: secret.clone(), previous: None, disabled: None };
    let endpoint = shard.shared.webhooks.insert(config).ok_or_else(|| {
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the limit of webhooks is reached")
    })?;
    if let Err(problem) = keep(&shard, &endpoint).await {
        shard.shared.webhooks.remove(endpoint.id());
        return Err(problem);
    }
    // From here, where the connection is that was just verified.
    spawn_local(deliver_over(Rc::clone(&shard), Arc::clone(&endpoint), pool));
    let view = View::of(&endpoint).map(|v| View { secret: Some(secret.text().to_owned()), ..v });
    let mut reply = answer::json(StatusCode::CREATED, &view);
    if let Ok(location) = HeaderValue::from_str(&format!("/webhooks/{}", endpoint.id())) {
        reply.headers_mut().insert(LOCATION, location);
    }
    Ok(reply)
}

fn list(shard: &Shard, request: &Request<Inbound>) -> HandlerResult {
    let query = Query::of(request.uri());
    let after = query.number("after")?.unwrap_or(0);
    let limit = query.number("limit")?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let mut endpoints = shard.shared.webhooks.list(after, limit as usize + 1);
    let more = endpoints.len() as u64 > limit;
    endpoints.truncate(limit as usize);
    let next = endpoints.last().filter(|_| more).map(|last| last.id());
    let views: Vec<View> = endpoints.iter().filter_map(|endpoint| View::of(endpoint)).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "webhooks": views, "next": next })))
}

fn show(endpoint: &Endpoint) -> Reply {
    answer::json(StatusCode::OK, &View::of(endpoint))
}

/// A change of a registration as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"url\", \"topics\" or \"enabled\"")]
struct Change {
    url: Option<String>,
    topics: Option<Vec<String>>,
    enabled: Option<bool>,
}

async fn change(
    shard: Rc<Shard>,
    endpoint: Arc<Endpoint>,
    request: Request<Inbound>,
) -> HandlerResult {
    let change: Change = request::json(request).await?;
    let url = change.url.as_deref().map(destination).transpose()?;
    let named = change.topics.as_deref().map(|names| topics(&shard, names)).transpose()?;
    if let (Some(url), Some(config)) = (&url, endpoint.config()) {
        verify(&shard, url, config.secrets(unix_seconds())).await?;
    }
    let topics = named.map(|named| starts(&shard, named, None)).transpose()?;
    endpoint.change(|config| {
        if let Some(url) = url {
            config.destination = url;
        }
        if let Some(topics) = topics {
            config.topics = topics;
        }
        match change.enabled {
            Some(true) => config.disabled = None,
            Some(false) => config.disabled = Some("by its owner".to_owned()),
            None => {}
        }
    });
    keep(&shard, &endpoint).await?;
    Ok(show(&endpoint))
}

/// Waits until an endpoint is on disk, if there is a durable outbox.
async fn keep(shard: &Shard, endpoint: &Endpoint) -> Result<(), Problem> {
    match (&shard.shared.store, endpoint.config()) {
        (Some(store), Some(config)) => {
            store.save_endpoint(endpoint.id(), Some(config.saved())).await.map_err(not_stored)
        }
        _ => Ok(()),
    }
}

/// Waits until a deleted endpoint is off the disk.
async fn forget(shard: Rc<Shard>, endpoint: Arc<Endpoint>) -> HandlerResult {
    if let Some(store) = &shard.shared.store {
        store.save_endpoint(endpoint.id(), None).await.map_err(not_stored)?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

fn not_stored(error: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
}

/// A rotation as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"secret\" or \"overlap_s\", or nothing")]
struct Rotation {
    secret: Option<String>,
    overlap_s: Option<u64>,
}

async fn rotate(
    shard: Rc<Shard>,
    endpoint: Arc<Endpoint>,
    request: Request<Inbound>,
) -> HandlerResult {
    let rotation: Rotation = if hyper::body::Body::is_end_stream(request.body()) {
        Rotation::default()
    } else {
        request::json(request).await?
    };
    let secret = secret(rotation.secret.as_deref())?;
    let until = unix_seconds().saturating_add(rotation.overlap_s.unwrap_or(OVERLAP_S));
    let text = secret.text().to_owned();
    endpoint.change(|config| {
        let previous = std::mem::replace(&mut config.secret, secret);
        config.previous = Some((previous, until));
    });
    keep(&shard, &endpoint).await?;
    let answer =
        json!({ "id": endpoint.id(), "secret": text, "previous_signs_until_unix_s": until });
    Ok(answer::json(StatusCode::OK, &answer))
}

fn destination(url: &str) -> Result<Arc<Destination>, Problem> {
    Destination::parse(url).map(Arc::new).map_err(Problem::unprocessable)
}

fn secret(given: Option<&str>) -> Result<Secret, Problem> {
    match given {
        Some(text) => Secret::parse(text).map_err(|e| Problem::unprocessable(e.to_string())),
        None => Secret::draw().map_err(|error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no randomness: {error}"))
        }),
    }
}

fn topics(shard: &Shard, names: &[String]) -> Result<Vec<Arc<SharedTopic>>, Problem> {
    let mut seen = HashSet::new();
    if names.is_empty() || names.len() > TOPICS_MAX || !names.iter().all(|n| seen.insert(n)) {
        let detail = format!("topics must be 1 to {TOPICS_MAX} different names");
        return Err(Problem::unprocessable(detail));
    }
    let known = |name: &String| {
        let unknown =
            || Problem::unprocessable(format!("no topic '{name}'; publish to it to create it"));
        shard.shared.directory.get(name).ok_or_else(unknown)
    };
    names.iter().map(known).collect()
}

/// Returns where deliveries begin: after `since`, or with the next event. A registration, unlike a stream, has no place for
/// a reset, so a cursor of another life is refused like a poll's, with a fresh one.
fn starts(
    shard: &Shard,
    topics: Vec<Arc<SharedTopic>>,
    since: Option<Cursor>,
) -> Result<Vec<(Arc<SharedTopic>, u64)>, Problem> {
    let life = shard.shared.life;
    let start = |topic: Arc<SharedTopic>| {
        let Some(since) = since else {
            let newest = topic.newest();
            return Ok((topic, newest));
        };
        match Place::of(&topic, life, since) {
            Place::After(start) => Ok((topic, start)),
            Place::Reset => Err(Problem::reset(since, shard.hub.replica(&topic).oldest(), life)),
        }
    };
    topics.into_iter().map(start).collect()
}
