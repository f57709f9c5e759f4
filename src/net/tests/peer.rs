//! A server that sends the raw bytes of a script.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// One thing that the peer does on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reads a request's head.
    Read,
    /// Reads whatever comes first.
    Take,
    /// Writes bytes.
    Say(Vec<u8>),
    /// Writes bytes for ever, as fast as they are taken.
    Flood(Vec<u8>),
    /// Writes bytes for ever, a piece every few milliseconds.
    Trickle(Vec<u8>),
    /// Closes its sending half, and reads on.
    HalfClose,
    /// Closes with a reset.
    Reset,
    /// Keeps the connection open until the client leaves.
    Hold,
}

pub(crate) fn say(bytes: impl AsRef<[u8]>) -> Act {
    Act::Say(bytes.as_ref().to_vec())
}

/// A listener whose first connection follows `first`; every other one answers each request with 200 and `fine`.
pub(crate) async fn peer(first: Vec<Act>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        let mut first = Some(first);
        while let Ok((stream, _)) = listener.accept().await {
            match first.take() {
                Some(acts) => spawn_local(perform(stream, acts)),
                None => spawn_local(perform(
                    stream,
                    vec![Act::Read, say(FINE), Act::Read, say(FINE), Act::Hold],
                )),
            };
        }
    });
    address
}

/// A right answer.
pub(crate) const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

async fn perform(mut stream: TcpStream, acts: Vec<Act>) {
    for act in acts {
        let went_on = match act {
            Act::Read => read_head(&mut stream).await,
            Act::Take => stream.read(&mut [0; 4096]).await.is_ok(),
            Act::Say(bytes) => stream.write_all(&bytes).await.is_ok(),
            Act::Flood(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {}
                false
            }
            Act::Trickle(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                false
            }
            Act::HalfClose => stream.shutdown().await.is_ok(),
            Act::Reset => {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                false
            }
            Act::Hold => {
                while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
                false
            }
        };
        if !went_on {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => return false,
        }
    }
    true
}
