//! Signatures of requests and deliveries: an HMAC in a header or in the query, made and checked.
//!
//! A [`Scheme`] is a [`Signature`] with the parts of its preset filled in. What is signed is cut into pieces once, so that
//! a body and header fields are hashed where they lie, whatever bytes they consist of.

mod pieces;
#[cfg(test)]
mod tests;

use hmac::block_api::HmacCore;
use hmac::digest::block_api::{Buffer, CoreProxy as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use memchr::memmem;
use sha1::Sha1;
use sha2::Sha256;

use super::capture::Headers;
use super::encoding;
use super::model::{Preset, Signature, SignatureEncoding, SignatureHash};
use super::template::{RenderError, Template, TemplateError};

pub use self::pieces::value_of;
use self::pieces::{Piece, pieces};

/// Largest difference between a time stamp and now, in seconds, unless the dialect says otherwise.
const TOLERANCE_S: u64 = 300;

/// Why a delivery is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// It lacks the signature, or a header field that is signed.
    Missing,
    /// Its time stamp is too old, too new, or none.
    Stale,
    /// No signature in it is right.
    Wrong,
}

/// Why a signature cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    /// Neither a preset nor the dialect names the header, or the parameter of the query.
    #[error(
        "no header is named that carries the signature; write header = \"X-Signature\", or query = \"signature\", or a preset"
    )]
    NoHeader,
    /// What is signed is no text.
    #[error(transparent)]
    Text(#[from] TemplateError),
}

/// How a signature is made and checked.
#[derive(Debug, Clone)]
pub struct Scheme {
    header: Box<str>,
    /// The parameter of the query that carries the signature, in place of the header.
    query: Option<Box<str>>,
    signed: Box<[Piece]>,
    encoding: SignatureEncoding,
    hash: SignatureHash,
    prefix: Box<str>,
    stamp: Option<Stamp>,
    tolerance_s: u64,
    /// The header field that names a delivery, the same for each attempt.
    id: Option<&'static str>,
    /// Whether secrets are written as Standard Webhooks writes them.
    encoded_secret: bool,
}

/// Where the time stamp is, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    /// In a header field of its own.
    Header(Box<str>),
    /// In the signature's own field, as `t=`.
    Element,
}

/// The parts of a preset.
struct Parts {
    header: &'static str,
    signed: &'static str,
    encoding: SignatureEncoding,
    prefix: &'static str,
    stamp: Option<Stamp>,
    id: Option<&'static str>,
}

impl Parts {
    fn of(preset: Option<Preset>) -> Self {
        use SignatureEncoding::{Base64, Hex};
        let (header, signed, encoding, prefix) = match preset {
            None => ("", "{{body}}", Hex, ""),
            Some(Preset::Standard) => (
                "webhook-signature",
                "{{header_webhook-id}}.{{header_webhook-timestamp}}.{{body}}",
                Base64,
                "v1,",
            ),
            Some(Preset::GitHub) => ("x-hub-signature-256", "{{body}}", Hex, "sha256="),
            Some(Preset::Stripe) => ("stripe-signature", "{{timestamp}}.{{body}}", Hex, "v1="),
            Some(Preset::Slack) => (
                "x-slack-signature",
                "v0:{{header_x-slack-request-timestamp}}:{{body}}",
                Hex,
                "v0=",
            ),
        };
        let (stamp, id) = match preset {
            None | Some(Preset::GitHub) => (None, None),
            Some(Preset::Standard) => {
                (Some(Stamp::Header("webhook-timestamp".into())), Some("webhook-id"))
            }
            Some(Preset::Stripe) => (Some(Stamp::Element), None),
            Some(Preset::Slack) => (Some(Stamp::Header("x-slack-request-timestamp".into())), None),
        };
        Self { header, signed, encoding, prefix, stamp, id }
    }
}

/// The key of a signature, ready for use.
#[derive(Debug, Clone)]
pub enum Key {
    /// For HMAC-SHA1.
    Sha1(HmacCore<Sha1>),
    /// For HMAC-SHA256.
    Sha256(HmacCore<Sha256>),
}

impl Key {
    /// Begins a MAC. A key has no buffer for what is signed: there are as many keys as links.
    fn begin(&self) -> Signing {
        match self {
            Self::Sha1(core) => {
                Signing::Sha1(Hmac::compose(core.clone(), Buffer::<HmacCore<Sha1>>::default()))
            }
            Self::Sha256(core) => {
                Signing::Sha256(Hmac::compose(core.clone(), Buffer::<HmacCore<Sha256>>::default()))
            }
        }
    }
}

