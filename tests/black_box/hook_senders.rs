//! Webhook receivers and senders that write HTTP in ways of their own: each byte that the standard allows is understood, and
//! nothing else is taken for a delivery.

use crate::dialect_support;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use dialect_support::{Setting, case, dialect, payload, stage};
use tidings::dialect::callback::callback_address;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a sender writes, piece by piece; the answers' statuses; the deliveries and errors that it adds. Connections that a
/// receiver breaks are no errors where receivers may misbehave, as all may here.
type Said = (&'static str, Vec<Vec<u8>>, &'static [&'static str], u64, u64);

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
        ("plain", whole(&post(1, "1.1", CLOSE)), &["204"], 1, 0),
        ("byte by byte", each(post(2, "1.1", CLOSE)), &["204"], 1, 0),
        ("in chunks", whole(&chunked(3, CLOSE)), &["204"], 1, 0),
        ("in chunks, byte by byte", each(chunked(4, CLOSE)), &["204"], 1, 0),
        ("HTTP/1.0", whole(&post(5, "1.0", "")), &["204"], 1, 0),
        (
            "HTTP/1.0, kept",
            vec![post(6, "1.0", "Connection: keep-alive\r\n"), post(7, "1.0", "")],
            &["204", "204"],
            2,
            0,
        ),
        ("chunks over a length", whole(&chunked(8, &mixed)), &["204"], 1, 0),
        (
            "an upgrade that is not taken",
            whole(&post(9, "1.1", "Upgrade: h2c\r\nConnection: close\r\n")),
            &["204"],
            1,
            0,
        ),
        ("one behind the other", whole(&pipelined.concat()), &["204", "204", "204", "204"], 4, 0),
        ("HEAD", whole(b"HEAD / HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"), &["405"], 0, 1),
        ("no HTTP", whole(b"NONSENSE\r\n\r\n"), &["400"], 0, 0),
        ("two lengths", whole(&post(20, "1.1", "Content-Length: 1\r\n")), &["400"], 0, 0),
        (
            "chunks of HTTP/1.0",
            whole(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &["400"],
            0,
            0,
        ),
        ("no end", half(post(21, "1.1", "")), &["400"], 0, 1),
        ("no end of a head", whole(b"POST / HTTP/1.1\r\nHost"), &[], 0, 0),
        (
            "too long",
            whole(
                format!("POST / HTTP/1.1\r\nHost: r\r\nContent-Length: {}\r\n\r\n", 5 << 20)
                    .as_bytes(),
            ),
            &["400"],
            0,
            1,
        ),
        ("nothing", Vec::new(), &[], 0, 0),
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

fn setting() -> (Setting, SocketAddr) {
    let port = TcpListener::bind((callback_address(0), 0)).unwrap().local_addr().unwrap().port();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = Setting {
        case: case("webhook", 1, "", ""),
        dialect: dialect("[target.webhook]\n"),
        target: nobody.local_addr().unwrap(),
        port: Some(port),
        window: Duration::from_secs(2),
    };
    (setting, (callback_address(0), port).into())
}

#[test]
fn every_way_to_write_a_delivery_is_understood_and_no_other() {
    let (setting, receiver) = setting();
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        stage.begin();
        let (mut delivered, mut errors) = (0, 0);
        for (how, pieces, expected, more, wrong) in table() {
            let answers = say(receiver, &pieces).await;
            (delivered, errors) = (delivered + more, errors + wrong);
            assert_eq!(statuses(&answers), expected, "{how}: {answers}");
            assert_eq!(stage.context.ledger().delivered, delivered, "{how}");
            stage.until(how, || stage.snapshot().counters.errors() == errors).await;
        }
    });
}

#[test]
fn a_sender_that_waits_is_told_to_go_on_and_connections_are_kept() {
    let (setting, receiver) = setting();
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
