//! A target in a thread, and an HTTP client and receiver of plain sockets, so that none of the target's code judges the
//! target.

pub(crate) mod websocket;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidings::event::Epoch;
use tidings::measure::Snapshot;
use tidings::server::{Handle, Options, Start, serve_from};
use tokio::sync::oneshot;

/// Time limit for expected events.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A target in a thread of this process; ends when dropped.
pub(crate) struct Target {
    pub address: SocketAddr,
    pub handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Snapshot>>,
}

impl Target {
    pub(crate) fn start(options: Options) -> Self {
        Self::start_in(options, None)
    }

    /// The same with a durable outbox in `data`, which is free again once it is stopped.
    pub(crate) fn start_in(options: Options, data: Option<&Path>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), options, data, None)
    }

    /// Starts a target whose logs have a known life.
    pub(crate) fn start_life(options: Options, life: Option<Epoch>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), options, None, life)
    }

    /// Starts a target at an address.
    pub(crate) fn start_at(
        address: SocketAddr,
        options: Options,
        data: Option<&Path>,
        life: Option<Epoch>,
    ) -> Self {
        let data = data.map(Path::to_owned);
        let listener = tidings::server::listen(address).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let start = Start { data: data.as_deref(), life, ..Start::default() };
            let ended = serve_from(listener, options, start, async |handle| {
                ready.send(handle).unwrap();
                let _ = stopped.await;
            });
            ended.unwrap().1
        });
        let handle: Handle = is_ready.recv().unwrap();
        Self { address: handle.address(), handle, stop: Some(stop), thread: Some(thread) }
    }

    /// Ends the target and returns what it measured.
    pub(crate) fn stop(mut self) -> Snapshot {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends one request on a new connection.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.connect().send(method, path, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// Publishes `{"data": data}` and returns the sequence.
    pub(crate) fn publish(&self, topic: &str, data: impl Into<Value>) -> u64 {
        let data: Value = data.into();
        let path = format!("/topics/{topic}/events");
        let answer = self.send("POST", &path, Some(serde_json::json!({ "data": data })));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["seq"].as_u64().unwrap()
    }

    /// The life that the target's logs are in, as it says.
    pub(crate) fn epoch(&self) -> String {
        let topics = self.get("/topics").json();
        let next = topics["topics"][0]["next"].as_str().unwrap().to_owned();
        next.split_once('-').unwrap().1.to_owned()
    }

    /// The number of open links of a kind, as reported by the target.
    pub(crate) fn links(&self, kind: &str) -> u64 {
        self.get("/healthz").json()["links"][kind].as_u64().unwrap()
    }

    /// Waits until this many links of a kind are open.
    pub(crate) fn await_links(&self, kind: &str, expected: u64) {
        until(&format!("{expected} {kind}"), || self.links(kind) == expected);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// Waits until something holds, which it must within [`PATIENCE`].
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An HTTP response, or request.
#[derive(Debug)]
pub(crate) struct Message {
    pub first_line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    message: Message,
}

impl std::ops::Deref for Answer {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

/// Reads the lines of a head; `None` where the stream ends before.
pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<Message> {
    let mut first_line = String::new();
    if reader.read_line(&mut first_line).unwrap_or(0) == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        match line.split_once(':') {
            Some((key, value)) => headers.push((key.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    Some(Message { first_line: first_line.trim_end().to_owned(), headers, body: Vec::new() })
}

/// Reads a body of known length.
pub(crate) fn read_body(reader: &mut impl BufRead, message: &mut Message) {
    if let Some(length) = message.header("content-length") {
        message.body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut message.body).unwrap();
    }
}

/// One connection of plain HTTP/1.1.
pub(crate) struct Client {
    pub reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    /// Writes what the target takes: one that refuses may answer and close before everything is written.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.reader.get_mut().write_all(bytes);
    }

    /// Sends a request without reading its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: target\r\n");
        for (key, value) in headers {
            write!(head, "{key}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(head, "content-length: {}\r\n", body.len()).unwrap();
        }
        self.write(&[format!("{head}\r\n").as_bytes(), body].concat());
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.ask(method, path, headers, body);
        self.answer(method)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let json = [("content-type", "application/json")];
        let headers: &[_] = if body.is_empty() { &[] } else { &json };
        self.request(method, path, headers, body.as_bytes())
    }

    /// Reads the head of an answer.
    pub(crate) fn head(&mut self) -> Answer {
        let message = read_head(&mut self.reader).expect("an answer");
        let status = message.first_line.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, message }
    }

    /// Reads an answer of known length.
    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        let mut answer = self.head();
        if method != "HEAD" && answer.status != 304 {
            read_body(&mut self.reader, &mut answer.message);
        }
        answer
    }

    /// Reads one chunk of a chunked body; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }
}

/// A webhook receiver: answers each request as `respond` says, and hands it on.
pub(crate) struct Hook {
    pub address: SocketAddr,
    pub received: Receiver<Message>,
}

/// A receiver's answer: status, headers, body.
pub(crate) type Response = (u16, Vec<(&'static str, String)>, String);

/// The answer of a good receiver: acknowledges, and echoes challenges.
pub(crate) fn acknowledge(message: &Message) -> Response {
    let body = message.json();
    match body["challenge"].as_str() {
        Some(challenge) if body["type"] == "webhook.verification" => {
            (200, vec![], serde_json::json!({ "challenge": challenge }).to_string())
        }
        _ => (204, vec![], String::new()),
    }
}

impl Hook {
    pub(crate) fn start(respond: impl Fn(&Message) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::channel();
        let respond = std::sync::Arc::new(respond);
        // The threads end with their connections, and the last with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (sender, respond) = (sender.clone(), std::sync::Arc::clone(&respond));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(mut message) = read_head(&mut reader) {
                        read_body(&mut reader, &mut message);
                        let (status, headers, body) = respond(&message);
                        let mut head = format!("HTTP/1.1 {status} X\r\n");
                        for (key, value) in headers {
                            write!(head, "{key}: {value}\r\n").unwrap();
                        }
                        if status != 204 {
                            write!(head, "content-length: {}\r\n", body.len()).unwrap();
                        }
                        let answer = format!("{head}\r\n{body}");
                        // Who has the answer may ask at once what was received.
                        let told = sender.send(message);
                        if told.is_err() || reader.get_mut().write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next delivery; challenges are passed over.
    pub(crate) fn next(&self) -> Message {
        loop {
            let message = self.received.recv_timeout(PATIENCE).expect("a delivery");
            if message.json()["type"] != "webhook.verification" {
                return message;
            }
        }
    }
}
