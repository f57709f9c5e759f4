//! Clients that send requests to a scripted server: closed loops, raw samples, the gap between polls.

use crate::request_support;
use crate::target_support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use request_support::{MS, Told, case, run};
use target_support::Target;
use tidings::clock;
use tidings::event::{Head, encode};
use tidings::measure::{Counter, Distribution, ErrorKind, Metric};
use tidings::scenario::{self, Case};
use tidings::server::Options;

/// A server's reaction to one request: a delay and the bytes to write; or no answer at all.
type Reply = Option<(Duration, Vec<u8>)>;

/// A server of blocking threads, one per connection, each with its own script.
struct Server {
    address: SocketAddr,
    /// Requests read so far.
    seen: Arc<AtomicU64>,
}

impl Server {
    /// `script` makes what answers the requests of one connection, by their head.
    fn start<S, F>(script: F) -> Self
    where
        S: FnMut(&str) -> Reply,
        F: Fn() -> S + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let (count, script) = (Arc::clone(&seen), Arc::new(script));
        // Ends with the process, as its listener does; its connections end with their clients.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, script) = (Arc::clone(&count), Arc::clone(&script));
                std::thread::spawn(move || converse(stream, &count, script()));
            }
        });
        Self { address, seen }
    }
}

fn converse(stream: TcpStream, seen: &AtomicU64, mut script: impl FnMut(&str) -> Reply) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        seen.fetch_add(1, Ordering::SeqCst);
        if let Some((wait, bytes)) = script(&head) {
            std::thread::sleep(wait);
            if writer.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

fn reply(status: &str, more: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}"
    );
    format!("{head}\r\n{body}").into_bytes()
}

fn at_once(bytes: Vec<u8>) -> (Duration, Vec<u8>) {
    (Duration::ZERO, bytes)
}

/// A slow `/items` that fails, and is silent now and then; it tells what it took.
fn moody(silent: bool) -> Server {
    Server::start(move || {
        let mut number = 0;
        move |head: &str| {
            if head.starts_with("POST") {
                return Some(at_once(reply("201 Created", "", "{\"id\":1}")));
            }
            number += 1;
            match number {
                n if n % 5 == 0 && silent => None,
                n if n % 3 == 0 => Some(at_once(reply("500 Internal Server Error", "", ""))),
                _ => {
                    let timing = "server-timing: q;dur=1.250000, s;dur=4.000000\r\n";
                    Some((Duration::from_millis(4), reply("200 OK", timing, "{\"id\":1}")))
                }
            }
        }
    })
}

/// Repeats `attempt`, whose own assertions always hold, until a window contained enough: on a paused machine one may pass
/// nearly empty.
fn enough(mut attempt: impl FnMut() -> bool) {
    assert!((0..20).any(|_| attempt()), "in twenty windows too little happened");
}

fn assert_exact(told: &Told, server: &Server, clients: u64) {
    let ledger = told.snapshot.ledger;
    let sent = told.count(Counter::Sent);
    assert!(sent > 0 && ledger.balances(), "{ledger:?}");
    assert_eq!((ledger.expected, told.count(Counter::Scheduled)), (sent, sent));
    assert_eq!(ledger.delivered, told.count(Counter::Answered));
    assert_eq!((ledger.duplicate, ledger.reordered), (0, 0));
    // Every client made its item first.
    let seen = || server.seen.load(Ordering::SeqCst);
    target_support::until("all that was sent", || seen() >= clients + sent);
    assert_eq!(seen(), clients + sent, "nothing was sent that is in no account");
}

