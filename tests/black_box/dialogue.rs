//! Every key of `[target.websocket]`, at a server that follows a script.

use crate::socket_support;

use std::time::Duration;

use socket_support::{Lab, Log, dialect, drain, serve, shown, token};
use tidings::measure::Counter;
use tidings::pattern::Context;
use tidings::unit::Span;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

type Socket = WebSocket<std::net::TcpStream>;

fn say(socket: &mut Socket, text: impl Into<String>) {
    let _ = socket.send(Message::text(text.into()));
}

/// Counts of a link: events received, messages without any, upkeeps.
fn counts(context: &Context) -> [u64; 3] {
    let recorder = context.recorder.borrow();
    [Counter::Received, Counter::Unrecognised, Counter::Upkeeps].map(|it| recorder.counted(it))
}

fn received(context: &Context, enough: u64) -> Option<[u64; 3]> {
    Some(counts(context)).filter(|[received, ..]| *received >= enough)
}

/// What a server that says `frames`, each as one message, leads a client of `toml` to count once `enough` events came.
fn counted(toml: &str, frames: Vec<Message>, enough: u64) -> [u64; 3] {
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        for frame in &frames {
            let _ = socket.send(frame.clone());
        }
        drain(&mut socket, &Log::default());
    });
    Lab::new().receive(dialect(toml), target, |context| received(context, enough)).0
}

