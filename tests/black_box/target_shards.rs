//! Several shards: each subscriber gets every event once, in order, on every shard.

use crate::target_support;

use serde_json::json;
use target_support::websocket::{text, upgrade};
use target_support::{Client, Hook, Target, acknowledge, until};
use tidings::clock;
use tidings::event::{Cursor, Page, decode_head, filler, topic_name};
use tidings::measure::{Counter, Metric};
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::scenario::WebhookOptions;
use tidings::server::{Options, PublishPlan};
use tidings::unit::Span;

const SHARDS: u32 = 3;
const TOPICS: u64 = 4;

fn target() -> Target {
    let webhook = WebhookOptions {
        timeout: Span::from_secs(20),
        attempts: 1,
        backoff: Span::from_ms(1),
        concurrency: 1,
        ..WebhookOptions::default()
    };
    Target::start(Options {
        shards: SHARDS,
        topics: TOPICS,
        webhook,
        allow_private_webhooks: true,
        ..Options::default()
    })
}

fn schedule() -> Schedule {
    Schedule {
        seed: 3,
        topics: TOPICS,
        per_s: 500.0,
        process: ArrivalProcess::Burst,
        until_ns: 400_000_000,
    }
}

/// Asks with a cursor until everything has come; `query` says how.
fn poll(mut client: Client, topic: &str, query: &str, count: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    let mut since = Cursor::from(0);
    while since.seq < count {
        let path = format!("/topics/{topic}/events?since={since}&limit=7{query}");
        let answer = client.send("GET", &path, None);
        assert!(answer.status == 200 || answer.status == 204, "{}", answer.text());
        if answer.status == 200 {
            let page: Page = serde_json::from_slice(&answer.body).unwrap();
            since = page.next;
            seqs.extend(page.events.iter().map(|event| event.seq));
        }
    }
    seqs
}

fn stream(mut client: Client, topic: &str, count: u64) -> Vec<u64> {
    client.ask("GET", &format!("/topics/{topic}/stream?since=0"), &[], b"");
    assert_eq!(client.head().status, 200);
    let (mut seqs, mut text) = (Vec::new(), String::new());
    while (seqs.len() as u64) < count {
        text += std::str::from_utf8(&client.chunk().unwrap()).unwrap();
        while let Some((line, rest)) = text.split_once('\n') {
            seqs.extend(
                line.strip_prefix("data: ").map(|data| decode_head(data.as_bytes()).unwrap().seq),
            );
            text = rest.to_owned();
        }
    }
    seqs
}

fn socket(client: Client, topic: &str, count: u64) -> Vec<u64> {
    let mut client = upgrade(client, &format!("/topics/{topic}/ws?since=0"));
    (0..count).map(|_| decode_head(&text(&mut client)).unwrap().seq).collect()
}

