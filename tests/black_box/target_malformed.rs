//! Malformed and hostile requests, over raw sockets to a separate process: the right status or an end, and bounded memory.

use crate::target_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use target_support::{Client, PATIENCE, until};

/// `tidings serve` with short waits; it does not outlive its test.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(waits: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--rate", "0/s"])
            .args(waits);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Its resident memory, in bytes.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    fn links(&self) -> u64 {
        let health = Client::connect(self.address).send("GET", "/healthz", None).json();
        // Without the one that asks.
        health["links"]["connection"].as_u64().unwrap() - 1
    }

    /// Sends `bytes` and nothing more; returns the statuses of all answers until the target ends the connection,
    /// or until `answers` of them have come.
    fn statuses(&self, bytes: &[u8], answers: usize) -> Vec<u16> {
        let mut client = Client::connect(self.address);
        client.write(bytes);
        let mut statuses = Vec::new();
        while statuses.len() < answers
            && client.reader.fill_buf().is_ok_and(|buffer| !buffer.is_empty())
        {
            statuses.push(client.answer("GET").status);
        }
        statuses
    }
}

/// Reads until the other end closes; false where it does not.
fn ends(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /items HTTP/1.1\r\nhost: t\r\n{headers}\r\n{body}").into_bytes()
}

#[test]
fn garbage_is_refused_with_the_right_status() {
    let server = Server::start(&[]);
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: t\r\n{headers}\r\n").into_bytes()
    };
    let json =
        |length: usize| format!("content-type: application/json\r\ncontent-length: {length}\r\n");
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let many = "x: y\r\n".repeat(200);
    let long = format!("x-long: {}\r\n", "y".repeat(64 << 10));
    let large = format!("100001\r\n{}\r\n0\r\n\r\n", "1".repeat((1 << 20) + 1));
    let xml = "content-type: application/xml\r\ncontent-length: 36\r\n";
    let good = get("/healthz", "");
    for (what, bytes, expected) in [
        ("no request line", b"garbage\r\n\r\n".to_vec(), &[400][..]),
        ("no method", b" / HTTP/1.1\r\nhost: t\r\n\r\n".to_vec(), &[400]),
        ("another version", b"GET / HTTP/9.9\r\nhost: t\r\n\r\n".to_vec(), &[400]),
        ("bytes that are no text", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), &[400]),
        ("a field without a name", get("/", ": x\r\n"), &[400]),
        ("a field without a colon", get("/", "x\r\n"), &[400]),
        ("a control character in a field", get("/", "x: \x01\r\n"), &[400]),
        ("two lengths", post("content-length: 1\r\ncontent-length: 2\r\n", "{}"), &[400]),
        ("a length that is no number", post("content-length: x\r\n", "{}"), &[400]),
        ("too many fields", get("/", &many), &[431]),
        ("too long a field", get("/", &long), &[431]),
        ("too long a path", get(&format!("/{}", "x".repeat(1 << 17)), ""), &[431]),
        ("a body that is declared too long", post(&json(1 << 30), "{"), &[413]),
        ("a body that grows too long", post(chunked, &large), &[413]),
        ("a chunk of no size", post(chunked, "zz\r\n{}\r\n"), &[400]),
        ("no JSON", post(&json(2), "{]"), &[400]),
        ("no XML", post(xml, "<item><name>no end</name><data></it>"), &[400]),
        ("XML with a document type", post(xml, "<!DOCTYPE item SYSTEM 'x'><item/>    "), &[400]),
        ("a cursor of nobody", get("/items?cursor=%00%ff", ""), &[400]),
        ("a cursor that is no number", get("/topics/news-0/events?since=-1", ""), &[400]),
        ("a cursor ahead", get("/topics/news-0/events?since=99", ""), &[410]),
        (
            "a cursor that no number holds",
            get("/topics/news-0/events?since=99999999999999999999", ""),
            &[410],
        ),
        ("garbage behind a request", [&good[..], b"\x00\x01garbage\r\n\r\n"].concat(), &[200, 400]),
        ("requests in one piece", good.repeat(3), &[200, 200, 200]),
    ] {
        assert_eq!(server.statuses(&bytes, expected.len()), expected, "{what}");
    }
    let answer = Client::connect(server.address).send("GET", "/healthz", None);
    assert_eq!(answer.status, 200, "it serves on");
}

