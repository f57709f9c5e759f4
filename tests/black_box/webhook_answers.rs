//! Receivers that answer as no library would: the status line alone decides about an event, costs at most the connection,
//! and delays no other receiver.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use tidings::scenario::WebhookOptions;
use tidings::server::Options;
use tidings::unit::Span;

use crate::target_support::{Hook, Target, acknowledge, read_body, read_head, until};

/// A receiver's reaction to an attempt.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Sends this.
    Say(&'static str),
    /// Sends this, a byte at a time.
    Spell(&'static str),
    /// Sends this repeatedly, until the target stops reading.
    Flood(&'static str),
    /// Sends a byte now and then, until the target stops reading.
    Trickle,
    /// Sends nothing for a moment, so that the earlier bytes are read separately.
    Pause,
    /// Keeps the connection open, and silent.
    Hold,
    /// Breaks the connection off.
    Reset,
}

use Step::{Flood, Hold, Pause, Reset, Say, Spell, Trickle};

const ATTEMPTS: u32 = 2;
/// So small that a request of [`LARGE`] cannot be written before it is read.
const RECEIVE_BUFFER: usize = 32 << 10;
const LARGE: usize = 900 << 10;

/// A receiver that reads an attempt (its head alone where `early`), plays `steps`, and then closes.
struct Receiver {
    address: SocketAddr,
    /// How often each event arrived.
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
    over: Arc<AtomicBool>,
}

impl Receiver {
    fn start(early: bool, script: impl Fn(u32) -> &'static [Step] + Send + Sync + 'static) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(64).unwrap();
        let listener: std::net::TcpListener = socket.into();
        let address = listener.local_addr().unwrap();
        let (seen, over) =
            (Arc::<Mutex<BTreeMap<String, u32>>>::default(), Arc::new(AtomicBool::new(false)));
        let (book, ends, script) = (Arc::clone(&seen), Arc::clone(&over), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (book, ends, script) =
                    (Arc::clone(&book), Arc::clone(&ends), Arc::clone(&script));
                std::thread::spawn(move || serve(&stream.unwrap(), early, &book, &ends, &*script));
            }
        });
        Self { address, seen, over }
    }

    fn seen(&self) -> Vec<u32> {
        self.seen.lock().unwrap().values().copied().collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: &TcpStream,
    early: bool,
    book: &Mutex<BTreeMap<String, u32>>,
    over: &AtomicBool,
    script: &dyn Fn(u32) -> &'static [Step],
) {
    let mut reader = BufReader::with_capacity(1 << 10, stream.try_clone().unwrap());
    let mut on_this = 0;
    while let Some(mut message) = read_head(&mut reader) {
        let id = message.header("webhook-id").unwrap().to_owned();
        if id.starts_with("msg_verification") || !early {
            read_body(&mut reader, &mut message);
        }
        if id.starts_with("msg_verification") {
            let (_, _, echo) = acknowledge(&message);
            let length = echo.len();
            let _ = write!(&*stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{echo}");
            return;
        }
        on_this += 1;
        *book.lock().unwrap().entry(id).or_default() += 1;
        for step in script(on_this) {
            if !play(stream, *step, over) {
                return;
            }
        }
        if early {
            return;
        }
    }
}

/// Whether the connection continues.
fn play(mut stream: &TcpStream, step: Step, over: &AtomicBool) -> bool {
    let pause = || std::thread::sleep(Duration::from_millis(20));
    match step {
        Say(text) => stream.write_all(text.as_bytes()).is_ok(),
        Spell(text) => {
            stream.set_nodelay(true).unwrap();
            text.bytes().all(|byte| stream.write_all(&[byte]).is_ok())
        }
        Flood(text) => {
            while !over.load(Ordering::SeqCst) && stream.write_all(text.as_bytes()).is_ok() {}
            false
        }
        Trickle => {
            while !over.load(Ordering::SeqCst) && stream.write_all(b"x").is_ok() {
                pause();
            }
            false
        }
        Pause => {
            pause();
            true
        }
        Hold => {
            // Until the other side closes, or the test is over.
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let mut byte = [0];
            while !over.load(Ordering::SeqCst) {
                match stream.read(&mut byte) {
                    Ok(0) => break,
                    Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
            false
        }
        Reset => {
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
            false
        }
    }
}

fn target() -> Target {
    let webhook = WebhookOptions {
        attempts: ATTEMPTS,
        backoff: Span::from_ms(1),
        backoff_max: Span::from_ms(5),
        // Longer than anything here waits: what is acknowledged by its time-out alone fails.
        timeout: Span::from_secs(60),
        ..WebhookOptions::default()
    };
    Target::start(Options { webhook, allow_private_webhooks: true, ..Options::default() })
}

fn register(target: &Target, url: &str) -> String {
    let body = json!({ "url": url, "topics": ["news-0"], "since": 0 });
    let answer = target.send("POST", "/webhooks", Some(body));
    assert_eq!(answer.status, 201, "{}", answer.text());
    format!("/webhooks/{}", answer.json()["id"])
}

/// Two events to a receiver with this script and to one in good order; what the former saw of each, delivered and dead.
fn deliver(
    name: &str,
    early: bool,
    payload: usize,
    script: &'static [Step],
) -> (Vec<u32>, u64, u64) {
    let target = target();
    let (odd, other) = (Receiver::start(early, move |_| script), Hook::start(acknowledge));
    let path = register(&target, &format!("http://{}/", odd.address));
    register(&target, &other.url());
    for seq in 1..=2 {
        target.publish("news-0", "x".repeat(payload));
        assert_eq!(other.next().json()["seq"], seq, "{name}: another endpoint was disturbed");
        let count = |key: &str| target.get(&path).json()[key].as_u64().unwrap();
        until(name, || count("delivered") + count("dead_letters") == seq);
    }
    let endpoint = target.get(&path).json();
    let figure = |key: &str| endpoint[key].as_u64().unwrap();
    (odd.seen(), figure("delivered"), figure("dead_letters"))
}

/// Each is acknowledged at once, though the message never ends, or not well.
const ACKNOWLEDGED: &[(&str, &[Step])] = &[
    ("a body that stays away", &[Say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"), Hold]),
    ("no length, and no end", &[Say("HTTP/1.1 200 OK\r\n\r\nok"), Hold]),
    ("no length, and an end", &[Say("HTTP/1.1 200 OK\r\n\r\nok"), Reset]),
    (
        "endless chunks",
        &[Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Flood("5\r\nhello\r\n")],
    ),
    (
        "a chunk that does not end",
        &[Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n"), Trickle],
    ),
    (
        "a byte now and then",
        &[Say("HTTP/1.1 202 Accepted\r\ncontent-length: 1000000\r\n\r\n"), Trickle],
    ),
    (
        "a mebibyte and more",
        &[
            Say("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"),
            Flood("all the world's a stage"),
        ],
    ),
    ("HTTP/1.0", &[Say("HTTP/1.0 200 OK\r\n\r\n"), Reset]),
    (
        "HTTP/1.0 that keeps the connection",
        &[Say("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n")],
    ),
    (
        "interim responses first",
        &[
            Say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
            Say("HTTP/1.1 204 No Content\r\n\r\n"),
        ],
    ),
    ("broken off after the status line", &[Say("HTTP/1.1 200 OK\r\n"), Reset]),
    ("headers that do not end", &[Say("HTTP/1.1 200 OK\r\nx-long: "), Trickle]),
    ("headers that do not end, fast", &[Say("HTTP/1.1 200 OK\r\nx-long: "), Flood("on and on")]),
    (
        "a header that is none",
        &[Say("HTTP/1.1 200 OK\r\nthis is no header\r\ncontent-length: 0\r\n\r\n"), Hold],
    ),
    ("a byte at a time", &[Spell("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]),
    (
        "closed, as announced",
        &[Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), Reset],
    ),
    ("closed, though kept", &[Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Reset]),
    (
        "more than was asked for",
        &[Say(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        )],
    ),
    (
        "lengths that contradict",
        &[Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 9\r\n\r\n"), Hold],
    ),
    (
        "a length and chunks",
        &[
            Say(
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
            Hold,
        ],
    ),
    ("a 204 that claims a body", &[Say("HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n")]),
    ("no reason phrase, bare line feeds", &[Say("HTTP/1.1 200\n\n"), Hold]),
];

#[test]
fn a_2xx_acknowledges_whatever_follows_it() {
    for (name, script) in ACKNOWLEDGED {
        assert_eq!(deliver(name, false, 1, script), (vec![1, 1], 2, 0), "{name}");
    }
}

/// Each fails by its status, or for want of one, and is tried again.
const FAILED: &[(&str, &[Step])] = &[
    ("a 500 that does not end", &[Say("HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nno"), Hold]),
    (
        "a 404 in endless chunks",
        &[Say("HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n"), Flood("5\r\nhello\r\n")],
    ),
    ("a 400 broken off after its status line", &[Say("HTTP/1.1 400 No\r\n"), Reset]),
    ("a redirect", &[Say("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n"), Hold]),
    (
        "a switch of protocols",
        &[Say("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), Hold],
    ),
    ("nothing at all", &[Reset]),
    ("half a status line", &[Say("HTTP/1.1 20"), Reset]),
    ("another protocol", &[Say("SSH-2.0-OpenSSH_9.2p1\r\n"), Hold]),
    ("a status of four digits", &[Say("HTTP/1.1 2000 OK\r\n\r\n"), Hold]),
    ("interim responses without end", &[Flood("HTTP/1.1 100 Continue\r\n\r\n")]),
    ("a line without end", &[Say("HTTP/1.1 "), Flood("200")]),
];

#[test]
fn a_failed_attempt_is_retried_and_becomes_a_dead_letter() {
    for (name, script) in FAILED {
        assert_eq!(deliver(name, false, 1, script), (vec![ATTEMPTS, ATTEMPTS], 0, 2), "{name}");
    }
}

#[test]
fn an_answer_before_the_request_was_read_counts() {
    const EARLY: &[(&str, &[Step])] = &[
        ("and a reset", &[Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Reset]),
        (
            "and silence",
            &[Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), Hold],
        ),
        (
            "and the rest later: half a request stands on the connection",
            &[Say("HTTP/1.1 200 OK\r\n"), Pause, Say("content-length: 0\r\n\r\n"), Hold],
        ),
        ("as HTTP/1.0", &[Say("HTTP/1.0 200 OK\r\n\r\n"), Hold]),
    ];
    for (name, script) in EARLY {
        assert_eq!(deliver(name, true, LARGE, script), (vec![1, 1], 2, 0), "{name}");
    }
    let refused: &[Step] = &[Say("HTTP/1.1 413 Too Large\r\nconnection: close\r\n\r\n"), Reset];
    assert_eq!(deliver("refused early", true, LARGE, refused), (vec![2, 2], 0, 2));
}

#[test]
fn a_kept_connection_that_ends_under_an_attempt_costs_no_attempt() {
    let good: &[Step] = &[Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")];
    let target = target();
    let odd = Receiver::start(false, move |nth| if nth == 1 { good } else { &[Reset] });
    let path = register(&target, &format!("http://{}/", odd.address));
    for seq in 1..=3 {
        target.publish("news-0", 1);
        until("the delivery", || target.get(&path).json()["delivered"] == seq);
    }
    // The second and third event used the kept connection first, and then a new one.
    assert_eq!(odd.seen(), [1, 2, 2]);
    assert_eq!(target.get(&path).json()["dead_letters"], 0);
    assert_eq!(target.stop().counters.get(tidings::measure::Counter::Retries), 0);
}

#[test]
fn an_attempt_under_way_when_the_address_changes_leaves_no_way_to_the_former_receiver() {
    let good: &[Step] = &[Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")];
    let (target, go) = (target(), Arc::new(AtomicBool::new(false)));
    let may = Arc::clone(&go);
    let former = Receiver::start(false, move |_| {
        while !may.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        good
    });
    let now = Hook::start(acknowledge);
    let path = register(&target, &format!("http://{}/", former.address));
    target.publish("news-0", 1);
    until("the attempt", || former.seen() == [1]);
    let changed = target.send("PATCH", &path, Some(json!({ "url": now.url() })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    go.store(true, Ordering::SeqCst);
    until("the delivery", || target.get(&path).json()["delivered"] == 1);
    target.publish("news-0", 2);
    assert_eq!(now.next().json()["seq"], 2);
    assert_eq!(former.seen(), [1]);
}
