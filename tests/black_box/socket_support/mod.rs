//! A WebSocket server that follows a test's script, and links of tidings that speak to it by a dialect.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::clock;
use tidings::control::Access;
use tidings::dialect::model::Dialect;
use tidings::dialect::token::{RunTag, Token};
use tidings::measure::Ledger;
use tidings::net::{Dialer, WireTotals};
use tidings::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use tidings::pattern::publish::{self, Account};
use tidings::pattern::{self, Context, Conversation, Timeline};
use tidings::scenario::{Case, Pattern, WebSocketOptions};
use tidings::unit::Span;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::link_support::case;

/// What tells the events of these tests from others.
const RUN: u64 = 7;

/// The token of event `seq` of topic 0.
pub(crate) fn token(seq: u64) -> String {
    let token = RunTag::new(RUN).encode(Token::new(0, seq).unwrap());
    String::from_utf8(token.to_vec()).unwrap()
}

/// A request that came: its first line and its header fields, in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub line: String,
    pub fields: BTreeMap<String, String>,
}

/// A client that has connected.
pub(crate) struct Peer {
    pub asked: Asked,
    pub stream: TcpStream,
}

impl Peer {
    /// Opens the WebSocket, with more header fields; each ends with CR LF.
    pub(crate) fn open_with(mut self, fields: &str) -> WebSocket<TcpStream> {
        let key = self.asked.fields.get("sec-websocket-key").cloned().unwrap_or_default();
        let proof = derive_accept_key(key.as_bytes());
        self.write(&format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n\
             sec-websocket-accept: {proof}\r\n{fields}\r\n"
        ));
        WebSocket::from_raw_socket(self.stream, Role::Server, None)
    }

    /// Opens the WebSocket.
    pub(crate) fn open(self) -> WebSocket<TcpStream> {
        self.open_with("")
    }

    pub(crate) fn write(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Answers an HTTP request.
    pub(crate) fn answer(mut self, status: u16, body: &str) {
        let length = body.len();
        self.write(&format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ));
    }

    /// The next request on the connection; `None` once the client has closed it.
    pub(crate) fn next(&mut self) -> Option<Asked> {
        read_head(&mut BufReader::new(&mut self.stream))
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.asked.fields.contains_key("sec-websocket-key")
    }
}

/// A server that follows `script` with every client, given the client's number, from 0.
pub(crate) fn serve(script: impl Fn(usize, Peer) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let script = Arc::clone(&script);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let Some(asked) = read_head(&mut reader) else { return };
                // Who asks for a WebSocket sends nothing more before it is open.
                script(number, Peer { asked, stream: reader.into_inner() });
            });
        }
    });
    address
}

