//! Server-sent events on tokio alone: GET /events/TOPIC is a stream, POST publishes to it.

use std::collections::HashMap;
use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

type Topics = Arc<Mutex<HashMap<String, broadcast::Sender<String>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let topics = Topics::default();
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(serve(socket, Arc::clone(&topics)));
    }
}

/// Serves the requests of a connection, one after another, until it is closed or becomes a stream.
async fn serve(socket: TcpStream, topics: Topics) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut socket = BufReader::new(socket);
    loop {
        let (mut request, mut length, mut line) = (String::new(), 0, String::new());
        if socket.read_line(&mut request).await? == 0 {
            return Ok(());
        }
        while socket.read_line(&mut line).await? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        socket.read_exact(&mut body).await?;

        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        let topic = {
            let mut topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
            topics.entry(path).or_insert_with(|| broadcast::channel(1024).0).clone()
        };
        if request.starts_with("POST ") {
            // It fails if nobody listens, which is no error.
            let _ = topic.send(format!("data: {}\n\n", String::from_utf8_lossy(&body)));
            socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await?;
        } else {
            let mut events = topic.subscribe();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: welcome\n\n";
            socket.write_all(head.as_bytes()).await?;
            // Ends with a client that is more than 1,024 events behind: it connects again.
            while let Ok(event) = events.recv().await {
                socket.write_all(event.as_bytes()).await?;
            }
            return Ok(());
        }
    }
}
