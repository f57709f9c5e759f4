//! Calls over the target's WebSocket, from plain sockets and from another maker's client: what HTTP answers, they answer.

use crate::target_support;

use std::collections::BTreeSet;
use std::io::BufReader;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use target_support::websocket::{self, frame, masked, theirs};
use target_support::{Answer, Client, Target, until};
use tidings::scenario::{Faults, Limits, WebSocketOptions, faults};
use tidings::server::{Options, Waits};
use tidings::unit::Span;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

const JSON: (&str, &str) = ("content-type", "application/json");
const XML: (&str, &str) = ("content-type", "application/xml");
const PATCH: (&str, &str) = ("content-type", "application/merge-patch+json");
/// Most calls that the target has under way for one socket.
const UNDER_WAY_MAX: usize = 64;

fn wrong(settings: &[&str]) -> Options {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    let faults: Faults = faults(&settings).unwrap();
    Options { faults, ..Options::default() }
}

fn open(target: &Target) -> Client {
    open_with(target, &[])
}

/// The same with the first bytes on the socket in one piece with the handshake.
fn open_with(target: &Target, first: &[u8]) -> Client {
    websocket::upgrade_with(target.connect(), "/calls", first)
}

fn call(id: u64, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Value {
    let headers: Value = headers
        .iter()
        .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut call = json!({ "id": id, "method": method, "path": path, "headers": headers });
    if let Some(body) = body {
        call["body"] = body;
    }
    call
}

fn text(value: &Value) -> Vec<u8> {
    masked(0x81, value.to_string().as_bytes())
}

/// The next answer; anything else is none.
fn answer(client: &mut Client) -> Value {
    serde_json::from_slice(&websocket::text(client)).unwrap()
}

fn close_code(client: &mut Client) -> u16 {
    let (first, payload) = frame(client).expect("a close");
    assert_eq!(first, 0x88, "{}", String::from_utf8_lossy(&payload));
    websocket::close_code(&payload)
}

/// One call on its own.
fn ask(client: &mut Client, call: &Value) -> Value {
    client.write(&text(call));
    let answer = answer(client);
    assert_eq!(answer["id"], call["id"]);
    answer
}

/// The same call over HTTP.
fn over_http(target: &Target, call: &Value) -> Answer {
    let headers: Vec<(&str, &str)> = call["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = match call.get("body") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(json) => json.to_string(),
    };
    let (method, path) = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
    target.connect().request(method, path, &headers, body.as_bytes())
}

/// Whether an answer says what HTTP says: status, the headers of this API, and body.
fn is_same(call: &Value, said: &Value, http: &Answer) {
    assert_eq!(said["status"], http.status, "{call} {said}");
    for name in
        ["content-type", "etag", "location", "vary", "link", "allow", "accept", "accept-patch"]
    {
        assert_eq!(said["headers"][name].as_str(), http.header(name), "{name}: {call} {said}");
    }
    match said.get("body") {
        None => assert!(http.body.is_empty(), "{call} {}", http.text()),
        Some(Value::String(text)) => assert_eq!(*text, http.text(), "{call}"),
        Some(value) => assert_eq!(*value, http.json(), "{call}"),
    }
}

#[test]
fn every_operation_is_carried_out_on_the_items_that_http_serves() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    let xml = || Value::from("<item><name>a</name><data><string>&lt;é&gt;</string></data></item>");
    for (media, accept, body) in [
        (JSON, ("accept", "application/json"), json!({ "name": "a", "data": ["é", 1e3, null] })),
        (XML, ("accept", "application/xml"), xml()),
    ] {
        let created = ask(&mut socket, &call(1, "POST", "/items", &[media], Some(body.clone())));
        assert_eq!(created["status"], 201, "{created}");
        let path = created["headers"]["location"].as_str().unwrap().to_owned();
        let read = call(2, "GET", &path, &[accept], None);
        let said = ask(&mut socket, &read);
        is_same(&read, &said, &over_http(&target, &read));
        assert_eq!(
            (&said["body"], &said["headers"]["etag"]),
            (&created["body"], &created["headers"]["etag"])
        );
        assert_eq!(said["body"].is_string(), media == XML, "text that is no JSON is a string");

        let head = ask(&mut socket, &call(3, "HEAD", &path, &[accept], None));
        assert_eq!((&head["headers"], head.get("body")), (&said["headers"], None));
        let tag = said["headers"]["etag"].as_str().unwrap();
        let conditional = [accept, ("if-none-match", tag)];
        let unchanged = ask(&mut socket, &call(4, "GET", &path, &conditional, None));
        assert_eq!((&unchanged["status"], unchanged.get("body")), (&304.into(), None));
        assert_eq!(unchanged["headers"]["etag"], tag);

        let matching = [media, ("if-match", tag)];
        let replaced = ask(&mut socket, &call(5, "PUT", &path, &matching, Some(body)));
        assert_eq!(replaced["status"], 200, "{replaced}");
        assert_ne!(replaced["headers"]["etag"], tag);
        let stale = ask(&mut socket, &call(6, "DELETE", &path, &matching[1..], None));
        assert_eq!(stale["status"], 412, "{stale}");
        assert_eq!(stale["body"]["title"], "Precondition Failed");

        let change = call(7, "PATCH", &path, &[PATCH, accept], Some(json!({ "name": "b" })));
        assert_eq!(ask(&mut socket, &change)["status"], 200);
        assert_eq!(over_http(&target, &call(0, "GET", &path, &[], None)).json()["name"], "b");
        let list = call(8, "GET", "/items?limit=1", &[accept], None);
        let said = ask(&mut socket, &list);
        is_same(&list, &said, &over_http(&target, &list));
        let gone = ask(&mut socket, &call(9, "DELETE", &path, &[], None));
        assert_eq!((&gone["status"], gone.get("body")), (&204.into(), None));
        assert_eq!(over_http(&target, &read).status, 404);
    }
}

