//! Verifies a webhook's signature by Standard Webhooks 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use sha2::Sha256;

/// Largest accepted difference between an attempt's time stamp and now, in seconds.
const TOLERANCE_S: u64 = 300;

/// Why a delivery is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Untrusted;

/// Verifies deliveries signed with one secret.
#[derive(Debug, Clone)]
pub(super) struct Verifier(Hmac<Sha256>);

impl Verifier {
    /// A verifier for the raw bytes of a secret.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    /// Checks the headers against the raw body; one of several signatures suffices, while secrets rotate.
    ///
    /// `now_s` is the time in Unix seconds. Signatures are compared in constant time.
    pub(super) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_s: u64,
    ) -> Result<(), Untrusted> {
        let header =
            |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Untrusted);
        let (id, stamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        let sent_s: u64 = stamp.parse().map_err(|_| Untrusted)?;
        if sent_s.abs_diff(now_s) > TOLERANCE_S {
            return Err(Untrusted);
        }
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", stamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        let trusted = header("webhook-signature")?.split(' ').any(|signature| {
            let signature = signature.strip_prefix("v1,").and_then(|s| STANDARD.decode(s).ok());
            signature.is_some_and(|signature| mac.clone().verify_slice(&signature).is_ok())
        });
        if trusted { Ok(()) } else { Err(Untrusted) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the specification's reference libraries.
    fn delivery() -> (Verifier, HeaderMap, &'static [u8]) {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut headers = HeaderMap::new();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        (Verifier::new(&secret).unwrap(), headers, br#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_reference_delivery_is_trusted_and_nothing_near_it() {
        let (verifier, headers, body) = delivery();
        let now = 1_614_265_330;
        assert_eq!(verifier.verify(&headers, body, now), Ok(()));
        assert_eq!(verifier.verify(&headers, body, now + 300), Ok(()));
        assert_eq!(verifier.verify(&headers, body, now + 301), Err(Untrusted));
        assert_eq!(verifier.verify(&headers, b"{}", now), Err(Untrusted));
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut without = headers.clone();
            without.remove(name);
            assert_eq!(verifier.verify(&without, body, now), Err(Untrusted), "{name}");
        }
    }

    #[test]
    fn one_of_several_signatures_suffices() {
        let (verifier, mut headers, body) = delivery();
        let several = "v1,AAAA v2,xyz v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        headers.insert("webhook-signature", several.parse().unwrap());
        assert_eq!(verifier.verify(&headers, body, 1_614_265_330), Ok(()));
    }

    proptest! {
        #[test]
        fn what_another_makers_library_signs_is_trusted(
            key in proptest::collection::vec(any::<u8>(), 24..=64), id in "[a-zA-Z0-9_-]{1,40}",
            now in 0..1u64 << 40, body in ".{0,100}",
        ) {
            let theirs = standardwebhooks::Webhook::from_bytes(key.clone()).unwrap();
            let signature = theirs.sign(&id, now as i64, body.as_bytes()).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("webhook-id", id.parse().unwrap());
            headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
            headers.insert("webhook-signature", signature.parse().unwrap());
            let ours = Verifier::new(&key).unwrap();
            prop_assert_eq!(ours.verify(&headers, body.as_bytes(), now), Ok(()));
            let other = format!("{body}.");
            prop_assert_eq!(ours.verify(&headers, other.as_bytes(), now), Err(Untrusted));
        }

        #[test]
        fn any_headers_are_refused_without_a_panic(
            id in "[ -~]{0,30}", stamp in "[ -~]{0,30}", signature in "[ -~]{0,80}", body: Vec<u8>,
        ) {
            let mut headers = HeaderMap::new();
            for (name, text) in [("webhook-id", &id), ("webhook-timestamp", &stamp), ("webhook-signature", &signature)] {
                headers.insert(name, text.parse().unwrap());
            }
            let verifier = Verifier::new(&[7; 32]).unwrap();
            prop_assert_eq!(verifier.verify(&headers, &body, 1_700_000_000), Err(Untrusted));
        }
    }
}
