//! A WebSocket over plain sockets, read and written byte by byte; and with another maker's client.

use std::io::{BufRead as _, Read as _};
use std::net::TcpStream;

use tungstenite::WebSocket;

use super::{Client, PATIENCE, Target};

/// The headers of a handshake.
pub(crate) const HANDSHAKE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// What proves that a server has understood it.
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Upgrades a connection to the WebSocket at `path`.
pub(crate) fn upgrade(client: Client, path: &str) -> Client {
    upgrade_with(client, path, b"")
}

/// The same with the first bytes on the socket in one piece with the handshake.
pub(crate) fn upgrade_with(mut client: Client, path: &str, first: &[u8]) -> Client {
    let headers = HANDSHAKE.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: target\r\n{headers}\r\n");
    client.write(&[head.as_bytes(), first].concat());
    let head = client.head();
    assert_eq!((head.status, head.header("sec-websocket-accept")), (101, Some(PROOF)), "{path}");
    client
}

/// A masked frame: its first byte, and a payload of any length in the shortest form.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        n @ 0..126 => frame.push(0x80 | n as u8),
        n @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend((n as u16).to_be_bytes());
        }
        n => {
            frame.push(0xff);
            frame.extend((n as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The next frame's first byte and payload; `None` where the stream ends.
pub(crate) fn frame(client: &mut Client) -> Option<(u8, Vec<u8>)> {
    if client.reader.fill_buf().unwrap().is_empty() {
        return None;
    }
    let mut head = [0; 2];
    client.reader.read_exact(&mut head).unwrap();
    assert_eq!(head[1] & 0x80, 0, "a server does not mask");
    let mut long = [0; 8];
    let length = match head[1] {
        126 => {
            client.reader.read_exact(&mut long[6..]).unwrap();
            u64::from_be_bytes(long)
        }
        127 => {
            client.reader.read_exact(&mut long).unwrap();
            u64::from_be_bytes(long)
        }
        short => u64::from(short),
    };
    let mut payload = vec![0; length as usize];
    client.reader.read_exact(&mut payload).unwrap();
    Some((head[0], payload))
}

/// The payload of the next frame, which must be a whole text.
pub(crate) fn text(client: &mut Client) -> Vec<u8> {
    let (first, payload) = frame(client).expect("a frame");
    assert_eq!(first, 0x81, "{}", String::from_utf8_lossy(&payload));
    payload
}

/// The code in a close frame's payload.
pub(crate) fn close_code(payload: &[u8]) -> u16 {
    u16::from_be_bytes([payload[0], payload[1]])
}

/// A WebSocket of another maker's.
pub(crate) fn theirs(target: &Target, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(target.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let url = format!("ws://{}{path}", target.address);
    tungstenite::client::client(url, stream).unwrap().0
}
