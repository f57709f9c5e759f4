//! The faults of a target, over real sockets. Times are compared with bounds that hold by construction only:
//! nothing comes earlier than it may.

use crate::target_support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use target_support::websocket::{text, upgrade};
use target_support::{Answer, Client, Hook, Target, acknowledge};
use tidings::clock;
use tidings::event::{Cursor, decode_head};
use tidings::measure::Metric;
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::scenario::{DropFilter, Faults, faults, service_times};
use tidings::server::{Options, PublishPlan};

const SEED: u64 = 7;

fn wrong(settings: &[&str]) -> Faults {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    faults(&settings).unwrap()
}

fn target(settings: &[&str]) -> Target {
    target_with(&Options { faults: wrong(settings), ..Options::default() })
}

fn target_with(options: &Options) -> Target {
    Target::start(Options { seed: SEED, allow_private_webhooks: true, ..options.clone() })
}

/// A request's passage as its answer tells it, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Passage {
    arrived: u64,
    wait: u64,
    service: u64,
}

fn passage(answer: &Answer) -> Passage {
    let header = answer.header("server-timing").expect("the header");
    let metric = |name: &str| -> u64 {
        let prefix = format!("{name};dur=");
        let text = header.split(", ").find_map(|metric| metric.strip_prefix(&prefix)).unwrap();
        let (whole, fraction) = text.split_once('.').unwrap();
        assert_eq!(fraction.len(), 6, "{header}");
        whole.parse::<u64>().unwrap() * 1_000_000 + fraction.parse::<u64>().unwrap()
    };
    Passage { arrived: metric("a"), wait: metric("q"), service: metric("s") }
}

/// `n` requests on as many connections at once; their passages in the order of arrival, once each was checked to
/// have been answered no sooner than it was complete.
fn crowd(target: &Target, n: usize) -> Vec<Passage> {
    let mut clients: Vec<Client> = (0..n).map(|_| target.connect()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        let path = if i % 2 == 0 { "/items" } else { "/topics/news-0/events?since=0" };
        client.ask("GET", path, &[], b"");
    }
    let mut passages: Vec<Passage> = clients
        .iter_mut()
        .map(|client| {
            let answer = client.answer("GET");
            let now = clock::now();
            assert_eq!(answer.status, 200);
            let passage = passage(&answer);
            assert!(now >= passage.arrived + passage.wait + passage.service, "{passage:?} {now}");
            passage
        })
        .collect();
    passages.sort_unstable();
    passages
}

/// The sequence that a page leads to.
fn place(page: &Value) -> u64 {
    page["next"].as_str().unwrap().parse::<Cursor>().unwrap().seq
}

#[test]
fn one_server_serves_all_connections_in_the_order_of_arrival() {
    let settings = ["service=2ms", "distribution=exponential"];
    let target = target(&settings);
    let passages = crowd(&target, 60);
    let services: Vec<u64> = passages.iter().map(|passage| passage.service).collect();
    let replayed: Vec<u64> = service_times(SEED, &wrong(&settings)).take(60).collect();
    assert_eq!(services, replayed, "the n-th to arrive takes the n-th service time");
    for pair in passages.windows(2) {
        let gap = pair[1].arrived - pair[0].arrived;
        assert_eq!(pair[1].wait, (pair[0].wait + pair[0].service).saturating_sub(gap), "{pair:?}");
    }
    assert!(passages.iter().any(|passage| passage.wait > 0), "they came together, and had to wait");
    // What may be held, streams and administration do not pass through the server.
    for path in ["/topics/news-0/events?since=0&wait=1ms", "/healthz", "/topics"] {
        assert_eq!(target.get(path).header("server-timing"), None, "{path}");
    }
    let refused = target.get("/items/77");
    assert_eq!(
        (refused.status, passage(&refused).wait),
        (404, 0),
        "what is refused was served, too"
    );
}

#[test]
fn with_unlimited_servers_no_request_waits_and_the_share_of_slow_ones_is_exact() {
    let settings =
        ["service=1ms", "distribution=bimodal", "slow=40ms", "slow_share=0.1", "servers=unlimited"];
    let passages = crowd(&target(&settings), 60);
    assert!(passages.iter().all(|passage| passage.wait == 0), "{passages:?}");
    let count = |ns: u64| passages.iter().filter(|passage| passage.service == ns).count();
    assert_eq!((count(1_000_000), count(40_000_000)), (54, 6));
}

