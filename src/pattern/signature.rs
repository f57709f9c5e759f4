//! Signatures by a dialect: the scheme, with the key that a link knows.

use std::cell::RefCell;
use std::rc::Rc;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Uri};

use super::voice::Voice;
use crate::dialect::capture::Headers;
use crate::dialect::model::Signature;
use crate::dialect::signing::{Key, Line, Message, Scheme, SchemeError, Untrusted, value_of};
use crate::dialect::template::{Name, RenderError, Template};
use crate::dialect::url_encoded;

/// Why signatures cannot be made or checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignatureError {
    /// The dialect describes none.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// Its secret has no value here.
    #[error("the secret of the signature cannot be rendered: {0}")]
    Render(#[from] RenderError),
    /// Its secret cannot be a key.
    #[error("the secret of the signature is empty or not written as its preset says")]
    Secret,
}

/// Makes and checks signatures with one key.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    /// The same for all links that sign or check by it.
    scheme: Rc<Scheme>,
    key: Key,
}

impl Signer {
    /// The signer of `signature`, whose secret `voice` knows.
    pub(super) fn of(signature: &Signature, voice: &mut Voice) -> Result<Self, SignatureError> {
        Self::by(Rc::new(Scheme::of(signature)?), signature, voice)
    }

    /// The same with the `scheme` of that signature.
    pub(super) fn by(
        scheme: Rc<Scheme>,
        signature: &Signature,
        voice: &mut Voice,
    ) -> Result<Self, SignatureError> {
        let secret = voice.render(&signature.secret, None)?;
        let key = scheme.key(&secret).ok_or(SignatureError::Secret)?;
        Ok(Self { scheme, key })
    }

    /// The header field that names a delivery, the same for each attempt.
    pub(super) fn id(&self) -> Option<&'static str> {
        self.scheme.id()
    }

    /// Checks a delivery at `now_s`, in Unix seconds.
    pub(super) fn verify(
        &self,
        voice: &RefCell<Voice>,
        headers: &dyn Headers,
        body: &[u8],
        now_s: u64,
    ) -> Result<(), Untrusted> {
        let message = Message::of(headers, body);
        let render = &mut |text: &Template, out: &mut Vec<u8>| {
            say(&mut voice.borrow_mut(), text, message, out)
        };
        self.scheme.verify(&self.key, message, now_s, render)
    }

    /// Signs a request that is called `id`: adds what its signature needs to `head`. False if a field is missing that is signed.
    pub(super) fn sign(&self, voice: &mut Voice, head: &mut Parts, body: &[u8], id: &str) -> bool {
        let now_s = voice.unix_ns() / 1_000_000_000;
        for (name, value) in self.scheme.prepare(&head.headers, id, now_s) {
            add(&mut head.headers, &name, &value);
        }
        let line = Line {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
        };
        let message = Message { line, headers: &head.headers, body };
        let render = &mut |text: &Template, out: &mut Vec<u8>| say(voice, text, message, out);
        let Some(value) = self.scheme.sign(&self.key, message, now_s, render) else { return false };
        let Some(name) = self.scheme.query() else {
            return add(&mut head.headers, self.scheme.header(), &value);
        };
        let own = head.uri.to_string();
        let between = if line.query.is_empty() { '?' } else { '&' };
        let value = url_encoded(value.as_bytes());
        let signed = Uri::try_from(format!("{own}{between}{name}={value}"));
        signed.map(|uri| head.uri = uri).is_ok()
    }
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> bool {
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => {
            headers.insert(name, value);
            true
        }
        _ => false,
    }
}

/// Appends `text`, which is signed as a part of `message`, to `out`.
fn say(
    voice: &mut Voice,
    text: &Template,
    message: Message<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    for name in text.names() {
        if let Name::Capture(name) = name
            && let Some(value) = value_of(name, message)
        {
            voice.set(name, value);
        }
    }
    out.extend(voice.render(text, None)?);
    Ok(())
}
