//! Webhooks through their whole life: limits, batches, dead letters replayed, endpoints disabled and enabled again.

use crate::target_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use target_support::{Hook, Message, Response, Target, acknowledge, until};
use tidings::measure::{Counter, Metric};
use tidings::scenario::{CallbackConnection, WebhookOptions};
use tidings::server::Options;
use tidings::unit::{Rate, Span};

fn target(webhook: WebhookOptions) -> Target {
    Target::start(Options { webhook, allow_private_webhooks: true, ..Options::default() })
}

fn webhook() -> WebhookOptions {
    WebhookOptions { attempts: 3, backoff: Span::from_ms(1), ..WebhookOptions::default() }
}

/// Registers a hook and returns the answer's body.
fn register(target: &Target, hook: &Hook) -> Value {
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    let answer = target.send("POST", "/webhooks", Some(body));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn is_challenge(message: &Message) -> bool {
    message.json()["type"] == "webhook.verification"
}

/// A receiver that fails events while `fails` holds.
fn fickle(fails: &Arc<AtomicBool>, status: u16) -> Hook {
    let fails = Arc::clone(fails);
    Hook::start(move |message| -> Response {
        if fails.load(Ordering::SeqCst) && !is_challenge(message) {
            (status, vec![], String::new())
        } else {
            acknowledge(message)
        }
    })
}

#[test]
fn another_makers_library_trusts_our_signatures_while_secrets_rotate() {
    let target = target(webhook());
    let hook = Hook::start(acknowledge);
    let old = register(&target, &hook)["secret"].as_str().unwrap().to_owned();
    let rotated = target.send("POST", "/webhooks/1/rotate", None).json();
    let new = rotated["secret"].as_str().unwrap().to_owned();
    target.publish("news-0", json!("news"));
    let delivery = hook.next();
    let mut headers = HeaderMap::new();
    for (name, value) in &delivery.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    for secret in [&old, &new] {
        let verifier = standardwebhooks::Webhook::new(secret).unwrap();
        verifier.verify(&delivery.body, &headers).unwrap();
        assert!(verifier.verify(b"{}", &headers).is_err(), "another body");
    }
    let stranger =
        standardwebhooks::Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert!(stranger.verify(&delivery.body, &headers).is_err());
}

#[test]
fn dead_letters_are_replayed_one_or_all_under_their_ids() {
    let target = target(webhook());
    let fails = Arc::new(AtomicBool::new(true));
    let hook = fickle(&fails, 500);
    register(&target, &hook);
    for n in 1..=3 {
        target.publish("news-0", json!(n));
    }
    let letters = || target.get("/webhooks/1/dead-letters").json();
    until("dead letters", || letters()["dead_letters"].as_array().unwrap().len() == 3);
    fails.store(false, Ordering::SeqCst);
    // Three attempts of each: the hook may still be telling of the last.
    let [first, second, third] =
        [1, 2, 3].map(|seq| format!("msg_news-0_{seq}_{}", target.epoch()));
    let attempts = [(); 9].map(|()| hook.next().header("webhook-id").unwrap().to_owned());
    assert_eq!(attempts.iter().filter(|id| **id == second).count(), 3, "{attempts:?}");

    let one = json!({ "webhook_id": second });
    let answer = target.send("POST", "/webhooks/1/replay", Some(one.clone()));
    assert_eq!((answer.status, &answer.json()["replayed"]), (202, &json!(1)));
    let delivery = hook.next();
    assert_eq!(delivery.header("webhook-id"), Some(second.as_str()));
    assert_eq!(delivery.json()["data"], 2);
    let again = target.send("POST", "/webhooks/1/replay", Some(one));
    assert_eq!(again.status, 404, "it is no dead letter any more");
    let all = target.send("POST", "/webhooks/1/replay", None);
    assert_eq!(all.json()["replayed"], 2);
    let mut ids = [(); 2].map(|()| hook.next().header("webhook-id").unwrap().to_owned());
    ids.sort();
    assert_eq!(ids, [first, third]);
    until("deliveries", || target.get("/webhooks/1").json()["delivered"] == 3);
    let shown = letters();
    assert_eq!((&shown["total"], &shown["dead_letters"]), (&json!(3), &json!([])));
    for (method, body, status) in [("GET", None, 405), ("POST", Some(json!({ "id": 1 })), 422)] {
        assert_eq!(target.send(method, "/webhooks/1/replay", body).status, status);
    }
}

#[test]
fn an_endpoint_that_fails_too_long_is_disabled_and_can_be_enabled_again() {
    let disable_after = Some(Span::from_ms(50));
    let backoff_max = Span::from_ms(20);
    let target = target(WebhookOptions { attempts: 100, disable_after, backoff_max, ..webhook() });
    let fails = Arc::new(AtomicBool::new(true));
    let hook = fickle(&fails, 500);
    register(&target, &hook);
    target.publish("news-0", json!("first"));
    until("the end of patience", || target.get("/webhooks/1").json()["enabled"] == false);
    let reason = target.get("/webhooks/1").json()["disabled"].as_str().unwrap().to_owned();
    assert!(reason.contains("50ms") && reason.contains("status 500"), "{reason}");
    fails.store(false, Ordering::SeqCst);
    target.publish("news-0", json!("second"));
    while hook.received.try_recv().is_ok() {}
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": true })));
    until("both", || target.get("/webhooks/1").json()["delivered"] == 2);
    let counters = target.stop().counters;
    assert_eq!(counters.get(Counter::EndpointsDisabled), 1);
    assert_eq!(counters.get(Counter::DeadLetters), 0, "what was under way waited");
}

#[test]
fn a_batch_carries_events_in_order_under_one_id() {
    let linger = Span::from_secs(3600);
    let target = target(WebhookOptions { batch: 4, linger, ..webhook() });
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    for n in 1..=8 {
        target.publish("news-0", json!(n));
    }
    for (seqs, first) in [("1-4", 1), ("5-8", 5)] {
        let id = format!("msg_news-0_{seqs}_{}", target.epoch());
        let delivery = hook.received.iter().find(|m| m.body.starts_with(b"[")).unwrap();
        assert_eq!(delivery.header("webhook-id"), Some(id.as_str()));
        let events = delivery.json();
        let seqs: Vec<&Value> = events.as_array().unwrap().iter().map(|e| &e["seq"]).collect();
        assert_eq!(seqs, [first, first + 1, first + 2, first + 3]);
    }
    until("the count", || target.get("/webhooks/1").json()["delivered"] == 8);
    assert_eq!(target.stop().counters.get(Counter::Attempts), 2);
}

#[test]
fn a_batch_that_does_not_fill_goes_when_it_has_lingered() {
    let target = target(WebhookOptions { batch: 100, linger: Span::from_ms(5), ..webhook() });
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    target.publish("news-0", json!("alone"));
    assert_eq!(hook.next().json()["data"], "alone", "one event is no array");
}

#[test]
fn a_rate_limit_spaces_the_attempts_of_an_endpoint() {
    let target = target(WebhookOptions { rate: Some(Rate::per_second(50.0)), ..webhook() });
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    let start = Instant::now();
    for n in 1..=11 {
        target.publish("news-0", json!(n));
    }
    for seq in 1..=11 {
        assert_eq!(hook.next().json()["seq"], seq);
    }
    // A lower bound of the limit itself: ten intervals of 20 ms lie between eleven attempts.
    assert!(start.elapsed() >= Duration::from_millis(199), "{:?}", start.elapsed());
}

#[test]
fn every_attempt_has_its_own_connection_if_configured() {
    for (connection, closes) in
        [(CallbackConnection::PerAttempt, Some("close")), (CallbackConnection::KeepAlive, None)]
    {
        let target = target(WebhookOptions { connection, ..webhook() });
        let connections = Arc::new(AtomicU64::new(0));
        let hook = Hook::start(acknowledge);
        register(&target, &hook);
        for n in 1..=5 {
            target.publish("news-0", json!(n));
            let delivery = hook.next();
            assert_eq!(delivery.header("connection"), closes, "{connection:?}");
            connections.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_throttling_receiver_gets_fewer_attempts_even_without_a_date() {
    let target = target(WebhookOptions { attempts: 50, concurrency: 8, ..webhook() });
    for (id, status) in [(1, 429), (2, 502), (3, 503), (4, 504)] {
        let left = AtomicU64::new(3);
        let hook = Hook::start(move |message| {
            let busy = |n: u64| n.checked_sub(1);
            if !is_challenge(message)
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, busy).is_ok()
            {
                (status, vec![], String::new())
            } else {
                acknowledge(message)
            }
        });
        assert_eq!(register(&target, &hook)["id"], id);
        target.publish("news-0", json!(status));
        let path = format!("/webhooks/{id}");
        until("the delivery", || target.get(&path).json()["delivered"] == 1);
        assert_eq!(target.get(&path).json()["retries"], 3);
        assert_eq!(target.send("DELETE", &path, None).status, 204);
    }
}

#[test]
fn attempts_are_counted_and_their_acknowledgements_timed() {
    let target = target(webhook());
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    let now = tidings::clock::now();
    let schedule = tidings::pace::Schedule {
        seed: 1,
        topics: 1,
        per_s: 500.0,
        process: tidings::pace::ArrivalProcess::Constant,
        until_ns: 100_000_000,
    };
    let events = schedule.topic(0).count() as u64;
    let (payload, window) = (tidings::event::filler(64).into(), 0..100_000_000);
    target
        .handle
        .publish(tidings::server::PublishPlan { schedule, payload, at_ns: now, window })
        .unwrap();
    for seq in 1..=events {
        assert_eq!(hook.next().json()["seq"], seq);
    }
    until("the count", || target.get("/webhooks/1").json()["delivered"] == events);
    let measured = target.stop();
    assert_eq!(measured.counters.get(Counter::Attempts), events);
    for metric in [Metric::Written, Metric::Acknowledge] {
        assert_eq!(measured.distribution(metric).unwrap().count(), events, "{metric:?}");
    }
}
