//! Secrets and signatures of Standard Webhooks 1.0, as pure functions but for the drawing of a secret.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Length of a drawn secret, in bytes.
const DRAWN: usize = 32;
/// Length of a signature in base64.
const SIGNATURE: usize = 44;

/// The text is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is 'whsec_' followed by the base64 of 24 to 64 bytes")]
pub(crate) struct NotASecret;

/// A shared secret, ready to sign.
#[derive(Clone)]
pub(crate) struct Secret {
    text: String,
    /// Keyed once: the key's two hash blocks are not computed again for every message.
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(whsec_…)")
    }
}

impl Secret {
    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    pub(crate) fn parse(text: &str) -> Result<Self, NotASecret> {
        let key = text.strip_prefix(PREFIX).ok_or(NotASecret)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| NotASecret)?;
        if !(24..=64).contains(&key.len()) {
            return Err(NotASecret);
        }
        let mac = Hmac::new_from_slice(&key).map_err(|_| NotASecret)?;
        Ok(Self { text: text.to_owned(), mac })
    }

    /// A new secret of the system's randomness.
    pub(crate) fn draw() -> io::Result<Self> {
        let text = format!("{PREFIX}{}", BASE64_STANDARD.encode(random::<DRAWN>()?));
        Self::parse(&text).map_err(io::Error::other)
    }

    /// The secret, to be shown to its owner.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Appends the signature of a message: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. The time stamp is
    /// in decimal digits.
    pub(crate) fn sign(&self, id: &str, timestamp: &str, body: &[u8], out: &mut Vec<u8>) {
        let mut mac = self.mac.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        out.extend_from_slice(b"v1,");
        let mut encoded = [0; SIGNATURE];
        let signature = mac.finalize().into_bytes();
        // It fits exactly.
        let length = BASE64_STANDARD.encode_slice(signature, &mut encoded).unwrap_or_default();
        out.extend_from_slice(&encoded[..length]);
    }
}

/// Appends the value of `webhook-signature`: one signature a secret, separated by spaces.
pub(super) fn sign_by_all<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    timestamp: &str,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    for (number, secret) in secrets.into_iter().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        secret.sign(id, timestamp, body, out);
    }
}

/// Bytes of the system's randomness.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed(secret: &Secret, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut out = Vec::new();
        secret.sign(id, &timestamp.to_string(), body, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_published_example_is_signed_alike() {
        // From the specification's reference libraries.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = signed(&secret, id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        for (bytes, good) in [(23, false), (24, true), (64, true), (65, false)] {
            let text = format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
            assert_eq!(Secret::parse(&text).is_ok(), good, "{bytes}");
        }
        assert!(Secret::parse(&BASE64_STANDARD.encode([7; 32])).is_err(), "no prefix");
        assert!(Secret::parse("whsec_!").is_err(), "no base64");
    }

    #[test]
    fn drawn_secrets_differ_and_are_not_printed_by_accident() {
        let (a, b) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        assert_ne!(a.text(), b.text());
        assert!(!format!("{a:?}").contains(&a.text()[6..]));
    }

    #[test]
    fn while_rotating_both_secrets_sign() {
        let (a, b) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        let mut both = Vec::new();
        sign_by_all([&a, &b], "id", "1", b"x", &mut both);
        let each = [&a, &b].map(|secret| signed(secret, "id", 1, b"x"));
        assert_eq!(both, each.join(" ").as_bytes());
    }

    proptest! {
        #[test]
        fn any_text_is_a_secret_or_none_and_keeps_its_text(text in "(whsec_)?[A-Za-z0-9+/=é]{0,100}") {
            if let Ok(secret) = Secret::parse(&text) {
                prop_assert_eq!(secret.text(), text);
            }
        }

        #[test]
        fn another_makers_library_signs_alike(
            key in proptest::collection::vec(any::<u8>(), 24..=64), id in "[a-z0-9_]{1,20}", at in 0..1u64 << 40,
            body in ".{0,60}",
        ) {
            let text = format!("{PREFIX}{}", BASE64_STANDARD.encode(&key));
            let theirs = standardwebhooks::Webhook::new(&text).unwrap();
            let ours = signed(&Secret::parse(&text).unwrap(), &id, at, body.as_bytes());
            prop_assert_eq!(ours, theirs.sign(&id, at as i64, body.as_bytes()).unwrap());
        }
    }
}
