//! Polls: a page of a topic's log at once (`short-poll`), or once there are events (`long-poll`, RFC 6202).

use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, StatusCode};

use super::answer::{HandlerResult, Reply, ReplyFuture, empty, typed, with_etag};
use super::cursor::{self, Place};
use super::faults;
use super::gauges::Kind;
use super::http1::Inbound;
use super::hub::{Entry, Topic};
use super::outlet::Outgoing;
use super::problem::Problem;
use super::request::{Query, condition};
use super::shard::Shard;
use crate::clock;
use crate::event::{Cursor, Epoch};
use crate::scenario::DropFilter;

/// Default number of events on a page.
const LIMIT: u64 = 100;
/// Most events in a page.
const LIMIT_MAX: u64 = 1000;
/// Longest hold of a long poll.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// `GET /topics/{topic}/events?since=&limit=&wait=`, and `HEAD`, which waits for nothing and delivers nothing.
pub(super) fn get(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    name: &str,
    request: &Request<Inbound>,
) -> ReplyFuture {
    let bodiless = request.method() == Method::HEAD;
    // A body of which only the size is sent delivers nothing.
    let outgoing = &if bodiless { outgoing.aside() } else { Rc::clone(outgoing) };
    let ask = match Ask::read(shard, outgoing, name, request) {
        Ok(ask) => ask,
        Err(problem) => return Err(problem).into(),
    };
    let Some(wait) = ask.wait else { return ask.page_now(shard, request).into() };
    match ask.page() {
        Ok(None) if !wait.is_zero() && !bodiless => {
            let held = shard.gauges().hold(Kind::LongPoll);
            let shard = Rc::clone(shard);
            ReplyFuture::later(async move {
                let _held = held;
                let waiter = ask.topic.waiter();
                let news = std::future::poll_fn(|cx| {
                    if shard.leaving() { Poll::Ready(()) } else { waiter.poll_after(ask.since, cx) }
                });
                // The page is empty where the time is up, or the target ends.
                let came = tokio::time::timeout(wait, news).await.is_ok();
                let coalesce_ns = shard.options().coalesce.ns();
                if came && coalesce_ns > 0 && !shard.leaving() {
                    let _ = shard.timer.sleep_until(clock::now() + coalesce_ns).await;
                }
                ask.page().map(not_stored)
            })
        }
        page => page.map(not_stored).into(),
    }
}

/// A cursor into a topic, and the most events to return.
#[derive(Debug)]
struct Ask {
    topic: Rc<Topic>,
    /// The record of deliveries in progress.
    outgoing: Rc<Outgoing>,
    /// The life that its log is in.
    life: Epoch,
    since: u64,
    limit: u64,
    wait: Option<Duration>,
    /// The filter for events that the client never gets.
    drop_filter: Option<DropFilter>,
}

impl Ask {
    fn read(
        shard: &Shard,
        outgoing: &Rc<Outgoing>,
        name: &str,
        request: &Request<Inbound>,
    ) -> Result<Self, Problem> {
        let (query, life) = (Query::of(request.uri()), shard.shared.life);
        let cursor = cursor::read(cursor::said(query))?;
        let topic = cursor::topic(shard, name, cursor)?;
        let cursor = cursor.unwrap_or_else(|| 0.into());
        let Place::After(since) = Place::of(topic.identity(), life, cursor) else {
            return Err(Problem::reset(cursor, topic.oldest(), life));
        };
        let limit = query.number("limit")?.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
        }
        let wait = query.span("wait")?;
        if wait.is_some_and(|wait| wait > WAIT_MAX) {
            return Err(Problem::bad_request(format!(
                "wait may be {} s at most",
                WAIT_MAX.as_secs()
            )));
        }
        let drop_filter = faults::drop_filter(shard, request, &topic);
        let outgoing = Rc::clone(outgoing);
        Ok(Self { topic, outgoing, life, since, limit, wait, drop_filter })
    }

    /// The cursor that the page leads to.
    fn next(&self) -> u64 {
        self.topic.newest().min(self.since.saturating_add(self.limit)).max(self.since)
    }

    /// Builds the page. Its condition depends only on cursor, oldest and next sequence, so it is checked before anything is
    /// written.
    fn page_now(&self, shard: &Shard, request: &Request<Inbound>) -> HandlerResult {
        let etag = format!("\"{:x}-{}-{}\"", shard.shared.epoch, self.topic.oldest(), self.next());
        if condition(request.headers(), &IF_NONE_MATCH, &etag) == Some(true) {
            return Ok(with_etag(empty(StatusCode::NOT_MODIFIED), &etag));
        }
        let page = self.write()?;
        Ok(with_etag(typed(StatusCode::OK, "application/json", page), &etag))
    }

    /// The page, if it has events.
    fn page(&self) -> Result<Option<Bytes>, Problem> {
        let page = (self.next() > self.since || self.topic.oldest() > self.since + 1)
            .then(|| self.write());
        page.transpose()
    }

    fn write(&self) -> Result<Bytes, Problem> {
        let (oldest, next) = (self.topic.oldest(), self.next());
        let name = self.topic.name();
        let cursor = Cursor::new(next, self.life);
        let head = format!(
            "{{\"topic\":\"{name}\",\"next\":\"{cursor}\",\"oldest\":{oldest},\"events\":["
        );
        let page = self.topic.read(self.since, |events| {
            let mut page = Vec::with_capacity(head.len() + 512);
            page.extend_from_slice(head.as_bytes());
            let told =
                |event: &&Arc<Entry>| !self.drop_filter.is_some_and(|s| s.drops(event.seq()));
            let events = events.take((next - self.since) as usize).filter(told);
            for (i, event) in events.enumerate() {
                if i > 0 {
                    page.push(b',');
                }
                page.extend_from_slice(event.json());
                self.outgoing.add(event);
            }
            page.extend_from_slice(b"]}");
            Bytes::from(page)
        });
        page.map_err(|gap| Problem::gap(self.since, gap.oldest, self.life))
    }
}

fn not_stored(page: Option<Bytes>) -> Reply {
    let mut reply = match page {
        Some(page) => typed(StatusCode::OK, "application/json", page),
        None => empty(StatusCode::NO_CONTENT),
    };
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