#[test]
fn answers_and_pushes_leave_late_by_the_delay_and_in_order() {
    const DELAY: Duration = Duration::from_millis(50);
    let target = target(&["delay=50ms"]);
    let asked = Instant::now();
    assert_eq!(target.get("/items").status, 200);
    assert!(asked.elapsed() >= DELAY);
    let mut stream = target.connect();
    stream.ask("GET", "/topics/news-0/stream", &[], b"");
    assert_eq!(stream.head().status, 200);
    let hook = Hook::start(acknowledge);
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    assert_eq!(target.send("POST", "/webhooks", Some(body)).status, 201);
    let mut held = target.connect();
    // Nobody waits for a publisher's answer, which leaves late as well: what follows is read as soon as it comes.
    let mut publishers = Vec::new();
    let mut publish = |n: usize| {
        for _ in 0..n {
            let mut publisher = target.connect();
            let json = [("content-type", "application/json")];
            publisher.ask("POST", "/topics/news-0/events", &json, b"{\"data\":1}");
            publishers.push(publisher);
        }
    };
    let late = |event: &Value| {
        let published_ns = event["published_ns"].as_u64().unwrap();
        assert!(clock::now() >= published_ns + DELAY.as_nanos() as u64, "{event}");
        event["seq"].as_u64().unwrap()
    };
    publish(20);
    let mut streamed = Vec::new();
    while streamed.len() < 20 {
        let chunk = String::from_utf8(stream.chunk().unwrap()).unwrap();
        let data = chunk.lines().filter_map(|line| line.strip_prefix("data: "));
        let data = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        streamed.extend(data.filter(|event| event["seq"].is_u64()).map(|event| late(&event)));
    }
    assert_eq!(streamed, (1..=20).collect::<Vec<u64>>());
    let posted: Vec<u64> = (0..20).map(|_| late(&hook.next().json())).collect();
    assert_eq!(posted, streamed);
    publish(1);
    assert_eq!(late(&hook.next().json()), 21, "a webhook");
    held.ask("GET", "/topics/news-0/events?since=21&wait=20s", &[], b"");
    target.await_links("long-poll", 1);
    publish(1);
    assert_eq!(late(&held.answer("GET").json()["events"][0]), 22, "a held poll");
}

/// The sequences of `1..=n` of the first topic that a subscriber gets.
fn left(faults: &Faults, subscriber: u64, n: u64) -> Vec<u64> {
    let drop_filter = DropFilter::new(SEED, subscriber, 0, faults).unwrap();
    (1..=n).filter(|seq| !drop_filter.drops(*seq)).collect()
}

/// The sequences of a poll's page.
fn seqs(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect()
}

#[test]
fn dropped_deliveries_are_those_of_the_seed_in_every_pattern() {
    const EVENTS: u64 = 200;
    let faults = wrong(&["drop=0.2"]);
    let target = target(&["drop=0.2"]);
    // Connections are numbered in the order in which they are accepted, and one waits for the one before here.
    let mut publisher = target.connect();
    let mut publish = |n: u64| {
        for _ in 0..n {
            let event = json!({ "data": 1 });
            assert_eq!(publisher.send("POST", "/topics/news-0/events", Some(event)).status, 201);
        }
    };
    publish(1);
    let mut stream = target.connect();
    stream.ask("GET", "/topics/news-0/stream?since=0", &[], b"");
    assert_eq!(stream.head().status, 200);
    let mut socket = upgrade(target.connect(), "/topics/news-0/ws?since=0");
    let hook = Hook::start(acknowledge);
    let mut owner = target.connect();
    let body = json!({ "url": hook.url(), "topics": ["news-0"], "since": 0 });
    assert_eq!(owner.send("POST", "/webhooks", Some(body)).status, 201);
    publish(EVENTS - 1);

    let page = |client: &mut Client, since: u64| {
        let path = format!("/topics/news-0/events?since={since}&limit=1000");
        client.send("GET", &path, None).json()
    };
    let mut poller = target.connect();
    let first = page(&mut poller, 0);
    assert_eq!(seqs(&first), left(&faults, 4, EVENTS));
    assert_eq!(place(&first), EVENTS, "the cursor passes over what is dropped");
    assert_eq!(page(&mut poller, 0), first, "asking again changes nothing");
    assert_eq!(seqs(&page(&mut target.connect(), 0)), left(&faults, 5, EVENTS), "another asker");

    let expected = left(&faults, 1, EVENTS);
    let mut streamed = Vec::new();
    while streamed.len() < expected.len() {
        let chunk = String::from_utf8(stream.chunk().unwrap()).unwrap();
        let ids = chunk.lines().filter_map(|line| line.strip_prefix("data: {"));
        let events = ids.map(|data| serde_json::from_str::<Value>(&format!("{{{data}")).unwrap());
        streamed.extend(events.map(|event| event["seq"].as_u64().unwrap()));
    }
    assert_eq!(streamed, expected, "stream");
    let expected = left(&faults, 2, EVENTS);
    let pushed: Vec<u64> =
        expected.iter().map(|_| decode_head(&text(&mut socket)).unwrap().seq).collect();
    assert_eq!(pushed, expected, "socket");
    // A webhook's number is its id.
    let expected = left(&faults, 1, EVENTS);
    let posted: Vec<u64> =
        expected.iter().map(|_| hook.next().json()["seq"].as_u64().unwrap()).collect();
    assert_eq!(posted, expected, "webhook");
}

