//! Every key of `[target.publish]` over a WebSocket, at servers that follow a script.

use crate::socket_support;

use std::net::{SocketAddr, TcpStream};

use socket_support::{Lab, Log, Published, dialect, drain, serve, token};
use tidings::dialect::model::Dialect;
use tidings::measure::{Counter, ErrorKind, Snapshot};
use tidings::pattern::Context;
use tungstenite::{Message, WebSocket};

type Socket = WebSocket<TcpStream>;

pub(crate) const EVENTS: u64 = 10;
const COUNTERS: [Counter; 3] = [Counter::SendsDue, Counter::SendsSent, Counter::SendsAcknowledged];

fn over_websocket(more: &str) -> Dialect {
    dialect(&format!(
        "[publish]\nover = \"websocket\"\nsend = \"PUB {{{{n}}}} {{{{event}}}}\"\n{more}"
    ))
}

/// The counts once so many events ended in any way.
pub(crate) fn ended(context: &Context, published: &Published, enough: u64) -> Option<Snapshot> {
    let recorder = context.recorder.borrow();
    let good = recorder.counted(Counter::SendsAcknowledged);
    let bad = published.refused.len() + published.unanswered.len();
    (good + bad as u64 >= enough).then(|| recorder.snapshot())
}

pub(crate) fn counts(snapshot: &Snapshot) -> [u64; 3] {
    COUNTERS.map(|counter| snapshot.counters.get(counter))
}

/// The number of the event in a message that came.
fn number(message: &Message) -> Option<u64> {
    message.to_text().ok()?.strip_prefix("PUB ")?.split(' ').next()?.parse().ok()
}

/// Answers every event by what `answer` makes of its number.
fn answering(
    answer: impl Fn(u64) -> Option<String> + Send + Sync + 'static,
    log: &Log,
) -> SocketAddr {
    let log = log.clone();
    serve(move |_, peer| {
        let mut socket: Socket = peer.open();
        while let Ok(message) = socket.read() {
            if message.is_text() {
                log.add(message.to_text().unwrap_or_default());
            }
            if let Some(answer) = number(&message).and_then(&answer) {
                let _ = socket.send(Message::text(answer));
            }
        }
    })
}

#[test]
fn acknowledgements_and_refusals_are_matched_in_order_or_by_token() {
    let acks = "acknowledged = { prefix = \"+\" }\nrefused = { prefix = \"-\" }";
    for (more, answer, acknowledged, refused, what) in [
        ("", (|_| None) as fn(u64) -> Option<String>, 10, vec![], "published once written"),
        (acks, |_| Some("+OK".to_owned()), 10, vec![], "in order"),
        (
            acks,
            |n| Some(if n % 3 == 0 { "-no" } else { "+OK" }.to_owned()),
            7,
            vec![3, 6, 9],
            "refusals in order",
        ),
        // Of two, the later is answered first.
        (
            acks,
            |n| {
                let word = |n: u64| {
                    if n == 4 { format!("-{}", token(n)) } else { format!("+{}", token(n)) }
                };
                (n % 2 == 0).then(|| word(n))
            },
            4,
            vec![4],
            "by token",
        ),
        (
            "refused = { prefix = \"-\" }",
            |n| (n == 5).then(|| format!("-{}", token(n))),
            10,
            vec![5],
            "a refusal of what counts as published",
        ),
    ] {
        let log = Log::default();
        let target = answering(answer, &log);
        let expected = acknowledged + refused.len() as u64;
        let (snapshot, published) =
            Lab::new().publish(over_websocket(more), target, |context, published| {
                ended(context, published, expected).filter(|_| log.len() as u64 >= EVENTS)
            });
        assert_eq!(counts(&snapshot), [EVENTS, EVENTS, acknowledged], "{what}");
        let numbers: Vec<u64> = published.refused.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers, refused, "{what}");
        assert_eq!(published.unanswered, [], "{what}");
        let lines = log.lines();
        assert_eq!(lines.len() as u64, EVENTS, "{what}: {lines:?}");
        assert!(
            (1..).zip(&lines).all(|(n, line)| line.starts_with(&format!("PUB {n} \"{}", token(n)))),
            "{lines:?}"
        );
    }
}

