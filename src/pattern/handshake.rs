//! Opening a WebSocket (RFC 6455, section 4.1): the request, and the check of the answer.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Response, StatusCode};

use super::Link;
use super::poll::{get, host};
use super::redial::Ended;
use crate::event::{EPOCH_HEADER, Epoch};
use crate::net::websocket::accept_key;
use crate::net::{Meter, Stream, upgrade};
use crate::pace::Rng;

/// What a handshake came to.
pub(super) enum Opened {
    /// A WebSocket, the meter of its socket, and the life of the log that it follows, if the answer names it.
    Socket(Stream, Rc<Meter>, Option<Epoch>),
    /// An answer that opens none.
    Refused(Response<()>),
}

/// Dials, and requests a WebSocket on `path`; the nonce is drawn from `rng`.
pub(super) async fn open(link: &Link, path: String, rng: &mut Rng) -> Result<Opened, Ended> {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    nonce[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
    let key = STANDARD.encode(nonce);

    let mut request = get(path, &host(link));
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // Base64 is always a valid header value.
    headers.extend(HeaderValue::try_from(&key).ok().map(|key| (SEC_WEBSOCKET_KEY, key)));

    let socket = link.dialer().connect(link.index()).await?;
    let meter = socket.meter();
    let (response, socket) = upgrade(socket, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Opened::Refused(response));
    }
    if !accepted(response.headers(), &key) {
        return Err(Ended::Foreign);
    }
    let epoch = response.headers().get(EPOCH_HEADER).and_then(|epoch| epoch.to_str().ok());
    let epoch = epoch.and_then(|epoch| epoch.parse().ok());
    Ok(Opened::Socket(socket, meter, epoch))
}

/// Whether the answer's headers accept `key`; the framing crate does not look.
fn accepted(headers: &HeaderMap, key: &str) -> bool {
    let expected = accept_key(key.as_bytes());
    let says = |name, text: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(text.as_bytes()))
    };
    says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
        && headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| accept == expected.as_str())
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
