//! Webhooks over real sockets.

use crate::target_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use target_support::{Answer, Hook, Message, Target, acknowledge, until};
use tidings::measure::Counter;
use tidings::scenario::WebhookOptions;
use tidings::server::Options;
use tidings::unit::Span;

fn options() -> Options {
    let webhook = WebhookOptions {
        timeout: Span::from_secs(10),
        attempts: 3,
        backoff: Span::from_ms(1),
        concurrency: 1,
        ..WebhookOptions::default()
    };
    Options { webhook, allow_private_webhooks: true, ..Options::default() }
}

fn register(target: &Target, hook: &Hook) -> Answer {
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    let answer = target.send("POST", "/webhooks", Some(body));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer
}

/// The signature as Standard Webhooks defines it, made here.
fn signature(secret: &str, message: &Message) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) =
        (message.header("webhook-id").unwrap(), message.header("webhook-timestamp").unwrap());
    mac.update(&[id.as_bytes(), b".", at.as_bytes(), b".", &message.body].concat());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn an_endpoint_is_challenged_then_called_with_signed_events() {
    let target = Target::start(options());
    let hook = Hook::start(acknowledge);
    let registered = register(&target, &hook);
    assert_eq!(registered.header("location"), Some("/webhooks/1"));
    let secret = registered.json()["secret"].as_str().unwrap().to_owned();
    let challenge = hook.received.recv().unwrap();
    assert_eq!(
        challenge.header("webhook-signature"),
        Some(signature(&secret, &challenge).as_str())
    );

    for i in 1..=20 {
        target.publish("news-0", json!(i));
    }
    let (page, epoch) = (target.get("/topics/news-0/events").text(), target.epoch());
    for seq in 1..=20 {
        let delivery = hook.next();
        assert_eq!(delivery.first_line, "POST /hook HTTP/1.1");
        assert_eq!(delivery.header("content-type"), Some("application/json"));
        assert_eq!(
            delivery.header("webhook-id"),
            Some(format!("msg_news-0_{seq}_{epoch}").as_str())
        );
        assert_eq!(
            delivery.header("webhook-signature"),
            Some(signature(&secret, &delivery).as_str())
        );
        assert!(page.contains(&delivery.text()), "the bytes are the same in every pattern");
    }
    until("the count", || target.get("/webhooks/1").json()["delivered"] == 20);
    let shown = target.get("/webhooks/1").json();
    assert!(shown.get("secret").is_none() && shown["enabled"] == true, "{shown}");
    assert_eq!(target.get("/webhooks").json()["webhooks"], json!([shown]));
    assert_eq!(target.links("webhook"), 1);

    assert_eq!(target.send("DELETE", "/webhooks/1", None).status, 204);
    assert_eq!(target.get("/webhooks/1").status, 404);
    target.await_links("webhook", 0);
}

#[test]
fn a_url_that_does_not_echo_the_challenge_is_not_registered() {
    let target = Target::start(options());
    let deaf = Hook::start(|_| (200, vec![], "{}".to_owned()));
    let liar = Hook::start(|_| (200, vec![], json!({ "challenge": "another" }).to_string()));
    let failing = Hook::start(|message| (500, vec![], acknowledge(message).2));
    for hook in [&deaf, &liar, &failing] {
        let body = json!({ "url": hook.url(), "topics": ["news-0"] });
        let answer = target.send("POST", "/webhooks", Some(body));
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains("ownership"), "{}", answer.text());
    }
    assert_eq!(target.get("/webhooks").json()["webhooks"], json!([]));
}

#[test]
fn an_invalid_registration_is_refused_with_the_reason() {
    let target = Target::start(options());
    let good = "http://127.0.0.1:9/";
    for (body, word) in [
        (json!({ "url": "https://example.org/", "topics": ["news-0"] }), "https"),
        (json!({ "url": "example.org", "topics": ["news-0"] }), "http://"),
        (json!({ "url": good, "topics": [] }), "topics"),
        (json!({ "url": good, "topics": ["news-0", "news-0"] }), "different"),
        (json!({ "url": good, "topics": ["none"] }), "none"),
        (json!({ "url": good, "topics": ["news-0"], "secret": "whsec_short" }), "whsec_"),
        (json!({ "url": good, "topics": ["news-0"], "secrets": "x" }), "secrets"),
        (json!({ "url": good }), "topics"),
    ] {
        let answer = target.send("POST", "/webhooks", Some(body.clone()));
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.text().contains(word), "{body}: {}", answer.text());
    }
    let guarded = Target::start(Options { allow_private_webhooks: false, ..options() });
    let hook = Hook::start(acknowledge);
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    let refused = guarded.send("POST", "/webhooks", Some(body));
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("public"), "{}", refused.text());
    assert!(hook.received.try_recv().is_err(), "nobody was called");
}