#[test]
fn the_next_event_does_not_wait_for_the_answer_to_the_one_before() {
    let target = serve(|_, peer| {
        let mut socket = peer.open();
        let all: Vec<_> = (0..EVENTS).map_while(|_| socket.read().ok()).collect();
        for _ in &all {
            let _ = socket.send(Message::text("+OK"));
        }
        drain(&mut socket, &Log::default());
    });
    let (snapshot, published) = Lab::new().publish(
        over_websocket("acknowledged = \"+OK\""),
        target,
        |context, published| ended(context, published, EVENTS),
    );
    assert_eq!(counts(&snapshot), [EVENTS, EVENTS, EVENTS]);
    assert_eq!(published, Published::default());
}

#[test]
fn steps_replies_and_the_clock_hold_for_publishers_and_topics_are_spread() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let path = peer.asked.line.clone();
        let mut socket = peer.open_with("sec-websocket-protocol: p\r\n");
        let _ = socket.send(Message::text("INFO\r"));
        let _ = socket.send(Message::text("\nPING\r\n"));
        let mut own = vec![path];
        while let Ok(message) = socket.read() {
            let text = message.to_text().unwrap_or_default().to_owned();
            if text.starts_with("PUB") {
                let _ = socket.send(Message::text("+O"));
                let _ = socket.send(Message::text("K\r\n"));
            }
            own.push(text);
            if own.iter().filter(|line| line.starts_with("PUB")).count() == 10
                && own.iter().any(|line| line == "PONG")
                && own.iter().any(|line| line == "beat")
            {
                heard.add(own.join("|"));
                break;
            }
        }
        drain(&mut socket, &Log::default());
    });
    let more = r#"
        connections = 2
        acknowledged = "+OK"
        [publish.websocket]
        path = "/p/{{client}}"
        subprotocol = ["p"]
        split = "\r\n"
        stream = true
        steps = [{ wait = "INFO" }, { send = "CONNECT {{topic}} {{seq}}" }]
        reply = [{ to = "PING", send = "PONG" }]
        every = [{ span = "50ms", send = "beat" }]
    "#;
    let lab = Lab { topics: 4, events: 5, ..Lab::new() };
    let (snapshot, _) = lab.publish(over_websocket(more), target, |context, published| {
        ended(context, published, 20).filter(|_| log.len() == 2)
    });
    assert_eq!(counts(&snapshot), [20, 20, 20]);
    let mut lines = log.lines();
    lines.sort();
    for (n, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.split('|').collect();
        assert_eq!(words[0], format!("GET /p/{n} HTTP/1.1"));
        assert_eq!(words[1], format!("CONNECT news-{n} 0"));
    }
}

#[test]
fn what_a_connection_broke_off_is_unknown_and_nothing_is_sent_twice() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |number, peer| {
        let mut socket = peer.open();
        while let Ok(message) = socket.read() {
            let Some(text) = message.to_text().ok().filter(|_| message.is_text()) else { continue };
            heard.add(format!("{number} {text}"));
            // The first connection takes three events, and answers one.
            if number == 0 && text.starts_with("PUB 3 ") {
                return;
            }
            if number > 0 || text.starts_with("PUB 1 ") {
                let _ = socket.send(Message::text("+OK"));
            }
        }
    });
    let (snapshot, published) = Lab::new().publish(
        over_websocket("acknowledged = \"+OK\""),
        target,
        |context, published| ended(context, published, EVENTS),
    );
    // Another may have been on its way when the connection broke.
    let unanswered: Vec<u64> = published.unanswered.iter().map(|(_, n)| *n).collect();
    assert_eq!(unanswered[..2], [2, 3], "{unanswered:?}");
    assert_eq!(counts(&snapshot)[2] + unanswered.len() as u64, EVENTS);
    assert_eq!(published.refused, []);
    let mut numbers: Vec<u64> =
        log.lines().iter().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect();
    let came = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), came, "twice: {:?}", log.lines());
    let said: Vec<&String> = snapshot.described.values().collect();
    assert!(said.iter().all(|said| said.contains("connection")) && !said.is_empty(), "{said:?}");
}

