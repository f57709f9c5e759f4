//! The routes of `/items`.

use std::rc::Rc;

use hyper::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, VARY,
};
use hyper::{Method, Request, StatusCode};

use super::cost::timed;
use super::cursor::{self, Decoded};
use super::draft::Draft;
use super::format::{Format, READ};
use super::json::{self, Page, View};
use super::store::WriteError;
use super::{Store, Stored, weight, xml, xml_reader};
use crate::measure::Metric;
use crate::server::answer::{self, HandlerResult, Reply, ReplyFuture, empty, typed, with_etag};
use crate::server::condition;
use crate::server::problem::Problem;
use crate::server::request::{self, Content, Query, condition, content_type};
use crate::server::shard::Shard;

/// The types of a patch. XML items are patched in JSON as well, since XML has no merge patch.
const PATCHES: [(&str, ()); 2] = [("application/merge-patch+json", ()), ("application/json", ())];
/// Lists the accepted patch types (RFC 5789) when another was sent.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Default number of items on a page.
const LIMIT: u64 = 20;
/// Most items in a page.
const LIMIT_MAX: u64 = 1000;

/// `/items`
pub(crate) fn collection(shard: &Rc<Shard>, request: Request<impl Content>) -> ReplyFuture {
    match *request.method() {
        Method::GET | Method::HEAD => list(shard, &request).into(),
        Method::POST => ReplyFuture::later(create(Rc::clone(shard), request)),
        _ => Err(Problem::method_not_allowed("GET, HEAD, POST")).into(),
    }
}

/// `/items/{id}`
pub(crate) fn item(shard: &Rc<Shard>, id: &str, request: Request<impl Content>) -> ReplyFuture {
    let Some(id) = request::whole(id) else { return Err(missing(id)).into() };
    match *request.method() {
        Method::GET | Method::HEAD => read(shard, id, request.headers()).into(),
        Method::DELETE => delete(&shard.shared.items, id, request.headers()).into(),
        Method::PUT => ReplyFuture::later(replace(Rc::clone(shard), id, request)),
        Method::PATCH => ReplyFuture::later(patch(Rc::clone(shard), id, request)),
        _ => Err(Problem::method_not_allowed("GET, HEAD, PUT, PATCH, DELETE")).into(),
    }
}

fn list<B>(shard: &Shard, request: &Request<B>) -> HandlerResult {
    let format = Format::accepted(request.headers(), Format::Json)?;
    let (query, epoch) = (Query::of(request.uri()), shard.shared.epoch);
    let after = match query.get("cursor") {
        None => 0,
        Some(text) => match cursor::decode(epoch, &text) {
            Decoded::After(id) => id,
            Decoded::Elsewhere => {
                let detail = "the items that the cursor was among are gone: the store was restarted. Start \
                              without a cursor";
                return Err(Problem::new(StatusCode::GONE, detail).member("reset", true));
            }
            Decoded::Foreign => {
                return Err(Problem::bad_request(format!(
                    "'{text}' is not a cursor; use \"next\" of the previous page"
                )));
            }
        },
    };
    let limit = query.number("limit")?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    // One item more than requested shows whether this page is the last.
    let mut items = shard.shared.items.list(after, limit as usize + 1);
    let more = items.len() as u64 > limit;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| cursor::encode(epoch, last.id));
    let next = next.as_deref();
    let mut reply = timed(shard, Metric::Encode, || match format {
        Format::Json => {
            let items = items.iter().map(|stored| View::from(&**stored)).collect();
            answer::json(StatusCode::OK, &Page { items, next })
        }
        Format::Xml => {
            let page = xml::encode_page(items.iter().map(|stored| &**stored), next);
            typed(StatusCode::OK, format.media_type(), page)
        }
    });
    reply.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    if let Some(next) = next
        && let Ok(link) =
            HeaderValue::try_from(format!("</items?limit={limit}&cursor={next}>; rel=\"next\""))
    {
        reply.headers_mut().insert(LINK, link);
    }
    Ok(reply)
}

async fn create(shard: Rc<Shard>, request: Request<impl Content>) -> HandlerResult {
    let (draft, format) = draft(&shard, request).await?;
    let item = draft.created()?;
    let size = weight(&item);
    let stored = shard.shared.items.insert(item, size).ok_or_else(full)?;
    let mut reply = shown(&shard, StatusCode::CREATED, &stored, format);
    if let Ok(location) = HeaderValue::from_str(&format!("/items/{}", stored.id)) {
        reply.headers_mut().insert(LOCATION, location);
    }
    Ok(reply)
}

fn read(shard: &Shard, id: u64, headers: &HeaderMap) -> HandlerResult {
    let format = Format::accepted(headers, Format::Json)?;
    let store = &shard.shared.items;
    let stored = store.get(id).ok_or_else(|| missing(id))?;
    let etag = store.etag(&stored, format.name());
    if let Some(problem) = changed(store, &stored, headers) {
        return Err(problem);
    }
    if condition(headers, &IF_NONE_MATCH, &etag) == Some(true) {
        return Ok(varying(with_etag(empty(StatusCode::NOT_MODIFIED), &etag)));
    }
    Ok(shown(shard, StatusCode::OK, &stored, format))
}

