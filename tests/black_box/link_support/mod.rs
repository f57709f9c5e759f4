//! A single link of tidings against a test's server.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::clock;
use tidings::measure::{Counter, Ledger};
use tidings::net::{Dialer, WireTotals};
use tidings::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use tidings::pattern::{self, Context, Timeline};
use tidings::scenario::{
    Case, Conditions, Faults, Pattern, Publish, Reconnect, Transport, Workload,
};
use tidings::unit::{ByteSize, Rate, Span};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

/// Length of the schedule, in nanoseconds: ten events, 100 ms apart.
const UNTIL_NS: u64 = 1_000_000_000;

pub(crate) fn case(pattern: Pattern, publish: Publish) -> Case {
    let backoff = Span::from_ms(5);
    let reconnect = Reconnect { backoff, max: backoff, silence: 2, ..Reconnect::default() };
    Case {
        id: "x".to_owned(),
        pattern,
        workload: Workload {
            clients: 1,
            topics: 1,
            rate: Rate::per_second(10.0),
            arrivals: ArrivalProcess::Constant,
            payload: ByteSize::new(10),
            payload_kind: tidings::event::PayloadKind::default(),
            late_after: Span::from_secs(1),
            churn: Rate::per_second(0.0),
            publish,
            unconnected: tidings::scenario::Unconnected::Fail,
        },
        transport: Transport::default(),
        faults: Faults::default(),
        conditions: Conditions { reconnect, ..Conditions::default() },
    }
}

/// One link of `pattern` to `target` until `enough` of `counter`; returns that, and whether its one event arrived.
pub(crate) fn link(
    pattern: Pattern,
    target: SocketAddr,
    counter: Counter,
    enough: impl Fn(u64) -> bool,
) -> (u64, u64) {
    let (found, ledger) = until(case(pattern, Publish::Target), target, |context| {
        let count = context.recorder.borrow().counted(counter);
        enough(count).then_some(count)
    });
    (found, ledger.delivered)
}

/// One link of `pattern` until `done` finds something.
pub(crate) fn watch<T>(
    pattern: Pattern,
    target: SocketAddr,
    done: impl Fn(&Context) -> Option<T>,
) -> (T, Ledger) {
    until(case(pattern, Publish::Target), target, done)
}

/// One link of `pattern` that also publishes, from now on, until `done` finds something.
pub(crate) fn talk<T>(
    pattern: Pattern,
    target: SocketAddr,
    done: impl Fn(&Context) -> Option<T>,
) -> (T, Ledger) {
    until(case(pattern, Publish::Clients), target, done)
}

/// What a link of `pattern` keeps for as long as it stands, in bytes, without what its parts keep elsewhere.
pub(crate) fn kept(pattern: Pattern) -> usize {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async move {
        let (timer, _) = Timer::new(Pacing::Timerfd).unwrap();
        let process = ArrivalProcess::Constant;
        let schedule = Schedule { seed: 1, topics: 1, per_s: 10.0, process, until_ns: UNTIL_NS };
        let target = SocketAddr::from(([127, 0, 0, 1], 9));
        let dialer = Dialer::new(target, Rc::new(WireTotals::default()));
        let (_start, timeline) = watch::channel(None);
        let case = case(pattern, Publish::Target);
        let context = Rc::new(Context::new(case, dialer, timer, schedule, 0..UNTIL_NS, timeline));
        size_of_val(&*pattern::driver(context.link(0)))
    })
}

fn until<T>(case: Case, target: SocketAddr, done: impl Fn(&Context) -> Option<T>) -> (T, Ledger) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async move {
        let (timer, drive) = Timer::new(Pacing::Timerfd).unwrap();
        tokio::task::spawn_local(drive);
        let publishes = case.workload.publish == Publish::Clients;
        let process = ArrivalProcess::Constant;
        let schedule = Schedule { seed: 1, topics: 1, per_s: 10.0, process, until_ns: UNTIL_NS };
        let start_ns = clock::now();
        let timeline = Timeline {
            idle_ns: start_ns,
            start_ns,
            window_ns: start_ns,
            end_ns: start_ns + UNTIL_NS,
        };
        let (_start, timeline) = watch::channel(publishes.then_some(timeline));
        let dialer = Dialer::new(target, Rc::new(WireTotals::default()));
        let context = Rc::new(Context::new(case, dialer, timer, schedule, 0..UNTIL_NS, timeline));
        let running = tokio::task::spawn_local(pattern::run(context.link(0)));
        let patience = async {
            loop {
                if let Some(found) = done(&context) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), patience).await.expect("in time");
        running.abort();
        (found, context.ledger())
    })
}

/// A server that answers POSTs as in `script`, in turn, and then with 201; `None` breaks the connection. Other requests get
/// an empty event stream. Also returns the posted keys.
pub(crate) fn posts(script: &[Option<u16>]) -> (SocketAddr, Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script: VecDeque<Option<u16>> = script.iter().copied().collect();
    let script = Arc::new(Mutex::new(script));
    let (heard, keys) = mpsc::channel();
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (script, heard) = (Arc::clone(&script), heard.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some((first, body)) = request(&mut reader) {
                    let answer = match first.split(' ').next() {
                        Some("POST") => {
                            let post: serde_json::Value = serde_json::from_slice(&body).unwrap();
                            let _ = heard.send(post["key"].as_u64().unwrap());
                            let status = script.lock().unwrap().pop_front().unwrap_or(Some(201));
                            let Some(status) = status else { return };
                            format!(
                                "HTTP/1.1 {status} X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
                            )
                        }
                        Some("OPTIONS") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
                        _ => {
                            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_owned()
                        }
                    };
                    if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, keys)
}

/// Reads a request: its first line and its body; `None` at the end of the stream.
fn request(reader: &mut impl std::io::BufRead) -> Option<(String, Vec<u8>)> {
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}
