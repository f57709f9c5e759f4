//! Servers that a probe is pointed at: one that keeps what it is sent, one that sends stamps, and the built-in one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{put, read_request};

/// Heads and bodies of requests, as they came.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

/// A server that answers every request with `ok`, and keeps what it was sent.
pub(crate) fn listener() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || converse(stream.try_clone().unwrap(), stream, &told));
        }
    });
    (address, heard)
}

pub(crate) fn converse(from: impl std::io::Read, mut to: impl std::io::Write, told: &Heard) {
    let mut reader = BufReader::new(from);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if !reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if let Some(size) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = size.trim().parse().unwrap();
            }
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        told.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
        if to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

/// `tidings serve` on a free port; ends with its test.
pub(crate) struct Serve {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Serve {
    pub(crate) fn start(more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "1"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn heard_of(heard: &Heard) -> Vec<String> {
    heard.lock().unwrap().clone()
}

/// A server of an endless stream of events with a stamp.
pub(crate) fn stamped() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                read_request(&mut BufReader::new(stream.try_clone().unwrap()));
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
                if stream.write_all(head.as_bytes()).is_err() {
                    return;
                }
                loop {
                    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - 30.0;
                    if write!(stream, "data: {{\"t\":{now:.3}}}\n\n").is_err() {
                        return;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            });
        }
    });
    address
}

/// A server that answers at once, but for a second after its request number `at`, in which it answers nobody.
pub(crate) fn freezing(at: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(0));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while read_request(&mut reader).is_some() {
                    // Whoever waits for the lock is frozen, too.
                    let mut asked = asked.lock().unwrap();
                    *asked += 1;
                    if *asked == at {
                        std::thread::sleep(std::time::Duration::from_secs(1));
                    }
                    drop(asked);
                    put(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
            });
        }
    });
    address
}
