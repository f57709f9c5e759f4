//! Both sides send: what clients publish over their sockets and with POSTs, at the target, at our own clients, and in runs.
#![expect(clippy::float_cmp, reason = "a test may panic; counts read from files")]

use crate::link_support;
use crate::support;
use crate::target_support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use link_support::talk;
use serde_json::{Value, json};
use support::{Bench, number, text};
use target_support::Target;
use target_support::websocket::{masked, theirs};
use tidings::measure::{Counter, Metric};
use tidings::scenario::{Limits, Outbox, Pattern, SseOptions, WebSocketOptions, WebhookOptions};
use tidings::server::{Options, Waits};
use tidings::unit::Span;
use tungstenite::{Message, WebSocket};

fn open(target: &Target, topic: &str) -> WebSocket<TcpStream> {
    theirs(target, &format!("/topics/{topic}/ws?since=0"))
}

fn say(socket: &mut WebSocket<TcpStream>, post: &Value) {
    socket.send(Message::text(post.to_string())).unwrap();
}

fn hear(socket: &mut WebSocket<TcpStream>) -> Value {
    serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap()
}

/// Reads answers and events until the given number of each has arrived.
fn hear_all(
    socket: &mut WebSocket<TcpStream>,
    answers: usize,
    events: usize,
) -> (Vec<Value>, Vec<Value>) {
    let (mut told, mut news) = (Vec::new(), Vec::new());
    while told.len() < answers || news.len() < events {
        let heard = hear(socket);
        if heard["seq"].is_u64() { news.push(heard) } else { told.push(heard) }
    }
    (told, news)
}

#[test]
fn a_message_on_a_socket_is_published_acknowledged_and_delivered_to_all() {
    for shards in [1, 3] {
        let target = Target::start(Options { shards, topics: 1, ..Options::default() });
        // As many as shards: some are at home, and others are not.
        let mut sockets: Vec<_> = (0..shards).map(|_| open(&target, "news-0")).collect();
        for (key, socket) in (1..).zip(&mut sockets) {
            say(socket, &json!({ "key": key, "due_ns": 5, "data": { "from": key } }));
        }
        for (key, socket) in (1u64..).zip(&mut sockets) {
            let (answers, news) = hear_all(socket, 1, shards as usize);
            assert_eq!(answers[0]["posted"]["key"], key, "{shards}: {answers:?}");
            let own = &answers[0]["posted"]["seq"];
            let event = news.iter().find(|event| event["seq"] == *own).unwrap();
            assert_eq!((&event["key"], &event["due_ns"]), (&json!(key), &json!(5)), "{event}");
            assert_eq!(event["data"], json!({ "from": key }));
            let keys: BTreeSet<u64> = news.iter().map(|e| e["key"].as_u64().unwrap()).collect();
            assert_eq!(keys, (1..=u64::from(shards)).collect(), "{shards}");
        }
        let page = target.get("/topics/news-0/events?since=0").json();
        assert_eq!(page["events"].as_array().unwrap().len(), shards as usize);
        assert!(page["events"][0]["key"].is_u64(), "{page}");
    }
}

#[test]
fn a_post_returns_its_key_and_the_event_carries_it() {
    let target = Target::start(Options::default());
    let answer = target.send("POST", "/topics/t/events", Some(json!({ "key": 9, "data": 1 })));
    assert_eq!((answer.status, &answer.json()["key"]), (201, &json!(9)));
    assert!(
        target.send("POST", "/topics/t/events", Some(json!({ "data": 1 }))).json()["key"].is_null()
    );
    let page = target.get("/topics/t/events?since=0").json();
    assert_eq!((&page["events"][0]["key"], &page["events"][1]["key"]), (&json!(9), &Value::Null));
    let bad = target.send("POST", "/topics/t/events", Some(json!({ "key": -1, "data": 1 })));
    assert_eq!(bad.status, 422, "{}", bad.text());
}