#[test]
fn an_answer_that_never_comes_is_a_time_out_and_the_order_begins_anew() {
    let target = serve(|number, peer| {
        let mut socket = peer.open();
        while let Ok(message) = socket.read() {
            // Nothing of the first connection is answered.
            if number > 0 && message.is_text() {
                let _ = socket.send(Message::text("+OK"));
            }
        }
    });
    let more = "acknowledged = \"+OK\"\ntimeout = \"150ms\"";
    let (snapshot, published) =
        Lab::new().publish(over_websocket(more), target, |context, published| {
            ended(context, published, EVENTS)
        });
    let [due, _, acknowledged] = counts(&snapshot);
    assert!(!published.unanswered.is_empty(), "{published:?}");
    let ends = acknowledged + (published.unanswered.len() + published.refused.len()) as u64;
    assert_eq!((due, ends), (EVENTS, EVENTS));
    assert!(snapshot.described[&ErrorKind::Timeout].contains("150ms"), "{snapshot:?}");
}

#[test]
fn events_that_no_connection_could_take_are_refused() {
    let target = serve(|number, mut peer| {
        if number > 0 {
            return peer.write("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n");
        }
        // Opened, and ended at once.
        drop(peer.open());
    });
    let more = "acknowledged = \"+OK\"\ntimeout = \"100ms\"";
    let (snapshot, published) =
        Lab::new().publish(over_websocket(more), target, |context, published| {
            ended(context, published, EVENTS)
        });
    let refused = published.refused.len() as u64;
    assert!(refused >= 8, "{published:?}");
    assert_eq!(counts(&snapshot)[2] + published.unanswered.len() as u64 + refused, EVENTS);
    assert!(snapshot.counters.get(ErrorKind::Denied.counter()) > 0);
}

#[test]
fn a_publisher_that_cannot_open_its_connection_fails_the_trial() {
    for (more, says) in [
        (
            "[publish.websocket]\nsteps = [{ wait = \"INFO\", timeout = \"30ms\" }]",
            "step 1 of the conversation timed out",
        ),
        ("[publish.websocket]\nfail = [\"no\"]\nsteps = [{ wait = \"INFO\" }]", "has failed: no"),
    ] {
        let target = serve(|_, peer| {
            let mut socket = peer.open();
            let _ = socket.send(Message::text("no"));
            drain(&mut socket, &Log::default());
        });
        let (failed, _) =
            Lab::new().publish(over_websocket(more), target, |context, _| context.failed());
        assert!(failed.contains(says), "{failed}");
    }
}

#[test]
fn ids_are_taken_out_of_the_answers() {
    let dialect = dialect(
        r#"
        match = "ids"
        published_id = "json:/id"
        delivered_id = "json:/id"
        [publish]
        over = "websocket"
        send = "PUB {{n}} {{event}}"
        acknowledged = { json = { "/ok" = true } }
        "#,
    );
    let answer = |n: u64| {
        Some(if n == 2 {
            r#"{"ok":true}"#.to_owned()
        } else {
            format!(r#"{{"ok":true,"id":{}}}"#, 100 + n)
        })
    };
    let target = answering(answer, &Log::default());
    let (snapshot, published) =
        Lab::new().publish(dialect, target, |context, published| ended(context, published, EVENTS));
    assert_eq!(counts(&snapshot)[2], EVENTS - 1);
    assert_eq!(published.unanswered, [(0, 2)], "without an id");
    let expected: Vec<_> =
        [1, 3, 4, 5, 6, 7, 8, 9, 10].map(|n: u64| (0, n, (100 + n).to_string())).into();
    assert_eq!(published.ids, expected);
}