#[test]
fn a_held_poll_whose_events_are_dropped_returns_a_cursor() {
    let target = target(&["drop=1"]);
    let mut held = target.connect();
    held.ask("GET", "/topics/news-0/events?since=0&wait=20s", &[], b"");
    target.await_links("long-poll", 1);
    target.publish("news-0", 1);
    let answer = held.answer("GET");
    assert_eq!(answer.status, 200);
    assert_eq!((place(&answer.json()), seqs(&answer.json()).len()), (1, 0));
}

#[test]
fn a_costly_write_keeps_the_shard_busy_for_each_subscriber() {
    const SUBSCRIBERS: u32 = 20;
    const COST: Duration = Duration::from_millis(2);
    let target = target(&["write_cost=2ms"]);
    let mut streams: Vec<Client> = (0..SUBSCRIBERS).map(|_| target.connect()).collect();
    for stream in &mut streams {
        stream.ask("GET", "/topics/news-0/stream", &[], b"");
        assert_eq!(stream.head().status, 200);
        stream.chunk().unwrap();
    }
    target.publish("news-0", 1);
    let mut last_ns = 0;
    for stream in &mut streams {
        let chunk = String::from_utf8(stream.chunk().unwrap()).unwrap();
        let data = chunk.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        last_ns = clock::now() - event["published_ns"].as_u64().unwrap();
    }
    assert!(last_ns >= (COST * SUBSCRIBERS).as_nanos() as u64, "{last_ns}");
}

#[test]
fn events_due_in_a_stall_are_published_at_its_end_while_serving_continues() {
    const GAP_NS: u64 = 10_000_000;
    // Long enough that no pause of this machine covers it.
    let faults = wrong(&["stall_at=100ms", "stall_for=4s"]);
    let target = target(&["stall_at=100ms", "stall_for=4s"]);
    let process = ArrivalProcess::Constant;
    let window = 0..4_200_000_000;
    let schedule = Schedule { seed: 1, topics: 1, per_s: 100.0, process, until_ns: window.end };
    let at_ns = clock::now() + 20_000_000;
    let dues: Vec<u64> = schedule.topic(0).map(|offset| at_ns + offset).collect();
    let payload = tidings::event::filler(8).into();
    target.handle.publish(PublishPlan { schedule, payload, at_ns, window }).unwrap();
    let path = "/topics/news-0/events?limit=1000";
    let mut client = target.connect();
    let mut answered = Vec::new();
    let page = loop {
        let page = client.send("GET", path, None).json();
        answered.push(clock::now());
        if place(&page) == dues.len() as u64 {
            break page;
        }
    };
    let stalled = at_ns + 100_000_000..at_ns + 4_100_000_000;
    assert!(answered.iter().any(|at| stalled.contains(at)), "serving stood still");
    let stamps = page["events"].as_array().unwrap().iter();
    let stamps: Vec<u64> = stamps.map(|event| event["published_ns"].as_u64().unwrap()).collect();
    assert!(stamps.is_sorted());
    let release = |due| faults.stall.unwrap().release(due, at_ns);
    assert_eq!(dues.iter().filter(|due| release(**due) > **due).count(), 400);
    for (due, published) in dues.iter().zip(&stamps) {
        assert!(*published >= release(*due), "due at {due}, published at {published}");
    }
    let slip = target.stop().distribution(Metric::PublishSlip).unwrap().max().unwrap();
    assert!(slip + GAP_NS >= 4_000_000_000, "{slip}");
}

#[test]
fn in_a_freeze_no_shard_accepts_anything() {
    // A shard that is itself held up may be late for a freeze, and this thread may miss them all: then once more. A shard that
    // does not freeze is not excused by any number of attempts.
    assert!((0..5).any(|_| stands_still()), "taken in, in a freeze");
}

/// Whether a freezing target accepted nothing, while a request was in progress.
fn stands_still() -> bool {
    let settings = ["freeze_at=50ms", "freeze_for=300ms", "freeze_every=400ms", "service=1ns"];
    let target =
        target_with(&Options { shards: 3, faults: wrong(&settings), ..Options::default() });
    // Three connections in turn: one per shard.
    let mut clients: Vec<Client> = (0..3).map(|_| target.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.send("GET", "/items", None).status, 200);
    }
    let start = clock::now() + 20_000_000;
    target.handle.begin(start..start + 500_000_000);
    // Two standstills begin in the window; a shard may be woken late for one, but all end it together.
    let deep =
        [50_000_000, 450_000_000].map(|at| start + at + 100_000_000..start + at + 300_000_000);
    let mut longest = 0;
    while clock::now() < start + 900_000_000 {
        for client in &mut clients {
            let asked = clock::now();
            let arrived = passage(&client.send("GET", "/items", None)).arrived;
            longest = longest.max(clock::now() - asked);
            if deep.iter().any(|still| still.contains(&arrived)) {
                return false;
            }
        }
    }
    longest >= 200_000_000
}

#[test]
fn the_front_page_lists_the_faults() {
    assert!(target(&["delay=1ms"]).get("/").text().contains("injected faults: delay=1ms\n"));
    assert!(Target::start(Options::default()).get("/").text().contains("injected faults: none\n"));
}
