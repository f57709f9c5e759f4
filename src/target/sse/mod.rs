//! Event streams (`sse`): one response that goes on for as long as the reader stays.
//!
//! The body is a cursor over the log. A reader that falls off the ring is sent `event: gap`, whose id is the
//! sequence before the oldest kept, and the stream ends: an `EventSource` then comes back by itself, with that
//! id, and goes on from there, knowing that it missed something.

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
use super::gauges::{Held, Kind};
use super::hub::{Gap, Waiter};
use super::outlet::Outgoing;
use super::poll;
use super::problem::Problem;
use super::request::{Query, whole};
use super::shard::Shard;

/// How long a reader is asked to wait before it reconnects, in milliseconds.
const RETRY_MS: u64 = 1000;
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
    let stream = Stream {
        greeting: Some(codec::greeting(RETRY_MS, topic.name(), since).into()),
        push: Push::of(shard, request, &topic),
        waiter: topic.for_pushes().waiter(),
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
    outgoing: Rc<Outgoing>,
    since: u64,
    heartbeat: Duration,
    sent: Instant,
    beat: Option<Pin<Box<Sleep>>>,
    ended: bool,
    _held: Held,
}

impl Stream {
    /// The next bytes to send.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(greeting));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        while self.waiter.poll_after(self.since, cx).is_ready() {
            let batch = self.batch();
            // It is empty where all of it is dropped.
            if !batch.is_empty() {
                self.sent = Instant::now();
                return Poll::Ready(Some(batch));
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
        batch.unwrap_or_else(|Gap { oldest }| {
            self.ended = true;
            let mut gap = Vec::new();
            codec::encode(
                &mut gap,
                Some(oldest - 1),
                "gap",
                format!("{{\"oldest\":{oldest}}}").as_bytes(),
            );
            gap.into()
        })
    }
}