#[test]
fn a_call_is_refused_with_the_same_words_as_over_http() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    assert_eq!(
        ask(&mut socket, &call(1, "POST", "/items", &[JSON], Some(json!({}))))["status"],
        201
    );
    let stale = ("if-match", "\"stale\"");
    for (status, method, path, headers, body) in [
        (400, "GET", "/items?cursor=x", vec![], None),
        (400, "PUT", "/items/1", vec![XML], Some(json!("<item"))),
        (404, "GET", "/items/99", vec![], None),
        (404, "GET", "/items/x", vec![], None),
        (405, "BREW", "/items/1", vec![], None),
        (406, "GET", "/items/1", vec![("accept", "image/png")], None),
        (409, "PUT", "/items/1", vec![JSON], Some(json!({ "id": 2 }))),
        (412, "DELETE", "/items/1", vec![stale], None),
        (415, "POST", "/items", vec![], Some(json!({}))),
        (415, "PATCH", "/items/1", vec![XML], Some(json!("<item/>"))),
        (422, "POST", "/items", vec![JSON], Some(json!({ "name": 1 }))),
        (422, "POST", "/items", vec![JSON], Some(json!(null))),
        (422, "POST", "/topics/t/events", vec![JSON], Some(json!({}))),
        (204, "OPTIONS", "/items", vec![], None),
    ] {
        let call = call(7, method, path, &headers, body);
        let (said, http) = (ask(&mut socket, &call), over_http(&target, &call));
        assert_eq!(http.status, status, "{call}");
        is_same(&call, &said, &http);
    }
}

#[test]
fn calls_can_publish_and_other_routes_are_missing() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    for seq in 1..=2 {
        let publish = call(seq, "POST", "/topics/t/events", &[JSON], Some(json!({ "data": seq })));
        let said = ask(&mut socket, &publish);
        assert_eq!((&said["status"], &said["body"]["seq"]), (&201.into(), &seq.into()), "{said}");
    }
    let page = target.get("/topics/t/events?since=0").json();
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    for path in [
        "/",
        "/topics",
        "/healthz",
        "/openapi.json",
        "/webhooks",
        "/echo",
        "/calls",
        "/topics/t/stream",
    ] {
        let said = ask(&mut socket, &call(3, "GET", path, &[], None));
        assert_eq!(said["status"], 404, "{path}: {said}");
        assert_eq!(said["headers"]["content-type"], "application/problem+json", "{path}");
        assert!(said["body"]["detail"].as_str().unwrap().contains("/items"), "{said}");
    }
    let said = ask(&mut socket, &call(4, "GET", "/topics/t/events", &[], None));
    assert_eq!((&said["status"], &said["headers"]["allow"]), (&405.into(), &"POST".into()));
}

