//! Webhook receivers and senders that write HTTP in ways of their own: each byte that the standard allows is understood, and
//! nothing else is taken for a delivery.

use crate::dialect_support;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use dialect_support::{Setting, case, dialect, payload, stage};
use tidings::dialect::callback::callback_address;
use tidings::measure::Counter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a sender writes, piece by piece; the answers' statuses; the deliveries that it adds, and the kind of error.
type Said = (&'static str, Vec<Vec<u8>>, &'static [&'static str], u64, Option<Counter>);

const PROTOCOL: Option<Counter> = Some(Counter::ErrorProtocol);
const CLOSED: Option<Counter> = Some(Counter::ErrorClosed);

fn post(n: u64, version: &str, fields: &str) -> Vec<u8> {
    let body = payload(n);
    let length = body.len();
    format!("POST / HTTP/{version}\r\nHost: r\r\nContent-Length: {length}\r\n{fields}\r\n{body}")
        .into_bytes()
}

/// The body in two chunks, with an extension and a trailer.
fn chunked(n: u64, fields: &str) -> Vec<u8> {
    let body = payload(n);
    let (front, back) = body.split_at(7);
    let head = format!("POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n{fields}\r\n");
    let back_length = back.len();
    format!("{head}7;name=x\r\n{front}\r\n{back_length:X}\r\n{back}\r\n0\r\nX-Sum: 1\r\n\r\n")
        .into_bytes()
}

const CLOSE: &str = "Connection: close\r\n";

fn table() -> Vec<Said> {
    let whole = |bytes: &[u8]| vec![bytes.to_vec()];
    let each = |bytes: Vec<u8>| bytes.into_iter().map(|byte| vec![byte]).collect::<Vec<_>>();
    let half = |bytes: Vec<u8>| vec![bytes[..bytes.len() - 9].to_vec()];
    let pipelined = [
        post(10, "1.1", ""),
        post(11, "1.1", "connection: Keep-Alive\r\n"),
        chunked(12, ""),
        post(13, "1.1", CLOSE),
    ];
    let mixed = format!("Content-Length: 3\r\n{CLOSE}");
    vec![
        ("plain", whole(&post(1, "1.1", CLOSE)), &["204"], 1, None),
        ("byte by byte", each(post(2, "1.1", CLOSE)), &["204"], 1, None),
        ("in chunks", whole(&chunked(3, CLOSE)), &["204"], 1, None),
        ("in chunks, byte by byte", each(chunked(4, CLOSE)), &["204"], 1, None),
        ("HTTP/1.0", whole(&post(5, "1.0", "")), &["204"], 1, None),
        (
            "HTTP/1.0, kept",
            vec![post(6, "1.0", "Connection: keep-alive\r\n"), post(7, "1.0", "")],
            &["204", "204"],
            2,
            None,
        ),
        ("chunks over a length", whole(&chunked(8, &mixed)), &["204"], 1, None),
        (
            "an upgrade that is not taken",
            whole(&post(9, "1.1", "Upgrade: h2c\r\nConnection: close\r\n")),
            &["204"],
            1,
            None,
        ),
        (
            "one behind the other",
            whole(&pipelined.concat()),
            &["204", "204", "204", "204"],
            4,
            None,
        ),
        (
            "HEAD",
            whole(b"HEAD / HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"),
            &["405"],
            0,
            PROTOCOL,
        ),
        ("no HTTP", whole(b"NONSENSE\r\n\r\n"), &["400"], 0, PROTOCOL),
        ("two lengths", whole(&post(20, "1.1", "Content-Length: 1\r\n")), &["400"], 0, PROTOCOL),
        (
            "chunks of HTTP/1.0",
            whole(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &["400"],
            0,
            PROTOCOL,
        ),
        ("no end", half(post(21, "1.1", "")), &["400"], 0, CLOSED),
        ("no end of a head", whole(b"POST / HTTP/1.1\r\nHost"), &[], 0, CLOSED),
        (
            "too long",
            whole(
                format!("POST / HTTP/1.1\r\nHost: r\r\nContent-Length: {}\r\n\r\n", 5 << 20)
                    .as_bytes(),
            ),
            &["400"],
            0,
            PROTOCOL,
        ),
        ("nothing", Vec::new(), &[], 0, None),
    ]
}

/// Writes the pieces, ends its own side, and reads all answers.
async fn say(receiver: SocketAddr, pieces: &[Vec<u8>]) -> String {
    let mut stream = TcpStream::connect(receiver).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    let mut answers = Vec::new();
    // Where bytes were left unread, the kernel may reset the connection behind the answer.
    let _ = stream.read_to_end(&mut answers).await;
    String::from_utf8(answers).unwrap()
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect()
}

/// One receiver that behaves as `more` says, without a server to register at.
fn setting(more: &str) -> (Setting, SocketAddr) {
    let port = TcpListener::bind((callback_address(0), 0)).unwrap().local_addr().unwrap().port();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = Setting {
        case: case("webhook", 1, "", more),
        dialect: dialect("[target.webhook]\n"),
        target: nobody.local_addr().unwrap(),
        port: Some(port),
        window: Duration::from_secs(2),
    };
    (setting, (callback_address(0), port).into())
}

#[test]
fn every_way_to_write_a_delivery_is_understood_and_no_other() {
    // Who is made to withhold answers, if only once in a billion, excuses a server that gives up: nothing else.
    let withholds = "receiver = { slow = \"1ms\", slow_share = 1e-9 }";
    for (more, excuses) in [("", false), (withholds, true)] {
        let (setting, receiver) = setting(more);
        stage(setting, async |stage| {
            stage.open().await.unwrap();
            stage.begin();
            let (mut delivered, mut errors) = (0, 0);
            for (how, pieces, expected, more, wrong) in table() {
                let wrong = wrong.filter(|_| !(excuses && wrong == CLOSED));
                let before = wrong.map(|kind| (kind, stage.count(kind)));
                let answers = say(receiver, &pieces).await;
                (delivered, errors) = (delivered + more, errors + u64::from(wrong.is_some()));
                assert_eq!(statuses(&answers), expected, "{how}: {answers}");
                assert_eq!(stage.context.ledger().delivered, delivered, "{how}");
                stage.until(how, || stage.snapshot().counters.errors() == errors).await;
                if let Some((kind, before)) = before {
                    assert_eq!(stage.count(kind), before + 1, "{how}");
                }
            }
        });
    }
}

/// Writes `bytes`, reads as many answers as asked for, and resets the connection.
async fn reset_after(receiver: SocketAddr, bytes: &[u8], answers: usize) {
    let mut stream = TcpStream::connect(receiver).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    while statuses(&String::from_utf8_lossy(&heard)).len() < answers {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "an answer");
    }
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_connection_that_the_server_breaks_is_an_error_within_a_request_and_none_between_two() {
    let (setting, receiver) = setting("");
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        stage.begin();
        let whole = [post(1, "1.1", ""), post(2, "1.1", "")].concat();
        let halves = [&post(3, "1.1", "")[..], b"POST / HTTP/1.1\r\nHo"].concat();
        for (how, bytes, answers, delivered, broken) in [
            ("before any request", Vec::new(), 0, 1, 0),
            ("between two requests", whole, 2, 3, 0),
            ("within a head", halves, 1, 4, 1),
        ] {
            reset_after(receiver, &bytes, answers).await;
            // What the receiver has seen of a connection is known once it answers on a later one.
            let answer = say(receiver, &[post(4, "1.1", CLOSE)]).await;
            assert_eq!(statuses(&answer), ["204"], "{how}");
            assert_eq!(stage.context.ledger().delivered, delivered, "{how}");
            stage.until(how, || stage.count(Counter::ErrorClosed) == broken).await;
            assert_eq!(stage.snapshot().counters.errors(), broken, "{how}");
        }
    });
}

#[test]
fn a_sender_that_waits_is_told_to_go_on_and_connections_are_kept() {
    let (setting, receiver) = setting("");
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        stage.begin();
        let mut stream = TcpStream::connect(receiver).await.unwrap();
        let mut answer = vec![0; 512];
        for n in 1..=3 {
            let request = post(n, "1.1", "Expect: 100-continue\r\n");
            let head = request.len() - payload(n).len();
            stream.write_all(&request[..head]).await.unwrap();
            let read = stream.read(&mut answer).await.unwrap();
            assert_eq!(&answer[..read], b"HTTP/1.1 100 Continue\r\n\r\n");
            stream.write_all(&request[head..]).await.unwrap();
            let read = stream.read(&mut answer).await.unwrap();
            let text = String::from_utf8_lossy(&answer[..read]);
            assert!(text.starts_with("HTTP/1.1 204 No Content\r\ndate: "), "{text}");
            assert!(text.ends_with(" GMT\r\n\r\n"), "{text}");
            assert_eq!(stage.context.ledger().delivered, n);
        }
        assert_eq!(stage.snapshot().counters.errors(), 0);
    });
}