/// A MAC while it is made.
enum Signing {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl Signing {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
        }
    }

    /// Compares in constant time.
    fn is(&self, signature: &[u8]) -> bool {
        match self {
            Self::Sha1(mac) => mac.clone().verify_slice(signature).is_ok(),
            Self::Sha256(mac) => mac.clone().verify_slice(signature).is_ok(),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

/// What is signed: its request line, its header fields and its body.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The request line.
    pub line: Line<'a>,
    /// The header fields.
    pub headers: &'a dyn Headers,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// A message whose request line is not signed.
    pub fn of(headers: &'a dyn Headers, body: &'a [u8]) -> Self {
        Self { line: Line::default(), headers, body }
    }
}

/// A request line in its parts; empty where only the rest is signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, without `?` and without the signature.
    pub query: &'a str,
}

/// Renders a text that is signed.
pub type Render<'a> = dyn FnMut(&Template, &mut Vec<u8>) -> Result<(), RenderError> + 'a;

impl Scheme {
    /// The scheme of `signature`.
    pub fn of(signature: &Signature) -> Result<Self, SchemeError> {
        let parts = Parts::of(signature.preset);
        let header = signature.header.as_deref().unwrap_or(parts.header).to_ascii_lowercase();
        if header.is_empty() && signature.query.is_none() {
            return Err(SchemeError::NoHeader);
        }
        let signed = match &signature.signed {
            Some(signed) => pieces(signed.source())?,
            None => pieces(parts.signed)?,
        };
        let is_signed = |stamp: &Stamp| {
            signed.iter().any(|piece| match (piece, stamp) {
                (Piece::Header(name), Stamp::Header(stamp)) => name == stamp,
                (Piece::Stamp, Stamp::Element) => true,
                _ => false,
            })
        };
        // Where another text is signed, the preset's time stamp may not even be sent.
        let stamp = match &signature.timestamp {
            Some(name) => Some(Stamp::Header(name.to_ascii_lowercase().into())),
            None => parts.stamp.filter(is_signed),
        };
        let prefix = signature.prefix.as_deref().unwrap_or(parts.prefix);
        Ok(Self {
            header: header.into(),
            query: signature.query.as_deref().map(Into::into),
            signed: signed.into(),
            encoding: signature.encoding.unwrap_or(parts.encoding),
            hash: signature.hash.unwrap_or(SignatureHash::Sha256),
            prefix: prefix.into(),
            stamp,
            tolerance_s: signature.tolerance.map_or(TOLERANCE_S, |span| span.secs().ceil() as u64),
            id: parts.id,
            encoded_secret: signature.preset == Some(Preset::Standard),
        })
    }

