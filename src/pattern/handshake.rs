//! Opening a WebSocket (RFC 6455, section 4.1): the request, and the check of the answer.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, Response, StatusCode};

use super::Link;
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

/// Dials, and has `request` ask for a WebSocket; the nonce is drawn from `rng`.
pub(super) async fn open(
    link: &Link,
    mut request: Request<Full<Bytes>>,
    rng: &mut Rng,
) -> Result<Opened, Ended> {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    nonce[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
    let key = STANDARD.encode(nonce);

    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // Base64 is always a valid header value.
    headers.extend(HeaderValue::try_from(&key).ok().map(|key| (SEC_WEBSOCKET_KEY, key)));

    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL).cloned();
    let socket = link.dialer().connect(link.index()).await?;
    let meter = socket.meter();
    let (response, socket) = upgrade(socket, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Opened::Refused(response));
    }
    let offered = offered.as_ref().and_then(|offered| offered.to_str().ok()).unwrap_or_default();
    accepted(response.headers(), &key, offered).map_err(Ended::Handshake)?;
    let epoch = response.headers().get(EPOCH_HEADER).and_then(|epoch| epoch.to_str().ok());
    let epoch = epoch.and_then(|epoch| epoch.parse().ok());
    Ok(Opened::Socket(socket, meter, epoch))
}

/// Checks that the answer's headers accept `key` and one of the subprotocols `offered`; the framing crate does not look.
///
/// An answer that chooses none of those that were offered is refused, as browsers do.
fn accepted(headers: &HeaderMap, key: &str, offered: &str) -> Result<(), String> {
    let expected = accept_key(key.as_bytes());
    let lists = |name: HeaderName, word: &str| {
        let fields = headers.get_all(name).into_iter().filter_map(|field| field.to_str().ok());
        fields.flat_map(|field| field.split(',')).any(|own| own.trim().eq_ignore_ascii_case(word))
    };
    if !lists(UPGRADE, "websocket") || !lists(CONNECTION, "upgrade") {
        return Err("the answer does not upgrade the connection to a WebSocket".to_owned());
    }
    if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|accept| accept != expected.as_str()) {
        return Err("the answer's Sec-WebSocket-Accept is not that of the request".to_owned());
    }
    if let Some(extension) = headers.get(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(format!("the server uses extensions that were not offered: {extension:?}"));
    }
    let mut chosen = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    match (chosen.next(), chosen.next()) {
        (None, _) if offered.is_empty() => Ok(()),
        (None, _) => Err(format!("the server accepts none of the subprotocols offered: {offered}")),
        (Some(_), Some(_)) => Err("the server chooses several subprotocols".to_owned()),
        (Some(chosen), None) => {
            // Names of subprotocols have a case.
            let is_offered = offered.split(", ").any(|own| !own.is_empty() && chosen == own);
            is_offered.then_some(()).ok_or_else(|| {
                let those = if offered.is_empty() { "none" } else { offered };
                format!("the server chooses the subprotocol {chosen:?}, but offered were: {those}")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    /// The answer of the RFC, with other fields.
    fn answer(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        for (name, _) in fields {
            headers.remove(name);
        }
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn an_answer_is_accepted_by_the_rules_of_the_rfc() {
        for (fields, offered, refused, why) in [
            (&[][..], "", "", "the answer of the RFC"),
            (&[(CONNECTION, "keep-alive, upgrade")], "", "", "a list of tokens"),
            (&[(CONNECTION, "keep-alive")], "", "does not upgrade", "another token"),
            (&[(UPGRADE, "")], "", "does not upgrade", "no upgrade"),
            (&[(SEC_WEBSOCKET_ACCEPT, "")], "", "Accept", "no proof"),
            (
                &[(SEC_WEBSOCKET_ACCEPT, "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")],
                "",
                "Accept",
                "another proof",
            ),
            (
                &[(SEC_WEBSOCKET_EXTENSIONS, "permessage-deflate")],
                "",
                "extensions",
                "an extension that nobody offered",
            ),
            (&[(SEC_WEBSOCKET_PROTOCOL, "mqtt")], "mqtt", "", "the one that was offered"),
            (&[(SEC_WEBSOCKET_PROTOCOL, "b")], "a, b", "", "one of them"),
            (&[(SEC_WEBSOCKET_PROTOCOL, "c")], "a, b", "a, b", "another than those"),
            (&[(SEC_WEBSOCKET_PROTOCOL, "MQTT")], "mqtt", "mqtt", "names have a case"),
            (&[(SEC_WEBSOCKET_PROTOCOL, "mqtt")], "", "none", "one that nobody offered"),
            (&[], "mqtt", "accepts none", "none of them"),
            (
                &[(SEC_WEBSOCKET_PROTOCOL, "a"), (SEC_WEBSOCKET_PROTOCOL, "b")],
                "a, b",
                "several",
                "two of them",
            ),
        ] {
            let outcome = accepted(&answer(fields), KEY, offered);
            match outcome {
                Ok(()) => assert_eq!(refused, "", "{why}"),
                Err(error) => {
                    assert!(!refused.is_empty() && error.contains(refused), "{why}: {error}");
                }
            }
        }
        assert!(accepted(&answer(&[]), "dGhlIHNhbXBsZSBub25jZQ=!", "").is_err());
    }
}
