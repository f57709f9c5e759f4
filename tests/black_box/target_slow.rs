//! Consumers that lag, peers that vanish, and a target that shuts down.

use crate::target_support;

use std::time::Instant;

use serde_json::json;
use target_support::websocket::{frame, upgrade};
use target_support::{Client, Target};
use tidings::event::{Missed, decode_gap, decode_head};
use tidings::scenario::{SlowConsumer, SseOptions, WebSocketOptions};
use tidings::server::Options;
use tidings::unit::{ByteSize, Span};

fn socket(target: &Target, since: u64) -> Client {
    upgrade(target.connect(), &format!("/topics/t/ws?since={since}"))
}

/// Far more than the kernel's buffers hold, while the client does not read.
fn flood(target: &Target, events: u64) {
    for _ in 0..events {
        target.publish("t", json!("x".repeat(200_000)));
    }
}

fn websocket(slow_consumer: SlowConsumer) -> Options {
    let websocket =
        WebSocketOptions { slow_consumer, queue: Some(4), ..WebSocketOptions::default() };
    // A client that reads late because this machine paused must not be taken for dead.
    let websocket = WebSocketOptions { pong_timeout: Span::from_secs(60), ..websocket };
    Options { websocket, send_buffer: ByteSize::new(8 << 10), ..Options::default() }
}

#[test]
fn a_lagging_socket_gets_an_exact_gap() {
    for policy in [SlowConsumer::DropOldest, SlowConsumer::Conflate] {
        let target = Target::start(websocket(policy));
        target.publish("t", json!(0));
        let mut client = socket(&target, 1);
        target.await_links("websocket", 1);
        flood(&target, 120);
        let (mut next, mut missed) = (2, 0);
        while next <= 121 {
            let (_, payload) = frame(&mut client).unwrap();
            if let Some(Missed { from, to }) = decode_gap(&payload) {
                assert_eq!(from, next, "{policy:?}: a gap begins where the events end");
                missed += to + 1 - from;
                next = to + 1;
            } else {
                assert_eq!(decode_head(&payload).unwrap().seq, next, "{policy:?}");
                next += 1;
            }
        }
        assert!(missed > 0, "{policy:?}: the buffers were too large for so slow a client");
    }
}

#[test]
fn a_lagging_socket_that_is_disconnected_resumes_without_loss() {
    let target = Target::start(websocket(SlowConsumer::Disconnect));
    target.publish("t", json!(0));
    let mut client = socket(&target, 1);
    target.await_links("websocket", 1);
    flood(&target, 120);
    let mut last = 1;
    loop {
        let (first, payload) = frame(&mut client).expect("a close before the end");
        if first == 0x88 {
            assert_eq!(payload[..2], 1013u16.to_be_bytes());
            let reason = String::from_utf8_lossy(&payload[2..]).into_owned();
            assert!(reason.contains(&format!("since={last}-")), "{reason} after {last}");
            break;
        }
        // The first ping comes at a phase of the link's own.
        if first != 0x89 {
            last = decode_head(&payload).unwrap().seq;
        }
    }
    assert!(last < 121);
    // Far behind, but not slow: a client that resumes has time to catch up.
    let mut again = socket(&target, last);
    for seq in last + 1..=121 {
        let mut next = frame(&mut again).unwrap();
        if next.0 == 0x89 {
            next = frame(&mut again).unwrap();
        }
        assert_eq!(decode_head(&next.1).unwrap().seq, seq);
    }
}

#[test]
fn a_lagging_stream_gets_a_gap_and_continues() {
    let sse = SseOptions {
        slow_consumer: SlowConsumer::Conflate,
        queue: Some(4),
        ..SseOptions::default()
    };
    let target =
        Target::start(Options { sse, send_buffer: ByteSize::new(8 << 10), ..Options::default() });
    target.publish("t", json!(0));
    let mut client = target.connect();
    client.ask("GET", "/topics/t/stream?since=1", &[], b"");
    assert_eq!(client.head().status, 200);
    target.await_links("sse", 1);
    flood(&target, 120);
    let (mut text, mut next, mut gaps) = (String::new(), 2, 0);
    while next <= 121 {
        text += std::str::from_utf8(&client.chunk().unwrap()).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                let id = id.split_once('-').expect("a cursor with its epoch").0;
                if field("event: ") == Some("gap") {
                    let Missed { from, to } = decode_gap(data.as_bytes()).unwrap();
                    assert_eq!((from, to.to_string()), (next, id.to_owned()));
                    (gaps, next) = (gaps + 1, to + 1);
                } else {
                    assert_eq!(id, next.to_string());
                    next += 1;
                }
            }
            text = rest.to_owned();
        }
    }
    assert!(gaps > 0);
}

#[test]
fn a_stream_that_takes_nothing_is_dropped_and_its_place_freed() {
    let options = Options {
        write_timeout: Span::from_ms(200),
        send_buffer: ByteSize::new(8 << 10),
        ..Options::default()
    };
    let target = Target::start(options);
    target.publish("t", json!(0));
    let mut stuck = target.connect();
    stuck.ask("GET", "/topics/t/stream?since=1", &[], b"");
    target.await_links("sse", 1);
    // It holds its connection open, and reads nothing: no FIN will ever tell.
    flood(&target, 120);
    target.await_links("sse", 0);
    drop(stuck);
}

#[test]
fn a_waiting_poll_that_goes_away_is_forgotten_at_once() {
    let target = Target::start(Options::default());
    target.publish("t", json!(0));
    let mut client = target.connect();
    client.ask("GET", "/topics/t/events?since=1&wait=60s", &[], b"");
    target.await_links("long-poll", 1);
    drop(client);
    target.await_links("long-poll", 0);
}

#[test]
fn a_held_poll_waits_for_more_events_if_configured() {
    const COALESCE: Span = Span::from_ms(300);
    let target = Target::start(Options { coalesce: COALESCE, ..Options::default() });
    target.publish("t", json!(0));
    let mut client = target.connect();
    let mut cursor = 1;
    loop {
        client.ask("GET", &format!("/topics/t/events?since={cursor}&wait=60s"), &[], b"");
        target.await_links("long-poll", 1);
        let began = Instant::now();
        target.publish("t", json!(1));
        target.publish("t", json!(2));
        let in_time = began.elapsed() < COALESCE.std();
        let page = client.answer("GET").json();
        if in_time {
            assert_eq!(page["events"].as_array().unwrap().len(), 2, "{page}");
            return;
        }
        // This thread paused between the two: read again, after both.
        cursor += 2;
    }
}

#[test]
fn a_target_that_ends_says_goodbye() {
    let target = Target::start(Options::default());
    target.publish("t", json!(0));
    let mut poll = target.connect();
    poll.ask("GET", "/topics/t/events?since=1&wait=60s", &[], b"");
    let mut stream = target.connect();
    stream.ask("GET", "/topics/t/stream?since=1", &[], b"");
    let mut held = socket(&target, 1);
    for kind in ["long-poll", "sse", "websocket"] {
        target.await_links(kind, 1);
    }
    drop(target);
    let (first, payload) = frame(&mut held).unwrap();
    assert_eq!((first, &payload[..2]), (0x88, &1001u16.to_be_bytes()[..]));
    assert_eq!(poll.answer("GET").status, 204, "nothing came, and the time is up");
    assert_eq!(stream.head().status, 200);
    while let Some(chunk) = stream.chunk() {
        assert!(!chunk.starts_with(b"id"), "only the greeting");
    }
}