/// A receiver that fails the first `failures` deliveries with a status.
fn failing(failures: u32, status: u16, headers: Vec<(&'static str, String)>) -> Hook {
    let left = Arc::new(AtomicU32::new(failures));
    Hook::start(move |message| {
        let is_event = message.json()["type"] != "webhook.verification";
        let fails = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if is_event && fails().is_ok() {
            (status, headers.clone(), String::new())
        } else {
            acknowledge(message)
        }
    })
}

#[test]
fn a_failed_delivery_is_repeated_under_the_same_id() {
    let target = Target::start(options());
    // 301 too: a redirect is not followed, it is a failure.
    for (topic_seq, status) in [(1, 500), (2, 301), (3, 503)] {
        let hook = failing(2, status, vec![("retry-after", "0".to_owned())]);
        let id = register(&target, &hook).json()["id"].clone();
        target.publish("news-0", json!(1));
        let ids: Vec<String> =
            (0..3).map(|_| hook.next().header("webhook-id").unwrap().to_owned()).collect();
        assert_eq!(ids, vec![format!("msg_news-0_{topic_seq}_{}", target.epoch()); 3], "{status}");
        let path = format!("/webhooks/{id}");
        until("the count", || target.get(&path).json()["delivered"] == 1);
        assert_eq!(target.get(&path).json()["retries"], 2);
        assert_eq!(target.send("DELETE", &path, None).status, 204);
    }
    assert_eq!(target.stop().counters.get(Counter::Retries), 6);
}

#[test]
fn a_failing_event_becomes_a_dead_letter_and_blocks_nothing() {
    let target = Target::start(options());
    let poisoned = Hook::start(|message| {
        let event = message.json();
        if event["data"] == "poison" { (500, vec![], String::new()) } else { acknowledge(message) }
    });
    register(&target, &poisoned);
    target.publish("news-0", json!("poison"));
    target.publish("news-0", json!("good"));
    until("two ends", || {
        let shown = target.get("/webhooks/1").json();
        shown["dead_letters"] == 1 && shown["delivered"] == 1
    });
    let letters = target.get("/webhooks/1/dead-letters").json();
    assert_eq!(letters["total"], 1);
    let letter = &letters["dead_letters"][0];
    assert_eq!(
        (&letter["webhook_id"], &letter["attempts"]),
        (&json!(format!("msg_news-0_1_{}", target.epoch())), &json!(3))
    );
    assert_eq!(
        (&letter["reason"], &letter["event"]["data"]),
        (&json!("status 500"), &json!("poison"))
    );
    let counters = target.stop().counters;
    assert_eq!((counters.get(Counter::Retries), counters.get(Counter::DeadLetters)), (2, 1));
}

#[test]
fn a_receiver_that_answers_410_is_not_called_until_it_is_enabled() {
    let target = Target::start(options());
    let hook = failing(1, 410, vec![]);
    register(&target, &hook);
    target.publish("news-0", json!(1));
    until("disabling", || target.get("/webhooks/1").json()["enabled"] == false);
    assert!(target.get("/webhooks/1").text().contains("410"));
    assert_eq!(hook.next().json()["seq"], 1);
    target.publish("news-0", json!(2));
    let enabled = target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": true })));
    assert_eq!((enabled.status, &enabled.json()["enabled"]), (200, &json!(true)));
    assert_eq!(hook.next().json()["seq"], 2, "it goes on where it stopped");
    assert_eq!(target.get("/webhooks/1/dead-letters").json()["dead_letters"][0]["event"]["seq"], 1);
}

#[test]
fn while_a_secret_rotates_both_sign() {
    let target = Target::start(options());
    let hook = Hook::start(acknowledge);
    let old = register(&target, &hook).json()["secret"].as_str().unwrap().to_owned();
    let rotated = target.send("POST", "/webhooks/1/rotate", None).json();
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    target.publish("news-0", json!(1));
    let delivery = hook.next();
    let both = format!("{} {}", signature(&new, &delivery), signature(&old, &delivery));
    assert_eq!(delivery.header("webhook-signature"), Some(both.as_str()));
    let own = format!("whsec_{}", BASE64_STANDARD.encode([9; 24]));
    let body = json!({ "secret": own, "overlap_s": 0 });
    assert_eq!(
        target.send("POST", "/webhooks/1/rotate", Some(body)).json()["secret"],
        own.as_str()
    );
    target.publish("news-0", json!(2));
    let delivery = hook.next();
    assert_eq!(delivery.header("webhook-signature"), Some(signature(&own, &delivery).as_str()));
}

#[test]
fn an_endpoint_can_begin_in_the_past_and_follow_other_topics() {
    let target = Target::start(options());
    target.publish("a", json!("a1"));
    target.publish("b", json!("b1"));
    let hook = Hook::start(acknowledge);
    let body = json!({ "url": hook.url(), "topics": ["a"], "since": 0 });
    assert_eq!(target.send("POST", "/webhooks", Some(body)).status, 201);
    assert_eq!(hook.next().json()["data"], "a1");
    let changed = target.send("PATCH", "/webhooks/1", Some(json!({ "topics": ["a", "b"] })));
    assert_eq!(changed.json()["topics"], json!(["a", "b"]));
    target.publish("b", json!("b2"));
    assert_eq!(hook.next().json()["data"], "b2", "b is followed from now on, a is not repeated");
    let unverified = json!({ "url": "http://127.0.0.1:1/" });
    assert_eq!(target.send("PATCH", "/webhooks/1", Some(unverified)).status, 422);
    let ahead = json!({ "url": hook.url(), "topics": ["a"], "since": 9 });
    assert_eq!(target.send("POST", "/webhooks", Some(ahead)).status, 410);
}

#[test]
fn a_receiver_that_closes_after_each_answer_is_dialled_again() {
    let target = Target::start(options());
    let hook = Hook::start(|message| {
        let (status, mut headers, body) = acknowledge(message);
        headers.push(("connection", "close".to_owned()));
        (status, headers, body)
    });
    register(&target, &hook);
    for seq in 1..=5 {
        target.publish("news-0", json!(1));
        assert_eq!(hook.next().json()["seq"], seq);
    }
    until("the count", || target.get("/webhooks/1").json()["delivered"] == 5);
    assert_eq!(target.get("/webhooks/1").json()["retries"], 0);
}

#[test]
fn one_dead_receiver_delays_no_other() {
    let webhook = WebhookOptions { timeout: Span::from_secs(3600), ..options().webhook };
    let target = Target::start(Options { webhook, ..options() });
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let dead = Hook::start(move |message| {
        if message.json()["type"] != "webhook.verification" {
            // Holds the answer for as long as the test lasts.
            let _ = released.lock().unwrap().recv();
        }
        acknowledge(message)
    });
    let good = Hook::start(acknowledge);
    register(&target, &dead);
    register(&target, &good);
    for seq in 1..=50 {
        target.publish("news-0", json!(1));
        assert_eq!(good.next().json()["seq"], seq);
    }
    assert_eq!(target.get("/webhooks/1").json()["delivered"], 0);
    drop(release);
}

#[test]
fn a_receiver_that_is_too_far_behind_loses_the_oldest_and_they_are_counted() {
    let target = Target::start(Options { ring: 4, ..options() });
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": false })));
    for i in 0..10 {
        target.publish("news-0", json!(i));
    }
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": true })));
    let seqs: Vec<Value> = (0..4).map(|_| hook.next().json()["seq"].clone()).collect();
    assert_eq!(seqs, [7, 8, 9, 10]);
    assert_eq!(target.get("/webhooks/1").json()["dead_letters"], 6);
    assert_eq!(target.stop().counters.get(Counter::DeadLetters), 6);
}
