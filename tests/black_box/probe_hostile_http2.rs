//! `tidings probe --http2` against a server that does wrong by frames: every failure is counted under its kind, as often as the
//! server's own account says.

use crate::probe_support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe_support::{Account, count, end, errors, hold, json, reset};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` and `:status: 500` by HPACK's static table.
const OK: &[u8] = &[0x88];
const FAILED: &[u8] = &[0x8e];
/// `:status: 503`, written out.
const REFUSED: &[u8] = &[0x08, 3, b'5', b'0', b'3'];

/// The connection of a request, and the request's stream.
struct Call<'a> {
    socket: &'a mut TcpStream,
    stream: u32,
}

impl Call<'_> {
    fn put(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _ = self.socket.write_all(&frame);
    }

    fn own(&mut self, kind: u8, flags: u8, payload: &[u8]) {
        self.put(kind, flags, self.stream, payload);
    }

    fn ok(&mut self) -> bool {
        self.own(HEADERS, END_HEADERS, OK);
        self.own(DATA, END_STREAM, b"ok");
        true
    }

    fn reset(&mut self, code: u32) -> bool {
        self.own(RST_STREAM, 0, &code.to_be_bytes());
        true
    }

    /// Says that streams up to `last` are processed and no other.
    fn away(&mut self, last: u32, code: u32) {
        self.put(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat());
    }

    /// Waits for the client to leave: it must, as it has been told something that no server may say.
    fn left(&self) -> bool {
        hold(self.socket)
    }
}

/// What a server does, the kind under which it must be counted (`None` where nothing is wrong), and the deed; it returns whether
/// the connection goes on.
type Row = (&'static str, Option<&'static str>, fn(&mut Call<'_>) -> bool);

const ROWS: &[Row] = &[
    ("200", None, |c| c.ok()),
    ("a frame of an unknown type, and 200", None, |c| {
        c.own(0xbe, 0xff, b"whatever");
        c.ok()
    }),
    ("a ping, and 200", None, |c| {
        c.put(PING, 0, 0, b"12345678");
        c.ok()
    }),
    ("200, and a reset without an error", None, |c| {
        c.own(HEADERS, END_HEADERS, OK);
        c.own(DATA, END_STREAM, b"ok");
        c.reset(0)
    }),
    ("200 in pieces of a head", None, |c| {
        c.own(HEADERS, 0, &OK[..1]);
        c.own(CONTINUATION, END_HEADERS, &[0x0f, 0x0d, 1, b'2']);
        c.own(DATA, END_STREAM, b"ok");
        true
    }),
    ("500", Some("server_error"), |c| {
        c.own(HEADERS, END_HEADERS | END_STREAM, FAILED);
        true
    }),
    ("503", Some("refused"), |c| {
        c.own(HEADERS, END_HEADERS | END_STREAM, REFUSED);
        true
    }),
    ("a reset: internal error", Some("reset"), |c| c.reset(2)),
    ("a reset: refused stream", Some("reset"), |c| c.reset(7)),
    ("a reset: cancelled", Some("reset"), |c| c.reset(8)),
    ("a reset: a code that nobody knows", Some("reset"), |c| c.reset(0xabcd)),
    ("a reset after the head", Some("reset"), |c| {
        c.own(HEADERS, END_HEADERS, OK);
        c.reset(2)
    }),
    ("a reset within the body", Some("reset"), |c| {
        c.own(HEADERS, END_HEADERS, OK);
        c.own(DATA, 0, b"o");
        c.reset(2)
    }),
    ("200, then it goes away", None, |c| {
        c.ok();
        c.away(c.stream, 0);
        end(c.socket)
    }),
    ("it goes away without an answer", Some("reset"), |c| {
        c.away(0, 11);
        end(c.socket)
    }),
    ("an end without an answer", Some("closed"), |c| end(c.socket)),
    ("an end within a frame, before an answer", Some("closed"), |c| {
        let _ = c.socket.write_all(&[0, 0, 9, HEADERS, END_HEADERS]);
        end(c.socket)
    }),
    ("an end within the body", Some("truncated"), |c| {
        c.own(HEADERS, END_HEADERS, OK);
        c.own(DATA, 0, b"o");
        end(c.socket)
    }),
    ("a connection reset", Some("reset"), |c| reset(c.socket)),
    ("silence", Some("timeout"), |_| true),
    ("a head, and silence", Some("endless"), |c| {
        c.own(HEADERS, END_HEADERS, OK);
        true
    }),
    ("bytes that are no frames", Some("frame"), |c| {
        let _ = c.socket.write_all(&[0xff; 64]);
        c.left()
    }),
    ("data of no stream", Some("frame"), |c| {
        c.put(DATA, 0, 0, b"ok");
        c.left()
    }),
    ("a head that is not compressed as it must be", Some("frame"), |c| {
        c.own(HEADERS, END_HEADERS, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        c.left()
    }),
    ("a continuation of nothing", Some("frame"), |c| {
        c.own(CONTINUATION, END_HEADERS, OK);
        c.left()
    }),
    ("a push that was not allowed", Some("frame"), |c| {
        c.own(PUSH_PROMISE, END_HEADERS, &[0, 0, 0, 2, 0x82]);
        c.left()
    }),
    ("a window that grows by nothing", Some("frame"), |c| {
        c.put(WINDOW_UPDATE, 0, 0, &[0; 4]);
        c.left()
    }),
];

/// A request as far as the script needs it; `None` once the client has gone. Settings and pings are answered.
fn next_request(socket: &mut TcpStream) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload).ok()?;
        let mut answer =
            |kind, flags, payload: &[u8]| Call { socket, stream: 0 }.own(kind, flags, payload);
        match (head[3], head[4] & 1) {
            (SETTINGS, 0) => answer(SETTINGS, 1, &[]),
            (PING, 0) => answer(PING, 1, &payload),
            (HEADERS | DATA, END_STREAM) => return Some(stream),
            _ => {}
        }
    }
}

/// A server of HTTP/2 by prior knowledge that does one deed after the other, by turns over all requests.
fn serve(rows: &'static [Row]) -> (SocketAddr, Arc<Account>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (account, turn) = (Arc::new(Account::default()), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&account);
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let (told, turn) = (Arc::clone(&told), Arc::clone(&turn));
            std::thread::spawn(move || {
                let _ = socket.set_nodelay(true);
                let mut preface = [0; 24];
                if socket.read_exact(&mut preface).is_err()
                    || !preface.starts_with(b"PRI * HTTP/2.0")
                {
                    return;
                }
                Call { socket: &mut socket, stream: 0 }.own(SETTINGS, 0, &[]);
                while let Some(stream) = next_request(&mut socket) {
                    let (name, _, act) = rows[turn.fetch_add(1, Ordering::Relaxed) % rows.len()];
                    told.note(name);
                    if !act(&mut Call { socket: &mut socket, stream }) {
                        return;
                    }
                }
            });
        }
    });
    (address, account)
}

#[test]
fn every_failure_over_http2_is_counted_under_its_kind_as_often_as_the_server_says() {
    let (address, account) = serve(ROWS);
    let rate = format!("{}", 2 * ROWS.len());
    let flags = [
        "--http2",
        "-c",
        "12",
        "-z",
        "2s",
        "-t",
        "2s",
        "--warmup",
        "0s",
        "--set",
        "phases.drain=60s",
    ];
    let url = format!("http://{address}/");
    let (document, _) = json(&[&[url.as_str(), "-q", &rate], &flags[..]].concat());
    let done = account.of();
    let mut wrongs: BTreeMap<String, u64> = BTreeMap::new();
    for (name, kind, _) in ROWS {
        if let Some(kind) = kind {
            *wrongs.entry((*kind).to_owned()).or_default() += done[name];
        }
    }
    assert_eq!(errors(&document), wrongs, "{document:#}\n{done:#?}");
    let of = |column| count(&document, column);
    assert_eq!(done.len(), ROWS.len(), "{done:#?}");
    assert_eq!(of("sent"), done.values().sum::<u64>(), "{done:#?}");
    assert_eq!(of("failed"), wrongs.values().sum::<u64>());
    assert_eq!((of("answered") + of("failed"), of("unfinished")), (of("sent"), 0));
}