#[test]
fn an_invalid_post_is_refused_and_the_link_stays_open() {
    let target = Target::start(Options { topics: 1, ..Options::default() });
    let mut socket = open(&target, "news-0");
    for (said, status, why) in [
        (Message::text("hello"), 400, "no JSON"),
        (Message::text("[1]"), 422, "an array"),
        (Message::text(r#"{"key":1}"#), 422, "no data"),
        (Message::text(r#"{"key":"x","data":1}"#), 422, "a key that is no number"),
        (Message::text(r#"{"key":1,"data":1,"more":2}"#), 422, "an unknown member"),
        (Message::binary(&br#"{"data":1}"#[..]), 415, "binary"),
    ] {
        socket.send(said).unwrap();
        let answer = hear(&mut socket);
        assert_eq!(answer["refused"]["status"], status, "{why}: {answer}");
        assert!(!answer["refused"]["detail"].as_str().unwrap().is_empty(), "{why}");
    }
    say(&mut socket, &json!({ "data": "after all" }));
    let (answers, news) = hear_all(&mut socket, 1, 1);
    assert_eq!((&answers[0]["posted"]["seq"], &news[0]["data"]), (&json!(1), &json!("after all")));
}

/// Posts at once: their answers are far more than a link keeps for a client that does not read.
const POSTS: u64 = 2_000;

#[test]
fn many_posts_are_answered_in_order_and_a_long_one_in_fragments() {
    let target = Target::start(Options { topics: 1, ..Options::default() });
    let mut socket = open(&target, "news-0");
    let mut writer = socket.get_ref().try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        for key in 1..=POSTS {
            let post = format!(r#"{{"key":{key},"data":0}}"#);
            writer.write_all(&masked(0x81, post.as_bytes())).unwrap();
        }
        // A megabyte less a little, in three fragments.
        let whole = format!(r#"{{"key":0,"data":"{}"}}"#, "x".repeat((1 << 20) - 100));
        let (first, rest) = whole.as_bytes().split_at(1_000);
        let (second, third) = rest.split_at(500_000);
        for (first_byte, part) in [(0x01, first), (0x00, second), (0x80, third)] {
            writer.write_all(&masked(first_byte, part)).unwrap();
        }
    });
    let (answers, news) = hear_all(&mut socket, POSTS as usize + 1, POSTS as usize + 1);
    thread.join().unwrap();
    let keys = |told: &[Value]| -> Vec<u64> {
        told.iter().map(|v| v["posted"]["key"].as_u64().or(v["key"].as_u64()).unwrap()).collect()
    };
    let expected: Vec<u64> = (1..=POSTS).chain([0]).collect();
    assert_eq!(keys(&answers), expected);
    assert_eq!(keys(&news), expected);
}

#[test]
fn many_refusals_are_all_sent_without_further_events() {
    let target = Target::start(Options { topics: 1, ..Options::default() });
    let mut socket = open(&target, "news-0");
    // Several times what the target reads at once.
    let crowd = 5 * POSTS as usize;
    let mut writer = socket.get_ref().try_clone().unwrap();
    let garbage = masked(0x81, b"x").repeat(crowd);
    let thread = std::thread::spawn(move || writer.write_all(&garbage).unwrap());
    let (answers, _) = hear_all(&mut socket, crowd, 0);
    thread.join().unwrap();
    assert!(answers.iter().all(|answer| answer["refused"]["status"] == 400));
}

#[test]
fn limits_apply_to_messages_on_sockets() {
    let limits = Limits { requests_per_s: Some(1), ..Limits::default() };
    let target = Target::start(Options { topics: 1, limits, ..Options::default() });
    let mut socket = open(&target, "news-0");
    // The handshake was the one request of this second. Two posts, in case this thread was paused until the next.
    for key in [3, 4] {
        say(&mut socket, &json!({ "key": key, "data": 1 }));
    }
    let (mut refused, mut heard) = (Vec::new(), 0);
    while heard < 2 {
        let answer = hear(&mut socket);
        heard += u32::from(answer.get("posted").or(answer.get("refused")).is_some());
        refused.extend(answer.get("refused").cloned());
    }
    assert!(!refused.is_empty(), "neither is over the limit");
    for answer in refused {
        assert_eq!(answer["status"], 429, "{answer}");
        assert!([3, 4].contains(&answer["key"].as_u64().unwrap()), "{answer}");
    }
}

#[test]
fn with_a_durable_outbox_a_socket_is_answered_once_its_event_is_stored() {
    let data = tempfile::tempdir().unwrap();
    let webhook = WebhookOptions { outbox: Outbox::Durable, ..WebhookOptions::default() };
    let target =
        Target::start_in(Options { topics: 1, webhook, ..Options::default() }, Some(data.path()));
    let mut socket = open(&target, "news-0");
    for key in 1..=100 {
        say(&mut socket, &json!({ "key": key, "data": key }));
    }
    let (answers, news) = hear_all(&mut socket, 100, 100);
    for (n, (answer, event)) in (1u64..).zip(answers.iter().zip(&news)) {
        assert_eq!((&answer["posted"]["key"], &event["key"]), (&json!(n), &json!(n)));
    }
}

/// Reads one message of our client's, which is a post, and returns its key.
fn key_of(socket: &mut WebSocket<TcpStream>) -> Option<u64> {
    loop {
        match socket.read() {
            Ok(Message::Text(post)) => {
                return serde_json::from_str::<Value>(&post).unwrap()["key"].as_u64();
            }
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

#[test]
fn an_unacknowledged_event_is_sent_again_after_a_reconnect_under_its_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, keys) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let Ok(mut socket) = tungstenite::accept(stream) else { return };
            // The first connection is cut after two events, one of them acknowledged.
            for nth in 0.. {
                let Some(key) = key_of(&mut socket) else { break };
                heard.send((number, key)).unwrap();
                if number == 0 && nth == 1 {
                    break;
                }
                let posted = json!({ "posted": { "key": key, "seq": key, "published_ns": 1 } });
                let event = json!({ "topic": "news-0", "seq": key, "due_ns": 1, "published_ns": 1, "key": key, "data": 0 });
                let sent = socket.send(Message::text(posted.to_string()));
                if sent.and_then(|()| socket.send(Message::text(event.to_string()))).is_err() {
                    break;
                }
            }
        }
    });
    let options = WebSocketOptions::default();
    let (repeated, ledger) = talk(Pattern::WebSocket(options), address, |context| {
        let counted = |counter| context.recorder.borrow().counted(counter);
        let all = counted(Counter::SendsAcknowledged) == counted(Counter::SendsDue)
            && counted(Counter::SendsDue) == 10;
        (all && context.ledger().delivered == 10).then(|| counted(Counter::SendsRepeated))
    });
    let heard: Vec<(usize, u64)> = keys.try_iter().collect();
    assert_eq!(heard[..2], [(0, 1), (0, 2)], "{heard:?}");
    let again: Vec<u64> = heard[2..].iter().map(|(_, key)| *key).collect();
    assert_eq!(
        again,
        (2..=10).collect::<Vec<u64>>(),
        "the one that was not acknowledged, and those after it"
    );
    assert_eq!((ledger.lost, ledger.duplicate), (0, 0));
    // One, unless this process was held up until the next were due, and they had been written, too.
    assert!((1..=9).contains(&repeated), "{repeated}");
}

#[test]
fn a_post_that_is_refused_or_broken_is_sent_again_and_one_that_makes_no_sense_is_not() {
    // Answers of the scripted target to its POSTs, in turn; `None` breaks the connection.
    let script = [Some(201), Some(503), Some(201), None, Some(201), Some(422), Some(201)];
    let (target, posts) = link_support::posts(&script);
    let sse = Pattern::Sse(SseOptions::default());
    let (counts, _) = talk(sse, target, |context| {
        let counted = |counter| context.recorder.borrow().counted(counter);
        (counted(Counter::SendsAcknowledged) == 9).then(|| {
            [
                Counter::SendsDue,
                Counter::SendsRepeated,
                Counter::ErrorRefused,
                Counter::ErrorClosed,
                Counter::ErrorStatus,
            ]
            .map(counted)
        })
    });
    assert_eq!(counts, [10, 2, 1, 1, 1]);
    let keys: Vec<u64> = posts.try_iter().collect();
    assert_eq!(keys, [1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10]);
}

/// Cases in which both sides send, with these patterns and tables.
fn both(patterns: &[&str], tables: &str) -> Bench {
    Bench::new(&format!(
        r#"question = "Does it work?"
patterns = {patterns:?}
trials = 1
floor = false
[workload]
clients = 12
topics = 3
rate = "40/s"
publish = "clients"
[phases]
connect = "50ms"
warmup = "300ms"
measure = "1500ms"
drain = "8s"
{tables}
"#
    ))
}

fn assert_all_arrived(bench: &Bench, connections: impl Fn(&str) -> f64) {
    let output = bench.measure(&[]);
    let trials = bench.trials();
    assert!(!trials.is_empty(), "{}", text(&output.stderr));
    for row in &trials {
        assert_ne!(row["verdict"], "failed", "{row:?} {}", text(&output.stderr));
        let at = |column| number(row, column);
        assert!(at("sends_due") > 100.0, "{row:?}");
        assert_eq!(at("sends_due"), at("sends_acknowledged"), "{row:?}");
        assert_eq!(at("sends_due"), at("published"), "{row:?}");
        assert_eq!(at("expected"), 4.0 * at("sends_due"), "four in each room: {row:?}");
        assert_eq!(at("delivered"), at("expected"), "{row:?}");
        assert_eq!(
            (at("lost"), at("duplicate"), at("reordered"), at("errors")),
            (0.0, 0.0, 0.0, 0.0),
            "{row:?}"
        );
        assert_eq!(row["publish"], "clients");
        assert_eq!(at("sends_sent"), at("sends_due"), "{row:?}");
        for alarm in ["sends_", "connections_", "unbalanced", "handshakes_"] {
            assert!(!row["verdict_codes"].contains(alarm), "{row:?}");
        }
        assert!(at("send_ns_p50") > 0.0 && at("freshness_ns_p50") > 0.0, "{row:?}");
        if row["pattern"] != "webhook" {
            assert_eq!(at("connections"), connections(&row["pattern"]), "{row:?}");
        }
    }
}

#[test]
fn every_pattern_delivers_what_its_clients_publish_exactly() {
    let bench = both(
        &["short-poll", "long-poll", "sse", "websocket", "webhook"],
        "[short-poll]\ninterval = \"100ms\"",
    );
    assert_all_arrived(&bench, |pattern| if pattern == "websocket" { 12.0 } else { 24.0 });
    let report = std::fs::read_to_string(bench.results().join("report.md")).unwrap();
    assert!(report.contains("Clients publish: the subscribers of a topic publish"), "{report}");
}

#[test]
fn clients_publish_over_tls_and_share_http_2_connections() {
    let bench = both(&["sse", "websocket"], "[transport]\ntls = true");
    assert_all_arrived(&bench, |pattern| if pattern == "websocket" { 12.0 } else { 24.0 });
    let bench =
        both(&["long-poll", "sse"], "[transport]\nhttp = \"2\"\nstreams = 6\n[worker]\nshards = 1");
    assert_all_arrived(&bench, |_| 2.0);
}

#[test]
fn several_workers_and_shards_publish_each_event_once() {
    let more = "[worker]\nprocesses = 2\nshards = 2\n[target]\nshards = 2\n[consumers]\nslow_share = 0.25\npause = \"1ms\"";
    assert_all_arrived(&both(&["sse", "websocket"], more), |pattern| {
        if pattern == "websocket" { 12.0 } else { 24.0 }
    });
}

#[test]
fn options_that_exclude_publishing_clients_are_refused_with_the_reason() {
    for (tables, words) in [
        ("[restart]\nat = \"500ms\"\ndown = \"100ms\"", "takes its log from the schedule"),
        (
            "[faults]\nstall_at = \"200ms\"\nstall_for = \"100ms\"",
            "stalls the target's own publisher",
        ),
        ("[transport]\nhttp = \"2\"\nstreams = 150", "a client that publishes takes two"),
    ] {
        let bench = both(&["sse"], tables);
        let output = bench.run(&[]);
        assert_eq!(output.status.code(), Some(2), "{tables}");
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    let output = both(&["sse"], "").run(&["--set", "workload.churn=1/s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("would leave behind what it has under way"));
}

#[test]
fn a_message_that_does_not_end_is_not_kept_for_ever() {
    let waits = Waits { body: Span::from_ms(50), ..Waits::default() };
    let websocket = WebSocketOptions { ping: Span::from_ms(20), ..WebSocketOptions::default() };
    let target = Target::start(Options { topics: 1, waits, websocket, ..Options::default() });
    let mut socket = open(&target, "news-0");
    // The first fragment of a text, and nothing after it but pongs.
    socket.get_mut().write_all(&masked(0x01, b"x")).unwrap();
    let closed = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => break frame.unwrap(),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(u16::from(closed.code), 1008, "{closed:?}");
}

#[test]
fn the_target_books_what_is_published_with_a_key_in_the_window_and_nothing_else() {
    let target = Target::start(Options { topics: 1, ..Options::default() });
    target.handle.begin(1_000..2_000);
    for post in [
        json!({ "key": 1, "due_ns": 999, "data": 1 }),
        json!({ "key": 2, "due_ns": 1_000, "data": 1 }),
        json!({ "key": 3, "due_ns": 2_000, "data": 1 }),
        json!({ "due_ns": 1_500, "data": 1 }),
    ] {
        let answer = target.send("POST", "/topics/news-0/events", Some(post));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let snapshot = target.stop();
    assert_eq!(snapshot.counters.get(Counter::Published), 1);
    assert_eq!(snapshot.distribution(Metric::PublishSlip).unwrap().count(), 1);
}
