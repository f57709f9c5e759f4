//! HTTP/1.1 connections of the target: what is answered on them in which bytes, and how they end.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::Shutdown;

use crate::target_support::{Client, Target, until};
use serde_json::json;
use tidings::server::{Options, Waits};
use tidings::unit::{ByteSize, Span};

/// A target with an item of known size and three events.
fn target(options: Options) -> Target {
    let target = Target::start(options);
    for n in 1..=3 {
        target.publish("news-0", n);
    }
    let item = json!({ "name": "one", "data": "x" });
    assert_eq!(target.send("POST", "/items", Some(item)).status, 201);
    target
}

/// Sends `bytes`, ends the own side, and returns everything that comes back without the date.
fn exchange(target: &Target, bytes: &[u8]) -> String {
    let mut client = target.connect();
    client.write(bytes);
    let mut answer = Vec::new();
    client.reader.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let lines = answer.split_inclusive('\n').filter(|line| !line.starts_with("date: "));
    lines.collect()
}

/// A request of these lines, and then one that has the connection end.
fn request(first: &str, lines: &[&str]) -> Vec<u8> {
    let lines = lines.iter().flat_map(|line| [line, "\r\n"]).collect::<String>();
    let last = "DELETE /items/none HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    format!("{first} HTTP/1.1\r\n{lines}\r\n{last}").into_bytes()
}