#[test]
fn every_pattern_gets_every_event_once_in_order_on_every_shard() {
    let (target, schedule) = (target(), schedule());
    let counts: Vec<u64> = (0..TOPICS).map(|topic| schedule.topic(topic).count() as u64).collect();
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    let hooks: Vec<Hook> = (0..TOPICS).map(|_| Hook::start(acknowledge)).collect();
    for (topic, hook) in (0..).zip(&hooks) {
        let body = json!({ "url": hook.url(), "topics": [topic_name(topic)] });
        assert_eq!(target.send("POST", "/webhooks", Some(body)).status, 201);
    }
    std::thread::scope(|scope| {
        let mut subscribers = Vec::new();
        for topic in 0..TOPICS {
            // Shards get connections in turn: one connection per shard for each pattern covers all.
            for _ in 0..SHARDS {
                let (name, count) = (topic_name(topic), counts[topic as usize]);
                let patterns: [Box<dyn Fn(Client) -> Vec<u64> + Send>; 4] = [
                    Box::new({
                        let name = name.clone();
                        move |c| poll(c, &name, "", count)
                    }),
                    Box::new({
                        let name = name.clone();
                        move |c| poll(c, &name, "&wait=5s", count)
                    }),
                    Box::new({
                        let name = name.clone();
                        move |c| stream(c, &name, count)
                    }),
                    Box::new(move |c| socket(c, &name, count)),
                ];
                for pattern in patterns {
                    let client = target.connect();
                    subscribers.push((topic, scope.spawn(move || pattern(client))));
                }
            }
        }
        let payload = filler(200).into();
        let at_ns = clock::now() + 50_000_000;
        let publish_plan = PublishPlan {
            schedule: schedule.clone(),
            payload,
            at_ns,
            window: 0..schedule.until_ns,
        };
        target.handle.publish(publish_plan).unwrap();
        for (topic, subscriber) in subscribers {
            let expected: Vec<u64> = (1..=counts[topic as usize]).collect();
            assert_eq!(subscriber.join().unwrap(), expected, "topic {topic}");
        }
    });
    for (topic, hook) in (0..).zip(&hooks) {
        let count = counts[topic as usize];
        let seqs: Vec<u64> =
            (0..count).map(|_| hook.next().json()["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=count).collect::<Vec<_>>(), "webhook of topic {topic}");
    }
    let snapshot = target.stop();
    let published: u64 = counts.iter().sum();
    assert_eq!(snapshot.counters.get(Counter::Published), published);
    assert_eq!(snapshot.distribution(Metric::PublishSlip).unwrap().count(), published);
    assert_eq!(snapshot.counters.get(Counter::DeadLetters), 0);
    // Every delivery of every pattern is written once: four patterns on each shard, and one webhook.
    let deliveries = published * (4 * u64::from(SHARDS) + 1);
    let written = snapshot.distribution(Metric::Written).unwrap();
    assert_eq!(written.count(), deliveries);
    assert!(written.max().unwrap() < 60_000_000_000, "{written:?}");
}

#[test]
fn only_events_due_in_the_window_are_measured() {
    let (target, schedule) = (target(), schedule());
    let window = 100_000_000..200_000_000;
    let inside =
        (0..TOPICS).flat_map(|t| schedule.topic(t)).filter(|at| window.contains(at)).count();
    let all = (0..TOPICS).map(|t| schedule.topic(t).count() as u64).sum::<u64>();
    let publish_plan =
        PublishPlan { schedule, payload: filler(2).into(), at_ns: clock::now(), window };
    target.handle.publish(publish_plan).unwrap();
    until("the end of the schedule", || {
        let topics = target.get("/topics").json();
        let newest =
            topics["topics"].as_array().unwrap().iter().map(|t| t["newest"].as_u64().unwrap());
        newest.sum::<u64>() == all
    });
    assert_eq!(target.stop().counters.get(Counter::Published), inside as u64);
}

#[test]
fn publishers_on_every_shard_share_one_order_and_read_what_they_wrote() {
    let target = target();
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let publish = |_| {
            let mut client = target.connect();
            let target = &target;
            scope.spawn(move || {
                let mut seqs = Vec::new();
                for _ in 0..50 {
                    let body = json!({ "data": 1 });
                    let told = client.send("POST", "/topics/mine/events", Some(body)).json();
                    let seq = told["seq"].as_u64().unwrap();
                    let page = format!("/topics/mine/events?since={}&limit=1", seq - 1);
                    let page = client.send("GET", &page, None).json();
                    assert_eq!(page["events"][0]["seq"], seq, "on the same connection, at once");
                    // On another shard the event may be a moment away, but its cursor is known.
                    let ahead = target.get(&format!("/topics/mine/events?since={seq}"));
                    assert_eq!(ahead.status, 200, "{}", ahead.text());
                    seqs.push(seq);
                }
                seqs
            })
        };
        let publishers: Vec<_> = (0..6).map(publish).collect();
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=300).collect::<Vec<u64>>());
}