/// A request for an item's JSON that is answered without a map of its fields: the entity tag, and the item unless
/// `condition` names the tag; returns whether it does. `None` where there is no such item.
pub(crate) fn read_json(
    shard: &Shard,
    id: u64,
    condition: Option<&[u8]>,
    (etag, item): (&mut String, &mut Vec<u8>),
) -> Option<bool> {
    let store = &shard.shared.items;
    let stored = store.get(id)?;
    store.write_etag(&stored, Format::Json.name(), etag).ok()?;
    if condition.is_some_and(|condition| condition::names(condition, etag.as_bytes())) {
        return Some(true);
    }
    let view = View::from(&*stored);
    timed(shard, Metric::Encode, || serde_json::to_writer(item, &view)).ok()?;
    Some(false)
}

async fn replace(shard: Rc<Shard>, id: u64, request: Request<impl Content>) -> HandlerResult {
    let headers = request.headers().clone();
    let (draft, format) = draft(&shard, request).await?;
    let item = draft.replacing(id)?;
    let size = weight(&item);
    let store = &shard.shared.items;
    let updated = store.update(id, |stored| {
        unchanged(store, stored, &headers)?;
        Ok((item, size))
    });
    Ok(shown(&shard, StatusCode::OK, &*updated.map_err(|refusal| refused(id, refusal))?, format))
}

async fn patch(shard: Rc<Shard>, id: u64, request: Request<impl Content>) -> HandlerResult {
    let headers = request.headers().clone();
    let format = Format::accepted(&headers, Format::Json)?;
    content_type(&headers, &PATCHES)
        .map_err(|problem| problem.header(ACCEPT_PATCH, HeaderValue::from_static(PATCHES[0].0)))?;
    let body = request::body(request, &PATCHES.map(|(media, ())| media)).await?;
    let patch = timed(&shard, Metric::Decode, || json::patch(&body))?;
    let store = &shard.shared.items;
    let updated = store.update(id, |stored| {
        unchanged(store, stored, &headers)?;
        let item = json::patched(stored, patch)?;
        let size = weight(&item);
        Ok((item, size))
    });
    Ok(shown(&shard, StatusCode::OK, &*updated.map_err(|refusal| refused(id, refusal))?, format))
}

fn delete(store: &Store, id: u64, headers: &HeaderMap) -> HandlerResult {
    let removed = store.remove(id, |stored| unchanged(store, stored, headers));
    removed.map_err(|refusal| refused(id, refusal))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Reads an item in its declared encoding, and returns it with the encoding of the response: the same by default. An
/// unacceptable response is refused before anything changes.
async fn draft(shard: &Shard, request: Request<impl Content>) -> Result<(Draft, Format), Problem> {
    let sent = content_type(request.headers(), &READ)?;
    let format = Format::accepted(request.headers(), sent)?;
    let body = request::body(request, &READ.map(|(media, _)| media)).await?;
    let draft = timed(shard, Metric::Decode, || match sent {
        Format::Json => json::decode(&body),
        Format::Xml => xml_reader::decode(&body),
    })?;
    Ok((draft, format))
}

/// Checks the conditions of a write.
fn unchanged(store: &Store, stored: &Stored, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(problem) = changed(store, stored, headers) {
        return Err(problem);
    }
    let any = |name| {
        formats().any(|format| {
            condition(headers, name, &store.etag(stored, format.name())) == Some(true)
        })
    };
    if any(&IF_NONE_MATCH) {
        return Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "the item is there, in the state that must not be",
        ));
    }
    Ok(())
}

/// The refusal by `If-Match`. The tag of either representation will do: both name this state of the item.
fn changed(store: &Store, stored: &Stored, headers: &HeaderMap) -> Option<Problem> {
    if !headers.contains_key(IF_MATCH) {
        return None;
    }
    let tags = || formats().map(|format| store.etag(stored, format.name()));
    if tags().any(|etag| condition(headers, &IF_MATCH, &etag) == Some(true)) {
        return None;
    }
    let tags: Vec<String> = tags().collect();
    let detail = format!("the item has changed: its entity tags are now {}", tags.join(" and "));
    Some(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
}

fn formats() -> impl Iterator<Item = Format> {
    [Format::Json, Format::Xml].into_iter()
}

fn shown(shard: &Shard, status: StatusCode, stored: &Stored, format: Format) -> Reply {
    let reply = timed(shard, Metric::Encode, || match format {
        Format::Json => answer::json(status, &View::from(stored)),
        Format::Xml => typed(status, format.media_type(), xml::encode(stored)),
    });
    varying(with_etag(reply, &shard.shared.items.etag(stored, format.name())))
}

fn varying(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    reply
}

fn missing(id: impl std::fmt::Display) -> Problem {
    Problem::not_found(format!("no item {id}"))
}

fn full() -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the store is full: delete items first")
}

fn refused(id: u64, refusal: WriteError<Problem>) -> Problem {
    match refusal {
        WriteError::Missing => missing(id),
        WriteError::Full => full(),
        WriteError::Own(problem) => problem,
    }
}
