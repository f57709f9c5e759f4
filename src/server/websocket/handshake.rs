//! The opening handshake of a WebSocket (RFC 6455, section 4.2), as pure functions.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};

use crate::net::fields::{self, lists};
use crate::net::websocket::accept_key;

/// Decodes a nonce leniently: clients that fill 22 random characters leave spare bits set.
const NONCE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Why a request is not a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// Not a WebSocket handshake, or one of another version: 426.
    Upgrade(&'static str),
    /// A malformed handshake: 400.
    Malformed(&'static str),
}

/// Checks a handshake's headers; returns the value of `Sec-WebSocket-Accept`.
pub(crate) fn accept(headers: &HeaderMap) -> Result<String, HandshakeError> {
    if !lists(headers, &UPGRADE, "websocket") || !lists(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::Upgrade(
            "this is a WebSocket: send Upgrade: websocket and Connection: Upgrade, or use /stream for \
             server-sent events",
        ));
    }
    // Sections 11.3.1 and 11.3.5: each header must occur once, since two would be ambiguous.
    let version = fields::one(headers, &SEC_WEBSOCKET_VERSION)
        .map_err(|_| HandshakeError::Malformed("exactly one Sec-WebSocket-Version is required"))?;
    if version.map(HeaderValue::as_bytes) != Some(b"13") {
        return Err(HandshakeError::Upgrade(
            "only version 13 of the WebSocket protocol is spoken here",
        ));
    }
    let Ok(Some(key)) = fields::one(headers, &SEC_WEBSOCKET_KEY) else {
        return Err(HandshakeError::Malformed("exactly one Sec-WebSocket-Key is required"));
    };
    if NONCE.decode(key).map(|nonce| nonce.len()) != Ok(16) {
        return Err(HandshakeError::Malformed("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    Ok(accept_key(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let browser = headers(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ]);
        assert_eq!(accept(&browser).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    proptest! {
        #[test]
        fn any_headers_are_a_handshake_or_refused(
            upgrade in "(websocket)?[ -~]{0,12}", connection in "[ ,a-z]{0,6}(upgrade)?", key in "[ -~]{0,30}", nonce: [u8; 16],
        ) {
            let mut headers = HeaderMap::new();
            for (name, text) in [(UPGRADE, &upgrade), (CONNECTION, &connection), (SEC_WEBSOCKET_KEY, &key)] {
                headers.insert(name, HeaderValue::try_from(text).unwrap());
            }
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            if accept(&headers).is_ok() {
                prop_assert_eq!(NONCE.decode(&key).map(|key| key.len()), Ok(16));
            }
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            let key = BASE64_STANDARD.encode(nonce);
            headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).unwrap());
            prop_assert_eq!(accept(&headers), Ok(accept_key(key.as_bytes())));
        }
    }

    #[test]
    fn an_invalid_handshake_is_refused() {
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
        let version = ("sec-websocket-version", "13");
        for (what, pairs, is_upgrade) in [
            ("a plain request", vec![], true),
            ("no Connection: upgrade", vec![upgrade[0], version, ("sec-websocket-key", KEY)], true),
            (
                "an older version",
                [&upgrade[..], &[("sec-websocket-version", "8"), ("sec-websocket-key", KEY)]]
                    .concat(),
                true,
            ),
            ("no key", [&upgrade[..], &[version]].concat(), false),
            (
                "a short key",
                [&upgrade[..], &[version, ("sec-websocket-key", "YWJj")]].concat(),
                false,
            ),
        ] {
            let refusal = accept(&headers(&pairs)).unwrap_err();
            assert_eq!(matches!(refusal, HandshakeError::Upgrade(_)), is_upgrade, "{what}");
        }
    }
}
