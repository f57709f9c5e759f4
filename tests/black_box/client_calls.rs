//! Clients that call over a WebSocket, against a scripted server.

use crate::request_support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use request_support::{MS, case, run};
use serde_json::{Value, json};
use tidings::measure::{Counter, ErrorKind};
use tungstenite::{Message, WebSocket};

const CLIENTS: u64 = 3;
const CLOSED: &str = "connection = \"websocket\"\nloop = \"closed\"\narrivals = \"constant\"\n";

/// The calls and pings that a server received.
#[derive(Debug, Default)]
struct Seen {
    sockets: AtomicU64,
    calls: AtomicU64,
    /// Pings that were answered before the next call came.
    pongs: AtomicU64,
}

impl Seen {
    fn get(count: &AtomicU64) -> u64 {
        count.load(Ordering::SeqCst)
    }
}

/// A server of blocking threads, one a socket; `script` answers the n-th read of all of them.
fn server(script: fn(&mut WebSocket<TcpStream>, u64, Value)) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, reads) = (Arc::new(Seen::default()), Arc::new(AtomicU64::new(0)));
    let told = Arc::clone(&seen);
    // Ends with the process, as its listener does; its sockets end with their clients.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, reads) = (Arc::clone(&seen), Arc::clone(&reads));
            std::thread::spawn(move || {
                let mut socket = tungstenite::accept(stream).unwrap();
                seen.sockets.fetch_add(1, Ordering::SeqCst);
                let mut number = 0;
                while let Ok(message) = socket.read() {
                    let Message::Text(text) = message else {
                        let prompt = message == Message::Pong(ping(number));
                        seen.pongs.fetch_add(u64::from(prompt), Ordering::SeqCst);
                        continue;
                    };
                    seen.calls.fetch_add(1, Ordering::SeqCst);
                    let call: Value = serde_json::from_str(&text).unwrap();
                    if call["method"] == "POST" {
                        answer(&mut socket, &call["id"], 201);
                    } else {
                        number = reads.fetch_add(1, Ordering::SeqCst) + 1;
                        script(&mut socket, number, call["id"].clone());
                    }
                    if socket.flush().is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

/// What the ping behind an answer says.
fn ping(number: u64) -> tungstenite::Bytes {
    number.to_be_bytes().to_vec().into()
}

fn answer(socket: &mut WebSocket<TcpStream>, id: &Value, status: u16) {
    let headers = json!({
        "content-type": "application/json",
        "server-timing": "q;dur=1.250000, s;dur=4.000000",
    });
    let answer = json!({ "id": id, "status": status, "headers": headers, "body": { "id": 1 } });
    // The next read notices a client that has left.
    let _ = socket.write(Message::text(answer.to_string()));
}

#[test]
fn every_call_to_a_failing_server_is_accounted_for() {
    let (address, seen) = server(|socket, number, id| match number % 8 {
        1 => answer(socket, &id, 500),
        2 => answer(socket, &json!(u64::MAX), 200),
        3 => drop(socket.write(Message::binary(vec![1]))),
        4 => drop(socket.get_ref().shutdown(std::net::Shutdown::Both)),
        5 => {}
        6 => drop(socket.close(None)),
        _ => answer(socket, &id, 200),
    });
    // Longer than any answer takes, on a machine that pauses now and then.
    let closed = format!("{CLOSED}think = \"1ms\"\ntimeout = \"3s\"");
    let told = run(case("request", CLIENTS, &closed), address, 4_000 * MS, 10_000, true);
    let ledger = told.snapshot.ledger;
    let sent = told.count(Counter::Sent);
    assert!(ledger.balances() && ledger.delivered > 0, "{ledger:?}");
    assert_eq!((ledger.expected, told.count(Counter::Scheduled)), (sent, sent));
    assert_eq!(ledger.delivered, told.count(Counter::Answered));
    assert_eq!((ledger.duplicate, ledger.reordered), (0, 0));
    assert_eq!(told.snapshot.counters.errors(), ledger.lost, "each failed for one reason");
    for (kind, moods) in [
        (Counter::ErrorStatus, &[1][..]),
        (Counter::ErrorProtocol, &[2, 3]),
        (Counter::ErrorClosed, &[4, 6]),
        (Counter::ErrorTimeout, &[5]),
    ] {
        let expected = (1..=sent).filter(|number| moods.contains(&(number % 8))).count() as u64;
        assert!(expected > 0, "{kind:?}: too few calls");
        assert_eq!(told.count(kind), expected, "{kind:?}");
    }
    assert_eq!(Seen::get(&seen.calls), CLIENTS + sent, "nothing was sent that is in no account");
    // Whatever an answer is not ends the socket, but for one that is a status.
    let ended = ledger.lost - told.count(Counter::ErrorStatus);
    let sockets = Seen::get(&seen.sockets);
    assert!(ended > 0 && (ended..=CLIENTS + ended).contains(&sockets), "{ended} {sockets}");
    for sample in &told.samples {
        assert_eq!(sample.server_service_ns, sample.status.map(|_| 4 * MS), "{sample:?}");
        if let (Some(sent), Some(first)) = (sample.sent_ns, sample.first_ns) {
            let stamps = [sample.due_ns, sample.fired_ns, sent, first, sample.done_ns];
            assert!(stamps.is_sorted(), "{sample:?}");
        }
        assert!(sample.status.is_some() || sample.error.is_some_and(|e| e != ErrorKind::Status));
    }
}

#[test]
fn pings_are_answered_while_no_call_is_due() {
    // An answer and a ping in one write: the next call is a while off.
    let (address, seen) = server(|socket, number, id| {
        answer(socket, &id, 200);
        let _ = socket.write(Message::Ping(ping(number)));
    });
    let closed = format!("{CLOSED}think = \"20ms\"");
    let told = run(case("request", CLIENTS, &closed), address, 500 * MS, 0, true);
    let answered = told.count(Counter::Answered);
    assert_eq!((told.snapshot.counters.errors(), told.count(Counter::Sent)), (0, answered));
    assert_eq!(Seen::get(&seen.sockets), CLIENTS);
    // A call that is already due is sent before the pong; after its last call the client sends nothing.
    let pongs = Seen::get(&seen.pongs);
    assert!(pongs + CLIENTS > answered / 2 && pongs <= answered, "{pongs} of {answered}");
}
