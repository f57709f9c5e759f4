//! Polls: a page of a topic's log at once (`short-poll`), or once there are events (`long-poll`, RFC 6202).

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, StatusCode};

use super::answer::{HandlerResult, Reply, ReplyFuture, empty, typed, with_etag};
use super::condition;
use super::cursor::{self, Place};
use super::faults;
use super::gauges::{CountedLink, Kind};
use super::holds::Hold;
use super::http1::Inbound;
use super::hub::{Entry, Topic, Waiter};
use super::outlet::Outgoing;
use super::problem::Problem;
use super::request::{Query, condition};
use super::shard::Shard;
use crate::clock;
use crate::event::Epoch;
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
    let query = Query::of(request.uri());
    let (ask, wait) = match Ask::read(shard, outgoing, name, query) {
        Ok((ask, wait)) => {
            let drop_filter = faults::drop_filter(shard, request, &ask.topic);
            (Ask { drop_filter, ..ask }, wait)
        }
        Err(problem) => return Err(problem).into(),
    };
    let Some(wait) = wait else { return ask.page_now(shard, request).into() };
    match ask.page() {
        Ok(None) if !wait.is_zero() && !bodiless => {
            let end_ns = clock::now().saturating_add(wait.as_nanos() as u64);
            ReplyFuture::later(Held {
                shard: Rc::clone(shard),
                waiter: ask.topic.waiter(),
                ask,
                hold: shard.desk.holds.begin(end_ns),
                coalesces: None,
                _counted: shard.gauges().hold(Kind::LongPoll),
            })
        }
        page => page.map(not_stored).into(),
    }
}

/// A poll that is held. Nearly all of them wait for nearly all of their time, so it is small.
struct Held {
    shard: Rc<Shard>,
    ask: Ask,
    waiter: Waiter,
    hold: Hold,
    /// Waits for more events, once there is one.
    coalesces: Option<Pin<Box<dyn Future<Output = ()>>>>,
    _counted: CountedLink,
}

impl Future for Held {
    type Output = HandlerResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HandlerResult> {
        let held = &mut *self;
        if held.coalesces.is_none() {
            let leaves = held.shard.leaving();
            let came = !leaves && held.waiter.poll_after(held.ask.since, cx).is_ready();
            // The page is empty where the time is up, or the target ends.
            if !leaves && !came && !held.hold.is_over(cx) {
                return Poll::Pending;
            }
            let coalesce_ns = held.shard.options().coalesce.ns();
            if came && coalesce_ns > 0 {
                let (timer, until_ns) = (held.shard.timer.clone(), clock::now() + coalesce_ns);
                held.coalesces = Some(Box::pin(async move {
                    let _ = timer.sleep_until(until_ns).await;
                }));
            }
        }
        if let Some(coalesces) = &mut held.coalesces {
            ready!(coalesces.as_mut().poll(cx));
        }
        Poll::Ready(held.ask.page().map(not_stored))
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
    /// The filter for events that the client never gets.
    drop_filter: Option<DropFilter>,
}

impl Ask {
    /// Reads a request, with how long it may be held.
    fn read(
        shard: &Shard,
        outgoing: &Rc<Outgoing>,
        name: &str,
        query: Query<'_>,
    ) -> Result<(Self, Option<Duration>), Problem> {
        let life = shard.shared.life;
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
        let (outgoing, drop_filter) = (Rc::clone(outgoing), None);
        Ok((Self { topic, outgoing, life, since, limit, drop_filter }, wait))
    }

    /// The cursor that the page leads to.
    fn next(&self) -> u64 {
        self.topic.newest().min(self.since.saturating_add(self.limit)).max(self.since)
    }

    /// Builds the page. Its condition depends only on cursor, oldest and next sequence, so it is checked before anything is
    /// written.
    fn page_now(&self, shard: &Shard, request: &Request<Inbound>) -> HandlerResult {
        let mut etag = String::new();
        self.write_etag(shard, &mut etag);
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

    /// Appends the tag: the process, the oldest event, the next cursor.
    fn write_etag(&self, shard: &Shard, out: &mut String) {
        let mut number = itoa::Buffer::new();
        out.push('"');
        push_hex(shard.shared.epoch, out);
        for place in [self.topic.oldest(), self.next()] {
            out.push('-');
            out.push_str(number.format(place));
        }
        out.push('"');
    }

    fn write(&self) -> Result<Bytes, Problem> {
        let mut page = Vec::new();
        self.write_to(&mut page)?;
        Ok(page.into())
    }

    fn write_to(&self, page: &mut Vec<u8>) -> Result<(), Problem> {
        let (oldest, next) = (self.topic.oldest(), self.next());
        let name = self.topic.name();
        let written = self.topic.read(self.since, |events| {
            // Part by part, as a page is read and rendered for every poll.
            for part in [
                b"{\"topic\":\"",
                name.as_bytes(),
                b"\",\"next\":\"",
                itoa::Buffer::new().format(next).as_bytes(),
                b"-",
                &self.life.digits(),
                b"\",\"oldest\":",
                itoa::Buffer::new().format(oldest).as_bytes(),
                b",\"events\":[",
            ] {
                page.extend_from_slice(part);
            }
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
        });
        written.map_err(|gap| Problem::gap(self.since, gap.oldest, self.life))
    }
}

/// A short poll that is answered without a map of its fields: the entity tag, and the page unless `condition` names the tag.
/// Where it is anything but a page or "nothing new", it is left to [`get`].
pub(super) fn short(
    shard: &Shard,
    name: &str,
    query: &str,
    condition: Option<&[u8]>,
    (etag, page): (&mut String, &mut Vec<u8>),
) -> Option<Short> {
    let query = Query::sent(query);
    let (ask, wait) = Ask::read(shard, shard.desk.outgoing(), name, query).ok()?;
    if wait.is_some() {
        return None;
    }
    ask.write_etag(shard, etag);
    if condition.is_some_and(|condition| condition::names(condition, etag.as_bytes())) {
        return Some(Short::NotModified);
    }
    ask.write_to(page).ok()?;
    Some(Short::Page)
}

/// Appends a number in hexadecimal digits.
fn push_hex(number: u64, out: &mut String) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.extend(char::from_digit((number >> (4 * place)) as u32 & 0xf, 16));
    }
}

/// What [`short`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    /// A tag.
    NotModified,
    /// A tag and a page.
    Page,
}

fn not_stored(page: Option<Bytes>) -> Reply {
    let mut reply = match page {
        Some(page) => typed(StatusCode::OK, "application/json", page),
        None => empty(StatusCode::NO_CONTENT),
    };
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_those_of_the_formatter() {
        for number in [0, 1, 0xf, 0x10, 0xdead_beef, 1 << 63, u64::MAX] {
            let mut text = String::new();
            push_hex(number, &mut text);
            assert_eq!(text, format!("{number:x}"));
        }
    }
}
