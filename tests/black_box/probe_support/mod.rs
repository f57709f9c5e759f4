//! `tidings probe` as a process, and servers that do wrong by a script and keep their own account of it.

pub(crate) mod servers;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;
use tungstenite::handshake::derive_accept_key;

/// `tidings probe` with these arguments, without a terminal and without colours of its caller.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.arg("probe").args(arguments).stdin(Stdio::null());
    command.env_remove("COLUMNS").env("LC_ALL", "C.UTF-8");
    command
}

/// Runs it to its end.
pub(crate) fn probe(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// What it printed with `-o json`, and its exit status.
pub(crate) fn json(arguments: &[&str]) -> (Value, i32) {
    let output = probe(&[arguments, &["-o", "json", "--quiet"]].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|error| panic!("{error}: {told}"));
    (document, output.status.code().unwrap())
}

/// A document whose trial finished, however noisy the machine was.
pub(crate) fn finished(document: &Value) {
    let verdict = document["trials"][0]["trial"]["verdict"].as_str().unwrap();
    assert_ne!(verdict, "failed", "{document:#}");
}

/// Errors by kind, each once, as a document of `-o json` has them.
pub(crate) fn errors(document: &Value) -> BTreeMap<String, u64> {
    let errors = document["trials"][0]["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| (error["kind"].as_str().unwrap().to_owned(), error["count"].as_u64().unwrap()))
        .collect()
}

/// A count of the only trial, by its column.
pub(crate) fn count(document: &Value, column: &str) -> u64 {
    let cell = &document["trials"][0]["trial"][column];
    cell.as_u64().unwrap_or_else(|| panic!("{column}: {cell}"))
}

/// What was done, by its name, and how often.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<BTreeMap<&'static str, u64>>);

impl Account {
    pub(crate) fn note(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(crate) fn of(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap().clone()
    }
}

/// A request as far as scripts need it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Asked {
    /// The key of a WebSocket's handshake.
    pub key: Option<String>,
}

/// The next request of a connection; `None` once there is none.
pub(crate) fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut length = 0;
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "sec-websocket-key" => asked.key = Some(value.trim().to_owned()),
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(asked)
}

/// What a server does with a request: its name in the account, and the deed. It returns whether the connection goes on.
#[derive(Clone, Copy)]
pub(crate) struct Deed {
    pub name: &'static str,
    pub act: fn(&mut TcpStream, &Asked) -> bool,
}

/// A server that does one deed after the other, by turns over all requests; after `last` requests only the first deed.
pub(crate) fn serve(deeds: Vec<Deed>, last: usize) -> (SocketAddr, Arc<Account>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let account = Arc::new(Account::default());
    let (told, turn, deeds) =
        (Arc::clone(&account), Arc::new(AtomicUsize::new(0)), Arc::new(deeds));
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (told, turn, deeds) = (Arc::clone(&told), Arc::clone(&turn), Arc::clone(&deeds));
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let mut reader = BufReader::new(stream);
                while let Some(asked) = read_request(&mut reader) {
                    let at = turn.fetch_add(1, Ordering::Relaxed);
                    let deed = deeds[if at < last { at % deeds.len() } else { 0 }];
                    told.note(deed.name);
                    if !(deed.act)(reader.get_mut(), &asked) {
                        return;
                    }
                }
            });
        }
    });
    (address, account)
}

/// Writes, whoever is still there.
pub(crate) fn put(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Ends a connection with a reset.
pub(crate) fn reset(stream: &TcpStream) -> bool {
    let _ = set_socket_linger(stream, Some(std::time::Duration::ZERO));
    false
}

/// Ends it in good order.
pub(crate) fn end(stream: &TcpStream) -> bool {
    let _ = stream.shutdown(Shutdown::Write);
    hold(stream)
}

/// Holds it open until the client goes.
pub(crate) fn hold(mut stream: &TcpStream) -> bool {
    let mut rest = [0; 4_096];
    while matches!(stream.read(&mut rest), Ok(read) if read > 0) {}
    false
}

/// Opens the WebSocket that was asked for.
pub(crate) fn switch(stream: &mut TcpStream, asked: &Asked) {
    let proof = derive_accept_key(asked.key.as_deref().unwrap_or_default().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {proof}\r\n\r\n"
    );
    put(stream, head.as_bytes());
}
