//! How client 0 of a pattern speaks.

use super::sheet::{Sheet, captures};
use super::speaker::{Beside, Known, Speaker};
use crate::dialect::callback;
use crate::dialect::model::{
    Callback, Captures, EachStep, EventStream, Handshake, Polling, Resume, Socket, Step,
    WeightedCall,
};
use crate::dialect::template::Template;
use crate::scenario::{Case, Pattern};

/// The conversation of `case`'s pattern.
pub(super) fn pattern(sheet: &mut Sheet, speaker: &Speaker<'_>, case: &Case) {
    let name = case.pattern.kind().name();
    let dialect = &speaker.dialect;
    sheet.head(&format!("{name}, client 0, to {}", speaker.place(name).url));
    let known = Known::to_client();
    match &case.pattern {
        Pattern::Request(_) if dialect.request.is_empty() => {
            sheet.note("requests to /items of the built-in target, as [request] says");
        }
        Pattern::Request(_) => requests(sheet, speaker, &dialect.request),
        Pattern::ShortPoll(options) => {
            let Some(poll) = &dialect.short_poll else { return sheet.note("not described") };
            let mut known = known;
            known.named.insert("limit".to_owned(), options.limit.to_string());
            polls(sheet, speaker, name, poll, known);
            sheet.note(&format!("again every {}", options.interval));
            if poll.etag || options.conditional {
                sheet.note("later polls have if-none-match: <etag of the answer before>");
            }
        }
        Pattern::LongPoll(options) => {
            let Some(poll) = &dialect.long_poll else { return sheet.note("not described") };
            let mut known = known;
            known.named.insert("limit".to_owned(), options.limit.to_string());
            let hold_ms = poll.hold.unwrap_or(options.wait).ns() / 1_000_000;
            known.named.insert("hold_ms".to_owned(), hold_ms.to_string());
            polls(sheet, speaker, name, poll, known);
            let source = poll.request.path.source();
            let body = poll.request.body.as_ref().map_or("", Template::source);
            if [source, body].iter().any(|text| text.contains("{{hold_ms")) {
                sheet.note("the first two polls of a client ask for shorter holds, so that holds do not end together");
            }
            sheet.note("again after every answer");
            if poll.etag {
                sheet.note("later polls have if-none-match: <etag of the answer before>");
            }
        }
        Pattern::Sse(_) => {
            let Some(stream) = &dialect.sse else { return sheet.note("not described") };
            event_stream(sheet, speaker, name, stream, &known);
        }
        Pattern::WebSocket(_) => {
            let Some(own) = &dialect.websocket else { return sheet.note("not described") };
            let mut known = known;
            if speaker.external.is_none() {
                known.cursor = Some("0".to_owned());
            }
            for (part, value) in first_of(speaker, &own.cursor, &known) {
                set(&mut known, &part, value);
            }
            socket(sheet, speaker, name, own, known);
        }
        Pattern::Webhook(_) => {
            let Some(callback) = &dialect.webhook else { return sheet.note("not described") };
            webhook(sheet, speaker, name, callback, known);
        }
    }
}

fn requests(sheet: &mut Sheet, speaker: &Speaker<'_>, calls: &[WeightedCall]) {
    let all: u32 = calls.iter().map(|call| call.weight).sum();
    for WeightedCall { weight, name, call } in calls {
        let title = name.as_ref().map_or(String::new(), |name| format!("{name}: "));
        sheet.note(&format!("{title}{weight} of {all} requests"));
        let known = Known { n: Some(1), sent: 1, ..Known::to_client() };
        sheet.request(&speaker.request("request", call, &known, &Beside::default()));
        sheet.answer(call);
    }
}

type Cursor = std::collections::BTreeMap<String, crate::dialect::model::CursorPart>;

fn first_of(speaker: &Speaker<'_>, cursor: &Cursor, known: &Known) -> Vec<(String, String)> {
    let first = |template| String::from_utf8_lossy(&speaker.say(template, known)).into_owned();
    cursor.iter().map(|(name, part)| (name.clone(), first(&part.first))).collect()
}

fn set(known: &mut Known, name: &str, value: String) {
    if name == "cursor" {
        known.cursor = Some(value);
    } else {
        known.named.insert(name.to_owned(), value);
    }
}

