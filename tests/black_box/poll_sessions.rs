//! Polls of a session: pages that are replied to by a request, and a session that is begun anew when the server has ended it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidings::measure::Counter;
use tidings::scenario::{LongPollOptions, Pattern};

use crate::socket_support::{Asked, Lab, Log, Peer, dialect, serve, token};

const SESSION: &str = r#"
    [long-poll]
    request = { path = "/poll?sid={{sid}}" }
    empty = [204]
    steps = [{ request = { method = "POST", path = "/open", body = "", capture = { sid = "json:/sid" } } }]
    reply = [
        { to = { regex = "(^|;)ping" }, capture = { id = "regex:ping ([0-9]+)" }, request = { path = "/pong?sid={{sid}}", body = "{{id}}" } },
    ]
"#;

/// A server whose first session ends with its third poll.
fn server(log: &Log) -> SocketAddr {
    let (log, sessions, polls) = (log.clone(), AtomicUsize::new(0), AtomicUsize::new(0));
    serve(move |_, mut peer: Peer| {
        let mut asked: Asked = peer.asked.clone();
        loop {
            let line = asked.line.trim_end_matches(" HTTP/1.1").to_owned();
            log.add(format!("{line} {}", asked.fields["body"]).trim());
            let (status, body) = if line.starts_with("POST /open") {
                let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
                (200, format!("{{\"sid\":\"s{number}\"}}"))
            } else if line.starts_with("POST /pong") {
                (200, String::new())
            } else {
                match polls.fetch_add(1, Ordering::SeqCst) {
                    // The poll by which a link stands: no event is due before all do.
                    0 => (200, "ping 41".to_owned()),
                    1 => (200, token(1)),
                    2 => (400, "unknown session".to_owned()),
                    3 => (200, token(2)),
                    // Held for as long as the client is there.
                    _ => return drop(peer.next()),
                }
            };
            peer.write(&format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
            let Some(next) = peer.next() else { return };
            asked = next;
        }
    })
}

#[test]
fn a_page_is_replied_to_before_the_next_poll_and_an_ended_session_begun_anew() {
    let log = Log::default();
    let target = server(&log);
    let mut lab = Lab::new();
    lab.case.pattern = Pattern::LongPoll(LongPollOptions::default());
    let (_, ledger) = lab.receive(dialect(SESSION), target, |context| {
        (context.recorder.borrow().counted(Counter::Received) >= 2).then_some(true)
    });
    assert_eq!((ledger.delivered, ledger.duplicate), (2, 0));
    let expected = [
        "POST /open",
        "GET /poll?sid=s1",
        "POST /pong?sid=s1 41",
        "GET /poll?sid=s1",
        "GET /poll?sid=s1",
        "POST /open",
        "GET /poll?sid=s2",
    ];
    assert_eq!(log.lines()[..expected.len()], expected);
}