#[test]
fn path_headers_subprotocol_and_cursor_are_those_of_each_connection() {
    let log = Log::default();
    let asked = log.clone();
    let target = serve(move |number, peer| {
        let field = |name: &str| peer.asked.fields.get(name).cloned().unwrap_or_default();
        asked.add(format!(
            "{} | {} {} | {}",
            peer.asked.line,
            field("x-all"),
            field("x-own"),
            field("sec-websocket-protocol")
        ));
        let mut socket = peer.open_with("sec-websocket-protocol: b\r\n");
        say(
            &mut socket,
            format!(r#"{{"id":{},"data":"{}"}}"#, 41 + number, token(1 + number as u64)),
        );
        let _ = socket.close(None);
        drain(&mut socket, &Log::default());
    });
    let dialect = dialect(
        r#"
        headers = { x-all = "1" }
        [websocket]
        path = "/ws/{{topic}}?since={{cursor}}&seq={{last}}"
        headers = { x-own = "{{client}}" }
        subprotocol = ["a", "b"]
        cursor = { cursor = { capture = "json:/id", first = "none" }, last = { capture = "json:/id", first = "{{topic}}" } }
        "#,
    );
    let (_, ledger) = Lab::new().receive(dialect, target, |context| received(context, 3));
    assert_eq!(ledger.delivered, 3);
    let expected = [
        "GET /ws/news-0?since=none&seq=news-0 HTTP/1.1 | 1 0 | a, b",
        "GET /ws/news-0?since=41&seq=41 HTTP/1.1 | 1 0 | a, b",
        "GET /ws/news-0?since=42&seq=42 HTTP/1.1 | 1 0 | a, b",
    ];
    assert_eq!(log.lines()[..3], expected);
}

#[test]
fn steps_are_taken_in_order_at_every_connection_and_what_comes_between_counts() {
    let log = Log::default();
    let said = log.clone();
    let target = serve(move |number, peer| {
        if !peer.is_websocket() {
            said.add(format!("{} {}", peer.asked.line, peer.asked.fields["body"]));
            return peer.answer(200, r#"{"token":"t1"}"#);
        }
        let mut socket = peer.open();
        said.add("opened");
        // Before the client has said anything, and between its steps.
        say(&mut socket, format!("early {}", token(1)));
        say(&mut socket, r#"{"hello":"h7"}"#);
        said.add(shown(&socket.read().unwrap()));
        say(&mut socket, "?");
        said.add(shown(&socket.read().unwrap()));
        say(&mut socket, format!("between {}", token(2)));
        say(&mut socket, "ready");
        say(&mut socket, format!("late {}", token(3)));
        if number < 2 {
            let _ = socket.close(None);
        }
        drain(&mut socket, &said);
    });
    for (binary, shows) in [
        (false, &["join h7 t1 0", "ok 1", "last 2"][..]),
        (true, &["#6a6f696e2068372074312030", "#6f6b2031", "#6c6173742032"]),
    ] {
        let dialect = dialect(&format!(
            r#"
            [websocket]
            binary = {binary}
            reply = [{{ to = "?", send = "ok {{{{seq}}}}" }}]
            ignore = ["?"]
            steps = [
                {{ request = {{ path = "/login", body = "me", capture = {{ login = "json:/token" }} }}, before = true }},
                {{ wait = {{ json = {{ "/hello" = {{ present = true }} }} }}, capture = {{ hello = "json:/hello" }} }},
                {{ send = "join {{{{hello}}}} {{{{login}}}} {{{{seq}}}}" }},
                {{ wait = "ready" }},
                {{ request = {{ path = "/late", body = "{{{{hello}}}}" }} }},
                {{ send = "last {{{{seq}}}}" }},
            ]
            "#
        ));
        let before = log.len();
        let ([received, unrecognised, _], ledger) =
            Lab::new().receive(dialect, target, |context| received(context, 4));
        assert_eq!(
            (received, unrecognised),
            (4, 0),
            "the fourth is a duplicate of the second connection"
        );
        assert!(ledger.delivered >= 2 && ledger.duplicate >= 1, "{ledger:?}");
        let lines = &log.lines()[before..];
        let once =
            ["POST /login HTTP/1.1 me", "opened", shows[0], shows[1], "POST /late HTTP/1.1 h7"];
        assert_eq!(lines[..5], once, "{lines:?}");
        let _ = shows[2];
    }
}

#[test]
fn a_frame_is_one_message_several_or_a_piece_of_a_stream() {
    let [a, b, c] = [1, 2, 3].map(token);
    let text = |text: String| Message::text(text);
    let whole = vec![text(format!("{a} {b}")), text("nothing".to_owned()), text(c.clone())];
    let lines = vec![text(format!("{a}\nnothing\n\n{b}")), text(format!("x\n{c}\n"))];
    let (head, tail) = c.split_at(9);
    let stream = vec![
        text(format!("{a}\r")),
        text(format!("\n{b}\r\nx\r\n{head}")),
        text(format!("{tail}\r\n")),
    ];
    let bytes = stream.iter().map(|it| Message::binary(it.clone().into_data())).collect();
    for (toml, frames, expected, what) in [
        ("", whole, [3, 1, 0], "a message each"),
        ("split = \"\\n\"", lines, [3, 2, 0], "several to a frame"),
        ("split = \"\\r\\n\"\nstream = true", stream.clone(), [3, 1, 0], "lines across frames"),
        ("split = \"\\r\\n\"\nstream = true", bytes, [3, 1, 0], "of bytes"),
        ("stream = true", stream, [3, 0, 0], "a stream without messages"),
    ] {
        assert_eq!(counted(&format!("[websocket]\n{toml}"), frames, 3), expected, "{what}");
    }
}

#[test]
fn fragments_and_pings_between_them_make_one_message() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        let text = format!("ä{}", token(1));
        // Also between the bytes of a character.
        let (one, two) = text.as_bytes().split_at(1);
        let frame = |bytes: &[u8], opcode: Data, last: bool| {
            Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(opcode), last))
        };
        let _ = socket.send(frame(one, Data::Text, false));
        let _ = socket.send(Message::Ping("between".into()));
        let _ = socket.send(frame(&two[..9], Data::Continue, false));
        let _ = socket.send(frame(&two[9..], Data::Continue, true));
        drain(&mut socket, &heard);
    });
    let (found, ledger) = Lab::new().receive(dialect("[websocket]"), target, |context| {
        received(context, 1).filter(|_| log.len() > 0)
    });
    assert_eq!((found, ledger.delivered), ([1, 0, 1], 1), "the ping is upkeep");
    assert_eq!(log.lines(), ["pong between"]);
}

