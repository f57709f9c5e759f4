//! Exchanges over loopback that do nothing else: what an answered long poll and an acknowledged webhook cost at least, for
//! `received.py`. A read is taken for a whole message, and nothing is recorded.
//!
//! `bare-exchanges poll|webhook ADDRESS LINKS SECONDS`, with the address of a built-in target that publishes in `news-0`. Waits a
//! second, and prints the exchanges and the CPU time of the rest.
#![expect(clippy::print_stdout, reason = "a line for the script is what this is for")]

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

type Failure = Box<dyn Error>;

/// Room for a message.
const ROOM: usize = 2048;
const ACKNOWLEDGEMENT: &[u8] =
    b"HTTP/1.1 204 No Content\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [mode, address, links, seconds] = words.as_slice() else {
        return Err("usage: bare-exchanges poll|webhook ADDRESS LINKS SECONDS".into());
    };
    let (links, window) = (links.parse()?, Duration::from_secs_f64(seconds.parse()?));
    LocalSet::new()
        .run_until(async {
            let exchanges = Rc::new(Cell::new(0_u64));
            match mode.as_str() {
                "poll" => poll_all(address, links, &exchanges).await?,
                "webhook" => receive_all(address, links, &exchanges).await?,
                _ => return Err("the mode is poll or webhook".into()),
            }
            sleep(Duration::from_secs(1)).await;
            let (count, cpu) = (exchanges.get(), cpu_ns());
            sleep(window).await;
            println!("{} exchanges, {} ns of CPU", exchanges.get() - count, cpu_ns() - cpu);
            Ok(())
        })
        .await
}

async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Has each link ask for the events after those that it knows, over and over.
async fn poll_all(address: &str, links: usize, exchanges: &Rc<Cell<u64>>) -> Result<(), Failure> {
    for _ in 0..links {
        let (stream, exchanges) = (connect(address).await?, Rc::clone(exchanges));
        let address = address.to_owned();
        spawn_local(async move { poll(stream, &address, &exchanges).await });
    }
    Ok(())
}

async fn poll(mut stream: TcpStream, address: &str, exchanges: &Cell<u64>) {
    let (mut room, mut request) = ([0; ROOM], Vec::new());
    // From the newest event on, which the first answer names.
    let mut cursor = b"0".to_vec();
    loop {
        request.clear();
        request.extend_from_slice(b"GET /topics/news-0/events?since=");
        request.extend_from_slice(&cursor);
        request.extend_from_slice(b"&limit=1&wait=30000ms HTTP/1.1\r\nhost: ");
        request.extend_from_slice(address.as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        if stream.write_all(&request).await.is_err() {
            return;
        }
        loop {
            let Ok(read @ 1..) = stream.read(&mut room).await else { return };
            if let Some(at) = memmem::find(&room[..read], b"\"next\":\"") {
                let rest = &room[at + 8..read];
                cursor.clear();
                cursor.extend(rest.iter().take_while(|byte| **byte != b'"'));
                break;
            }
        }
        exchanges.set(exchanges.get() + 1);
    }
}

/// Registers so many endpoints, all behind one listener, and acknowledges what comes.
async fn receive_all(
    address: &str,
    links: usize,
    exchanges: &Rc<Cell<u64>>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own = listener.local_addr()?;
    let counted = Rc::clone(exchanges);
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let exchanges = Rc::clone(&counted);
            spawn_local(async move { acknowledge(stream, &exchanges).await });
        }
    });
    let mut stream = connect(address).await?;
    for link in 0..links {
        let body = format!(
            "{{\"url\":\"http://{own}/{link}\",\"topics\":[\"news-0\"],\
             \"secret\":\"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"}}"
        );
        let request = format!(
            "POST /webhooks HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut room = [0; ROOM];
        let read = stream.read(&mut room).await?;
        if !room[..read].starts_with(b"HTTP/1.1 201") {
            return Err(String::from_utf8_lossy(&room[..read]).into());
        }
    }
    Ok(())
}

async fn acknowledge(mut stream: TcpStream, exchanges: &Cell<u64>) {
    let _ = stream.set_nodelay(true);
    let mut room = [0; ROOM];
    // Before its first event a connection may ask whether the endpoint consents.
    let mut consented = false;
    while let Ok(read @ 1..) = stream.read(&mut room).await {
        let challenge =
            if consented { None } else { memmem::find(&room[..read], b"\"challenge\"") };
        let written = if challenge.is_some() {
            stream.write_all(&echo(&room[..read])).await
        } else {
            consented = true;
            exchanges.set(exchanges.get() + 1);
            stream.write_all(ACKNOWLEDGEMENT).await
        };
        if written.is_err() {
            return;
        }
    }
}

/// Answers a challenge with its own body.
fn echo(request: &[u8]) -> Vec<u8> {
    let body = memmem::find(request, b"\r\n\r\n").map_or(0, |end| end + 4);
    let challenge = &request[body..];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        challenge.len()
    );
    [head.as_bytes(), challenge].concat()
}

/// CPU time of this process so far.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
