//! How a receiver consents to be called: the handshakes of webhooks, as answers to requests.
//!
//! `echo` returns a challenge that is posted. `cloudevents` is the abuse protection of `CloudEvents`' HTTP web hooks 1.0
//! (section 4): `OPTIONS`, which allows the sender's origin and rate. `websub` is W3C `WebSub`'s verification of intent
//! (section 5.3): a GET whose challenge is returned if the link has asked for that subscription.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Notify;

use crate::dialect::model::Handshake;
use crate::dialect::url_decoded;
use crate::measure::ErrorKind;
use crate::net::StampedResponse;

/// A receiver's answer to a request that is no delivery.
pub(super) type Reply = Response<Bytes>;

/// A challenge that is posted.
#[derive(Deserialize)]
struct Challenge {
    challenge: String,
}

/// What the link asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// To be called.
    Subscribe,
    /// To be called no more.
    Unsubscribe,
}

impl Intent {
    const fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// A receiver's part in the handshake.
#[derive(Debug)]
pub(super) struct Consent {
    handshake: Handshake,
    /// What only `WebSub` needs.
    intents: Option<Box<Intents>>,
}

/// What a link has asked of a hub, and what the hub has said.
#[derive(Debug)]
struct Intents {
    intent: Cell<Intent>,
    /// The topic of `WebSub` that the link has asked for, where its request names one.
    topic: RefCell<Option<String>>,
    /// Whether the server has asked since the link did.
    asked: Cell<bool>,
    /// Why the server refused the subscription, if it did.
    denied: RefCell<Option<String>>,
    /// How long the subscription holds, in seconds.
    lease_s: Cell<Option<u64>>,
    changed: Notify,
}

impl Consent {
    /// The part in `handshake`.
    pub(super) fn new(handshake: Handshake) -> Self {
        let intents = (handshake == Handshake::WebSub).then(|| {
            Box::new(Intents {
                intent: Cell::new(Intent::Subscribe),
                topic: RefCell::default(),
                asked: Cell::new(false),
                denied: RefCell::default(),
                lease_s: Cell::new(None),
                changed: Notify::new(),
            })
        });
        Self { handshake, intents }
    }

    /// The link asks for `intent`, by a request with this query and body.
    pub(super) fn ask(&self, intent: Intent, query: &str, body: &[u8]) {
        let Some(intents) = &self.intents else { return };
        intents.intent.set(intent);
        intents.asked.set(false);
        intents.denied.take();
        let body = String::from_utf8_lossy(body);
        intents
            .topic
            .replace(parameter(&body, "hub.topic").or_else(|| parameter(query, "hub.topic")));
    }

    /// Waits until the server has asked back, where it does so by itself. The error says why it refused.
    pub(super) async fn given(&self, limit: Duration) -> Result<(), Option<String>> {
        let Some(intents) = &self.intents else { return Ok(()) };
        let asked = async {
            loop {
                if let Some(reason) = intents.denied.borrow().clone() {
                    return Err(Some(reason));
                }
                if intents.asked.get() {
                    return Ok(());
                }
                intents.changed.notified().await;
            }
        };
        tokio::time::timeout(limit, asked).await.unwrap_or(Err(None))
    }

    /// How long the subscription holds, if not forever.
    pub(super) fn lease(&self) -> Option<Duration> {
        self.intents.as_ref()?.lease_s.get().map(Duration::from_secs)
    }

    /// The answer to a request that no delivery can be, by its method; `None` for one that may be a delivery.
    pub(super) fn by_method(&self, head: &request::Parts) -> Option<Result<Reply, ErrorKind>> {
        if !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        let reply = match (&head.method, self.handshake) {
            (&Method::OPTIONS, Handshake::CloudEvents) => allow(&head.headers),
            (&Method::GET, Handshake::WebSub) => {
                let query = head.uri.query().unwrap_or_default();
                self.intents.as_ref().and_then(|intents| intents.verify(query))
            }
            _ => None,
        };
        Some(reply.ok_or(ErrorKind::Protocol))
    }

