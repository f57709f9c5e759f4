//! Our own clients against servers that do wrong, or nothing at all.

use crate::{link_support, target_support};

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use link_support::{kept, link, watch};
use target_support::websocket::masked;
use tidings::clock;
use tidings::event::{Head, encode};
use tidings::measure::{Counter, Distribution, Metric};
use tidings::pattern::Context;
use tidings::scenario::{
    LongPollOptions, Pattern, ShortPollOptions, SseOptions, WebSocketOptions, WebhookOptions,
};
use tidings::unit::Span;
use tungstenite::handshake::derive_accept_key;

/// A server that does `then` with every connection, its number from 0 and its handshake's key, once the head is read.
fn server(
    then: impl Fn(usize, &mut TcpStream, &str) + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let (count, then) = (Arc::clone(&accepted), Arc::new(then));
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let then = Arc::clone(&then);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let (mut line, mut key) = (String::new(), String::new());
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    if let Some((name, value)) = line.split_once(": ")
                        && name.eq_ignore_ascii_case("sec-websocket-key")
                    {
                        value.trim().clone_into(&mut key);
                    }
                    line.clear();
                }
                then(number, reader.get_mut(), &key);
                // Held open until the client goes.
                let _ = reader.read_line(&mut String::new());
            });
        }
    });
    (address, accepted)
}

fn switch(stream: &mut TcpStream, proof: &str) {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {proof}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
}

fn websocket() -> Pattern {
    Pattern::WebSocket(WebSocketOptions { ping: Span::from_ms(20), ..WebSocketOptions::default() })
}

#[test]
fn a_link_that_hears_nothing_gives_up_and_comes_back() {
    let sse = Pattern::Sse(SseOptions { heartbeat: Span::from_ms(20), ..SseOptions::default() });
    let (address, accepted) = server(|_, stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1\n\n";
        let _ = stream.write_all(head.as_bytes());
    });
    link(sse, address, Counter::Reconnects, |reconnects| reconnects >= 2);
    assert!(accepted.load(Ordering::SeqCst) >= 3);

    let (address, accepted) =
        server(|_, stream, key| switch(stream, &derive_accept_key(key.as_bytes())));
    link(websocket(), address, Counter::Reconnects, |reconnects| reconnects >= 2);
    assert!(accepted.load(Ordering::SeqCst) >= 3);
}

#[test]
fn an_upgrade_without_proof_is_not_taken() {
    let (address, _) = server(|number, stream, key| {
        let proof = derive_accept_key(key.as_bytes());
        // The first link opens, and ends; the later ones have a wrong accept key.
        switch(stream, if number == 0 { &proof } else { "c3VyZWx5IG5vdCB0aGlzIG9uZQ==" });
        let _ = stream.write_all(&[0x88, 0x00]);
    });
    link(websocket(), address, Counter::ErrorProtocol, |errors| errors >= 2);
}

#[test]
fn a_masked_frame_of_a_server_is_no_event() {
    let (address, _) = server(|_, stream, key| {
        switch(stream, &derive_accept_key(key.as_bytes()));
        let mut event = Vec::new();
        encode(&mut event, "news-0", Head { seq: 1, due_ns: 1, published_ns: 1, key: None }, b"1");
        let _ = stream.write_all(&masked(0x81, &event));
    });
    let (_, delivered) = link(websocket(), address, Counter::ErrorProtocol, |errors| errors >= 2);
    assert_eq!(delivered, 0);
}

#[test]
fn a_stream_that_is_over_is_left_alone() {
    let (address, accepted) = server(|number, stream, _| {
        let stream_once = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                           transfer-encoding: chunked\r\n\r\na\r\nretry: 1\n\n\r\n0\r\n\r\n";
        let head = if number == 0 { stream_once } else { "HTTP/1.1 204 No Content\r\n\r\n" };
        let _ = stream.write_all(head.as_bytes());
    });
    // The end of the first, and the 204 to the second.
    link(Pattern::Sse(SseOptions::default()), address, Counter::ErrorClosed, |closed| closed >= 2);
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}

#[test]
fn gaps_without_end_are_skipped_and_break_nothing() {
    // Told twice on every connection: nothing overflows on the way there, nor behind it.
    let to = u64::MAX;
    let (address, _) = server(move |_, stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let gap = format!("event: gap\nid: {to}\ndata: {{}}\n\n");
        let _ = write!(stream, "{head}retry: 1\n{gap}{gap}");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let gone = |context: &Context| {
        let counted = |counter| context.recorder.borrow().counted(counter);
        (counted(Counter::Reconnects) >= 2).then(|| counted(Counter::Skipped))
    };
    let (skipped, ledger) = watch(Pattern::Sse(SseOptions::default()), address, gone);
    assert!(skipped >= u64::MAX - 1 && ledger.lost == ledger.expected, "{skipped} {ledger:?}");

    let (address, _) = server(move |_, stream, key| {
        switch(stream, &derive_accept_key(key.as_bytes()));
        let gap = format!("{{\"gap\":{{\"from\":1,\"to\":{to}}}}}");
        let frame = [&[0x81, gap.len() as u8], gap.as_bytes()].concat();
        let _ = stream.write_all(&[&frame[..], &frame, &[0x88, 0x00]].concat());
    });
    let (skipped, ledger) = watch(websocket(), address, gone);
    assert!(skipped >= u64::MAX - 1 && ledger.lost == ledger.expected, "{skipped} {ledger:?}");
}

#[test]
fn a_link_that_reconnects_before_the_notice_of_the_restart_counts_as_recovered() {
    let (address, _) = server(|number, stream, key| {
        switch(stream, &derive_accept_key(key.as_bytes()));
        if number == 0 {
            let _ = stream.write_all(&[0x88, 0x00]);
        }
    });
    let before_ns = clock::now();
    let (recovered, _) = watch(websocket(), address, |context| {
        let counted = context.recorder.borrow().counted(Counter::Reconnects);
        (counted > 0).then(|| {
            context.target_down(before_ns);
            // Of this one it is not back.
            context.target_down(clock::now());
            let told = context.recorder.borrow().snapshot();
            told.distribution(Metric::Recovery).map(Distribution::count)
        })
    });
    assert_eq!(recovered, Some(1));
}

#[test]
fn what_a_link_keeps_while_it_stands_is_small() {
    for (pattern, most) in [
        (Pattern::WebSocket(WebSocketOptions::default()), 560),
        (Pattern::Sse(SseOptions::default()), 704),
        (Pattern::LongPoll(LongPollOptions::default()), 1500),
        (Pattern::ShortPoll(ShortPollOptions::default()), 1600),
        (Pattern::Webhook(WebhookOptions::default()), 1024),
    ] {
        let kind = pattern.kind().name();
        let kept = kept(pattern);
        assert!(kept <= most, "{kind}: {kept} B");
    }
}
