//! Push links whose sockets take bytes in pieces: every event once, in order and whole, whatever the link's protocol.

use crate::target_support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use target_support::websocket::{HANDSHAKE, frame, masked, text, upgrade};
use target_support::{Client, PATIENCE, Target, read_head};
use tidings::event::decode_head;
use tidings::scenario::WebSocketOptions;
use tidings::server::Options;
use tidings::unit::{ByteSize, Span};

/// Sizes of payloads: far below a packet, and far beyond what the target's socket takes at once.
const SIZES: [usize; 5] = [1, 90_000, 7, 30_000, 300];
const EVENTS: usize = 100;

/// A target whose sockets are full soon.
fn target() -> Target {
    Target::start(Options { send_buffer: ByteSize::new(8 << 10), ..Options::default() })
}

/// Publishes the events of these numbers, of all sizes.
fn publish(target: &Target, seqs: Range<usize>) {
    for seq in seqs {
        target.publish("t", json!("x".repeat(SIZES[(seq - 2) % SIZES.len()])));
    }
}

/// Checks the JSON of event number `seq`.
fn is_event(json: &[u8], seq: usize) {
    let event: serde_json::Value = serde_json::from_slice(json).expect("a whole event");
    assert_eq!(event["seq"], seq);
    let size = SIZES[(seq - 2) % SIZES.len()];
    assert_eq!(event["data"].as_str().unwrap().len(), size, "event {seq}");
}

/// Takes bytes in pieces of odd sizes, so that the target's writes end anywhere.
struct Pieces<R> {
    inner: R,
    turn: usize,
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.turn += 1;
        let most = [1, 4093, 11, 65_537, 1021][self.turn % 5];
        let most = bytes.len().min(most);
        self.inner.read(&mut bytes[..most])
    }
}

/// Reads the events of a stream's text, as their JSON, up to event number `last`.
fn events(text: &mut impl BufRead, last: usize) {
    let (mut seq, mut line) = (2, String::new());
    while seq <= last {
        line.clear();
        assert_ne!(text.read_line(&mut line).unwrap(), 0, "the stream ended before event {seq}");
        if let Some(json) = line.strip_prefix("data: ") {
            is_event(json.trim_end().as_bytes(), seq);
            seq += 1;
        }
    }
}

/// A chunked body as a plain reader of chunks takes it.
struct Chunks<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            self.inner.read_line(&mut line)?;
            let size = line.strip_suffix("\r\n").expect("a line of its own");
            self.left = usize::from_str_radix(size, 16).expect("the size of a chunk");
        }
        let most = bytes.len().min(self.left);
        let read = self.inner.read(&mut bytes[..most])?;
        self.left -= read;
        if self.left == 0 {
            let mut end = [0; 2];
            self.inner.read_exact(&mut end)?;
            assert_eq!(end, *b"\r\n");
        }
        Ok(read)
    }
}