    /// The echo of a challenge that is posted; `None` if the body is none.
    pub(super) fn echo(&self, body: &[u8]) -> Option<Reply> {
        // An array would be read as the members of the object in order.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let asks = is_object && memchr::memmem::find(body, b"\"challenge\"").is_some();
        if self.handshake != Handshake::Echo || !asks {
            return None;
        }
        let Challenge { challenge } = serde_json::from_slice(body).ok()?;
        let echo = serde_json::json!({ "challenge": challenge }).to_string();
        let mut response = Response::new(echo.into());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Some(response)
    }
}

impl Intents {
    /// Verifies the link's intent: returns the challenge if the link has asked for that.
    fn verify(&self, query: &str) -> Option<Reply> {
        let mode = parameter(query, "hub.mode")?;
        let topic = parameter(query, "hub.topic");
        let known = self.topic.borrow().as_ref().is_none_or(|own| topic.as_ref() == Some(own));
        if mode == "denied" && known {
            let reason = parameter(query, "hub.reason").unwrap_or_else(|| "no reason".to_owned());
            self.denied.replace(Some(reason));
            self.changed.notify_waiters();
            return Some(Response::new(Bytes::new()));
        }
        if mode != self.intent.get().name() || !known {
            return Some(status(StatusCode::NOT_FOUND));
        }
        let challenge = parameter(query, "hub.challenge")?;
        let lease = parameter(query, "hub.lease_seconds").and_then(|lease| lease.parse().ok());
        self.lease_s.set(lease.filter(|_| mode == Intent::Subscribe.name()));
        self.asked.set(true);
        self.changed.notify_waiters();
        let mut response = Response::new(challenge.into());
        let plain = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        Some(response)
    }
}

/// Allows the origin and the rate that the sender asks for; without a rate, any.
fn allow(headers: &HeaderMap) -> Option<Reply> {
    let origin = headers.get("webhook-request-origin")?;
    let any = HeaderValue::from_static("*");
    let rate = headers.get("webhook-request-rate").unwrap_or(&any);
    let mut response = Response::new(Bytes::new());
    let allowed = response.headers_mut();
    allowed.insert(ALLOW, HeaderValue::from_static("POST"));
    allowed.insert(HeaderName::from_static("webhook-allowed-origin"), origin.clone());
    allowed.insert(HeaderName::from_static("webhook-allowed-rate"), rate.clone());
    Some(response)
}

/// A parameter of a form or a query.
fn parameter(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decoded(key)? == name).then(|| form_decoded(value))?
    })
}

fn form_decoded(text: &str) -> Option<String> {
    url_decoded(text.replace('+', " ").as_bytes())
}

/// An answer of nothing but a status.
pub(super) fn status(code: StatusCode) -> Reply {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code;
    response
}