#[test]
fn slow_clients_are_not_waited_for() {
    let server = Server::start(&["--head-wait", "300ms", "--body-wait", "300ms"]);
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("half a line", b"GET /heal"),
        ("half a head", b"GET /healthz HTTP/1.1\r\nhost: t\r\nx-slow:"),
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(bytes).unwrap();
        assert!(ends(&stream), "{what} keeps a connection");
    }
    // One field at a time, each in time, but the head as a whole is late.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let began = std::time::Instant::now();
    let mut ended = false;
    while !ended && began.elapsed() < PATIENCE {
        ended = stream.write_all(b"x: y\r\n").is_err()
            || match stream.read(&mut [0; 512]) {
                Ok(_) => true,
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            };
    }
    assert!(ended, "a field at a time keeps a connection");
    // A separate server: a pause of this thread must not look like a slow head.
    let server = Server::start(&["--body-wait", "300ms"]);
    for headers in ["content-length: 9\r\n", "transfer-encoding: chunked\r\n"] {
        let mut client = Client::connect(server.address);
        client.write(&post(&format!("content-type: application/json\r\n{headers}"), ""));
        client.write(b"2");
        assert_eq!(client.answer("POST").status, 408, "{headers}");
        assert!(ends(client.reader.get_ref()), "{headers}");
    }
    // A client that goes away in the middle of a body leaves nothing behind.
    let stream = TcpStream::connect(server.address).unwrap();
    (&stream)
        .write_all(&post("content-type: application/json\r\ncontent-length: 9\r\n", "{"))
        .unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    until("no connection is left", || server.links() == 0);
}

#[test]
fn floods_cost_bounded_memory() {
    const CONNECTIONS: usize = 64;
    let server = Server::start(&[]);
    let before = server.resident();
    let flood = |bytes: &dyn Fn(usize) -> Vec<u8>| -> Vec<TcpStream> {
        (0..CONNECTIONS)
            .map(|i| {
                let mut stream = TcpStream::connect(server.address).unwrap();
                stream.set_write_timeout(Some(std::time::Duration::from_millis(30))).unwrap();
                // Until it is refused, or the server stops reading.
                let bytes = bytes(i);
                let _ = stream.write_all(&bytes);
                stream
            })
            .collect()
    };
    let heads = flood(&|_| format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(4 << 20)).into_bytes());
    let declared = flood(&|_| {
        post(
            "content-type: application/json\r\ncontent-length: 4000000000\r\n",
            &"x".repeat(4 << 20),
        )
    });
    let chunk = format!("400000\r\n{}\r\n", "x".repeat(4 << 20));
    let chunks = flood(&|_| {
        post("content-type: application/json\r\ntransfer-encoding: chunked\r\n", &chunk)
    });
    // Pipelined, without reading the answers.
    let many = b"GET / HTTP/1.1\r\nhost: t\r\n\r\n".repeat(100_000);
    let pipelined = flood(&|_| many.clone());
    let bomb = format!("<item><data>{}", "<array>".repeat(100_000));
    let bombs = flood(&|_| {
        post(&format!("content-type: application/xml\r\ncontent-length: {}\r\n", bomb.len()), &bomb)
    });
    assert_eq!(
        Client::connect(server.address).send("GET", "/healthz", None).status,
        200,
        "it serves on"
    );
    // 320 connections sent a gigabyte. Buffers of a connection are bounded by 64 KiB, a body by 1 MiB while it comes.
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 160 << 20, "grown by {} MiB", grown >> 20);
    drop((heads, declared, chunks, pipelined, bombs));
    until("no connection is left", || server.links() == 0);
}