/// A conversation like that of NATS, of event `seq`.
fn lines_of(seq: u64) -> Vec<u8> {
    format!("+OK\r\nMSG news 1 26\r\n\"{}\"\r\nPING\r\n", token(seq)).into_bytes()
}

#[test]
fn a_line_protocol_is_understood_wherever_its_frames_are_cut() {
    let length = lines_of(1).len();
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        // One after the other, each cut at another byte, and then every byte a frame.
        for cut in 1..length {
            let lines = lines_of(cut as u64);
            let (one, two) = lines.split_at(cut);
            let _ = socket.send(Message::binary(one.to_vec()));
            let _ = socket.send(Message::binary(two.to_vec()));
        }
        for byte in lines_of(length as u64) {
            let _ = socket.send(Message::binary(vec![byte]));
        }
        drain(&mut socket, &heard);
    });
    let nats = dialect(
        r#"
        [websocket]
        binary = true
        stream = true
        split = "\r\n"
        reply = [{ to = "PING", send = "PONG\r\n" }]
        ignore = [{ prefix = "MSG " }, "+OK"]
        fail = [{ prefix = "-ERR" }]
        "#,
    );
    let lab = Lab { events: length as u64, ..Lab::new() };
    let (found, ledger) = lab.receive(nats, target, |context| {
        received(context, length as u64).filter(|_| log.len() >= length)
    });
    assert_eq!(found, [length as u64, 0, length as u64]);
    assert_eq!((ledger.delivered, ledger.duplicate), (length as u64, 0));
    assert!(log.lines().iter().all(|line| line == "#504f4e470d0a"), "{:?}", log.lines());
}

#[test]
fn a_stream_without_messages_is_searched_and_answered_wherever_its_frames_are_cut() {
    // As MQTT would come: a greeting, events, and requests for a ping that begin like a token.
    let packet = |seq: u64| [b"\x30\x1a", token(seq).as_bytes(), b"\xc0\x00q9"].concat();
    let length = packet(1).len();
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        heard.add(shown(&socket.read().unwrap()));
        let _ = socket.send(Message::binary(vec![0x20]));
        let _ = socket.send(Message::binary([b"\x02\x00\x00", &packet(1)[..]].concat()));
        for cut in 1..length {
            let packet = packet(1 + cut as u64);
            let (one, two) = packet.split_at(cut);
            let _ = socket.send(Message::binary(one.to_vec()));
            let _ = socket.send(Message::binary(two.to_vec()));
        }
        drain(&mut socket, &heard);
    });
    let mqtt = dialect(
        r#"
        [websocket]
        binary = true
        stream = true
        steps = [{ send = "{{bytes:10 00}}" }, { wait = { hex = "20 02 00 00" } }]
        reply = [{ to = { hex = "c0 00" }, send = "{{bytes:d0 00}}" }]
        "#,
    );
    let lab = Lab { events: length as u64, ..Lab::new() };
    let (found, ledger) = lab.receive(mqtt, target, |context| {
        received(context, length as u64).filter(|_| log.len() > length)
    });
    assert_eq!((found[0], found[1]), (length as u64, 0));
    assert_eq!((ledger.delivered, ledger.duplicate), (length as u64, 0));
    assert_eq!(log.lines()[0], "#1000");
    assert!(log.lines()[1..].iter().all(|line| line == "#d000"), "{:?}", log.lines());
}