/// The first words of an answer, for people.
pub(super) fn words(answer: &StampedResponse) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn asked(method: &str, uri: &str, fields: &[(&'static str, &'static str)]) -> request::Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn text(reply: Reply) -> String {
        String::from_utf8(reply.into_body().to_vec()).unwrap()
    }

    #[test]
    fn cloud_events_are_allowed_at_the_rate_that_is_asked_for() {
        let consent = Consent::new(Handshake::CloudEvents);
        let origin = ("webhook-request-origin", "eventemitter.example.com");
        for (fields, rate) in
            [(vec![origin], "*"), (vec![origin, ("webhook-request-rate", "120")], "120")]
        {
            let reply = consent.by_method(&asked("OPTIONS", "/", &fields)).unwrap().unwrap();
            let header = |name| reply.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(reply.status(), 200);
            assert_eq!(header("webhook-allowed-origin"), "eventemitter.example.com");
            assert_eq!((header("webhook-allowed-rate"), header("allow")), (rate, "POST"));
        }
        let stranger = consent.by_method(&asked("OPTIONS", "/", &[]));
        assert_eq!(stranger.unwrap().unwrap_err(), ErrorKind::Protocol, "a sender without a name");
    }

    #[test]
    fn only_methods_of_the_handshake_are_answered() {
        let origin = [("webhook-request-origin", "x")];
        for handshake in
            [Handshake::None, Handshake::Echo, Handshake::CloudEvents, Handshake::WebSub]
        {
            let consent = Consent::new(handshake);
            for (method, uri) in
                [("OPTIONS", "/"), ("GET", "/?hub.mode=subscribe&hub.challenge=x"), ("HEAD", "/")]
            {
                let expected = matches!(
                    (handshake, method),
                    (Handshake::CloudEvents, "OPTIONS") | (Handshake::WebSub, "GET")
                );
                let reply = consent.by_method(&asked(method, uri, &origin)).unwrap();
                assert_eq!(reply.is_ok(), expected, "{handshake:?} {method}");
            }
            for method in ["POST", "PUT", "PATCH"] {
                assert!(consent.by_method(&asked(method, "/", &[])).is_none());
            }
        }
    }

    #[test]
    fn intent_is_verified_for_what_the_link_asked_and_nothing_else() {
        let form = b"hub.mode=subscribe&hub.topic=https%3A%2F%2Fexample.org%2Fa+b&hub.callback=x";
        for (intent, query, status, why) in [
            (
                Intent::Subscribe,
                "hub.mode=subscribe&hub.topic=https://example.org/a%20b",
                200,
                "it",
            ),
            (
                Intent::Subscribe,
                "hub.mode=subscribe&hub.topic=https://example.org/c",
                404,
                "another",
            ),
            (Intent::Subscribe, "hub.mode=subscribe", 404, "no topic"),
            (
                Intent::Subscribe,
                "hub.mode=unsubscribe&hub.topic=https://example.org/a+b",
                404,
                "no wish",
            ),
            (
                Intent::Unsubscribe,
                "hub.mode=unsubscribe&hub.topic=https://example.org/a+b",
                200,
                "it",
            ),
            (
                Intent::Unsubscribe,
                "hub.mode=subscribe&hub.topic=https://example.org/a+b",
                404,
                "no more",
            ),
        ] {
            let consent = Consent::new(Handshake::WebSub);
            consent.ask(intent, "", form);
            let uri = format!("/?{query}&hub.challenge=a%2Fb&hub.lease_seconds=864000");
            let reply = consent.by_method(&asked("GET", &uri, &[])).unwrap().unwrap();
            assert_eq!(reply.status(), status, "{why}");
            assert_eq!(consent.intents.as_ref().unwrap().asked.get(), status == 200, "{why}");
            if status == 200 {
                assert_eq!(text(reply), "a/b", "{why}");
                let lease = (intent == Intent::Subscribe).then_some(Duration::from_secs(864_000));
                assert_eq!(consent.lease(), lease, "{why}");
            }
        }
        let consent = Consent::new(Handshake::WebSub);
        consent.ask(Intent::Subscribe, "hub.topic=t", b"");
        let denied = asked("GET", "/?hub.mode=denied&hub.topic=t&hub.reason=full", &[]);
        assert_eq!(consent.by_method(&denied).unwrap().unwrap().status(), 200);
        let denied = consent.intents.as_ref().unwrap().denied.borrow();
        assert_eq!(denied.as_deref(), Some("full"));
    }

    #[test]
    fn a_challenge_is_echoed_and_nothing_else() {
        let echo = Consent::new(Handshake::Echo);
        let body = br#"{"type":"url_verification","challenge":"a\"b"}"#;
        assert_eq!(text(echo.echo(body).unwrap()), r#"{"challenge":"a\"b"}"#);
        for body in [&b"{}"[..], b"[\"challenge\"]", b"{\"challenge\":1}", b"\"challenge\""] {
            assert!(echo.echo(body).is_none());
        }
        assert!(Consent::new(Handshake::None).echo(body).is_none(), "not asked for");
    }
}