#[test]
fn a_closed_loop_accounts_for_every_request_of_a_slow_target() {
    let (clients, server) = (3, moody(true));
    let closed = "loop = \"closed\"\nthink = \"2ms\"\ntimeout = \"1s\"";
    let told = run(case("request", clients, closed), server.address, 2_500 * MS, 0, true);
    assert_exact(&told, &server, clients);
    let (errors, lost) = (told.snapshot.counters.errors(), told.snapshot.ledger.lost);
    assert_eq!(errors, lost, "all that was sent is over: nothing is censored");
    assert!(told.count(Counter::ErrorTimeout) > 0 && told.count(Counter::ErrorStatus) > 0);
    assert!(told.samples.is_empty(), "nobody asked for them");
}

#[test]
fn requests_in_flight_at_the_end_of_a_closed_loop_are_censored() {
    let (clients, server) = (3, moody(true));
    // Longer than anyone waits: each client's first silent request is its last.
    let closed = "loop = \"closed\"\ntimeout = \"1h\"";
    let told = run(case("request", clients, closed), server.address, 2_000 * MS, 0, false);
    assert_exact(&told, &server, clients);
    let (errors, lost) = (told.snapshot.counters.errors(), told.snapshot.ledger.lost);
    assert_eq!(lost - errors, clients, "one under way for each");
    assert_eq!(told.count(Counter::Sent), 5 * clients, "a stalled server stops a closed loop");
}

#[test]
fn a_closed_loop_is_due_a_think_time_after_the_previous_answer() {
    let mut pairs = 0;
    // A paused process leaves room for few requests in a window.
    enough(|| {
        let server = moody(false);
        let closed = "loop = \"closed\"\nthink = \"3ms\"\narrivals = \"constant\"";
        let told = run(case("request", 2, closed), server.address, 200 * MS, 1_000, true);
        assert_exact(&told, &server, 2);
        for link in 0..2 {
            let own: Vec<_> = told.samples.iter().filter(|sample| sample.link == link).collect();
            for pair in own.windows(2).filter(|pair| pair[0].error.is_none()) {
                assert_eq!(pair[1].due_ns, pair[0].done_ns + 3 * MS);
                pairs += 1;
            }
            assert!(own[0].due_ns - told.timeline.start_ns < 3 * MS, "from a random phase");
        }
        pairs > 10
    });
}