#[test]
fn concurrent_calls_are_answered_as_they_complete() {
    // Every second call takes four seconds, and none waits for another.
    let settings =
        ["service=1ms", "distribution=bimodal", "slow=4s", "slow_share=0.5", "servers=unlimited"];
    let target = Target::start(wrong(&settings));
    let mut socket = open(&target);
    let calls = (1..=10).map(|id| call(id, "GET", &format!("/items/{id}"), &[], None));
    let wire: Vec<Vec<u8>> = calls.map(|call| text(&call)).collect();
    socket.write(&wire.concat());
    let answers: Vec<Value> = (0..10).map(|_| answer(&mut socket)).collect();
    let ids: Vec<u64> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    let parity = ids.iter().map(|id| id % 2).collect::<Vec<_>>();
    assert_eq!(parity, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0], "{ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 10, "{ids:?}");
    for answer in &answers {
        let detail = answer["body"]["detail"].as_str().unwrap();
        assert_eq!(detail, format!("no item {}", answer["id"]));
        let timing = answer["headers"]["server-timing"].as_str().unwrap();
        let slow = timing.contains("s;dur=4000.000000");
        assert_eq!(slow, answer["id"].as_u64().unwrap() % 2 == 0, "{timing}");
    }
}

#[test]
fn a_link_reads_nothing_at_its_limit_of_calls() {
    let target = Target::start(wrong(&["service=100ms", "servers=unlimited"]));
    let mut socket = open(&target);
    let wire: Vec<Vec<u8>> =
        (0..100).map(|id| text(&call(id, "GET", "/items/1", &[], None))).collect();
    socket.write(&wire.concat());
    let arrived_ms = |answer: &Value| -> f64 {
        let timing = answer["headers"]["server-timing"].as_str().unwrap();
        timing.rsplit_once("a;dur=").unwrap().1.parse().unwrap()
    };
    let mut arrivals: Vec<f64> = (0..100).map(|_| arrived_ms(&answer(&mut socket))).collect();
    arrivals.sort_by(f64::total_cmp);
    // The first that had to wait for room was taken when an answer was ready, which takes 100 ms.
    assert!(arrivals[UNDER_WAY_MAX] >= arrivals[0] + 100.0, "{arrivals:?}");
}

#[test]
fn too_many_calls_are_refused_with_retry_after() {
    let limits = Limits { requests_per_s: Some(1), connections: None };
    let refused = loop {
        let target = Target::start(Options { limits, ..Options::default() });
        let began = Instant::now();
        // The handshake is a request, too.
        let mut socket = open(&target);
        let answer = ask(&mut socket, &call(1, "GET", "/items", &[], None));
        if answer["status"] == 429 || began.elapsed() < Duration::from_millis(800) {
            break answer;
        }
        // This thread was held up until the next second's request was free.
    };
    assert_eq!(
        (&refused["status"], &refused["headers"]["retry-after"]),
        (&429.into(), &"1".into())
    );
    assert_eq!(refused["body"]["title"], "Too Many Requests");
}

