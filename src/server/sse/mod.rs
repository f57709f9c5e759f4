//! Event streams (`sse`): one response that lasts while the reader stays.
//!
//! Over HTTP/1.1 it leaves the HTTP connection and becomes a push link (`push`), which ends with the stream. Over HTTP/2 it
//! is a body. Either is a cursor over the log. A policy handles a reader that lags too far behind: the stream ends (an
//! `EventSource` returns by itself after the last id that it saw), or continues behind an `event: gap`, whose id is the last
//! sequence left out. A reader that fell off the ring and is to be disconnected gets such a gap before the end, so that it
//! returns knowing what it missed.
//!
//! A reader with an id of another life of the log, or of another server, gets `event: reset` and this log from its oldest
//! event. It is never refused for that, because an `EventSource` would give up for good.

pub(super) mod codec;

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until};

use super::accept;
use super::answer::{Body, HandlerResult, typed};
use super::cursor::{self, Opening, Place};
use super::faults::Push;
use super::gauges::{CountedLink, Kind};
use super::http1::Inbound;
use super::hub::{Topic, Waiter};
use super::outlet::Outgoing;
use super::problem::Problem;
use super::request::Query;
use super::shard::Shard;
use super::slow::{Bound, Lag};
use crate::clock;
use crate::event::{Cursor, Missed, encode_gap, encode_reset};
use crate::measure::Counter;
use crate::scenario::SseOptions;

/// Approximate bytes per chunk; a larger event is a chunk of its own.
const BATCH: usize = 16 << 10;

/// `GET /topics/{topic}/stream?since=`
pub(super) fn get(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    name: &str,
    request: &Request<Inbound>,
) -> HandlerResult {
    let life = shard.shared.life;
    // The header wins over the query: an `EventSource` that reconnects repeats its first URL, and sends the last id it saw,
    // even one of another server that used this address before.
    let last_id = request.headers().get("last-event-id").filter(|id| !id.is_empty());
    let (cursor, place) = match last_id {
        Some(id) => (id.to_str().ok().and_then(|id| id.parse().ok()), true),
        None => (cursor::read(cursor::said(Query::of(request.uri())))?, false),
    };
    let topic = cursor::topic(shard, name, cursor)?;
    let place = match cursor {
        Some(cursor) => Some(Place::of(topic.identity(), life, cursor)),
        None => place.then_some(Place::Reset),
    };
    let Opening { since, reset } = Opening::of(&topic, life, place);
    let heartbeat = shard.options().sse.heartbeat.std();
    let retry_ms = shard.options().sse.retry.ns() / 1_000_000;
    let SseOptions { slow_consumer, queue, .. } = shard.options().sse;
    let backlog = topic.newest().saturating_sub(since);
    let reset = reset.map(|reset| message(reset.next, "reset", &encode_reset(reset)));
    let greeting = codec::greeting(retry_ms, topic.name(), Cursor::new(since, life));
    let opening = reset.into_iter().chain([greeting.into()]).collect();
    let first = shard.upkeep.stagger.first(heartbeat);
    let stream = Stream {
        push: Push::of(shard, request, &topic),
        waiter: topic.for_pushes().waiter(),
        opening,
        shard: Rc::clone(shard),
        bound: Bound::new(slow_consumer, queue, backlog),
        outgoing: Rc::clone(outgoing),
        since,
        heartbeat,
        quiet_until: Instant::now() + first,
        beat: None,
        ended: false,
        held: shard.gauges().hold(Kind::Sse),
    };
    let mut reply = typed(StatusCode::OK, "text/event-stream", Bytes::new());
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *reply.body_mut() = Body::Events(Box::new(stream));
    Ok(reply)
}

