//! Where a stream continues after it broke: each connection asks for what follows the last message, whatever that said it by.

use crate::socket_support;

use socket_support::{Lab, Log, Peer, dialect, drain, serve, token};
use tidings::measure::Counter;
use tidings::pattern::Context;
use tidings::scenario::{Pattern, SseOptions};
use tidings::unit::Span;
use tungstenite::Message;

fn received(context: &Context, enough: u64) -> Option<u64> {
    Some(context.recorder.borrow().counted(Counter::Received))
        .filter(|received| *received >= enough)
}

/// A client of event streams.
fn sse() -> Lab {
    let mut lab = Lab::new();
    let options = SseOptions { heartbeat: Span::from_ns(0), ..SseOptions::default() };
    lab.case.pattern = Pattern::Sse(options);
    lab
}

/// Sends `events`, a name and its data each, and ends the stream.
fn stream(mut peer: Peer, events: &[(&str, String)]) {
    let events = events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n"));
    let body: String = std::iter::once("retry: 1\n\n".to_owned()).chain(events).collect();
    peer.write(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
}

#[test]
fn a_stream_without_ids_continues_where_a_named_event_says() {
    let log = Log::default();
    let asked = log.clone();
    let target = serve(move |number, peer| {
        asked.add(peer.asked.line.clone());
        let next = format!("{{\"next\":\"{}_0\"}}", number + 1);
        // What the data says is no position.
        let data = format!("{{\"next\":\"wrong\",\"data\":\"{}\"}}", token(1 + number as u64));
        // The third stream ends before it says where the fourth continues.
        let both = [("data", data), ("control", next)];
        stream(peer, if number == 2 { &both[..1] } else { &both });
    });
    let dialect = dialect(
        r#"
        [sse]
        request = { path = "/{{topic}}?offset={{cursor}}&first={{begin}}" }
        cursor = { cursor = { capture = "event:control|json:/next", first = "-1" }, begin = { capture = "event:never", first = "{{topic}}" } }
        "#,
    );
    let (_, ledger) = sse().receive(dialect, target, |context| received(context, 4));
    assert!(ledger.delivered >= 4);
    let expected = ["-1", "1_0", "2_0", "2_0"]
        .map(|offset| format!("GET /news-0?offset={offset}&first=news-0 HTTP/1.1"));
    assert_eq!(log.lines()[..4], expected);
}

/// The first message, which a step waits for, says where the next connection continues.
#[test]
fn a_message_that_a_step_waited_for_moves_the_cursor_too() {
    const STEP: &str = "cursor = { cursor = { capture = \"json:/at\", first = \"0\" } }\nsteps = [{ wait = { contains = \"hello\" } }]";
    let log = Log::default();
    let asked = log.clone();
    let target = serve(move |number, peer| {
        asked.add(peer.asked.line.clone());
        let hello = format!("{{\"hello\":true,\"at\":{}}}", number + 7);
        if peer.is_websocket() {
            let mut socket = peer.open();
            for text in [hello, token(1 + number as u64)] {
                let _ = socket.send(Message::text(text));
            }
            let _ = socket.close(None);
            drain(&mut socket, &Log::default());
        } else {
            stream(peer, &[("hello", hello), ("data", token(1 + number as u64))]);
        }
    });
    for (table, lab, path) in [
        ("sse", sse(), "request = { path = \"/{{cursor}}\" }"),
        ("websocket", Lab::new(), "path = \"/{{cursor}}\""),
    ] {
        let begun = log.len();
        let dialect = dialect(&format!("[{table}]\n{path}\n{STEP}"));
        lab.receive(dialect, target, |context| received(context, 2));
        let lines = log.lines();
        let second = format!("GET /{} HTTP/1.1", begun + 7);
        assert_eq!(lines[begun..begun + 2], ["GET /0 HTTP/1.1".to_owned(), second], "{table}");
    }
}