fn ask_stream(target: &Target, version: &str) -> BufReader<Pieces<TcpStream>> {
    target.publish("t", json!("first"));
    let mut stream = TcpStream::connect(target.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask = format!("GET /topics/t/stream?since=1 {version}\r\nhost: target\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut reader = BufReader::new(Pieces { inner: stream, turn: 0 });
    let head = read_head(&mut reader).unwrap();
    assert!(head.first_line.contains(" 200 "), "{}", head.first_line);
    reader
}

#[test]
fn a_stream_in_chunks_that_is_read_late_has_every_event_in_order() {
    let target = target();
    let reader = ask_stream(&target, "HTTP/1.1");
    publish(&target, 2..EVENTS + 2);
    events(&mut BufReader::new(Chunks { inner: reader, left: 0 }), EVENTS + 1);
}

#[test]
fn a_stream_without_chunks_that_is_read_late_has_every_event_in_order() {
    let target = target();
    let mut reader = ask_stream(&target, "HTTP/1.0");
    publish(&target, 2..EVENTS + 2);
    events(&mut reader, EVENTS + 1);
}

#[test]
fn a_socket_that_is_read_late_has_every_event_in_order_with_pongs_between_them() {
    let target = target();
    target.publish("t", json!("first"));
    let mut client = upgrade(target.connect(), "/topics/t/ws?since=1");
    let (mut seq, mut pongs) = (2, 0);
    for turn in 0..EVENTS / 10 {
        publish(&target, 2 + 5 * turn..7 + 5 * turn);
        client.write(&masked(0x89, b"now"));
    }
    let last = EVENTS / 2 + 1;
    while seq <= last || pongs < EVENTS / 10 {
        match frame(&mut client).expect("a frame") {
            (0x8a, payload) => {
                assert_eq!(payload, b"now");
                pongs += 1;
            }
            (0x81, payload) => {
                is_event(&payload, seq);
                seq += 1;
            }
            // The first ping comes at a phase of the link's own.
            (first, _) => assert_eq!(first, 0x89),
        }
    }
}

/// Reads answers to posts and events until all are there: which events, and how many answers.
fn posted(client: &mut Client, posts: usize, events: usize) -> Vec<u64> {
    let (mut seqs, mut answers) = (Vec::new(), 0);
    while answers < posts || seqs.len() < events {
        let payload = text(client);
        if payload.starts_with(b"{\"posted\"") {
            answers += 1;
        } else {
            seqs.push(decode_head(&payload).expect("an event").seq);
        }
    }
    seqs
}

#[test]
fn sockets_that_publish_into_their_own_topic_all_have_all_of_it_in_order() {
    // Without pings, which would come between.
    let websocket = WebSocketOptions { ping: Span::from_secs(0), ..WebSocketOptions::default() };
    let target = Target::start(Options { websocket, ..Options::default() });
    target.publish("t", json!("first"));
    let mut clients: Vec<_> =
        (0..5).map(|_| upgrade(target.connect(), "/topics/t/ws?since=1")).collect();
    // Several at once, so that a link publishes while it is served.
    for _ in 0..10 {
        for client in &mut clients {
            client.write(&masked(0x81, b"{\"data\":1}").repeat(3));
        }
    }
    for client in &mut clients {
        let seqs = posted(client, 30, 150);
        assert_eq!(seqs, (2..=151).collect::<Vec<_>>());
    }
}

/// `tidings serve --tls` on a free port; ends with its test.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn under_tls_a_socket_that_is_read_late_has_every_event_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("authority.pem");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "1", "--rate", "0/s", "--tls"]);
    command.arg("--cert-out").arg(&pem);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _serve = Serve(child);
    let address: SocketAddr = line.trim().rsplit('/').next().unwrap().parse().unwrap();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(File::open(pem).unwrap()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let fields = HANDSHAKE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let ask = format!("GET /topics/news-0/ws?since=0 HTTP/1.1\r\nhost: target\r\n{fields}\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    // More than the kernel's buffers hold, before anything is read.
    let posts = 60;
    for n in 0..posts {
        let post = json!({ "data": "x".repeat(SIZES[n % SIZES.len()] * 2) }).to_string();
        stream.write_all(&masked(0x81, post.as_bytes())).unwrap();
    }
    let mut reader = BufReader::new(Pieces { inner: stream, turn: 0 });
    let head = read_head(&mut reader).unwrap();
    assert!(head.first_line.contains(" 101 "), "{}", head.first_line);
    let (mut answers, mut seq) = (0, 0);
    while answers < posts || seq < posts {
        let mut first = [0; 2];
        reader.read_exact(&mut first).unwrap();
        let mut long = [0; 8];
        let length = match first[1] {
            126 => reader.read_exact(&mut long[6..]).map(|()| u64::from_be_bytes(long)).unwrap(),
            127 => reader.read_exact(&mut long).map(|()| u64::from_be_bytes(long)).unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        reader.read_exact(&mut payload).unwrap();
        match first[0] {
            0x81 if payload.starts_with(b"{\"posted\"") => answers += 1,
            0x81 => {
                let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                let size = SIZES[seq % SIZES.len()] * 2;
                seq += 1;
                assert_eq!(event["seq"], seq);
                assert_eq!(event["data"].as_str().unwrap().len(), size);
            }
            other => assert_eq!(other, 0x89),
        }
    }
}