    /// The header field that names a delivery, the same for each attempt; `None` where attempts cannot be told apart.
    pub const fn id(&self) -> Option<&'static str> {
        self.id
    }

    /// The header field that carries the signature, in lower case.
    pub const fn header(&self) -> &str {
        &self.header
    }

    /// The parameter of the query that carries the signature; `None` where the header does.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The key of `secret`; `None` if that cannot be one.
    pub fn key(&self, secret: &[u8]) -> Option<Key> {
        let mut decoded = Vec::new();
        let secret = if self.encoded_secret {
            encoding::base64_decode(
                secret.strip_prefix(b"whsec_").unwrap_or(secret),
                &mut decoded,
            )?;
            &decoded
        } else {
            secret
        };
        if secret.is_empty() {
            return None;
        }
        match self.hash {
            SignatureHash::Sha1 => HmacCore::new_from_slice(secret).ok().map(Key::Sha1),
            SignatureHash::Sha256 => HmacCore::new_from_slice(secret).ok().map(Key::Sha256),
        }
    }

    /// Checks a delivery at `now_s`, in Unix seconds: one of several signatures suffices, while secrets rotate.
    pub fn verify(
        &self,
        key: &Key,
        message: Message<'_>,
        now_s: u64,
        render: &mut Render<'_>,
    ) -> Result<(), Untrusted> {
        let mut stamp_s = None;
        if let Some(stamp) = &self.stamp {
            let mut missing = true;
            self.each_stamp(stamp, message.headers, &mut |text| {
                missing = false;
                let text = std::str::from_utf8(text).ok();
                stamp_s = stamp_s.or_else(|| text.and_then(|text| text.parse::<u64>().ok()));
            });
            if missing {
                return Err(Untrusted::Missing);
            }
            if stamp_s.is_none_or(|sent_s| sent_s.abs_diff(now_s) > self.tolerance_s) {
                return Err(Untrusted::Stale);
            }
        }
        let mac = self.mac(key, message, stamp_s, render).ok_or(Untrusted::Missing)?;
        let (mut missing, mut trusted) = (true, false);
        message.headers.each(&self.header, &mut |value| {
            missing = false;
            trusted |= candidates(value, self.prefix.as_bytes())
                .any(|candidate| self.decode(candidate).is_some_and(|bytes| mac.is(&bytes)));
        });
        match (trusted, missing) {
            (true, _) => Ok(()),
            (false, true) => Err(Untrusted::Missing),
            (false, false) => Err(Untrusted::Wrong),
        }
    }

    /// The header fields that `message`, sent at `now_s` and called `id`, needs before it is signed and does not have.
    pub fn prepare(&self, headers: &dyn Headers, id: &str, now_s: u64) -> Vec<(String, String)> {
        let stamp = match &self.stamp {
            Some(Stamp::Header(name)) => Some((name.to_string(), now_s.to_string())),
            _ => None,
        };
        let id = self.id.map(|name| (name.to_owned(), id.to_owned()));
        let lacks = |name: &str| {
            let mut lacks = true;
            headers.each(name, &mut |_| lacks = false);
            lacks
        };
        stamp.into_iter().chain(id).filter(|(name, _)| lacks(name)).collect()
    }

    /// What signs `message`, sent at `now_s`: the value of [`Self::header`], or of [`Self::query`]. `None` if a field is missing
    /// that is signed.
    pub fn sign(
        &self,
        key: &Key,
        message: Message<'_>,
        now_s: u64,
        render: &mut Render<'_>,
    ) -> Option<String> {
        let signature = self.mac(key, message, Some(now_s), render)?.finish();
        let mut value = Vec::new();
        if self.stamp == Some(Stamp::Element) {
            value.extend_from_slice(format!("t={now_s},").as_bytes());
        }
        value.extend_from_slice(self.prefix.as_bytes());
        match self.encoding {
            SignatureEncoding::Hex => encoding::hex(&signature, &mut value),
            SignatureEncoding::Base64 => encoding::base64(&signature, &mut value),
        }
        String::from_utf8(value).ok()
    }

    /// The MAC of a message; `None` if a part of what is signed is missing.
    fn mac(
        &self,
        key: &Key,
        message: Message<'_>,
        stamp_s: Option<u64>,
        render: &mut Render<'_>,
    ) -> Option<Signing> {
        let mut mac = key.begin();
        for piece in &self.signed {
            match piece {
                Piece::Literal(bytes) => mac.update(bytes),
                Piece::Body => mac.update(message.body),
                Piece::Line(part) => mac.update(part.of(message.line).as_bytes()),
                Piece::Stamp => mac.update(stamp_s?.to_string().as_bytes()),
                Piece::Header(name) => {
                    let mut first = true;
                    message.headers.each(name, &mut |value| {
                        if std::mem::take(&mut first) {
                            mac.update(value);
                        }
                    });
                    if first {
                        return None;
                    }
                }
                Piece::Text(text) => {
                    let mut rendered = Vec::new();
                    render(text, &mut rendered).ok()?;
                    mac.update(&rendered);
                }
            }
        }
        Some(mac)
    }

    fn each_stamp(&self, stamp: &Stamp, headers: &dyn Headers, each: &mut dyn FnMut(&[u8])) {
        match stamp {
            Stamp::Header(name) => headers.each(name, each),
            Stamp::Element => headers.each(&self.header, &mut |value| {
                candidates(value, b"t=").for_each(&mut *each);
            }),
        }
    }

    fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.encoding {
            SignatureEncoding::Hex => encoding::hex_decode(text, &mut bytes)?,
            SignatureEncoding::Base64 => encoding::base64_decode(text, &mut bytes)?,
        }
        Some(bytes)
    }
}

/// What stands behind `prefix` in a header field that may list several signatures.
fn candidates<'a>(value: &'a [u8], prefix: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let separates = |byte: &u8| matches!(byte, b' ' | b',' | b';');
    memmem::find_iter(value, prefix).filter(move |at| *at == 0 || separates(&value[at - 1])).map(
        move |at| {
            let rest = &value[at + prefix.len()..];
            &rest[..rest.iter().position(separates).unwrap_or(rest.len())]
        },
    )
}