fn cursor_notes(sheet: &mut Sheet, cursor: &Cursor, then: &str) {
    let parts: Captures =
        cursor.iter().map(|(name, part)| (name.clone(), part.capture.clone())).collect();
    if let Some(parts) = captures(&parts) {
        sheet.note(&format!("{then} has {parts}"));
    }
}

fn polls(sheet: &mut Sheet, speaker: &Speaker<'_>, name: &str, poll: &Polling, mut known: Known) {
    known.cursor = Some("0".to_owned());
    for (part, value) in first_of(speaker, &poll.cursor, &known) {
        set(&mut known, &part, value);
    }
    steps(sheet, speaker, name, &poll.steps, &mut known, None);
    sheet.request(&speaker.request(name, &poll.request, &known, &Beside::default()));
    sheet.answer(&poll.request);
    if !poll.empty.is_empty() {
        let empty: Vec<String> = poll.empty.iter().map(u16::to_string).collect();
        sheet.note(&format!("status {} says that nothing is new", empty.join(" or ")));
    }
    cursor_notes(sheet, &poll.cursor, "the next poll");
    if poll.drain {
        sheet.note("again at once while answers bring events");
    }
    for reply in &poll.reply {
        let taken = captures(&reply.capture);
        let taken = taken.map_or(String::new(), |taken| format!(", which gives {taken}"));
        sheet.note(&format!("to each response with {}{taken}, a request of its own", reply.to));
        sheet.request(&speaker.request(name, &reply.request, &known, &Beside::default()));
        sheet.answer(&reply.request);
    }
}

fn event_stream(
    sheet: &mut Sheet,
    speaker: &Speaker<'_>,
    name: &str,
    stream: &EventStream,
    known: &Known,
) {
    let mut known = known.clone();
    for (part, value) in first_of(speaker, &stream.cursor, &known) {
        set(&mut known, &part, value);
    }
    steps(sheet, speaker, name, &stream.steps, &mut known, Some(true));
    let beside = Beside { accept: Some("text/event-stream"), ..Beside::default() };
    sheet.request(&speaker.request(name, &stream.request, &known, &beside));
    sheet.note("expects status 200 and text/event-stream");
    steps(sheet, speaker, name, &stream.steps, &mut known, Some(false));
    sheet.messages(&stream.messages);
    cursor_notes(sheet, &stream.cursor, "a later stream");
    if !stream.cursor.is_empty() && stream.resume == Resume::LastEventId {
        return;
    }
    sheet.note(&match &stream.resume {
        Resume::LastEventId => {
            "reconnects with last-event-id: <last id>, once the stream has set an id".to_owned()
        }
        Resume::Query(query) => format!("reconnects with {query}=<last id> in the query"),
        Resume::Nothing => "reconnects as it connects: nothing is resumed".to_owned(),
    });
}

/// The conversation over a WebSocket, opened; returns how many messages were sent by then.
pub(super) fn socket(
    sheet: &mut Sheet,
    speaker: &Speaker<'_>,
    name: &str,
    socket: &Socket,
    mut known: Known,
) -> u64 {
    steps(sheet, speaker, name, &socket.steps, &mut known, Some(true));
    sheet.request(&speaker.handshake(name, socket, &known));
    sheet.note("expects status 101");
    if socket.binary {
        sheet.note("messages are sent as binary frames");
    }
    known.sent = 0;
    steps(sheet, speaker, name, &socket.steps, &mut known, Some(false));
    let sent = known.sent;
    for reply in &socket.reply {
        let taken = captures(&reply.capture);
        let taken = taken.map_or(String::new(), |taken| format!(", which gives {taken}"));
        sheet.note(&format!("to each message {}{taken}", reply.to));
        sheet.bytes("> ", &speaker.say(&reply.send, &known));
    }
    for every in &socket.every {
        sheet.note(&format!("every {}", every.span));
        sheet.bytes("> ", &speaker.say(&every.send, &known));
    }
    sheet.messages(&socket.messages);
    cursor_notes(sheet, &socket.cursor, "a later connection");
    sent
}

