//! Requests to the API: their way through the server, and answers that leave late.

use std::rc::Rc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};

use super::ShardFaults;
use super::Subscriber;
use super::server::Passage;
use crate::clock;
use crate::server::answer::ReplyFuture;
use crate::server::outlet::Outgoing;
use crate::server::request::{Query, segments};
use crate::server::router::Route;
use crate::server::shard::Shard;

/// The response header with the request's times in the emulated server.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Answers a request through `route`, as the faults require.
pub(crate) fn answer<B: 'static>(
    faults: &Rc<ShardFaults>,
    shard: &Rc<Shard>,
    outgoing: &Rc<Outgoing>,
    subscriber: Subscriber,
    mut request: Request<B>,
    route: Route<B>,
) -> ReplyFuture {
    // Its head was read just now.
    let arrived_ns = clock::now();
    let call = Call::of(&request);
    request.extensions_mut().insert(subscriber);
    let server = faults.server.as_ref().filter(|_| call == Call::Plain);
    let passage = server.map(|server| server.borrow_mut().admit(arrived_ns));
    let delay_ns = if call == Call::Other { 0 } else { faults.faults.delay.ns() };
    if passage.is_none() && delay_ns == 0 {
        return route(shard, outgoing, request);
    }
    let (shard, outgoing) = (Rc::clone(shard), Rc::clone(outgoing));
    ReplyFuture::later(async move {
        // The timer fails only with its descriptor, at the end of the shard.
        if let Some(passage) = passage {
            let _ = shard.timer.sleep_until(passage.complete).await;
        }
        let aside = outgoing.aside();
        let Ok(mut reply) = route(&shard, &aside, request).await;
        if delay_ns > 0 {
            let _ = shard.timer.sleep_until(clock::now() + delay_ns).await;
        }
        outgoing.join(&aside);
        if let Some(passage) = passage {
            tell(reply.headers_mut(), passage);
        }
        Ok(reply)
    })
}

/// How the faults treat a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Passes through the server, and is answered late.
    Plain,
    /// May be held, and is answered late: how long it would occupy a server is unknown.
    CountedLink,
    /// Streams, sockets and administration, which answer faults do not apply to.
    Other,
}

impl Call {
    fn of<B>(request: &Request<B>) -> Self {
        // A path that cannot be read leads nowhere.
        let Ok(segments) = segments(request.uri()) else { return Self::Other };
        match segments.each_ref().map(Option::as_deref) {
            [Some("items"), ..] => Self::Plain,
            [Some("topics"), Some(_), Some("events"), None] => {
                let waits = Query::of(request.uri()).get("wait").is_some();
                if waits && request.method() == Method::GET {
                    Self::CountedLink
                } else {
                    Self::Plain
                }
            }
            _ => Self::Other,
        }
    }
}

/// Writes a request's wait, service time and arrival into the headers, so that a client can replay the queue.
fn tell(headers: &mut HeaderMap, passage: Passage) {
    let Passage { arrived, begins, complete } = passage;
    let (wait, service) = (ms(begins - arrived), ms(complete - begins));
    let text = format!("q;dur={wait}, s;dur={service}, a;dur={}", ms(arrived));
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(SERVER_TIMING, value);
    }
}

/// Milliseconds to the nanosecond.
fn ms(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_the_api_pass_through_the_server() {
        for (method, uri, call) in [
            ("GET", "/items", Call::Plain),
            ("POST", "/items", Call::Plain),
            ("DELETE", "/items/5", Call::Plain),
            ("GET", "/topics/news-0/events?since=3", Call::Plain),
            ("POST", "/topics/news-0/events", Call::Plain),
            ("POST", "/topics/news-0/events?wait=1s", Call::Plain),
            ("GET", "/topics/news-0/events?since=3&wait=30s", Call::CountedLink),
            ("GET", "/topics/news-0/stream", Call::Other),
            ("GET", "/topics/news-0/ws", Call::Other),
            ("GET", "/topics", Call::Other),
            ("POST", "/webhooks", Call::Other),
            ("GET", "/healthz", Call::Other),
            ("GET", "/%69tems/%35", Call::Plain),
            ("GET", "/itemsandmore", Call::Other),
        ] {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            assert_eq!(Call::of(&request), call, "{method} {uri}");
        }
    }

    #[test]
    fn stamps_are_sent_to_the_nanosecond() {
        let mut headers = HeaderMap::new();
        let arrived = 1_234_000_567;
        let begins = arrived + 1;
        tell(&mut headers, Passage { arrived, begins, complete: begins + 12_345_678 });
        let expected = "q;dur=0.000001, s;dur=12.345678, a;dur=1234.000567";
        assert_eq!(headers[SERVER_TIMING], expected);
    }
}