#[test]
fn plain_requests_are_answered_in_the_same_bytes_as_any_others() {
    let target = target(Options::default());
    let etag = |path: &str| target.get(path).header("etag").unwrap().to_owned();
    let of_item = format!("if-none-match: {}", etag("/items/1"));
    let of_page = format!("if-none-match: {}", etag("/topics/news-0/events?since=3"));
    let weak = format!("if-none-match: \"x\", W/{}", etag("/items/1"));
    let epoch = target.epoch();
    let with_life = format!("/topics/news-0/events?since=2-{epoch}&limit=10");
    let (host, mut compared) = ("host: t", 0);
    for path in [
        "/items/1",
        "/items/001",
        "/items/2",
        "/items/",
        "/items/1x",
        "/items/18446744073709551616",
        "/items/1?x=y",
        "/topics/news-0/events",
        "/topics/news-0/events?",
        "/topics/news-0/events?since=0",
        "/topics/news-0/events?since=1&limit=1",
        "/topics/news-0/events?since=3",
        "/topics/news-0/events?since=3&limit=0",
        "/topics/news-0/events?since=3&since=1",
        "/topics/news-0/events?since=4",
        "/topics/news-0/events?since=-1",
        "/topics/news-0/events?since=3&wait=0",
        "/topics/news-0/events?since=3-other",
        &with_life,
        "/topics/news-0/eventsx",
        "/topics/news-0/events/",
        "/topics/none/events",
        "/topics//events",
        "/topics",
    ] {
        for lines in [
            &[host][..],
            &[host, "user-agent: x", "accept: */*"],
            &[host, "Accept-Encoding: gzip", "Connection: Keep-Alive"],
            &[host, "ACCEPT: application/json"],
            &[host, "accept: application/xml"],
            &[host, "accept: text/html"],
            &[host, "accept: */*", "accept: application/xml"],
            &[host, &of_item],
            &[host, &of_page],
            &[host, &weak],
            &[host, "if-none-match: *"],
            &[host, "if-none-match: \"x\"", &of_item],
            &[host, "if-match: \"x\""],
            &[host, "user-agent: Mozilla/5.0", "origin: http://elsewhere.example"],
            &["host: elsewhere.example", "user-agent: Mozilla/5.0"],
            &["host: elsewhere.example"],
            &["host: me@t"],
            &["host: \u{e9}"],
            &[host, host],
            &["user-agent: x"],
        ] {
            let plain = exchange(&target, &request(&format!("GET {path}"), lines));
            // A field that the target does not know, and which changes nothing.
            let more = [lines, &["x-unknown: x"]].concat();
            let other = exchange(&target, &request(&format!("GET {path}"), &more));
            assert_eq!(plain, other, "{path} {lines:?}");
            assert!(
                plain.ends_with("\"no item none\"}") && plain.starts_with("HTTP/1.1 "),
                "{plain}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 24 * 20);
}

#[test]
fn a_head_has_the_fields_of_its_answer_and_no_body() {
    let target = target(Options::default());
    for path in ["/items/1", "/items", "/items/9", "/topics/news-0/events?since=3", "/", "/healthz"]
    {
        let get = exchange(&target, &request(&format!("GET {path}"), &["host: t"]));
        let head = exchange(&target, &request(&format!("HEAD {path}"), &["host: t"]));
        let fields = |answer: &str| answer.split_once("\r\n\r\n").unwrap().0.to_owned();
        // The number of connections varies.
        let fields =
            |answer: &str| fields(answer).replace("content-length: 14", "content-length: 13");
        assert_eq!(fields(&get), fields(&head), "{path}");
        assert!(fields(&head).contains("content-length: "), "{head}");
        let behind = head.split_once("\r\n\r\n").unwrap().1;
        assert!(behind.starts_with("HTTP/1.1 404 Not Found\r\n"), "{behind}");
    }
}

#[test]
fn a_body_that_nobody_reads_is_passed_over_or_ends_its_connection() {
    let target = target(Options::default());
    let next = "GET /items/1 HTTP/1.1\r\nhost: t\r\n\r\n";
    let post = |lines: &str| {
        format!("POST /items HTTP/1.1\r\nhost: t\r\ncontent-type: text/plain\r\n{lines}\r\n")
    };
    let (small, large) = ("x".repeat(40_000), "x".repeat(200_000));
    let chunks = format!("{:x}\r\n{small}\r\n0\r\n\r\n", small.len());
    for (what, head, body, expected) in [
        ("a small one", post("content-length: 40000\r\n"), small.as_str(), &[415, 200][..]),
        ("chunks", post("transfer-encoding: chunked\r\n"), &chunks, &[415, 200]),
        ("a large one", post("content-length: 200000\r\n"), &large, &[415]),
        ("one that is awaited", post("content-length: 3\r\nexpect: 100-continue\r\n"), "", &[415]),
    ] {
        let mut client = target.connect();
        client.write(head.as_bytes());
        let first = client.answer("POST");
        assert_eq!(first.status, expected[0], "{what}");
        let closes = first.header("connection") == Some("close");
        assert_eq!(closes, expected.len() == 1, "{what}");
        client.write(body.as_bytes());
        client.write(next.as_bytes());
        if closes {
            assert!(client.reader.fill_buf().is_ok_and(<[u8]>::is_empty), "{what}");
        } else {
            assert_eq!(client.answer("GET").status, expected[1], "{what}");
        }
    }
}

#[test]
fn a_body_is_read_however_it_comes() {
    let target = target(Options::default());
    let data = "y".repeat(300_000);
    let body = json!({ "name": "large", "data": data }).to_string();
    let head = "POST /items HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n";
    let sized = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let pieces = body.as_bytes().chunks(70_001);
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for piece in pieces {
        chunked.extend_from_slice(format!("{:x};x=y\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\nx: y\r\n\r\n");
    for (bytes, cuts) in [
        (sized.as_bytes(), &[][..]),
        (sized.as_bytes(), &[10, 70, 71, 100_000]),
        (&chunked, &[]),
        (&chunked, &[60, 105, 106, 107, 70_150, 299_999]),
    ] {
        let mut client = target.connect();
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let begins = [0].into_iter().chain(cuts.iter().copied());
        for (begin, end) in begins.zip(ends) {
            client.write(&bytes[begin..end]);
            // The pieces are to arrive apart; it is right where they do not.
            std::thread::yield_now();
        }
        let created = client.answer("POST");
        assert_eq!(created.status, 201);
        let location = created.header("location").unwrap().to_owned();
        // Larger than any buffer, and two of them at once.
        client.write(format!("GET {location} HTTP/1.1\r\nhost: t\r\n\r\n").repeat(2).as_bytes());
        for _ in 0..2 {
            assert_eq!(client.answer("GET").json()["data"].as_str().unwrap().len(), data.len());
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_whatever_they_need() {
    let target = target(Options::default());
    let mut client = target.connect();
    let body = "{\"data\":1}";
    let get = "GET /items/1 HTTP/1.1\r\nhost: t\r\n\r\n";
    let post = format!(
        "POST /items HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let poll = "GET /topics/news-0/events?since=3&wait=10ms HTTP/1.1\r\nhost: t\r\n\r\n";
    let round = format!("{get}{post}{poll}{get}");
    let mut writer = client.reader.get_ref().try_clone().unwrap();
    let writing =
        std::thread::spawn(move || writer.write_all(round.repeat(50).as_bytes()).unwrap());
    let statuses: Vec<u16> = (0..200).map(|_| client.answer("GET").status).collect();
    writing.join().unwrap();
    assert_eq!(statuses, [200, 201, 204, 200].repeat(50));
}

#[test]
fn a_head_that_does_not_end_is_answered_with_408_and_an_idle_connection_is_closed_in_silence() {
    let waits = Waits { head: Span::from_ms(300), ..Waits::default() };
    let target = target(Options { waits, ..Options::default() });
    for (bytes, status) in [
        ("", None),
        ("GET /items/1 HTTP/1.1\r\nhost: t\r\nx:", Some("HTTP/1.1 408 Request Timeout\r\n")),
        ("GET /items/1 HTTP/1.1\r\nhost: t\r\n\r\nGET", Some("HTTP/1.1 408 Request Timeout\r\n")),
    ] {
        let answer = exchange(&target, bytes.as_bytes());
        let answer = answer.split("\"data\":\"x\"}").last().unwrap();
        match status {
            Some(status) => {
                assert_eq!(
                    answer,
                    format!("{status}connection: close\r\ncontent-length: 0\r\n\r\n")
                );
            }
            None => assert_eq!(answer, ""),
        }
    }
    until("no connection is left", || target.links("connection") == 1);
}

#[test]
fn an_answer_that_takes_longer_than_a_head_may_is_waited_for() {
    let waits = Waits { head: Span::from_ms(100), ..Waits::default() };
    let target = target(Options { waits, ..Options::default() });
    let mut client = target.connect();
    // The second poll begins on a connection that has waited for a head before.
    let poll = b"GET /topics/news-0/events?since=3&wait=1s HTTP/1.1\r\nhost: t\r\n\r\n".repeat(2);
    client.write(&poll);
    assert_eq!([client.answer("GET").status, client.answer("GET").status], [204, 204]);
    assert!(client.reader.fill_buf().is_ok_and(<[u8]>::is_empty), "and then nothing comes");
}

#[test]
fn a_client_that_takes_no_answers_is_dropped() {
    let options = Options {
        write_timeout: Span::from_ms(200),
        send_buffer: ByteSize::new(8 << 10),
        ..Options::default()
    };
    let target = target(options);
    let stuck = target.connect();
    let many = b"GET /openapi.json HTTP/1.1\r\nhost: t\r\n\r\n".repeat(2_000);
    let mut writer = stuck.reader.get_ref().try_clone().unwrap();
    // It ends with an error, once the target has had enough.
    let writing = std::thread::spawn(move || while writer.write_all(&many).is_ok() {});
    writing.join().unwrap();
    until("its connection is gone", || target.links("connection") == 1);
}

#[test]
fn who_leaves_in_the_middle_leaves_nothing_behind() {
    let target = target(Options::default());
    for bytes in [
        "GET /items/1 HT",
        "POST /items HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
        "POST /items HTTP/1.1\r\nhost: t\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\n{",
        "GET /topics/news-0/events?since=3&wait=60s HTTP/1.1\r\nhost: t\r\n\r\n",
        "GET /topics/news-0/stream HTTP/1.1\r\nhost: t\r\n\r\n",
    ] {
        let mut client: Client = target.connect();
        client.write(bytes.as_bytes());
        until("it is there", || target.links("connection") == 2);
        client.reader.get_ref().shutdown(Shutdown::Write).unwrap();
        // Half of it is as good as all of it: the target answers nobody who does not listen.
        until("it is gone", || target.links("connection") == 1);
        assert_eq!((target.links("long-poll"), target.links("sse")), (0, 0), "{bytes}");
    }
}
