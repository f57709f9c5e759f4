//! Standard clients that reconnect by themselves: with a cursor that another target, or another life of the log, may have
//! issued.

use crate::{support, target_support};

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use target_support::websocket::{self, HANDSHAKE, frame, masked};
use target_support::{Answer, Client, Hook, Target, acknowledge};
use tidings::event::{Cursor, Epoch};
use tidings::scenario::{Limits, SlowConsumer, WebSocketOptions};
use tidings::server::Options;
use tidings::unit::Span;

/// A target with `events` events in topic `t`, in a life that is known.
fn target(life: u64, events: u64) -> Target {
    let target = Target::start_life(Options::default(), Some(Epoch::of(life)));
    for event in 1..=events {
        assert_eq!(target.publish("t", json!(event)), event);
    }
    target
}

/// The notice before the first event, and the sequences that a reader gets.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Events, from the next one on.
    Events(Vec<u64>),
    /// A reset, and the log from its oldest event on.
    Reset(Vec<u64>),
    /// A status that ends it.
    Refused(u16),
}

/// The events of a stream as (id, event, data), `count` of them.
fn messages(client: &mut Client, count: usize) -> Vec<(String, String, Value)> {
    let (mut text, mut messages) = (String::new(), Vec::new());
    while messages.len() < count {
        text += std::str::from_utf8(&client.chunk().expect("more")).unwrap();
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = field("data: ") {
                let text = |name| field(name).unwrap_or_default().to_owned();
                messages.push((text("id: "), text("event: "), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    messages
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap()
}

/// Opens a stream of a target with three events, and reads what must come.
fn sse(target: &Target, query: &str, last_id: Option<&[u8]>, expected: &Outcome) -> Outcome {
    let mut client = target.connect();
    let head = format!("GET /topics/t/stream{query} HTTP/1.1\r\nhost: t\r\n");
    let id = last_id.map(|id| [b"last-event-id: ", id, b"\r\n"].concat()).unwrap_or_default();
    client.write(&[head.as_bytes(), &id, b"\r\n"].concat());
    let head = client.head();
    if head.status != 200 {
        return Outcome::Refused(head.status);
    }
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let events = match expected {
        Outcome::Events(events) => events.len(),
        Outcome::Reset(events) => events.len() + 1,
        Outcome::Refused(_) => 1,
    };
    let mut messages = messages(&mut client, events);
    let is_reset = messages.first().is_some_and(|(_, event, _)| event == "reset");
    if is_reset {
        let (id, _, data) = messages.remove(0);
        assert_eq!(data["reset"]["next"], id, "{data}");
        assert_eq!(data["reset"]["oldest"], 1, "{data}");
    }
    let seqs: Vec<u64> = messages
        .iter()
        .map(|(id, event, data)| {
            assert_eq!(event, "news");
            assert_eq!(id.parse::<Cursor>().unwrap().seq, seq(data));
            seq(data)
        })
        .collect();
    if is_reset { Outcome::Reset(seqs) } else { Outcome::Events(seqs) }
}

fn open(target: &Target, query: &str) -> Result<(Client, Answer), u16> {
    let mut client = target.connect();
    client.ask("GET", &format!("/topics/t/ws{query}"), &HANDSHAKE, b"");
    let head = client.head();
    if head.status == 101 { Ok((client, head)) } else { Err(head.status) }
}

fn text(client: &mut Client) -> Value {
    serde_json::from_slice(&websocket::text(client)).unwrap()
}

fn websocket(target: &Target, query: &str, expected: &Outcome) -> Outcome {
    let (mut client, _) = match open(target, query) {
        Ok(opened) => opened,
        Err(status) => return Outcome::Refused(status),
    };
    let mut seqs = Vec::new();
    let mut is_reset = false;
    let (Outcome::Events(events) | Outcome::Reset(events)) = expected else {
        return Outcome::Events(vec![]);
    };
    while seqs.len() < events.len() || (matches!(expected, Outcome::Reset(_)) && !is_reset) {
        let message = text(&mut client);
        if message["reset"]["oldest"] == 1 {
            assert!(seqs.is_empty(), "before everything else");
            is_reset = true;
        } else {
            seqs.push(seq(&message));
        }
    }
    if is_reset { Outcome::Reset(seqs) } else { Outcome::Events(seqs) }
}

/// A page, and after a 410 the page that its fresh cursor leads to.
fn poll(target: &Target, query: &str) -> Outcome {
    let answer = target.get(&format!("/topics/t/events{query}"));
    let seqs = |page: &Value| page["events"].as_array().unwrap().iter().map(seq).collect();
    match answer.status {
        200 => Outcome::Events(seqs(&answer.json())),
        204 => Outcome::Events(vec![]),
        410 => {
            let gone = answer.json();
            assert_eq!((&gone["reset"], &gone["oldest"]), (&json!(true), &json!(1)), "{gone}");
            let next = gone["next"].as_str().unwrap();
            let again = target.get(&format!("/topics/t/events?since={next}"));
            assert_eq!(again.status, 200);
            Outcome::Reset(seqs(&again.json()))
        }
        other => Outcome::Refused(other),
    }
}

#[test]
fn every_cursor_gets_an_answer_to_continue_from_in_every_pattern() {
    let target = target(1, 3);
    let (ours, theirs) = (Epoch::of(1), Epoch::of(2));
    let (events, reset) = (Outcome::Events, || Outcome::Reset(vec![1, 2, 3]));
    let cases = [
        ("0".to_owned(), events(vec![1, 2, 3])),
        ("2".to_owned(), events(vec![3])),
        (format!("0-{ours}"), events(vec![1, 2, 3])),
        (format!("2-{ours}"), events(vec![3])),
        ("9".to_owned(), reset()),
        ("99999999999999999999999".to_owned(), reset()),
        (format!("9-{ours}"), reset()),
        (format!("0-{theirs}"), reset()),
        (format!("2-{theirs}"), reset()),
        (format!("9-{theirs}"), reset()),
    ];
    for (cursor, expected) in &cases {
        let query = format!("?since={cursor}");
        assert_eq!(sse(&target, &query, None, expected), *expected, "sse {cursor}");
        let header = sse(&target, "?since=1", Some(cursor.as_bytes()), expected);
        assert_eq!(header, *expected, "Last-Event-ID {cursor}");
        assert_eq!(websocket(&target, &query, expected), *expected, "websocket {cursor}");
        assert_eq!(poll(&target, &query), *expected, "short poll {cursor}");
        assert_eq!(poll(&target, &format!("{query}&wait=20s")), *expected, "long poll {cursor}");
    }
    // What a browser keeps of another server's stream it sends back for ever.
    for id in [&b"x"[..], b"-1", b"2-", b"2-short", b"event 7", b"\xff\xfe", b"{\"a\":1}"] {
        assert_eq!(sse(&target, "", Some(id), &reset()), reset(), "{id:?}");
    }
    // No id is none.
    let live = sse(&target, "?since=2", Some(b""), &events(vec![3]));
    assert_eq!(live, events(vec![3]));
    // A mistyped query is refused, for a person to correct.
    for query in ["?since=x", "?since=-1", "?since=2-short", "?since="] {
        let refused = Outcome::Refused(400);
        assert_eq!(sse(&target, query, None, &refused), refused, "{query}");
        assert_eq!(websocket(&target, query, &refused), refused, "{query}");
        assert_eq!(poll(&target, query), refused, "{query}");
    }
}

#[test]
fn a_client_that_returns_before_the_first_event_is_admitted() {
    let old = format!("7-{}", Epoch::of(2));
    for pattern in ["sse", "websocket", "poll"] {
        // Topic t is not there: it was made over the API, in another life.
        let target = target(1, 0);
        assert_eq!(target.get("/topics/t/events?since=7").status, 404, "a number says nothing");
        assert_eq!(target.get("/topics/t/stream").status, 404);
        match pattern {
            "sse" => {
                let mut client = target.connect();
                client.ask("GET", "/topics/t/stream", &[("last-event-id", &old)], b"");
                assert_eq!(client.head().status, 200);
                assert_eq!(messages(&mut client, 1)[0].1, "reset");
                target.publish("t", json!("first"));
                assert_eq!(seq(&messages(&mut client, 1)[0].2), 1);
            }
            "websocket" => {
                let (mut client, _) = open(&target, &format!("?since={old}")).unwrap();
                assert_eq!(text(&mut client)["reset"]["oldest"], 1);
                target.publish("t", json!("first"));
                assert_eq!(seq(&text(&mut client)), 1);
            }
            _ => {
                let gone = target.get(&format!("/topics/t/events?since={old}"));
                assert_eq!((gone.status, &gone.json()["reset"]), (410, &json!(true)));
                let mut client = target.connect();
                let next = gone.json()["next"].as_str().unwrap().to_owned();
                let path = format!("/topics/t/events?since={next}&wait=20s");
                client.ask("GET", &path, &[], b"");
                target.await_links("long-poll", 1);
                target.publish("t", json!("first"));
                assert_eq!(client.answer("GET").json()["events"].as_array().unwrap().len(), 1);
            }
        }
        // A name that no topic may have makes none.
        let mut client = target.connect();
        client.ask("GET", "/topics/a%20b/stream", &[("last-event-id", &old)], b"");
        assert_eq!(client.head().status, 404);
    }
}

#[test]
fn a_stream_states_its_position_before_the_first_event() {
    let target = target(1, 2);
    let life = Epoch::of(1);
    let mut client = target.connect();
    client.ask("GET", "/topics/t/stream", &[], b"");
    assert_eq!(client.head().status, 200);
    let greeting = String::from_utf8(client.chunk().unwrap()).unwrap();
    assert!(greeting.ends_with(&format!("\nid: 2-{life}\n\n")), "{greeting}");
    let (mut client, head) = open(&target, "?hello=1").unwrap();
    assert_eq!(text(&mut client), json!({ "hello": { "next": format!("2-{life}") } }));
    assert_eq!(head.header("tidings-epoch"), Some(life.to_string().as_str()));
    let (mut client, _) = open(&target, "?since=1").unwrap();
    assert_eq!(seq(&text(&mut client)), 2, "who does not ask for it gets no hello");
    let topics = target.get("/topics").json();
    assert_eq!(topics["topics"][1]["next"], format!("2-{life}"));
    let page = target.get("/topics/t/events?since=0&limit=1").json();
    assert_eq!(page["next"], format!("1-{life}"));
}

#[test]
fn a_life_is_one_process_or_one_store() {
    let next = |target: &Target| {
        target.publish("t", json!(1));
        let topics = target.get("/topics").json();
        let topics = topics["topics"].as_array().unwrap();
        let topic = topics.iter().find(|topic| topic["topic"] == "t").unwrap();
        topic["next"].as_str().unwrap().parse::<Cursor>().unwrap()
    };
    let memory = [(); 2].map(|()| next(&Target::start(Options::default())));
    assert_ne!(memory[0].epoch, memory[1].epoch);
    assert_eq!((memory[0].seq, memory[1].seq), (1, 1));
    let folder = tempfile::tempdir().unwrap();
    let first = Target::start_in(Options::default(), Some(folder.path()));
    let before = next(&first);
    first.stop();
    let second = Target::start_in(Options::default(), Some(folder.path()));
    assert_eq!(second.get(&format!("/topics/t/events?since={before}")).status, 200);
    let after = next(&second);
    assert_eq!((after.epoch, after.seq), (before.epoch, 2));
    second.stop();
    let other = tempfile::tempdir().unwrap();
    let third = Target::start_in(Options::default(), Some(other.path()));
    assert_ne!(next(&third).epoch, before.epoch);
}

#[test]
fn a_deduplicating_receiver_accepts_events_of_every_life() {
    let hook = Hook::start(acknowledge);
    let delivered = |life: u64| {
        let options = Options { allow_private_webhooks: true, ..Options::default() };
        let target = Target::start_life(options, Some(Epoch::of(life)));
        target.publish("t", json!(0));
        let registration = json!({ "url": hook.url(), "topics": ["t"] });
        assert_eq!(target.send("POST", "/webhooks", Some(registration)).status, 201);
        target.publish("t", json!(life));
        hook.next().header("webhook-id").unwrap().to_owned()
    };
    let ids = [1, 2, 1].map(delivered);
    assert_eq!(ids[0], format!("msg_t_2_{}", Epoch::of(1)));
    assert_ne!(ids[0], ids[1], "another event of the same sequence");
    assert_eq!(ids[0], ids[2], "the same log, gone on with");
}

#[test]
fn a_registration_after_a_cursor_of_another_life_is_given_a_fresh_one() {
    let hook = Hook::start(acknowledge);
    let options = Options { allow_private_webhooks: true, ..Options::default() };
    let target = Target::start_life(options, Some(Epoch::of(1)));
    target.publish("t", json!(1));
    let register = |since: Value| {
        let registration = json!({ "url": hook.url(), "topics": ["t"], "since": since });
        target.send("POST", "/webhooks", Some(registration))
    };
    for stale in [json!(9), json!(format!("1-{}", Epoch::of(2)))] {
        let answer = register(stale);
        assert_eq!((answer.status, &answer.json()["reset"]), (410, &json!(true)));
        assert_eq!(register(answer.json()["next"].clone()).status, 201);
        assert_eq!(seq(&hook.next().json()), 1);
    }
    assert_eq!(register(json!(0)).status, 201);
    assert_eq!(register(json!("x")).status, 422);
}

#[test]
fn an_event_source_above_the_limit_gets_a_reconnect_delay_instead_of_a_refusal() {
    let events = [("accept", "text/event-stream")];
    let limits = Limits { requests_per_s: Some(1), connections: None };
    let crowded = Limits { requests_per_s: None, connections: Some(1) };
    for (limits, refusal) in [(limits, 429), (crowded, 503)] {
        let target = Target::start(Options { limits, ..Options::default() });
        // The first uses up what there is, and stays.
        let mut first = target.connect();
        first.ask("GET", "/topics/news-0/stream", &events, b"");
        assert_eq!(first.head().status, 200);
        // Libraries that emulate a browser's EventSource send further types in Accept.
        for accept in ["text/event-stream", "text/event-stream, */*;q=0.1"] {
            let mut second = target.connect();
            let headers = [("accept", accept)];
            let turned = second.request("GET", "/topics/news-0/stream", &headers, b"");
            assert_eq!(
                (turned.status, turned.header("content-type")),
                (200, Some("text/event-stream")),
                "{accept}"
            );
            assert_eq!(
                (turned.text().as_str(), turned.header("retry-after")),
                ("retry: 1000\n: come again\n\n", Some("1"))
            );
        }
        let mut third = target.connect();
        let refused = third.request("GET", "/topics/news-0/stream", &[], b"");
        assert_eq!((refused.status, refused.header("retry-after")), (refusal, Some("1")));
    }
}

fn quick_pings(slow_consumer: SlowConsumer, pong_ms: u64) -> Options {
    let (ping, pong_timeout) = (Span::from_ms(100), Span::from_ms(pong_ms));
    let queue = Some(10);
    let websocket = WebSocketOptions { ping, pong_timeout, slow_consumer, queue };
    Options { websocket, send_buffer: tidings::unit::ByteSize::new(4096), ..Options::default() }
}

/// Reads slowly, one kibibyte per `pause`, and answers pings when it reads them. Returns (events, pings).
fn read_slowly(client: &mut Client, pause: Duration, pings_wanted: usize) -> (usize, usize) {
    let (mut events, mut pings) = (0, 0);
    while pings < pings_wanted {
        let (first, payload) = frame(client).expect("it is not closed");
        match first {
            0x89 => {
                pings += 1;
                client.write(&masked(0x8a, &payload));
            }
            0x81 => {
                events += 1;
                std::thread::sleep(pause * (payload.len() as u32 / 1024 + 1));
            }
            other => panic!("{other:#x} {}", String::from_utf8_lossy(&payload)),
        }
    }
    (events, pings)
}

/// Ends who publishes, also where a test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_client_that_reads_is_not_cut_by_the_pong_deadline() {
    for policy in [SlowConsumer::DropOldest, SlowConsumer::Conflate] {
        // A ping waits behind seconds of data in the kernels' buffers; the deadline is far shorter.
        let target = Target::start(quick_pings(policy, 500));
        target.publish("t", json!(0));
        let (mut client, _) = open(&target, "").unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut publisher = target.connect();
                let event = json!({ "data": "x".repeat(8 << 10) });
                while !stop.load(Ordering::Relaxed) {
                    let answer = publisher.send("POST", "/topics/t/events", Some(event.clone()));
                    assert_eq!(answer.status, 201);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let _stop = StopOnDrop(&stop);
            let (events, pings) = read_slowly(&mut client, Duration::from_millis(16), 2);
            assert!(events > 3 && pings == 2, "{events} events, {pings} pings");
        });
        assert_eq!(target.links("websocket"), 1, "{policy:?}");
    }
}

#[test]
fn a_client_that_takes_nothing_more_is_found_by_its_silence() {
    // It neither answers nor reads: at first there is room for everything that is sent, later there is none.
    for flood in [false, true] {
        let options = Options {
            write_timeout: Span::from_secs(1),
            ..quick_pings(SlowConsumer::DropOldest, 300)
        };
        let target = Target::start(options);
        target.publish("t", json!(0));
        let _client = open(&target, "").unwrap();
        target.await_links("websocket", 1);
        for _ in 0..if flood { 300 } else { 3 } {
            target.publish("t", json!("x".repeat(16 << 10)));
        }
        target.await_links("websocket", 0);
    }
}

#[test]
fn in_a_run_slow_clients_stay_under_a_policy_that_leaves_out() {
    // Ten of twenty read 16 KiB each 0.8 s, which is 20 KB/s, behind buffers that take them more than `pong_timeout`.
    let policy = r#"
[websocket]
ping = "1s"
pong_timeout = "3s"
slow_consumer = "drop-oldest"
queue = 50
[consumers]
slow_share = 0.5
pause = "800ms"
receive_buffer = "16KiB"
"#;
    let load = "rate = \"40/s\"\npayload = \"16KiB\"";
    let text = support::scenario(&["websocket"], 1, "10s", "target = { send_buffer = \"64KiB\" }");
    let bench = support::Bench::new(&(text.replace("rate = \"20/s\"", load) + policy));
    let output = bench.run(&[]);
    // On a busy machine latencies may be declared invalid; the ledger is right all the same.
    assert!(
        [Some(0), Some(3)].contains(&output.status.code()),
        "{}",
        support::text(&output.stderr)
    );
    let [row] = &bench.trials()[..] else { panic!("one trial") };
    let number = |key| support::number(row, key);
    assert!(number("skipped") > 0.0 && number("slow_actions") > 0.0, "the policy acts: {row:?}");
    for key in ["reconnects", "errors", "duplicate"] {
        assert!(number(key) < 1.0, "{key}: {row:?}");
    }
}
