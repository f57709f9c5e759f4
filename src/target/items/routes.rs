//! The routes of `/items`.

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;

use super::json::{self, View};
use super::store::Refusal;
use super::{Store, Stored};
use crate::target::answer::{self, Answer, Outcome, Reply, empty, with_etag};
use crate::target::problem::Problem;
use crate::target::request::{self, Query, condition};
use crate::target::shard::Shard;

/// The media type of a merge patch.
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON: &str = "application/json";
/// Items in a page unless the asker says otherwise.
const LIMIT: u64 = 20;
/// Most items in a page.
const LIMIT_MAX: u64 = 1000;

/// `/items`
pub fn collection(shard: &Rc<Shard>, request: Request<Incoming>) -> Answer {
    match *request.method() {
        Method::GET | Method::HEAD => list(&shard.shared.items, &request).into(),
        Method::POST => {
            let shard = Rc::clone(shard);
            Answer::later(async move { create(&shard.shared.items, request).await })
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, POST")).into(),
    }
}

/// `/items/{id}`
pub fn item(shard: &Rc<Shard>, id: &str, request: Request<Incoming>) -> Answer {
    let Some(id) = request::whole(id) else { return Err(missing(id)).into() };
    match *request.method() {
        Method::GET | Method::HEAD => read(&shard.shared.items, id, request.headers()).into(),
        Method::DELETE => delete(&shard.shared.items, id, request.headers()).into(),
        Method::PUT => {
            let shard = Rc::clone(shard);
            Answer::later(async move { replace(&shard.shared.items, id, request).await })
        }
        Method::PATCH => {
            let shard = Rc::clone(shard);
            Answer::later(async move { patch(&shard.shared.items, id, request).await })
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, PUT, PATCH, DELETE")).into(),
    }
}

/// A page of items.
#[derive(Debug, Serialize)]
struct Page<'a> {
    items: Vec<View<'a>>,
    /// The cursor of the next page; `null` on the last.
    next: Option<u64>,
}

fn list(store: &Store, request: &Request<Incoming>) -> Outcome {
    let query = Query::of(request.uri());
    let after = query.number("after")?.unwrap_or(0);
    let limit = query.number("limit")?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    // One more than asked for tells whether this page is the last.
    let mut items = store.list(after, limit as usize + 1);
    let more = items.len() as u64 > limit;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| last.id);
    let items = items.iter().map(|stored| View::from(&**stored)).collect();
    Ok(answer::json(StatusCode::OK, &Page { items, next }))
}

async fn create(store: &Store, request: Request<Incoming>) -> Outcome {
    let body = request::body(request, &[JSON]).await?;
    let stored = store.insert(json::decode(&body, None)?, body.len()).ok_or_else(full)?;
    let mut reply = shown(store, StatusCode::CREATED, &stored);
    if let Ok(location) = HeaderValue::from_str(&format!("/items/{}", stored.id)) {
        reply.headers_mut().insert(LOCATION, location);
    }
    Ok(reply)
}

fn read(store: &Store, id: u64, headers: &HeaderMap) -> Outcome {
    let stored = store.get(id).ok_or_else(|| missing(id))?;
    let etag = store.etag(&stored, "json");
    if condition(headers, &IF_NONE_MATCH, &etag) == Some(true) {
        return Ok(with_etag(empty(StatusCode::NOT_MODIFIED), &etag));
    }
    Ok(shown(store, StatusCode::OK, &stored))
}

async fn replace(store: &Store, id: u64, request: Request<Incoming>) -> Outcome {
    let headers = request.headers().clone();
    let body = request::body(request, &[JSON]).await?;
    let item = json::decode(&body, Some(id))?;
    let updated = store.update(id, body.len(), |stored| {
        unchanged(store, stored, &headers)?;
        Ok(item)
    });
    Ok(shown(store, StatusCode::OK, &*updated.map_err(|refusal| refused(id, refusal))?))
}

async fn patch(store: &Store, id: u64, request: Request<Incoming>) -> Outcome {
    let headers = request.headers().clone();
    let body = request::body(request, &[MERGE_PATCH, JSON]).await?;
    let patch = request::parse(&body)?;
    let updated = store.update(id, body.len(), |stored| {
        unchanged(store, stored, &headers)?;
        json::patched(stored, patch)
    });
    Ok(shown(store, StatusCode::OK, &*updated.map_err(|refusal| refused(id, refusal))?))
}

fn delete(store: &Store, id: u64, headers: &HeaderMap) -> Outcome {
    let removed = store.remove(id, |stored| unchanged(store, stored, headers));
    removed.map_err(|refusal| refused(id, refusal))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Checks `If-Match`.
fn unchanged(store: &Store, stored: &Stored, headers: &HeaderMap) -> Result<(), Problem> {
    let etag = store.etag(stored, "json");
    match condition(headers, &IF_MATCH, &etag) {
        Some(false) => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            format!("the item has changed: its entity tag is now {etag}"),
        )),
        _ => Ok(()),
    }
}

fn shown(store: &Store, status: StatusCode, stored: &Stored) -> Reply {
    with_etag(answer::json(status, &View::from(stored)), &store.etag(stored, "json"))
}

fn missing(id: impl std::fmt::Display) -> Problem {
    Problem::not_found(format!("no item {id}"))
}

fn full() -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the store is full: delete items first")
}

fn refused(id: u64, refusal: Refusal<Problem>) -> Problem {
    match refusal {
        Refusal::Missing => missing(id),
        Refusal::Full => full(),
        Refusal::Own(problem) => problem,
    }
}
