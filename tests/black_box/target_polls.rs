//! Publishing, short polls and long polls over real sockets.

use crate::target_support;

use serde_json::{Value, json};
use target_support::Target;
use tidings::event::{Cursor, Event, decode_head};
use tidings::server::Options;

fn seqs(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect()
}

/// The sequence that a page leads to.
fn place(page: &Value) -> Option<u64> {
    Some(page["next"].as_str()?.parse::<Cursor>().ok()?.seq)
}

#[test]
fn a_cursor_is_answered_alike_however_often_it_is_sent() {
    let target = Target::start(Options::default());
    for i in 1..=7 {
        assert_eq!(target.publish("t", json!({ "i": i })), i);
    }
    let first = target.get("/topics/t/events?since=0&limit=3");
    assert_eq!(first.text(), target.get("/topics/t/events?since=0&limit=3").text());
    assert_eq!((place(&first.json()), seqs(&first.json())), (Some(3), vec![1, 2, 3]));
    assert_eq!(first.json()["topic"], "t");
    let rest = target.get("/topics/t/events?since=3").json();
    assert_eq!((place(&rest), seqs(&rest)), (Some(7), vec![4, 5, 6, 7]));
    let end = target.get("/topics/t/events?since=7").json();
    assert_eq!((place(&end), end["oldest"].as_u64(), seqs(&end)), (Some(7), Some(1), vec![]));
}

#[test]
fn an_unchanged_page_is_not_sent_again() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let mut client = target.connect();
    let etag =
        client.send("GET", "/topics/t/events?since=1", None).header("etag").unwrap().to_owned();
    let conditional = [("if-none-match", etag.as_str())];
    let unchanged = client.request("GET", "/topics/t/events?since=1", &conditional, b"");
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(etag.as_str())));
    target.publish("t", json!(2));
    assert_eq!(client.request("GET", "/topics/t/events?since=1", &conditional, b"").status, 200);
}

#[test]
fn the_head_of_a_page_is_that_of_the_page_and_waits_for_nothing() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let mut client = target.connect();
    let get = client.send("GET", "/topics/t/events?since=0", None);
    let head = client.send("HEAD", "/topics/t/events?since=0", None);
    assert_eq!((get.status, head.status), (200, 200));
    for name in ["content-type", "content-length", "etag"] {
        assert_eq!((head.header(name), name), (get.header(name), name));
        assert!(head.header(name).is_some(), "{name}");
    }
    let conditional = [("if-none-match", head.header("etag").unwrap())];
    let unchanged = client.request("HEAD", "/topics/t/events?since=0", &conditional, b"");
    assert_eq!(unchanged.status, 304);
    // Ten minutes, were it to wait.
    let nothing = client.send("HEAD", "/topics/t/events?since=1&wait=600s", None);
    assert_eq!((nothing.status, nothing.header("cache-control")), (204, Some("no-store")));
    assert_eq!(target.links("long-poll"), 0);
    // The connection is intact: nothing followed the heads.
    assert_eq!(client.send("GET", "/topics/t/events?since=0", None).text(), get.text());
}

#[test]
fn events_carry_their_payload_and_stamps() {
    let target = Target::start(Options::default());
    let before = tidings::clock::now();
    let pretty = b"{ \"data\": {\n  \"a\": \"line\\nbreak\"\n}, \"due_ns\": 5 }";
    let headers = [("content-type", "application/json")];
    let published = target.connect().request("POST", "/topics/t/events", &headers, pretty);
    assert_eq!((published.status, published.json()["topic"].as_str()), (201, Some("t")));
    let page = target.get("/topics/t/events").text();
    let start = page.find("\"events\":[").unwrap() + "\"events\":[".len();
    let event = &page[start..page.len() - 2];
    let head = decode_head(event.as_bytes()).unwrap();
    assert_eq!((head.seq, head.due_ns), (1, 5));
    assert!(head.published_ns >= before && head.published_ns <= tidings::clock::now());
    assert_eq!(published.json()["published_ns"], head.published_ns);
    let event: Event = serde_json::from_str(event).unwrap();
    assert_eq!(event.data.get(), "{\"a\":\"line\\nbreak\"}", "one line, the same value");
}

