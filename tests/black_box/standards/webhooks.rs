//! Standard Webhooks 1.0: what the sender sends. Another maker's library judges it.

use crate::target_support::{Hook, Message, PATIENCE, Target, acknowledge};
use serde_json::json;
use standardwebhooks::Webhook;
use tidings::server::Options;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A clause, and whether a delivery keeps it.
type Clause = (&'static str, fn(&Message) -> bool);

fn clauses() -> Vec<Clause> {
    vec![
        ("it is a POST", |sent| sent.first_line.starts_with("POST /hook HTTP/1.1")),
        ("of JSON", |sent| sent.header("content-type") == Some("application/json")),
        ("of a declared length", |sent| sent.header("content-length").is_some()),
        ("to a host with its port", |sent| sent.header("host").unwrap().starts_with("127.0.0.1:")),
        ("with an id that needs no escape", |sent| {
            let id = sent.header("webhook-id").unwrap();
            !id.is_empty() && !id.contains(['.', ' ', ','])
        }),
        ("at a time in whole seconds", |sent| {
            let at = sent.header("webhook-timestamp").unwrap();
            at.len() == 10 && at.bytes().all(|b| b.is_ascii_digit())
        }),
        ("with signatures of version 1, separated by spaces", |sent| {
            sent.header("webhook-signature")
                .unwrap()
                .split(' ')
                .all(|one| one.starts_with("v1,") && one.len() == 47)
        }),
        ("once each", |sent| {
            ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "host"]
                .iter()
                .all(|name| {
                    sent.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count()
                        == 1
                })
        }),
    ]
}

fn verifies(secret: &str, sent: &Message) -> bool {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers =
        names.map(|name| (name.parse().unwrap(), sent.header(name).unwrap().parse().unwrap()));
    Webhook::new(secret)
        .unwrap()
        .verify(&sent.body, &headers.into_iter().collect::<hyper::HeaderMap>())
        .is_ok()
}

#[test]
fn deliveries_are_as_standard_webhooks_has_it() {
    let target = Target::start(Options { allow_private_webhooks: true, ..Options::default() });
    let hook = Hook::start(acknowledge);
    let registration = json!({ "url": hook.url(), "topics": ["news-0"], "secret": SECRET });
    assert_eq!(target.send("POST", "/webhooks", Some(registration)).status, 201);
    let challenge = hook.received.recv_timeout(PATIENCE).unwrap();
    target.publish("news-0", json!({ "text": "é \u{1f600}" }));
    let first = hook.next();
    let rotated = target.send("POST", "/webhooks/1/rotate", Some(json!({ "secret": OTHER })));
    assert_eq!(rotated.status, 200);
    target.publish("news-0", 2);
    let second = hook.next();
    for (clause, kept) in clauses() {
        for (what, sent) in [("challenge", &challenge), ("delivery", &first), ("rotated", &second)]
        {
            assert!(kept(sent), "{clause}: {what} {sent:?}");
        }
    }
    let count = |sent: &Message| sent.header("webhook-signature").unwrap().split(' ').count();
    assert_eq!((count(&challenge), count(&first), count(&second)), (1, 1, 2));
    assert!(verifies(SECRET, &challenge) && verifies(SECRET, &first) && !verifies(OTHER, &first));
    assert!(
        verifies(SECRET, &second) && verifies(OTHER, &second),
        "while rotating, either verifies"
    );
    assert_ne!(first.header("webhook-id"), second.header("webhook-id"), "an id is one message's");
    // Every part is signed.
    for spoilt in ["webhook-id", "webhook-timestamp"] {
        let headers = first.headers.iter().map(|(key, value)| {
            let value = if key.eq_ignore_ascii_case(spoilt) {
                value.replace(['1', '2', '3'], "4")
            } else {
                value.clone()
            };
            (key.clone(), value)
        });
        let message = Message {
            first_line: String::new(),
            headers: headers.collect(),
            body: first.body.clone(),
        };
        let same = message.header(spoilt) == first.header(spoilt);
        assert!(same || !verifies(SECRET, &message), "{spoilt}");
    }
    let body = [&first.body[..], b" "].concat();
    let message = Message { first_line: String::new(), headers: first.headers.clone(), body };
    assert!(!verifies(SECRET, &message), "body");
}
