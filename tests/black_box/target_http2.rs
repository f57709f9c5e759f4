//! Faults and limits of a target, over TLS and HTTP/2.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Method, Request};
use serde_json::Value;
use tidings::measure::{Metric, Snapshot};
use tidings::net::tls::{Authority, HTTP_1, HTTP_2, Trust};
use tidings::net::{Client, Dialer, StampedResponse, WireTotals};
use tidings::scenario::{DropFilter, Limits, faults};
use tidings::server::{Handle, Options, Security, Start, Waits, listen, serve_from};
use tidings::unit::Span;
use tokio::io::AsyncReadExt as _;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

const SEED: u64 = 7;
/// Time limit for expected events.
const PATIENCE: Duration = Duration::from_secs(20);
/// The preface of HTTP/2 clients.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame of settings without any.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A target of one shard in a thread of this process.
struct Target {
    handle: Handle,
    trust: Option<Trust>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Snapshot>,
}

impl Target {
    fn start(tls: bool, mut options: Options) -> Self {
        (options.shards, options.seed) = (1, SEED);
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let authority = tls.then(|| Authority::new().unwrap());
        let trust = authority.as_ref().map(|authority| authority.trust(false));
        let security = authority.map_or_else(Security::default, |authority| {
            Security::serving(authority.issue(&["127.0.0.1".to_owned()]).unwrap()).unwrap()
        });
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let start = Start { security, ..Start::default() };
            let ended = serve_from(listener, options, start, async |handle| {
                ready.send(handle).unwrap();
                let _ = stopped.await;
            });
            ended.unwrap().1
        });
        Self { handle: is_ready.recv().unwrap(), trust, stop, thread }
    }

    fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    /// A dialer of connections to it, with HTTP/2 for this many links each.
    fn dialer(&self, streams: Option<u32>) -> Dialer {
        let dialer = Dialer::new(self.address(), Rc::new(WireTotals::default()));
        let dialer = match &self.trust {
            None => dialer,
            Some(trust) => {
                let alpn = if streams.is_some() { HTTP_2 } else { HTTP_1 };
                dialer.over_tls(trust, alpn, true).unwrap()
            }
        };
        match streams {
            None => dialer,
            Some(streams) => dialer.over_http2(streams),
        }
    }

    fn request(&self, method: Method, path: &str, body: &'static str) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(HOST, self.address().to_string());
        request.header(CONTENT_TYPE, "application/json").body(Full::new(body.into())).unwrap()
    }

    async fn get(&self, client: &mut Client, path: &str) -> StampedResponse {
        client.exchange(self.request(Method::GET, path, ""), PATIENCE).await.unwrap()
    }

    fn stop(self) -> Snapshot {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

/// Runs it where the connections of HTTP/2 find room for their tasks.
fn here(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Each way that the bytes of HTTP can travel: TLS, and HTTP/2 with two links a connection.
const WAYS: [(bool, Option<u32>); 4] =
    [(false, None), (true, None), (false, Some(2)), (true, Some(2))];

fn seqs(page: &StampedResponse) -> Vec<u64> {
    let page: Value = serde_json::from_slice(&page.body).unwrap();
    page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect()
}

/// Reads a stream until this many events have arrived.
async fn streamed(target: &Target, client: &mut Client, n: usize) -> Vec<u64> {
    let request = target.request(Method::GET, "/topics/news-0/stream?since=0", "");
    let mut body = client.stream(request).await.unwrap().into_body();
    let mut text = String::new();
    loop {
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        let events = whole.lines().filter_map(|line| line.strip_prefix("data: "));
        let seqs: Vec<u64> = events
            .filter_map(|data| serde_json::from_str::<Value>(data).unwrap()["seq"].as_u64())
            .collect();
        if seqs.len() >= n {
            return seqs;
        }
        let frame = tokio::time::timeout(PATIENCE, client.frame(&mut body)).await.unwrap();
        text.push_str(std::str::from_utf8(&frame.unwrap().unwrap()).unwrap());
    }
}

#[test]
fn faults_apply_to_every_transport() {
    const EVENTS: u64 = 40;
    const SERVICE_NS: u64 = 2_000_000;
    const DELAY_NS: u64 = 3_000_000;
    let settings = ["service=2ms", "delay=3ms", "drop=0.3"].map(str::to_owned);
    let faults = faults(&settings).unwrap();
    for (tls, streams) in WAYS {
        let way = format!("TLS {tls}, links a connection {streams:?}");
        let target = Target::start(tls, Options { faults, ..Options::default() });
        target.handle.begin(0..u64::MAX);
        let mut written = 0;
        here(async {
            let dialer = target.dialer(streams);
            // A subscriber is a connection, and links may share one.
            let left = |link: u64| {
                let subscriber = link / u64::from(streams.unwrap_or(1));
                let drop_filter = DropFilter::new(SEED, subscriber, 0, &faults).unwrap();
                (1..=EVENTS).filter(|seq| !drop_filter.drops(*seq)).collect::<Vec<u64>>()
            };
            let mut clients = Vec::new();
            for link in 0..3 {
                let mut client = Client::connect(&dialer, link).await.unwrap();
                // One after another is accepted.
                assert_eq!(target.get(&mut client, "/healthz").await.status, 200, "{way}");
                clients.push(client);
            }
            for _ in 0..EVENTS {
                let event = target.request(Method::POST, "/topics/news-0/events", "{\"data\":1}");
                let answer = clients[0].exchange(event, PATIENCE).await.unwrap();
                assert_eq!(answer.status, 201, "{way}");
                let took_ns = answer.done_ns - answer.sent_ns;
                assert!(took_ns >= SERVICE_NS + DELAY_NS, "{way}: {took_ns}");
                let headers = answer.headers.to_map();
                let told = headers["server-timing"].to_str().unwrap();
                assert!(told.contains("s;dur=2.000000"), "{way}: {told}");
            }
            for link in [0, 2] {
                let page = target.get(&mut clients[link], "/topics/news-0/events?limit=1000").await;
                assert_eq!(seqs(&page), left(link as u64), "{way}, link {link}");
                written += seqs(&page).len() as u64;
            }
            let expected = left(1);
            let events = streamed(&target, &mut clients[1], expected.len()).await;
            assert_eq!(events, expected, "{way}");
            written += events.len() as u64;
        });
        let snapshot = target.stop();
        let booked = snapshot.distribution(Metric::Written).unwrap();
        assert_eq!(booked.count(), written, "{way}: each when it left");
    }
}

#[test]
fn a_delayed_answer_is_not_written_with_prompt_ones() {
    const DELAY_NS: u64 = 50_000_000;
    let faults = faults(&["delay=50ms".to_owned()]).unwrap();
    let target = Target::start(false, Options { faults, ..Options::default() });
    target.handle.begin(0..u64::MAX);
    here(async {
        let dialer = target.dialer(Some(2));
        let mut held = Client::connect(&dialer, 0).await.unwrap();
        let mut beside = Client::connect(&dialer, 1).await.unwrap();
        let mut publisher = Client::connect(&dialer, 2).await.unwrap();
        let event = target.request(Method::POST, "/topics/news-0/events", "{\"data\":1}");
        let path = "/topics/news-0/events?since=0&wait=20s";
        tokio::select! {
            (page, answer) = async {
                tokio::join!(target.get(&mut held, path), publisher.exchange(event, PATIENCE))
            } => {
                assert_eq!((seqs(&page), answer.unwrap().status.as_u16()), (vec![1], 201));
            }
            // Not late itself, and flushes their connection again and again.
            () = async {
                loop {
                    target.get(&mut beside, "/healthz").await;
                }
            } => unreachable!("a loop"),
        }
    });
    let snapshot = target.stop();
    let written = snapshot.distribution(Metric::Written).unwrap();
    assert_eq!(written.count(), 1);
    // To the histogram's precision.
    assert!(written.min().unwrap() >= DELAY_NS - DELAY_NS / 100, "{:?}", written.min());
}

#[test]
fn a_connection_too_many_is_refused_and_closed() {
    let limits = Limits { connections: Some(1), requests_per_s: None };
    for (tls, streams) in WAYS {
        let way = format!("TLS {tls}, HTTP/2 {}", streams.is_some());
        let target = Target::start(tls, Options { limits, ..Options::default() });
        here(async {
            let dialer = target.dialer(streams.map(|_| 1));
            let mut first = Client::connect(&dialer, 0).await.unwrap();
            assert_eq!(target.get(&mut first, "/topics").await.status, 200, "{way}");
            let mut second = Client::connect(&dialer, 1).await.unwrap();
            let refused = target.get(&mut second, "/topics").await;
            assert_eq!(
                (refused.status.as_u16(), &refused.headers.to_map()[RETRY_AFTER]),
                (503, &"1".parse().unwrap()),
                "{way}"
            );
            let start = Instant::now();
            while connections(&target.get(&mut first, "/healthz").await) > 1 {
                assert!(start.elapsed() < PATIENCE, "{way}: it is not closed");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert!(!second.is_open() || streams.is_none(), "{way}");
        });
        target.stop();
    }
}

/// The number of open connections, from `/healthz`.
fn connections(health: &StampedResponse) -> u64 {
    let health: Value = serde_json::from_slice(&health.body).unwrap();
    health["links"]["connection"].as_u64().unwrap()
}

/// A connection that has sent its preface: the next one if this thread paused for longer than the time limit.
async fn asked(target: &Target) -> Client {
    let start = Instant::now();
    loop {
        if let Ok(mut client) = Client::connect(&target.dialer(Some(1)), 0).await
            && let Ok(answer) =
                client.exchange(target.request(Method::GET, "/topics", ""), PATIENCE).await
        {
            assert_eq!(answer.status, 200);
            return client;
        }
        assert!(start.elapsed() < PATIENCE, "no connection is let ask");
    }
}

#[test]
fn a_client_that_falls_silent_after_its_preface_is_dropped() {
    let waits = Waits { head: Span::from_ms(300), ..Waits::default() };
    let plain = Target::start(false, Options { waits, ..Options::default() });
    let greeting = [PREFACE, SETTINGS].concat();
    for length in [0, 3, PREFACE.len() - 1, PREFACE.len(), greeting.len() - 1, greeting.len()] {
        let mut stream = TcpStream::connect(plain.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&greeting[..length]).unwrap();
        // It may greet, too, and be short about the end.
        let ended = stream.read_to_end(&mut Vec::new());
        let patient = ended.err().map(|error| error.kind());
        assert!(
            patient.is_none_or(|kind| kind == std::io::ErrorKind::ConnectionReset),
            "{length}: {patient:?}"
        );
    }
    let secure = Target::start(true, Options { waits, ..Options::default() });
    here(async {
        let mut silent = secure.dialer(Some(1)).connect(0).await.unwrap();
        let mut greeted = Vec::new();
        let ended = silent.read_to_end(&mut greeted);
        let _ = tokio::time::timeout(PATIENCE, ended).await.expect("closed by the target");

        // Who has asked may be silent for as long as it likes, and answers pings.
        let mut client = asked(&plain).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(client.is_open());
        assert_eq!(plain.get(&mut client, "/topics").await.status, 200);
    });
    plain.stop();
    secure.stop();
}
