//! Addresses that `tidings serve --listen` accepts: a host and a port as people write them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::support::left_out;

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command
        .args(["serve", "--shards", "1", "--rate", "0/s", "--listen", listen])
        .stdin(Stdio::null());
    command
}

/// Starts it, and returns what it says of itself.
fn start(listen: &str) -> (Served, Vec<String>) {
    let mut child = serve(listen).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let named = listen.contains("localhost");
    let lines = (0..=usize::from(named))
        .map(|_| {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.trim().to_owned()
        })
        .collect();
    (Served(child), lines)
}

fn status(address: SocketAddr, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn a_target_listens_on_the_given_address_and_prints_it() {
    for (listen, host) in [
        ("0", "127.0.0.1"),
        (":0", "127.0.0.1"),
        ("localhost:0", "127.0.0.1"),
        ("LocalHost.:0", "127.0.0.1"),
        ("127.0.0.1:0", "127.0.0.1"),
        ("127.0.0.2:0", "127.0.0.2"),
        ("[::1]:0", "[::1]"),
    ] {
        if host == "[::1]" && TcpListener::bind("[::1]:0").is_err() {
            left_out("a target that listens on ::1", "this host has no IPv6");
            continue;
        }
        let (_served, lines) = start(listen);
        let address = lines[0]
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("{listen}: {lines:?}"));
        let address: SocketAddr = address.parse().unwrap();
        assert_eq!(
            SocketAddr::to_string(&address),
            format!("{host}:{}", address.port()),
            "{listen}"
        );
        assert_eq!(status(address, listen), "HTTP/1.1 200 OK", "{listen}");
        if listen == "localhost:0" {
            assert_eq!(lines[1], "localhost is 127.0.0.1");
        }
    }
}

#[test]
fn an_unusable_address_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (listen, said) in [
        (format!("{port}"), format!("cannot listen on 127.0.0.1:{port}; choose another address")),
        (format!(":{port}"), "in use".to_owned()),
        ("localhost:99999".to_owned(), "beyond 65535".to_owned()),
        ("http://localhost:0".to_owned(), "is a URL".to_owned()),
        ("203.0.113.1:0".to_owned(), "cannot listen on 203.0.113.1:0".to_owned()),
        ("127.1:0".to_owned(), "no IPv4 address".to_owned()),
        (String::new(), "is empty".to_owned()),
    ] {
        let output = serve(&listen).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{listen}: {told}");
        assert!(told.contains(&said), "{listen}: {told}");
        assert!(output.stdout.is_empty(), "{listen}");
    }
}