/// The response to a stream above the limits. A refused `EventSource` would give up for good and does not read Retry-After,
/// so its stream opens, names the reconnect delay, and ends. Other clients are refused.
pub(super) fn turned_away<B>(request: &Request<B>, problem: Problem) -> HandlerResult {
    let wants_events = accept::names(request.headers(), "text/event-stream");
    let waits_s = problem.retry_after_s().filter(|_| {
        wants_events && request.method() == Method::GET && request.uri().path().ends_with("/stream")
    });
    let Some(waits_s) = waits_s else { return Err(problem) };
    let body = format!("retry: {}\n: come again\n\n", waits_s.saturating_mul(1000));
    let mut reply = typed(StatusCode::OK, "text/event-stream", body);
    reply.headers_mut().extend(problem.into_headers());
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// Encodes a message about the stream itself.
fn message(id: Cursor, event: &str, data: &[u8]) -> Bytes {
    let mut message = Vec::new();
    codec::encode(&mut message, Some(id), event, data);
    message.into()
}

/// Tells a reader who continues after `id` what it missed.
pub(super) fn gap_event(id: Cursor, missed: Missed) -> Bytes {
    message(id, "gap", &encode_gap(missed))
}

/// Tells a reader whose stream ends where the log begins, after `id`.
pub(super) fn last_gap_event(id: Cursor) -> Bytes {
    message(id, "gap", format!("{{\"oldest\":{}}}", id.seq + 1).as_bytes())
}

/// The body of an event stream over HTTP/2; over HTTP/1.1 it becomes a push link.
#[derive(Debug)]
pub struct Stream {
    /// Messages before all events, in reverse order.
    opening: Vec<Bytes>,
    waiter: Waiter,
    /// Injected faults.
    push: Push,
    shard: Rc<Shard>,
    bound: Bound,
    outgoing: Rc<Outgoing>,
    since: u64,
    heartbeat: Duration,
    /// A comment is due then, where nothing else was sent.
    quiet_until: Instant,
    /// Waits for it; made when the stream first waits.
    beat: Option<Pin<Box<Sleep>>>,
    ended: bool,
    held: CountedLink,
}

/// What a stream that is not a body is made of (`push`).
pub(super) struct Parts {
    pub shard: Rc<Shard>,
    pub topic: Rc<Topic>,
    pub push: Push,
    pub bound: Bound,
    pub since: u64,
    /// Messages before all events, in order.
    pub opening: Vec<Bytes>,
    /// When the first heartbeat is due, in monotonic nanoseconds; `u64::MAX` for never.
    pub beat_ns: u64,
    pub held: CountedLink,
}

impl Stream {
    /// Takes apart a stream that has not been polled.
    pub(super) fn into_parts(self) -> Parts {
        let Self { mut opening, waiter, push, shard, bound, since, heartbeat, held, .. } = self;
        opening.reverse();
        let first = self.quiet_until.saturating_duration_since(Instant::now());
        let beat_ns = if heartbeat.is_zero() {
            u64::MAX
        } else {
            clock::now().saturating_add(first.as_nanos() as u64)
        };
        let topic = Rc::clone(waiter.topic());
        Parts { shard, topic, push, bound, since, opening, beat_ns, held }
    }

    /// The next bytes to send.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(next) = self.opening.pop() {
            if self.opening.is_empty() {
                // A stream that is idle keeps no buffer.
                self.opening = Vec::new();
            }
            return Poll::Ready(Some(next));
        }
        if self.ended || self.shard.leaving() {
            return Poll::Ready(None);
        }
        while self.waiter.poll_after(self.since, cx).is_ready() {
            let next = self.within_bound().unwrap_or_else(|| self.batch());
            // It is empty where the policy ends the stream without a word, and where all of a batch is dropped.
            if self.ended || !next.is_empty() {
                self.quiet_until = Instant::now() + self.heartbeat;
                return Poll::Ready(Some(next).filter(|next| !next.is_empty()));
            }
        }
        if self.heartbeat.is_zero() {
            return Poll::Pending;
        }
        let first = self.quiet_until;
        let beat = self.beat.get_or_insert_with(|| Box::pin(sleep_until(first)));
        while beat.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let silent = now >= self.quiet_until;
            if silent {
                self.quiet_until = now + self.heartbeat;
            }
            beat.as_mut().reset(self.quiet_until);
            if silent {
                return Poll::Ready(Some(Bytes::from_static(codec::HEARTBEAT)));
            }
        }
        Poll::Pending
    }

    /// Returns the policy's message in place of events, if the reader lags too far behind.
    fn within_bound(&mut self) -> Option<Bytes> {
        let topic = self.waiter.topic();
        let (oldest, newest) = (topic.oldest(), topic.newest());
        let lag = self.bound.judge(self.since, oldest, newest);
        let life = self.shard.shared.life;
        let told = match lag {
            Lag::Within => return None,
            Lag::Disconnect { since } => {
                self.ended = true;
                if since == self.since {
                    Bytes::new()
                } else {
                    last_gap_event(Cursor::new(since, life))
                }
            }
            Lag::Skip { to } => {
                let missed = Missed { from: self.since + 1, to };
                self.since = to;
                gap_event(Cursor::new(to, life), missed)
            }
        };
        self.shard.recorder.borrow_mut().count(Counter::SlowActions, 1);
        Some(told)
    }

    /// Returns the log's content after the cursor, up to [`BATCH`]: a single event is shared, several are joined.
    fn batch(&mut self) -> Bytes {
        let (topic, life) = (Rc::clone(self.waiter.topic()), self.shard.shared.life);
        let batch = topic.read(self.since, |events| {
            let mut taken: Option<Bytes> = None;
            let mut joined = BytesMut::new();
            for event in events {
                if self.push.drops(event.seq()) {
                    self.since = event.seq();
                    continue;
                }
                let next = event.sse(life);
                match &taken {
                    None => taken = Some(next.clone()),
                    Some(first) => {
                        let size = joined.len().max(first.len()) + next.len();
                        if size > BATCH {
                            break;
                        }
                        if joined.is_empty() {
                            joined.extend_from_slice(first);
                        }
                        joined.extend_from_slice(next);
                    }
                }
                self.push.pay(event.seq());
                self.outgoing.add(event);
                self.since = event.seq();
            }
            if joined.is_empty() { taken.unwrap_or_default() } else { joined.freeze() }
        });
        // No gap here: the policy was just applied.
        batch.unwrap_or_default()
    }
}
