//! Event streams and web sockets over real sockets.

use crate::target_support;

use serde_json::json;
use target_support::websocket::{
    HANDSHAKE, close_code, frame, masked, text, upgrade, upgrade_with,
};
use target_support::{Client, Target};
use tidings::event::decode_head;
use tidings::scenario::{SseOptions, WebSocketOptions};
use tidings::server::Options;
use tidings::unit::Span;

/// Opens a stream and reads its head and greeting.
fn stream(target: &Target, query: &str, headers: &[(&str, &str)]) -> Client {
    let mut client = target.connect();
    client.ask("GET", &format!("/topics/t/stream{query}"), headers, b"");
    let head = client.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let greeting = String::from_utf8(client.chunk().unwrap()).unwrap();
    assert!(greeting.starts_with("retry: 1000\n: "), "{greeting}");
    client
}

/// The next dispatched events of a stream, as (id, event, data), at least `count` of them.
fn news(client: &mut Client, count: usize) -> Vec<(String, String, String)> {
    let mut text = String::new();
    let mut events = Vec::new();
    while events.len() < count {
        text += std::str::from_utf8(&client.chunk().expect("more")).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                event.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().to_owned()
            };
            if event.contains("data: ") {
                // The sequence of a cursor; its epoch is the business of `lives`.
                let id = field("id: ").split_once('-').expect("an epoch").0.to_owned();
                events.push((id, field("event: "), field("data: ")));
            }
            text = rest.to_owned();
        }
    }
    events
}

#[test]
fn a_stream_begins_at_once_and_carries_what_is_published() {
    let target = Target::start(Options::default());
    target.publish("t", json!("before"));
    let mut live = stream(&target, "", &[]);
    target.await_links("sse", 1);
    target.publish("t", json!("now"));
    let (id, event, data) = news(&mut live, 1).remove(0);
    assert_eq!((id.as_str(), event.as_str()), ("2", "news"));
    let page = target.get("/topics/t/events?since=1").text();
    assert!(page.contains(&format!("[{data}]")), "the bytes are the same in every pattern");
    drop(live);
    target.await_links("sse", 0);
}

#[test]
fn a_stream_resumes_after_the_last_event_that_was_seen() {
    let target = Target::start(Options::default());
    for i in 1..=5 {
        target.publish("t", json!(i));
    }
    let ids = |mut client: Client, count| -> Vec<String> {
        news(&mut client, count).into_iter().map(|(id, ..)| id).collect()
    };
    assert_eq!(ids(stream(&target, "?since=3", &[]), 2), ["4", "5"]);
    assert_eq!(ids(stream(&target, "", &[("last-event-id", "2")]), 3), ["3", "4", "5"]);
    let both = stream(&target, "?since=0", &[("last-event-id", "4")]);
    assert_eq!(ids(both, 1), ["5"], "the header wins over the URL of the first request");
    let mut client = target.connect();
    assert_eq!(client.request("GET", "/topics/t/stream?since=x", &[], b"").status, 400);
    assert_eq!(target.get("/topics/none/stream").status, 404);
    assert_eq!(target.send("POST", "/topics/t/stream", None).status, 405);
}

#[test]
fn a_stream_that_fell_off_the_ring_gets_a_gap_and_ends() {
    let target = Target::start(Options { ring: 2, ..Options::default() });
    for i in 0..10 {
        target.publish("t", json!(i));
    }
    let mut client = stream(&target, "?since=3", &[]);
    let gap = news(&mut client, 1).remove(0);
    assert_eq!(gap, ("8".to_owned(), "gap".to_owned(), "{\"oldest\":9}".to_owned()));
    assert_eq!(client.chunk(), None, "the stream ends");
    // What an EventSource does then: it comes back with the id of the gap.
    let mut again = stream(&target, "?since=3", &[("last-event-id", "8")]);
    assert_eq!(news(&mut again, 2)[0].0, "9");
}

#[test]
fn a_quiet_stream_has_heartbeats() {
    let heartbeat = SseOptions { heartbeat: Span::from_ms(20), ..SseOptions::default() };
    let target = Target::start(Options { sse: heartbeat, ..Options::default() });
    target.publish("t", json!(1));
    let mut client = stream(&target, "", &[]);
    assert_eq!(client.chunk().unwrap(), b":\n\n");
    assert_eq!(client.chunk().unwrap(), b":\n\n");
}

fn open(target: &Target, query: &str) -> Client {
    upgrade(target.connect(), &format!("/topics/t/ws{query}"))
}

#[test]
fn a_handshake_is_proved_or_refused() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    open(&target, "");
    let plain = target.get("/topics/t/ws");
    assert_eq!((plain.status, plain.header("sec-websocket-version")), (426, Some("13")));
    for (path, headers) in [("/topics/t/ws", &HANDSHAKE[..3]), ("/topics/t/ws?since=x", &HANDSHAKE)]
    {
        assert_eq!(target.connect().request("GET", path, headers, b"").status, 400, "{path}");
    }
    assert_eq!(target.get("/topics/none/ws").status, 404);
}