#[test]
fn a_cursor_older_than_the_ring_gets_a_gap() {
    let target = Target::start(Options { ring: 4, ..Options::default() });
    for i in 0..10 {
        target.publish("t", json!(i));
    }
    for query in ["since=0", "since=5", "since=0&wait=5s"] {
        let gap = target.get(&format!("/topics/t/events?{query}"));
        assert_eq!((gap.status, gap.json()["oldest"].as_u64()), (410, Some(7)), "{query}");
    }
    assert_eq!(seqs(&target.get("/topics/t/events?since=6").json()), [7, 8, 9, 10]);
}

#[test]
fn invalid_requests_are_refused_with_their_status() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    for (path, status) in [
        ("/topics/none/events", 404),
        ("/topics/none/events?wait=1s", 404),
        ("/topics/t/events?since=2", 410),
        ("/topics/t/events?since=-1", 400),
        ("/topics/t/events?since=x", 400),
        ("/topics/t/events?limit=0", 400),
        ("/topics/t/events?limit=1001", 400),
        ("/topics/t/events?wait=forever", 400),
        ("/topics/t/events?wait=1h", 400),
        ("/topics/t", 404),
    ] {
        assert_eq!(target.get(path).status, status, "{path}");
    }
    for (path, body, status) in [
        ("/topics/t/events", json!({}), 422),
        ("/topics/t/events", json!({ "data": 1, "seq": 1 }), 422),
        ("/topics/t/events", json!({ "data": 1, "due_ns": -1 }), 422),
        ("/topics/a%20b/events", json!({ "data": 1 }), 422),
    ] {
        assert_eq!(target.send("POST", path, Some(body.clone())).status, status, "{path} {body}");
    }
    assert_eq!(
        target.send("DELETE", "/topics/t/events", None).header("allow"),
        Some("GET, HEAD, POST")
    );
    let large = json!({ "data": "x".repeat(256 << 10) });
    assert_eq!(target.send("POST", "/topics/t/events", Some(large)).status, 201);
}

#[test]
fn a_long_poll_returns_published_events() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let mut waiting = target.connect();
    let at_once = waiting.send("GET", "/topics/t/events?since=0&wait=20s", None);
    assert_eq!(seqs(&at_once.json()), [1]);
    assert_eq!(at_once.header("cache-control"), Some("no-store"));
    waiting.ask("GET", "/topics/t/events?since=1&wait=20s", &[], b"");
    target.await_links("long-poll", 1);
    target.publish("t", json!(2));
    let answer = waiting.answer("GET");
    assert_eq!((answer.status, seqs(&answer.json())), (200, vec![2]));
    target.await_links("long-poll", 0);
}

#[test]
fn a_long_poll_without_news_ends_with_204() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    for wait in ["50ms", "0"] {
        let answer = target.get(&format!("/topics/t/events?since=1&wait={wait}"));
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (204, Some("no-store")),
            "{wait}"
        );
    }
}

#[test]
fn a_client_that_leaves_frees_its_place_at_once() {
    let target = Target::start(Options::default());
    target.publish("t", json!(1));
    let mut clients: Vec<_> = (0..5).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.ask("GET", "/topics/t/events?since=1&wait=10m", &[], b"");
    }
    target.await_links("long-poll", 5);
    clients.truncate(2);
    target.await_links("long-poll", 2);
    target.publish("t", json!(2));
    for client in &mut clients {
        assert_eq!(seqs(&client.answer("GET").json()), [2]);
    }
}

#[test]
fn the_index_explains_itself_to_curl_and_to_browsers() {
    let target = Target::start(Options::default());
    let plain = target.get("/");
    assert!(plain.text().contains("curl http://target/healthz"), "{}", plain.text());
    let html = target.connect().request("GET", "/", &[("accept", "text/html,*/*")], b"");
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(html.text().contains("new EventSource"));
    let health = target.get("/healthz").json();
    assert_eq!((health["status"].as_str(), health["shards"].as_u64()), (Some("ok"), Some(1)));
    target.publish("t", json!(1));
    let next = |seq| format!("{seq}-{}", target.epoch());
    let topics = json!({ "topics": [
        { "topic": "news-0", "newest": 0, "next": next(0) },
        { "topic": "t", "newest": 1, "next": next(1) },
    ] });
    assert_eq!(target.get("/topics").json(), topics);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let target = Target::start(Options::default());
    let mut client = target.connect();
    client.write(
        format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "y".repeat(64 << 10)).as_bytes(),
    );
    assert_eq!(client.head().status, 431);
    assert_eq!(target.get("/healthz").status, 200);
}