fn read_head(reader: &mut impl BufRead) -> Option<Asked> {
    let (mut line, mut fields) = (String::new(), BTreeMap::new());
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut field = String::new();
    while reader.read_line(&mut field).ok()? > 2 {
        if let Some((name, value)) = field.split_once(':') {
            fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        field.clear();
    }
    let length = fields.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    fields.insert("body".to_owned(), String::from_utf8(body).unwrap());
    Some(Asked { line: line.trim().to_owned(), fields })
}

/// What came over a WebSocket until it ended: texts, and binary messages in hexadecimal after `#`.
pub(crate) fn drain(socket: &mut WebSocket<TcpStream>, log: &Log) {
    while let Ok(message) = socket.read() {
        log.add(shown(&message));
    }
}

pub(crate) fn shown(message: &Message) -> String {
    match message {
        Message::Text(text) => text.as_str().to_owned(),
        Message::Binary(bytes) => {
            bytes.iter().fold("#".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        }
        Message::Pong(bytes) => format!("pong {}", String::from_utf8_lossy(bytes)),
        Message::Close(close) => {
            format!("close {:?}", close.as_ref().map(|close| u16::from(close.code)))
        }
        other => format!("{other:?}"),
    }
}

/// What a server's threads report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A dialect, from its TOML.
pub(crate) fn dialect(toml: &str) -> Dialect {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"))
}

/// A trial that began now: so many events of one topic within a second.
pub(crate) struct Lab {
    pub case: Case,
    pub events: u64,
    pub topics: u64,
    /// When receivers' events begin to be due: what comes before has been subscribed to.
    pub starts_in: Duration,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let options = WebSocketOptions { ping: Span::from_ns(0), ..WebSocketOptions::default() };
        let mut case = case(Pattern::WebSocket(options), tidings::scenario::Publish::Target);
        case.workload.payload = tidings::unit::ByteSize::new(40);
        Self { case, events: 10, topics: 1, starts_in: Duration::from_secs(60) }
    }

    fn context(
        &self,
        dialect: Dialect,
        target: SocketAddr,
        starts_in: Duration,
    ) -> (Rc<Context>, Timeline) {
        let length_ns = 1_000_000_000;
        let (timer, drive) = Timer::new(Pacing::Timerfd).unwrap();
        tokio::task::spawn_local(drive);
        let schedule = Schedule {
            seed: 1,
            topics: self.topics,
            per_s: self.events as f64,
            process: ArrivalProcess::Constant,
            until_ns: length_ns,
        };
        let now_ns = clock::now();
        let start_ns = now_ns + starts_in.as_nanos() as u64;
        // The window is open as long as the test needs it.
        let timeline = Timeline {
            idle_ns: now_ns,
            start_ns,
            window_ns: start_ns,
            end_ns: start_ns + 3_600_000_000_000,
        };
        let (_, started) = watch::channel(Some(timeline));
        let dialer = Dialer::new(target, Rc::new(WireTotals::default()));
        let access = Access {
            dialect,
            endpoints: BTreeMap::new(),
            cookies: false,
            compression: false,
            run: RUN,
            callback_port: None,
            captured: Vec::new(),
            trace: None,
        };
        let conversation = Conversation::of(&access, "websocket").unwrap();
        let window = 0..length_ns;
        let context = Context::new(self.case.clone(), dialer, timer, schedule, window, started);
        (Rc::new(context.speaking(conversation)), timeline)
    }

    /// One client of `dialect` until `done` finds something.
    pub(crate) fn receive<T>(
        &self,
        dialect: Dialect,
        target: SocketAddr,
        done: impl Fn(&Context) -> Option<T>,
    ) -> (T, Ledger) {
        block_on(async {
            let (context, timeline) = self.context(dialect, target, self.starts_in);
            let running = tokio::task::spawn_local(pattern::run(context.link(0)));
            let churning = tokio::task::spawn_local(Rc::clone(&context).churn(timeline));
            let found = patience(|| done(&context)).await;
            running.abort();
            churning.abort();
            (found, context.ledger())
        })
    }

    /// The publishers of `dialect` until `done` finds something.
    pub(crate) fn publish<T>(
        &self,
        dialect: Dialect,
        target: SocketAddr,
        done: impl Fn(&Context, &Published) -> Option<T>,
    ) -> (T, Published) {
        block_on(async {
            let publishing = Rc::new(dialect.publish.clone().unwrap());
            let (context, _) = self.context(dialect, target, Duration::ZERO);
            let account = Rc::new(Account::default());
            let connections = u64::from(publishing.connections);
            let mut running = Vec::new();
            for index in 0..connections {
                let link = context.publisher(index);
                let (publishing, account) = (Rc::clone(&publishing), Rc::clone(&account));
                running.push(tokio::task::spawn_local(async move {
                    publish::run(&link, &publishing, connections, &account).await;
                }));
            }
            let published = std::cell::RefCell::new(Published::default());
            let found = patience(|| {
                let more = account.take();
                let mut published = published.borrow_mut();
                published.refused.extend(more.refused);
                published.unanswered.extend(more.unanswered);
                published.ids.extend(more.ids);
                done(&context, &published)
            })
            .await;
            running.iter().for_each(tokio::task::JoinHandle::abort);
            // Their children end with them.
            for task in running {
                let _ = task.await;
            }
            (found, published.into_inner())
        })
    }
}

/// What became of events: topic and number, and the id that the server gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Published {
    pub refused: Vec<(u64, u64)>,
    pub unanswered: Vec<(u64, u64)>,
    pub ids: Vec<(u64, u64, String)>,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(future)
}

async fn patience<T>(done: impl Fn() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = done() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("in time")
}
