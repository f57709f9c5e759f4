//! The conversation with a target as it happens, for `tidings try`: one line of JSON for each thing that was said or
//! understood, in a file that several processes append to.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::dialect::secrets::Secrets;
use crate::dialect::template::printable;
use crate::net::StampedResponse;

/// Characters of a line that are shown.
const SHOWN: usize = 400;
/// Bytes of a message that are looked at.
const LOOKED_AT: usize = 1 << 20;

/// One thing that was said or understood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// When, in monotonic nanoseconds.
    pub at_ns: u64,
    /// By whom: `sse`, `publish`.
    pub who: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// It, without secrets.
    pub text: String,
}

/// A kind of thing that was said or understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sent to the server.
    Sent,
    /// Received from it.
    Received,
    /// What was made of it.
    Understood,
    /// Something that the dialect does not foresee.
    Odd,
}

/// Where lines go; nowhere in a trial that is measured.
#[derive(Debug, Default)]
pub(super) struct Trace(Option<Open>);

#[derive(Debug)]
struct Open {
    file: File,
    who: String,
}

impl Trace {
    /// Appends what `who` says to the file at `path`; nothing if it cannot be opened.
    pub(super) fn to(path: Option<&Path>, who: &str) -> Self {
        let open =
            path.and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok());
        Self(open.map(|file| Open { file, who: who.to_owned() }))
    }

    /// Whether anybody wants to know.
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes what `text` says, without `secrets`.
    pub(super) fn note(&self, kind: Kind, secrets: &Secrets, text: impl FnOnce() -> String) {
        let Some(open) = &self.0 else { return };
        let text = text();
        // Whole first: of a secret that is cut, a part would be shown.
        let text = secrets.redact(&text);
        let text = text.lines().map(cut).collect::<Vec<_>>().join("\n");
        let line = Line { at_ns: clock::now(), who: open.who.clone(), kind, text };
        // One write per line, so that lines of several processes do not mix.
        if let Ok(mut bytes) = serde_json::to_vec(&line) {
            bytes.push(b'\n');
            let _ = (&open.file).write_all(&bytes);
        }
    }
}

/// A line that fits.
fn cut(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(line),
        Some((at, _)) => {
            Cow::Owned(format!("{} … ({} characters)", &line[..at], line.chars().count()))
        }
    }
}

/// A message as a line shows it.
pub(super) fn shown(message: &[u8]) -> String {
    if message.is_empty() {
        return "nothing".to_owned();
    }
    printable(&message[..message.len().min(LOOKED_AT)]).into_owned()
}

/// A request as a line shows it.
pub(super) fn request<B>(request: &Request<B>, body: &[u8]) -> String {
    let headers = fields(request.headers());
    let body = if body.is_empty() { String::new() } else { format!("\n{}", shown(body)) };
    format!("{} {}\n{headers}{body}", request.method(), request.uri())
}

/// An answer as a line shows it.
pub(super) fn answer(answer: &StampedResponse) -> String {
    let body: &Bytes = &answer.body;
    let body = if body.is_empty() { String::new() } else { format!("\n{}", shown(body)) };
    format!("{}\n{}{body}", answer.status, fields(&answer.headers.to_map()))
}

/// Header fields, one per line.
pub(super) fn fields(headers: &HeaderMap) -> String {
    let line = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        format!("{name}: {}", printable(value.as_bytes()))
    };
    headers.iter().map(line).collect::<Vec<_>>().join("\n")
}