/// The steps that come before the link is dialled (`before`), or after; all where the pattern has no stream.
fn steps(
    sheet: &mut Sheet,
    speaker: &Speaker<'_>,
    name: &str,
    steps: &[Step],
    known: &mut Known,
    before: Option<bool>,
) {
    let mut each = EachStep::Connection;
    for step in steps.iter().filter(|step| before.is_none_or(|before| before == step.before)) {
        if std::mem::replace(&mut each, step.each) != step.each {
            sheet.note(match step.each {
                EachStep::Topic => "for each topic of the connection:",
                EachStep::Connection => "once more for the connection:",
            });
        }
        if let Some(matcher) = &step.wait {
            let taken = captures(&step.capture);
            let taken = taken.map_or(String::new(), |taken| format!("; captures {taken}"));
            sheet.note(&format!("waits for a message: {matcher}{taken}"));
            continue;
        }
        if let Some(call) = &step.request {
            sheet.note("a request of its own");
            sheet.request(&speaker.request(name, call, known, &Beside::default()));
            sheet.answer(call);
        }
        if let Some(send) = &step.send {
            sheet.bytes("> ", &speaker.say(send, known));
            known.sent += 1;
        }
    }
}

/// The URL under which client 0 is called, as far as it is known.
pub(super) fn callback_url(speaker: &Speaker<'_>, callback: &Callback) -> String {
    let mut known = Known::to_client();
    let (address, port) = match callback::listening(callback, None, 0) {
        Ok(address) => {
            let ip = address.ip();
            let ip = if ip.is_unspecified() && ip.is_ipv4() && callback.advertise.is_none() {
                "127.0.0.1".to_owned()
            } else {
                ip.to_string()
            };
            (ip, Some(address.port()).filter(|port| *port > 0))
        }
        Err(_) => return "<callback_url>".to_owned(),
    };
    let shown = port.map_or("<port>".to_owned(), |port| port.to_string());
    let Some(advertise) = &callback.advertise else {
        let scheme = speaker.callback_scheme();
        let address = if address.contains(':') { format!("[{address}]") } else { address };
        return format!("{scheme}://{address}:{shown}/");
    };
    known.named.insert("listen_address".to_owned(), address);
    if let Some(port) = port {
        known.named.insert("listen_port".to_owned(), port.to_string());
    }
    String::from_utf8_lossy(&speaker.say(advertise, &known)).into_owned()
}

fn webhook(
    sheet: &mut Sheet,
    speaker: &Speaker<'_>,
    name: &str,
    callback: &Callback,
    mut known: Known,
) {
    let url = callback_url(speaker, callback);
    known.named.insert("since".to_owned(), "0".to_owned());
    known.callback_url = Some(url.clone());
    match &callback.register {
        Some(call) => {
            sheet.note("registers");
            sheet.request(&speaker.request(name, call, &known, &Beside::default()));
            sheet.answer(call);
        }
        None => {
            sheet.note(&format!("registers nothing: the server's configuration has to name {url}"));
        }
    }
    match callback.handshake {
        Handshake::None => {}
        Handshake::Echo => sheet.note("answers a challenge by sending it back"),
        Handshake::CloudEvents => sheet.note("answers OPTIONS with WebHook-Allowed-Origin"),
        Handshake::WebSub => sheet.note("answers GET with its hub.challenge"),
    }
    if callback.verify.is_some() {
        sheet.note("accepts a delivery only with a signature that is right");
    }
    for matcher in &callback.ignore {
        sheet.note(&format!("a delivery without an event: {matcher}"));
    }
    let acknowledge = &callback.acknowledge;
    sheet.note("answers each delivery");
    sheet.bytes("> ", format!("HTTP/1.1 {}", acknowledge.status).as_bytes());
    for (field, value) in &acknowledge.headers {
        let value = speaker.say(value, &known);
        sheet.bytes("> ", &[field.as_bytes(), b": ", &value].concat());
    }
    if let Some(body) = &acknowledge.body {
        sheet.bytes("> ", b"");
        sheet.bytes("> ", &speaker.say(body, &known));
    }
    for (what, call) in [
        ("asks for its registration after a restart of the server that keeps it", &callback.check),
        ("withdraws", &callback.unregister),
    ] {
        if let Some(call) = call {
            sheet.note(what);
            sheet.request(&speaker.request(name, call, &known, &Beside::default()));
            sheet.answer(call);
        }
    }
}
