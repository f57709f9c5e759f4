//! A WebSocket: events as text frames, pings answered, resumed with `since`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastwebsockets::{OpCode, Role, WebSocket, WebSocketError};
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use sha1::{Digest as _, Sha1};

use super::Link;
use super::poll::{get, host};
use crate::clock;
use crate::event::decode_head;
use crate::measure::ErrorKind;
use crate::net::{NetError, Stream, upgrade};
use crate::pace::Rng;

/// The constant of RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Largest frame that is taken, in bytes.
const FRAME_LIMIT: usize = 4 << 20;

/// Why a socket ended or could not be opened.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the target answers {0} to the upgrade")]
    Refused(StatusCode),
    #[error("the target does not accept the upgrade as RFC 6455 says")]
    NotAccepted,
    #[error("a frame was not understood: {0}")]
    Frame(#[from] WebSocketError),
    #[error("an event was not understood")]
    Event,
    #[error("the target closed the socket")]
    Closed,
}

impl Ended {
    const fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::Refused(_) => ErrorKind::Status,
            Self::Closed
            | Self::Frame(WebSocketError::UnexpectedEOF | WebSocketError::IoError(_)) => {
                ErrorKind::Closed
            }
            Self::NotAccepted | Self::Frame(_) | Self::Event => ErrorKind::Protocol,
        }
    }
}

/// Reads the socket; when it ends, opens it again after the last event that came.
pub async fn run(link: &Link) {
    let mut rng = link.rng();
    let dialled_ns = clock::now();
    let mut socket = match open(link, 0, &mut rng).await {
        Ok(socket) => socket,
        Err(error) => return link.cannot_stand(&error),
    };
    link.ready(dialled_ns);

    let (mut cursor, mut failures) = (0, 0);
    loop {
        let ended = read(link, socket, &mut cursor, &mut failures).await;
        link.error(ended.kind());
        socket = loop {
            link.back_off(failures, &mut rng).await;
            failures += 1;
            match open(link, cursor, &mut rng).await {
                Ok(socket) => break socket,
                Err(ended) => link.error(ended.kind()),
            }
        };
    }
}

/// Dials and upgrades, subscribing after sequence `since`.
async fn open(link: &Link, since: u64, rng: &mut Rng) -> Result<WebSocket<Stream>, Ended> {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    nonce[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
    let key = STANDARD.encode(nonce);

    let mut request = get(format!("/topics/{}/ws?since={since}", link.topic()), &host(link));
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // Base64 is always a valid header value.
    headers.extend(HeaderValue::try_from(&key).ok().map(|key| (SEC_WEBSOCKET_KEY, key)));

    let context = link.context();
    let socket = context.dialer.connect(link.index()).await.map_err(NetError::from)?;
    let meter = socket.meter();
    let (response, socket) = upgrade(socket, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Ended::Refused(response.status()));
    }
    if !accepted(response.headers(), &key) {
        return Err(Ended::NotAccepted);
    }
    meter.mark();
    let mut socket = WebSocket::after_handshake(socket, Role::Client);
    socket.set_max_message_size(FRAME_LIMIT);
    Ok(socket)
}

/// Whether the answer's headers accept `key` (RFC 6455, section 4.1); the framing crate does not look.
fn accepted(headers: &HeaderMap, key: &str) -> bool {
    let expected = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let says = |name, text: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(text.as_bytes()))
    };
    says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
        && headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| accept == expected.as_str())
}

/// Reads until the socket ends, and says why it did.
async fn read(
    link: &Link,
    mut socket: WebSocket<Stream>,
    cursor: &mut u64,
    failures: &mut u32,
) -> Ended {
    loop {
        // Not cancel-safe, and never cancelled: the link is dropped whole.
        let frame = match socket.read_frame().await {
            Ok(frame) => frame,
            Err(error) => return error.into(),
        };
        let received_ns = clock::now();
        match frame.opcode {
            OpCode::Text | OpCode::Binary if frame.fin => match decode_head(&frame.payload) {
                Ok(head) => {
                    link.receive(head, received_ns);
                    *cursor = head.seq;
                    *failures = 0;
                }
                Err(_) => return Ended::Event,
            },
            OpCode::Close => return Ended::Closed,
            // The crate has written the answer, and leaves it to us that it gets out of what lies under it.
            OpCode::Ping => {
                if let Err(error) = socket.flush().await {
                    return error.into();
                }
            }
            // It asks for nothing.
            OpCode::Pong => {}
            // The target sends an event in one frame.
            OpCode::Text | OpCode::Binary | OpCode::Continuation => return Ended::Event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_of_the_rfc_is_accepted_and_no_other() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        assert!(!accepted(&headers, "dGhlIHNhbXBsZSBub25jZQ=="));
        let accept = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        assert!(accepted(&headers, "dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(!accepted(&headers, "dGhlIHNhbXBsZSBub25jZQ=!"));
    }
}
