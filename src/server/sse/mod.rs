//! Event streams (`sse`): one response that goes on for as long as the reader stays.
//!
//! The body is a cursor over the log. A reader that lags too far behind is dealt with by its policy: the stream ends
//! (an `EventSource` comes back by itself after the last id that it saw), or it goes on behind an `event: gap`, whose
//! id is the last sequence left out. One that falls off the ring and is to be disconnected is sent such a gap before
//! the end, so that it comes back knowing that it missed something.

pub mod codec;

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Request, StatusCode};
use tokio::time::{Instant, Sleep};

use super::answer::{Body, Outcome, typed};
use super::faults::Push;
use super::gauges::{CountedLink, Kind};
use super::hub::Waiter;
use super::outlet::Outgoing;
use super::poll;
use super::problem::Problem;
use super::request::{Query, whole};
use super::shard::Shard;
use super::slow::{Bound, Lag};
use crate::event::{Missed, encode_gap};
use crate::measure::Counter;
use crate::scenario::SseOptions;

/// About how many bytes go into one chunk; a larger event goes alone.
const BATCH: usize = 16 << 10;

/// `GET /topics/{topic}/stream?since=`
pub fn get(
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    name: &str,
    request: &Request<Incoming>,
) -> Outcome {
    let topic = shard.hub.topic(name).ok_or_else(|| Problem::unknown_topic(name))?;
    // The header wins: an `EventSource` that reconnects repeats the URL of its first request.
    let since = match request.headers().get("last-event-id") {
        Some(id) => {
            let id = id.to_str().ok().and_then(whole);
            let id = id.ok_or_else(|| {
                Problem::bad_request("Last-Event-ID is no sequence of this stream")
            })?;
            Some(poll::not_ahead(topic.identity(), id)?)
        }
        None => poll::since(&topic, Query::of(request.uri()))?,
    };
    let since = since.unwrap_or_else(|| topic.identity().newest());
    let heartbeat = shard.options().sse.heartbeat.std();
    let retry_ms = shard.options().sse.retry.ns() / 1_000_000;
    let SseOptions { slow_consumer, queue, .. } = shard.options().sse;
    let backlog = topic.newest().saturating_sub(since);
    let stream = Stream {
        push: Push::of(shard, request, &topic),
        waiter: topic.for_pushes().waiter(),
        greeting: Some(codec::greeting(retry_ms, topic.name(), since).into()),
        shard: Rc::clone(shard),
        bound: Bound::new(slow_consumer, queue, backlog),
        outgoing: Rc::clone(outgoing),
        since,
        heartbeat,
        sent: Instant::now(),
        beat: (!heartbeat.is_zero()).then(|| Box::pin(tokio::time::sleep(heartbeat))),
        ended: false,
        _held: shard.gauges().hold(Kind::Sse),
    };
    let mut reply = typed(StatusCode::OK, "text/event-stream", Bytes::new());
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *reply.body_mut() = Body::Events(Box::new(stream));
    Ok(reply)
}

/// The body of an event stream.
#[derive(Debug)]
pub struct Stream {
    greeting: Option<Bytes>,
    waiter: Waiter,
    /// What is wrong with it on purpose.
    push: Push,
    shard: Rc<Shard>,
    bound: Bound,
    outgoing: Rc<Outgoing>,
    since: u64,
    heartbeat: Duration,
    sent: Instant,
    beat: Option<Pin<Box<Sleep>>>,
    ended: bool,
    _held: CountedLink,
}

impl Stream {
    /// The next bytes to send.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(greeting));
        }
        if self.ended || self.shard.leaving() {
            return Poll::Ready(None);
        }
        while self.waiter.poll_after(self.since, cx).is_ready() {
            let next = self.within_bound().unwrap_or_else(|| self.batch());
            // It is empty where the policy ends the stream without a word, and where all of a batch is dropped.
            if self.ended || !next.is_empty() {
                self.sent = Instant::now();
                return Poll::Ready(Some(next).filter(|next| !next.is_empty()));
            }
        }
        let Some(beat) = &mut self.beat else { return Poll::Pending };
        while beat.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let silent = now - self.sent >= self.heartbeat;
            if silent {
                self.sent = now;
            }
            beat.as_mut().reset(self.sent + self.heartbeat);
            if silent {
                return Poll::Ready(Some(Bytes::from_static(codec::HEARTBEAT)));
            }
        }
        Poll::Pending
    }

    /// What the policy says in place of events, where the reader lags too far behind.
    fn within_bound(&mut self) -> Option<Bytes> {
        let topic = self.waiter.topic();
        let (oldest, newest) = (topic.oldest(), topic.newest());
        let lag = self.bound.judge(self.since, oldest, newest);
        let gap = |id: u64, data: &[u8]| {
            let mut gap = Vec::new();
            codec::encode(&mut gap, Some(id), "gap", data);
            Bytes::from(gap)
        };
        let told = match lag {
            Lag::Within => return None,
            Lag::Disconnect { since } => {
                self.ended = true;
                if since == self.since {
                    Bytes::new()
                } else {
                    gap(since, format!("{{\"oldest\":{}}}", since + 1).as_bytes())
                }
            }
            Lag::Skip { to } => {
                let missed = Missed { from: self.since + 1, to };
                self.since = to;
                gap(to, &encode_gap(missed))
            }
        };
        self.shard.recorder.borrow_mut().count(Counter::SlowActions, 1);
        Some(told)
    }

    /// What the log holds after the cursor, up to [`BATCH`]: a lone event is shared, several are put together.
    fn batch(&mut self) -> Bytes {
        let topic = Rc::clone(self.waiter.topic());
        let batch = topic.read(self.since, |events| {
            let mut taken: Option<Bytes> = None;
            let mut joined = BytesMut::new();
            for event in events {
                if self.push.drops(event.seq()) {
                    self.since = event.seq();
                    continue;
                }
                let next = event.sse();
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
        // No gap here: the policy has just been asked.
        batch.unwrap_or_default()
    }
}