#[test]
fn an_invalid_call_is_refused_and_the_next_is_answered() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    for (message, id) in [
        ("", Value::Null),
        ("no JSON", Value::Null),
        ("[1,\"GET\",\"/items\"]", Value::Null),
        (r#"{"method":"GET","path":"/items"}"#, Value::Null),
        (r#"{"id":{},"method":"GET","path":"/items"}"#, Value::Null),
        (r#"{"id":"x","method":"GET"}"#, "x".into()),
        (r#"{"id":7,"method":"GET","path":"items"}"#, 7.into()),
        (r#"{"id":7,"method":"GET","path":"/items","header":{}}"#, 7.into()),
        (r#"{"id":7,"method":"GET","path":"/items","headers":{"a b":"c"}}"#, 7.into()),
    ] {
        socket.write(&masked(0x81, message.as_bytes()));
        let said = answer(&mut socket);
        assert_eq!((&said["id"], &said["status"]), (&id, &400.into()), "{message}: {said}");
        assert_eq!(said["headers"]["content-type"], "application/problem+json", "{message}");
        assert!(!said["body"]["detail"].as_str().unwrap().is_empty(), "{message}: {said}");
    }
    assert_eq!(ask(&mut socket, &call(8, "GET", "/items", &[], None))["status"], 200);
}

#[test]
fn a_protocol_violation_closes_after_earlier_calls_are_answered() {
    let target = Target::start(Options::default());
    for (what, bytes, code) in [
        ("an unmasked frame", b"\x81\x02{}".to_vec(), 1002),
        ("a bit that nobody agreed on", masked(0xc1, b"{}"), 1002),
        ("a continuation of nothing", masked(0x80, b"{}"), 1002),
        ("text that is no UTF-8", masked(0x81, b"{\"id\":\"\xff\"}"), 1007),
        ("a binary message", masked(0x82, b"{}"), 1003),
        ("a length announced and too long", b"\x81\xff\0\0\0\0\0\x10\0\x01\0\0\0\0".to_vec(), 1009),
        (
            "fragments that are too long together",
            [masked(0x01, &b" ".repeat(600_000)), masked(0x80, &b" ".repeat(600_000))].concat(),
            1009,
        ),
    ] {
        let mut socket = open(&target);
        let before = text(&call(5, "GET", "/items/5", &[], None));
        socket.write(&[before, bytes].concat());
        assert_eq!(answer(&mut socket)["id"], 5, "{what}");
        assert_eq!(close_code(&mut socket), code, "{what}");
        assert_eq!(frame(&mut socket), None, "{what}: nothing after a close");
    }
    target.await_links("websocket", 0);
}

#[test]
fn fragments_form_a_call_despite_control_frames_between_them() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    // As long as a message may be.
    let call = call(1, "POST", "/items", &[JSON], Some(json!({ "name": "é".repeat(500_000) })))
        .to_string();
    let message = format!("{call}{}", " ".repeat((1 << 20) - call.len()));
    let (a, b) = message.as_bytes().split_at(300_001);
    socket.write(
        &[masked(0x01, a), masked(0x89, b"now"), masked(0x00, b""), masked(0x80, b)].concat(),
    );
    assert_eq!(frame(&mut socket), Some((0x8a, b"now".to_vec())));
    assert_eq!(answer(&mut socket)["status"], 201);
}

#[test]
fn a_client_that_reads_no_answers_is_not_read_and_misses_none() {
    let target = Target::start(Options::default());
    let mut socket = open(&target);
    // Ten times what the buffers of both kernels, and the target's own, hold of answers.
    let calls = 20_000;
    let stream = socket.reader.get_ref().try_clone().unwrap();
    let mut writer = Client { reader: BufReader::new(stream) };
    let writing = std::thread::spawn(move || {
        for id in 1..=calls {
            let publish = json!({ "data": null });
            writer.write(&text(&call(id, "POST", "/topics/news-0/events", &[JSON], Some(publish))));
        }
    });
    let newest = || target.get("/topics").json()["topics"][0]["newest"].as_u64().unwrap();
    // Nothing moves any more: this many round trips of another client take long enough to tell.
    let (mut before, mut still) = (0, 0);
    while still < 100 {
        let now = newest();
        still = if now > 0 && now == before { still + 1 } else { 0 };
        before = now;
    }
    assert!(before < calls, "all is carried out, and no answer was taken");
    let seqs: BTreeSet<u64> =
        (0..calls).map(|_| answer(&mut socket)["body"]["seq"].as_u64().unwrap()).collect();
    assert_eq!((seqs.len() as u64, newest()), (calls, calls));
    writing.join().unwrap();
}

#[test]
fn another_makers_client_calls_and_is_answered_before_its_close() {
    let target = Target::start(wrong(&["delay=50ms"]));
    let mut socket = theirs(&target, "/calls");
    for id in 1..=3 {
        let publish = call(id, "POST", "/topics/t/events", &[JSON], Some(json!({ "data": id })));
        socket.write(Message::text(publish.to_string())).unwrap();
    }
    socket.write(Message::Ping(vec![1].into())).unwrap();
    // In one write, so that the ping arrives with the calls even if this thread pauses.
    socket.flush().unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(vec![1].into()), "no call holds it up");
    let bye = CloseFrame { code: CloseCode::Library(4000), reason: "bye".into() };
    socket.close(Some(bye)).unwrap();
    for id in 1..=3 {
        let Message::Text(said) = socket.read().unwrap() else { panic!("no answer") };
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&said["id"], &said["body"]["seq"]), (&id.into(), &id.into()), "{said}");
    }
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
    assert_eq!(close.code, CloseCode::Library(4000));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
    target.await_links("websocket", 0);
}

#[test]
fn a_target_that_ends_answers_pending_calls_and_closes() {
    let target = Target::start(wrong(&["delay=100ms"]));
    let (mut idle, mut busy) = (open(&target), open(&target));
    let publish = call(1, "POST", "/topics/news-0/events", &[JSON], Some(json!({ "data": 1 })));
    busy.write(&text(&publish));
    // Of what is asked there, nothing is late.
    until("the call has come", || target.get("/topics").json()["topics"][0]["newest"] == 1);
    let stopping = std::thread::spawn(|| target.stop());
    assert_eq!(answer(&mut busy)["body"]["seq"], 1);
    for socket in [&mut busy, &mut idle] {
        assert_eq!(close_code(socket), 1001);
        assert_eq!(frame(socket), None);
    }
    stopping.join().unwrap();
}

#[test]
fn a_silent_caller_is_pinged_and_dropped_and_one_that_is_served_is_not() {
    let pinging = |pong_timeout| WebSocketOptions {
        ping: Span::from_ms(20),
        pong_timeout,
        ..Options::default().websocket
    };
    let target =
        Target::start(Options { websocket: pinging(Span::from_secs(10)), ..Options::default() });
    let mut lively = open(&target);
    for _ in 0..3 {
        // The next one comes only where the pong was taken.
        assert_eq!(frame(&mut lively), Some((0x89, vec![])));
        lively.write(&masked(0x8a, b""));
    }

    // Its calls take longer than its pong may.
    let options = wrong(&["service=500ms", "servers=unlimited"]);
    let target = Target::start(Options { websocket: pinging(Span::from_ms(100)), ..options });
    let mut silent = open(&target);
    assert_eq!(frame(&mut silent), Some((0x89, vec![])));
    assert_eq!(frame(&mut silent), None, "silence does not keep it");

    // Full from the start, so that nothing depends on how soon this thread answers a ping.
    let calls = (0..UNDER_WAY_MAX as u64).map(|id| text(&call(id, "GET", "/items/1", &[], None)));
    let mut full = open_with(&target, &calls.collect::<Vec<_>>().concat());
    let mut answers = 0;
    while answers < UNDER_WAY_MAX {
        match frame(&mut full).expect("it is not dropped: its pong is not looked for") {
            (0x89, _) => full.write(&masked(0x8a, b"")),
            (first, _) => {
                assert_eq!(first, 0x81);
                answers += 1;
            }
        }
    }
    drop(full);
    target.await_links("websocket", 0);
}

#[test]
fn a_message_that_does_not_end_closes_the_link() {
    let waits = Waits { body: Span::from_ms(50), ..Waits::default() };
    let (ping, pong_timeout) = (Span::from_ms(100), Span::from_secs(5));
    let websocket = WebSocketOptions { ping, pong_timeout, ..WebSocketOptions::default() };
    let target = Target::start(Options { waits, websocket, ..Options::default() });
    let mut client = open(&target);
    client.write(&masked(0x01, b"{"));
    // Pings are answered, so silence is not what ends it.
    let closed = loop {
        let (first, payload) = frame(&mut client).expect("a close");
        match first {
            0x89 => client.write(&masked(0x8a, &payload)),
            first => break (first, websocket::close_code(&payload)),
        }
    };
    assert_eq!(closed, (0x88, 1008));
}

#[test]
fn a_socket_is_a_connection_to_the_limit_of_connections() {
    let limits = Limits { connections: Some(2), ..Limits::default() };
    let target = Target::start(Options { limits, ..Options::default() });
    let sockets = [open(&target), open(&target)];
    assert_eq!(target.connect().send("GET", "/items", None).status, 503);
    drop(sockets);
    until("places are free", || target.connect().send("GET", "/items", None).status == 200);
}