#[test]
fn events_come_as_one_text_frame_each_of_any_size() {
    let target = Target::start(Options::default());
    let sizes = [2, 100, 1000, 70_000, 300_000];
    for size in sizes {
        target.publish("t", json!("x".repeat(size)));
    }
    let mut past = open(&target, "?since=0");
    let mut live = open(&target, "");
    target.await_links("websocket", 2);
    target.publish("t", json!("live"));
    let page = target.get("/topics/t/events").text();
    for seq in 1..=6 {
        let payload = text(&mut past);
        assert_eq!(decode_head(&payload).unwrap().seq, seq);
        assert!(page.contains(std::str::from_utf8(&payload).unwrap()), "the same bytes as a poll");
    }
    assert_eq!(decode_head(&frame(&mut live).unwrap().1).unwrap().seq, 6);
}

#[test]
fn pings_are_answered_and_a_close_is_echoed() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let mut client = open(&target, "");
    client.write(&masked(0x89, b"are you there"));
    assert_eq!(frame(&mut client).unwrap(), (0x8a, b"are you there".to_vec()));
    client.write(&masked(0x81, b"this is no post"));
    assert!(text(&mut client).starts_with(b"{\"refused\":{\"status\":400,"));
    client.write(&masked(0x88, &[0x03, 0xe8, b'b', b'y', b'e']));
    assert_eq!(frame(&mut client).unwrap(), (0x88, vec![0x03, 0xe8]));
    assert_eq!(frame(&mut client), None, "the server closes the connection");
    target.await_links("websocket", 0);
}

#[test]
fn frames_that_came_with_the_handshake_are_read() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let early = masked(0x89, b"early");
    let mut client = upgrade_with(target.connect(), "/topics/t/ws", &early);
    assert_eq!(frame(&mut client).unwrap(), (0x8a, b"early".to_vec()));
}

#[test]
fn a_protocol_violation_closes_the_link_with_its_code() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let long = [&[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1][..], &[0; 4]].concat();
    for (what, bytes, code) in [
        ("an unmasked frame", b"\x81\x02hi".to_vec(), 1002),
        ("text that is no text", masked(0x81, b"\xff\xfe"), 1007),
        ("a message over 1 MiB", long, 1009),
        ("a reserved opcode", masked(0x83, b""), 1002),
    ] {
        let mut client = open(&target, "");
        client.write(&bytes);
        let (first, payload) = frame(&mut client).unwrap();
        assert_eq!((first, close_code(&payload)), (0x88, code), "{what}");
    }
    target.await_links("websocket", 0);
}

#[test]
fn a_client_that_fell_off_the_ring_is_closed_with_1013() {
    let target = Target::start(Options { ring: 2, ..Options::default() });
    for i in 0..5 {
        target.publish("t", json!(i));
    }
    let mut client = open(&target, "?since=0");
    let (first, payload) = frame(&mut client).unwrap();
    assert_eq!((first, close_code(&payload)), (0x88, 1013));
    assert!(
        String::from_utf8_lossy(&payload).contains("since=3-"),
        "{}",
        String::from_utf8_lossy(&payload)
    );
    let mut again = open(&target, "?since=3");
    assert_eq!(decode_head(&frame(&mut again).unwrap().1).unwrap().seq, 4);
}

#[test]
fn a_slow_client_gets_whole_frames_and_then_a_close() {
    let target = Target::start(Options { ring: 20, ..Options::default() });
    target.publish("t", json!(0));
    let mut client = open(&target, "");
    target.await_links("websocket", 1);
    // Far more than the kernel's buffers hold, while the client does not read.
    for _ in 0..200 {
        target.publish("t", json!("x".repeat(200_000)));
    }
    let mut last = 1;
    loop {
        let (first, payload) = frame(&mut client).expect("a close before the end");
        if first == 0x88 {
            assert_eq!(close_code(&payload), 1013);
            break;
        }
        let seq = decode_head(&payload).unwrap().seq;
        assert_eq!(seq, last + 1, "no event is left out silently");
        last = seq;
    }
    assert!(last < 200, "the ring was too small for so slow a client");
}

#[test]
fn a_client_that_does_not_answer_a_ping_is_dropped() {
    let target = |pong_timeout| {
        let ping = Span::from_ms(20);
        let websocket = WebSocketOptions { ping, pong_timeout, ..WebSocketOptions::default() };
        let target = Target::start(Options { websocket, ..Options::default() });
        target.publish("t", json!(1));
        target
    };
    let patient = target(Span::from_secs(10));
    let mut lively = open(&patient, "");
    for _ in 0..5 {
        // The next one comes only where the pong was taken.
        assert_eq!(frame(&mut lively).unwrap(), (0x89, vec![]));
        lively.write(&masked(0x8a, b""));
    }
    let target = target(Span::from_ms(200));
    let mut silent = open(&target, "");
    assert_eq!(frame(&mut silent).unwrap(), (0x89, vec![]));
    assert_eq!(frame(&mut silent), None, "closed without an answer");
}