#[test]
fn replies_use_what_they_capture_and_messages_by_the_clock_are_upkeep() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        say(&mut socket, r#"{"ping":"p1"}"#);
        // An event that must be acknowledged is no upkeep.
        say(&mut socket, format!(r#"{{"ack":"a9","data":"{}"}}"#, token(1)));
        drain(&mut socket, &heard);
    });
    let dialect = dialect(
        r#"
        [websocket]
        reply = [
            { to = { json = { "/ping" = { present = true } } }, capture = { id = "json:/ping" }, send = "pong {{id}}" },
            { to = { json = { "/ack" = { present = true } } }, capture = { id = "json:/ack" }, send = "ack {{id}}" },
        ]
        every = [{ span = "20ms", send = "beat {{seq}}" }]
        "#,
    );
    let ([received, unrecognised, upkeeps], _) = Lab::new()
        .receive(dialect, target, |context| received(context, 1).filter(|_| log.len() >= 5));
    let lines = log.lines();
    assert_eq!((received, unrecognised), (1, 0));
    let beats = lines.iter().filter(|line| line.starts_with("beat ")).count() as u64;
    assert!(beats >= 3, "{lines:?}");
    // The window is a second; of the beats, the last may be on its way.
    assert!((1..=beats + 3).contains(&upkeeps), "{upkeeps} of {lines:?}");
    assert!(lines.contains(&"pong p1".to_owned()) && lines.contains(&"ack a9".to_owned()));
    let numbers: Vec<u64> =
        lines.iter().filter_map(|line| line.strip_prefix("beat ")?.parse().ok()).collect();
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "numbered per connection: {lines:?}");
}

#[test]
fn messages_mean_what_the_lists_say() {
    let say = |text: &str| Message::text(format!("{text} {}", token(1)));
    let frames = vec![say("news"), say("other"), say("news but quiet"), Message::text("news none")];
    for (toml, expected, what) in [
        ("", [3, 1, 0], "all are events"),
        ("deliver = [{ prefix = \"news\" }]", [2, 1, 0], "only these"),
        ("ignore = [{ prefix = \"news\" }]", [1, 0, 0], "not these"),
        (
            "deliver = [{ prefix = \"news\" }]\nignore = [{ contains = \"quiet\" }]",
            [1, 1, 0],
            "both",
        ),
    ] {
        let mut frames = frames.clone();
        // The last one of all shows that the others were read.
        frames.push(Message::text(format!("end {}", token(2))));
        let toml = format!("[websocket]\n{toml}");
        let toml = toml.replace("deliver = [", "deliver = [{ prefix = \"end\" }, ");
        let [received, unrecognised, upkeeps] = counted(&toml, frames, expected[0] + 1);
        assert_eq!([received - 1, unrecognised, upkeeps], expected, "{what}");
    }
}

#[test]
fn who_leaves_closes_by_the_protocol_and_comes_back() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        heard.add("opened");
        drain(&mut socket, &heard);
    });
    let mut lab = Lab::new();
    lab.case.workload.churn = tidings::unit::Rate::per_second(50.0);
    let two = |lines: &[String]| lines.iter().filter(|line| *line == "opened").count() > 2;
    lab.receive(dialect("[websocket]"), target, |_| two(&log.lines()).then_some(()));
    let lines = log.lines();
    assert_eq!(lines[..3], ["opened", "close Some(1000)", "opened"], "{lines:?}");
}

#[test]
fn a_slow_client_reads_nothing_more_but_goes_on_sending_by_the_clock() {
    let log = Log::default();
    let heard = log.clone();
    let target = serve(move |_, peer| {
        let mut socket = peer.open();
        say(&mut socket, format!("{}\n{}", token(1), token(2)));
        say(&mut socket, token(3));
        drain(&mut socket, &heard);
    });
    let mut lab = Lab::new();
    lab.case.conditions.consumers.slow_share = 1.0;
    lab.case.conditions.consumers.pause = Span::from_secs(3600);
    let toml = "[websocket]\nsplit = \"\\n\"\nevery = [{ span = \"5ms\", send = \"beat\" }]";
    let (received, _) =
        lab.receive(dialect(toml), target, |context| (log.len() >= 5).then(|| counts(context)[0]));
    assert_eq!(received, 2, "the messages of one read");
    assert!(log.lines().iter().all(|line| line == "beat"));
    let _ = Duration::ZERO;
}