#[test]
fn samples_are_the_first_requests_and_agree_with_the_histograms() {
    let server = moody(false);
    let closed = "loop = \"closed\"\nthink = \"1ms\"";
    enough(|| {
        let few = run(case("request", 2, closed), server.address, 100 * MS, 7, true);
        let sent = few.count(Counter::Sent);
        assert_eq!(few.samples.len() as u64, sent.min(7));
        assert!(few.samples.iter().all(|sample| sample.seq <= 7));
        sent > 7
    });

    let told = run(case("request", 2, closed), server.address, 200 * MS, 100_000, true);
    assert_eq!(told.samples.len() as u64, told.count(Counter::Sent));
    let (mut response, mut slip) = (Distribution::new(), 0);
    for sample in &told.samples {
        assert!(told.timeline.measures(sample.due_ns));
        let stamps = [
            Some(sample.due_ns),
            Some(sample.fired_ns),
            sample.sent_ns,
            sample.first_ns,
            Some(sample.done_ns),
        ];
        assert!(stamps.iter().flatten().is_sorted(), "{sample:?}");
        let server = (sample.server_queue_ns, sample.server_service_ns);
        match (sample.status, sample.error) {
            (Some(200), None) => {
                response.record(sample.done_ns - sample.due_ns);
                slip += 1;
                assert_eq!(server, (Some(1_250_000), Some(4_000_000)));
            }
            (Some(500), Some(ErrorKind::ServerError)) => assert_eq!(server, (None, None)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Some(&response), told.snapshot.distribution(Metric::Response));
    assert_eq!(told.snapshot.distribution(Metric::Slip).unwrap().count(), slip);
}

/// A topic that delivers one event per answer; `away` says which are published between polls, the others while one is held.
///
/// Each takes a millisecond: the window opens 5 ms after the links are open, and some polls must remain to be sent in it.
fn topic(last: u64, away: fn(u64) -> bool) -> Server {
    let page = |next: u64, events: &str| {
        let page = format!("{{\"next\":{next},\"oldest\":1,\"events\":[{events}]}}");
        Some(at_once(reply("200 OK", "", &page)))
    };
    Server::start(move || {
        // Taken before the answer goes out that the consumer's next poll follows.
        let mut before_ns = None;
        move |head: &str| {
            let Some(away_ns) = before_ns.replace(clock::now()) else {
                return page(0, ""); // The link stands.
            };
            let since = head.split_once("since=").unwrap().1;
            let digits = since.find(|c: char| !c.is_ascii_digit()).unwrap();
            let seq = since[..digits].parse::<u64>().unwrap() + 1;
            if seq > last {
                return if head.contains("wait=") { None } else { page(last, "") };
            }
            let published_ns = if away(seq) { away_ns } else { clock::now() };
            let mut event = Vec::new();
            encode(
                &mut event,
                "news-0",
                Head { seq, due_ns: published_ns, published_ns, key: None },
                b"1",
            );
            let answer = page(seq, std::str::from_utf8(&event).unwrap());
            answer.map(|(_, bytes)| (Duration::from_millis(1), bytes))
        }
    })
}

#[test]
fn deliveries_that_waited_for_the_next_poll_are_counted() {
    const LAST: u64 = 20;
    let mut herds = 0;
    for (pattern, options) in [
        ("long-poll", "gap = \"2ms\""),
        ("long-poll", ""),
        ("short-poll", "interval = \"4ms\""),
        ("short-poll", "interval = \"4ms\"\npace = \"after-response\"\njitter = 0.5"),
    ] {
        for (away, expected, why) in [
            ((|_| true) as fn(u64) -> bool, LAST, "every event fell into the gap"),
            (|_| false, 0, "every event came while the poll was held"),
            (|seq| seq % 4 == 0, LAST / 4, "every fourth fell into the gap"),
        ] {
            let clients = 2;
            let server = topic(LAST, away);
            let told = run(case(pattern, clients, options), server.address, 200 * MS, 0, true);
            let ledger = told.snapshot.ledger;
            assert_eq!((ledger.expected, ledger.lost), (clients * LAST, 0), "{pattern}, {options}");
            let delayed = told.count(Counter::DelayedDeliveries);
            assert_eq!(delayed, clients * expected, "{pattern}, {options}: {why}");
            // All long polls that were sent in the window: of each client one more or less than were answered in it.
            let (herd, sent) = (told.snapshot.herd.peak(0, 10_000), told.count(Counter::Sent));
            if pattern == "long-poll" {
                assert!(herd.abs_diff(sent) <= clients, "{options}: {herd} of {sent}");
                herds += herd;
            } else {
                assert_eq!(herd, 0);
            }
        }
    }
    assert!(herds > 0, "six windows went by in which nothing was sent");
}

#[test]
fn polls_follow_the_clock_or_the_answers() {
    let slow = || {
        Server::start(|| {
            let mut standing = true;
            move |_: &str| {
                let wait = if std::mem::take(&mut standing) { 0 } else { 3 };
                let page = reply("200 OK", "", "{\"next\":0,\"oldest\":1,\"events\":[]}");
                Some((Duration::from_millis(wait), page))
            }
        })
    };
    for (pattern, options, apart) in [
        ("short-poll", "interval = \"5ms\"", "due to due"),
        ("short-poll", "interval = \"5ms\"\npace = \"after-response\"", "done to due"),
        ("long-poll", "gap = \"5ms\"", "done to due"),
    ] {
        enough(|| {
            let server = slow();
            let case = Case { workload: quiet(), ..case(pattern, 1, options) };
            let told = run(case, server.address, 200 * MS, 1_000, true);
            for pair in told.samples.windows(2) {
                let from_ns = if apart == "due to due" { pair[0].due_ns } else { pair[0].done_ns };
                assert_eq!(pair[1].due_ns - from_ns, 5 * MS, "{pattern}, {options}");
            }
            let sent = told.count(Counter::Sent);
            assert_eq!(told.samples.len() as u64, sent, "{pattern}, {options}");
            if pattern == "short-poll" {
                assert_eq!(told.count(Counter::Scheduled), sent, "{options}");
            }
            told.samples.len() > 5
        });
    }
}

#[test]
fn clients_have_random_or_equal_phases() {
    const CLIENTS: u64 = 8;
    for (synchronised, phases) in [(true, 1), (false, CLIENTS as usize)] {
        let server = Server::start(|| {
            |_: &str| Some(at_once(reply("200 OK", "", "{\"next\":0,\"oldest\":1,\"events\":[]}")))
        });
        let options = format!("interval = \"20ms\"\nsynchronised = {synchronised}");
        let workload = scenario::Workload { clients: CLIENTS, ..quiet() };
        let case = Case { workload, ..case("short-poll", CLIENTS, &options) };
        let told = run(case, server.address, 100 * MS, 1_000, true);
        let firsts = told.samples.iter().filter(|sample| sample.seq == 1);
        let due: Vec<u64> = firsts.map(|sample| sample.due_ns - told.timeline.start_ns).collect();
        assert_eq!(due.len() as u64, CLIENTS);
        assert!(due.iter().all(|ns| *ns < 20 * MS), "within an interval: {due:?}");
        assert_eq!(due.iter().collect::<std::collections::BTreeSet<_>>().len(), phases, "{due:?}");
    }
}

/// The workload of one client of a topic without events.
fn quiet() -> scenario::Workload {
    let workload = case("sse", 1, "").workload;
    scenario::Workload { rate: tidings::unit::Rate::per_second(0.0), ..workload }
}

#[test]
fn a_conditional_poll_without_new_events_gets_304() {
    for conditional in [false, true] {
        let target = Target::start(Options::default());
        target.publish("news-0", 1);
        let options = format!("interval = \"5ms\"\nconditional = {conditional}");
        let case = Case { workload: quiet(), ..case("short-poll", 1, &options) };
        let address = target.address;
        let news = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            target.publish("news-0", 2);
            target
        });
        let told = run(case, address, 200 * MS, 1_000, true);
        drop(news.join().unwrap());
        let of = |status| told.samples.iter().filter(|s| s.status == Some(status)).count() as u64;
        let empty = told.count(Counter::EmptyPolls);
        let well = (told.count(Counter::Answered), told.snapshot.counters.errors());
        assert_eq!(well, (told.samples.len() as u64, 0));
        if conditional {
            assert!(of(200) <= 1 && of(304) > 5, "{} and {}", of(200), of(304));
            assert_eq!(empty, of(304));
        } else {
            assert_eq!(of(304), 0);
            assert!(of(200) - empty <= 1 && empty > 5, "{empty} of {}", of(200));
        }
    }
}

#[test]
fn refused_polls_are_errors_and_not_responses() {
    let server = Server::start(|| {
        let mut standing = true;
        move |_: &str| {
            let page = reply("200 OK", "", "{\"next\":0,\"oldest\":1,\"events\":[]}");
            let refused = reply("500 Internal Server Error", "", "");
            Some(at_once(if std::mem::take(&mut standing) { page } else { refused }))
        }
    });
    let case = Case { workload: quiet(), ..case("short-poll", 1, "interval = \"5ms\"") };
    let told = run(case, server.address, 100 * MS, 1_000, true);
    let sent = told.count(Counter::Sent).max(1);
    assert_eq!((told.count(Counter::Answered), told.count(Counter::ErrorStatus)), (0, sent));
    assert!(told.snapshot.distribution(Metric::Response).is_none());
    assert!(told.samples.iter().all(|sample| sample.error == Some(ErrorKind::ServerError)));
}
