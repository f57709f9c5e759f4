//! Reads WebSockets with fastwebsockets and does nothing else: what a received message costs at least, for `received.py`.
//!
//! `bare-websocket ADDRESS PATH LINKS SECONDS` connects, waits a second, and prints the messages and the CPU time of the rest.
#![expect(clippy::print_stdout, reason = "a line for the script is what this is for")]

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use fastwebsockets::{OpCode, Role, WebSocket};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::sleep;

type Failure = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [address, path, links, seconds] = words.as_slice() else {
        return Err("usage: bare-websocket ADDRESS PATH LINKS SECONDS".into());
    };
    let (links, window) = (links.parse()?, Duration::from_secs_f64(seconds.parse()?));
    LocalSet::new().run_until(measure(address, path, links, window)).await
}

async fn measure(address: &str, path: &str, links: usize, window: Duration) -> Result<(), Failure> {
    let messages = Rc::new(Cell::new(0_u64));
    for _ in 0..links {
        let socket = connect(address, path).await?;
        tokio::task::spawn_local(read(socket, Rc::clone(&messages)));
    }
    sleep(Duration::from_secs(1)).await;
    let (count, cpu) = (messages.get(), cpu_ns());
    sleep(window).await;
    println!("{} messages, {} ns of CPU", messages.get() - count, cpu_ns() - cpu);
    Ok(())
}

/// Asks for a WebSocket, and reads the head of the answer byte by byte, so that no frame is taken with it.
async fn connect(address: &str, path: &str) -> Result<WebSocket<TcpStream>, Failure> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&head).into());
    }
    Ok(WebSocket::after_handshake(socket, Role::Client))
}

async fn read(mut socket: WebSocket<TcpStream>, messages: Rc<Cell<u64>>) {
    while let Ok(frame) = socket.read_frame().await {
        match frame.opcode {
            OpCode::Text | OpCode::Binary => messages.set(messages.get() + 1),
            OpCode::Close => return,
            _ => {}
        }
    }
}

/// CPU time of this process so far.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
