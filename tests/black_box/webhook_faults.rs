//! Injected faults in the deliveries of webhooks. Times are compared only with bounds that hold by construction: nothing
//! may be early.

use crate::target_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use target_support::{Client, Hook, Message, Target, acknowledge, until};
use tidings::clock;
use tidings::scenario::{DropFilter, Faults, Outbox, WebhookOptions, faults};
use tidings::server::Options;
use tidings::unit::Span;

const SEED: u64 = 7;

fn wrong(settings: &[&str]) -> Faults {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    faults(&settings).unwrap()
}

fn options(settings: &[&str], webhook: WebhookOptions) -> Options {
    let faults = wrong(settings);
    Options { faults, webhook, seed: SEED, allow_private_webhooks: true, ..Options::default() }
}

fn register(target: &Target, hook: &Hook) {
    let body = json!({ "url": hook.url(), "topics": ["news-0"], "since": 0 });
    let answer = target.send("POST", "/webhooks", Some(body));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Publishes without waiting for the answer, which leaves late as well.
fn publish(target: &Target) -> Client {
    let mut client = target.connect();
    let json = [("content-type", "application/json")];
    client.ask("POST", "/topics/news-0/events", &json, b"{\"data\":1}");
    client
}

/// The events of a delivery, batch or not.
fn events(delivery: &Message) -> Vec<Value> {
    match delivery.json() {
        Value::Array(events) => events,
        event => vec![event],
    }
}

fn seqs(delivery: &Message) -> Vec<u64> {
    events(delivery).iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_dropped_event_is_in_no_batch_and_not_sent_after_a_restart() {
    const EVENTS: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let (settings, linger) = (["drop=0.5", "delay=10ms"], Span::from_ms(5));
    let options = options(&settings, WebhookOptions { batch: 3, linger, ..Default::default() });
    let drop_filter = DropFilter::new(SEED, 1, 0, &wrong(&settings)).unwrap();
    let expected: Vec<u64> = (1..=EVENTS).filter(|seq| !drop_filter.drops(*seq)).collect();
    let hook = Hook::start(acknowledge);
    let target = Target::start_in(options.clone(), Some(folder.path()));
    register(&target, &hook);
    for seq in 1..=EVENTS {
        assert_eq!(target.publish("news-0", 1), seq);
    }
    let mut arrived = Vec::new();
    while arrived.len() < expected.len() {
        arrived.extend(seqs(&hook.next()));
    }
    assert_eq!(arrived, expected);
    let delivered = || target.get("/webhooks/1").json()["delivered"] == expected.len();
    until("the count", delivered);
    assert_eq!(target.get("/webhooks/1").json()["dead_letters"], 0, "dropped is not given up");
    target.stop();

    // Every position was written: delivered events lie before it, with the dropped ones in between.
    let target = Target::start_in(options, Some(folder.path()));
    let next = (EVENTS + 1..EVENTS + 100).find(|seq| !drop_filter.drops(*seq)).unwrap();
    for seq in EVENTS + 1..=next {
        assert_eq!(target.publish("news-0", 1), seq);
    }
    assert_eq!(seqs(&hook.next()), [next]);
}

#[test]
fn events_read_from_the_disk_are_delayed_too() {
    const DELAY_NS: u64 = 300_000_000;
    let outbox = WebhookOptions { outbox: Outbox::Durable, ..WebhookOptions::default() };
    let target = Target::start(Options { ring: 2, ..options(&["delay=300ms"], outbox) });
    let (behind, other) = (Hook::start(acknowledge), Hook::start(acknowledge));
    register(&target, &behind);
    register(&target, &other);
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": false })));
    let mut publishers: Vec<Client> = (0..10).map(|_| publish(&target)).collect();
    while seqs(&other.next()) != [10] {}
    let asked_ns = clock::now();
    publishers.push(publish(&target));
    until("it is stored", || target.get("/topics").json()["topics"][0]["newest"] == 11);
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": true })));
    for seq in 1..=11 {
        assert_eq!(seqs(&behind.next()), [seq]);
    }
    assert!(clock::now() >= asked_ns + DELAY_NS, "it left the disk before it was to be pushed");
}

#[test]
fn retries_and_replays_are_delayed_too() {
    const DELAY_NS: u64 = 100_000_000;
    let backoff = Span::from_ms(1);
    let webhook = WebhookOptions { attempts: 2, backoff, ..WebhookOptions::default() };
    let target = Target::start(options(&["delay=100ms"], webhook));
    let (fails, stamps) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
    let (failing, noted) = (Arc::clone(&fails), Arc::clone(&stamps));
    let hook = Hook::start(move |message| {
        if message.json()["type"] == "webhook.verification" {
            return acknowledge(message);
        }
        noted.lock().unwrap().push(clock::now());
        if failing.load(Ordering::SeqCst) {
            return (500, vec![], String::new());
        }
        acknowledge(message)
    });
    register(&target, &hook);
    target.publish("news-0", 1);
    until("the dead letter", || target.get("/webhooks/1").json()["dead_letters"] == 1);
    fails.store(false, Ordering::SeqCst);
    let asked_ns = clock::now();
    assert_eq!(target.send("POST", "/webhooks/1/replay", None).status, 202);
    until("the delivery", || target.get("/webhooks/1").json()["delivered"] == 1);
    let stamps = stamps.lock().unwrap();
    assert_eq!(stamps.len(), 3);
    assert!(stamps[1] >= stamps[0] + DELAY_NS, "repeated: {stamps:?}");
    assert!(stamps[2] >= asked_ns + DELAY_NS, "replayed: {asked_ns} {stamps:?}");
}

#[test]
fn a_batch_costs_what_its_events_cost() {
    let webhook = WebhookOptions { batch: 4, linger: Span::from_secs(3600), ..Default::default() };
    let target = Target::start(options(&["write_cost=10ms"], webhook));
    let hook = Hook::start(acknowledge);
    register(&target, &hook);
    for seq in 1..=4 {
        assert_eq!(target.publish("news-0", 1), seq);
    }
    let delivery = hook.next();
    let arrived_ns = clock::now();
    assert_eq!(seqs(&delivery), [1, 2, 3, 4]);
    let published_ns = events(&delivery)[3]["published_ns"].as_u64().unwrap();
    assert!(arrived_ns >= published_ns + 40_000_000, "{}", arrived_ns - published_ns);
}
