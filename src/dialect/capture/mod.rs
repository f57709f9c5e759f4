//! What is taken out of an answer or a message: a member of its JSON, a header, a cookie, a part of its text.

mod decode;
mod members;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use regex::bytes::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::decode::Decode;
pub use self::members::Members;

use super::encoding;
use super::pointer::{self, Pointer};
use super::word::Word;
use crate::prose::suggestion;

/// The kinds of captures, and what may follow them.
#[rustfmt::skip]
const KINDS: [Word; 9] = [
    Word { name: "json", form: "json:/data/id", meaning: "a member of a JSON body, by its pointer (RFC 6901). A string is taken without quotes, anything else as it is written; `null` is no value. `-1` is the last element of an array", example: "json:/items/-1/id", gives: "2" },
    Word { name: "header", form: "header:location", meaning: "a header of the answer; of several of that name, the first", example: "header:location", gives: "/items/17?v=1" },
    Word { name: "cookie", form: "cookie:session", meaning: "a cookie that the answer sets; of several of that name, the last", example: "cookie:session", gives: "abc" },
    Word { name: "regex", form: "regex:id=([0-9]+)", meaning: "the first group of a regular expression in the body, or without groups the whole match", example: "regex:\"id\":([0-9]+)", gives: "17" },
    Word { name: "event", form: "event:NAME", meaning: "the data of the first server-sent event of that name", example: "event:hello|json:/id", gives: "17" },
    Word { name: "status", form: "status", meaning: "the status of the answer", example: "status", gives: "201" },
    Word { name: "body", form: "body", meaning: "the whole body", example: "body|regex:^.{5}", gives: "{\"id\"" },
    Word { name: "base64", form: "…|base64", meaning: "behind another: what is encoded in base64", example: "json:/packed|base64|/id", gives: "18" },
    Word { name: "url", form: "…|url", meaning: "behind another: percent-decoded", example: "json:/link|url", gives: "a b" },
];

/// The kinds of captures, in the order of the reference page.
pub fn captures() -> impl Iterator<Item = Word> {
    KINDS.into_iter()
}

/// The text is not a capture: what is wrong, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}': {message}")]
pub struct CaptureError {
    text: String,
    message: String,
}

/// What an answer, a message or a server-sent event offers to captures.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status of an answer.
    pub status: Option<u16>,
    /// Its headers.
    pub headers: &'a dyn Headers,
    /// Its body, or the message, or the data of the event.
    pub body: &'a [u8],
    /// The name of a server-sent event; `message` where the server gave none.
    pub event: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// A message without status, headers or name.
    pub fn message(body: &'a [u8]) -> Self {
        Self { status: None, headers: &NoHeaders, body, event: None }
    }
}

/// Header fields.
pub trait Headers {
    /// Calls `each` with every value of the field `name`, which is in lower case, in order.
    fn each(&self, name: &str, each: &mut dyn FnMut(&[u8]));
}

/// No header fields.
#[derive(Debug, Clone, Copy)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn each(&self, _name: &str, _each: &mut dyn FnMut(&[u8])) {}
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {
    fn each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        let fields = self.iter().filter(|(own, _)| own.as_ref().eq_ignore_ascii_case(name));
        fields.for_each(|(_, value)| each(value.as_ref()));
    }
}

/// Something to take out of an answer. Two are equal if their texts are; serialized as its text.
#[derive(Clone)]
pub struct Capture {
    source: Box<str>,
    origin: Origin,
    steps: Box<[Step]>,
}

/// Where a capture begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The status.
    Status,
    /// A header field, in lower case.
    Header(Box<str>),
    /// A cookie that is set.
    Cookie(Box<str>),
    /// The body.
    Body,
    /// The data of a server-sent event of that name.
    Event(Box<str>),
}

#[derive(Debug, Clone)]
enum Step {
    Json(Pointer),
    Regex(Regex),
    Base64,
    Url,
}

impl Capture {
    /// Reads `json:/id`, `json:/data|/id`, `header:location`, `cookie:session`, `regex:…`, `event:NAME`, `status` or `body`.
    pub fn parse(text: &str) -> Result<Self, CaptureError> {
        let error = |message| CaptureError { text: text.to_owned(), message };
        let (origin, mut rest) = begin(text).map_err(error)?;
        let mut steps = Vec::new();
        while let Some(chained) = rest {
            let (step, further) = step(chained).map_err(error)?;
            steps.push(step);
            rest = further;
        }
        Ok(Self { source: text.into(), origin, steps: steps.into() })
    }

    /// The capture as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it begins: what must be there for it to mean something.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it takes out of `answer`, if it is there.
    pub fn evaluate(&self, answer: &Answer<'_>) -> Option<String> {
        let mut value: Cow<'_, [u8]> = match &self.origin {
            Origin::Status => Cow::Owned(answer.status?.to_string().into_bytes()),
            Origin::Body => Cow::Borrowed(answer.body),
            Origin::Event(name) if answer.event == Some(name) => Cow::Borrowed(answer.body),
            Origin::Event(_) => return None,
            Origin::Header(name) => {
                let mut first = None;
                answer.headers.each(name, &mut |value| {
                    first.get_or_insert_with(|| value.to_vec());
                });
                Cow::Owned(first?)
            }
            Origin::Cookie(name) => {
                let mut last = None;
                answer.headers.each("set-cookie", &mut |field| {
                    last = cookie(field, name).map(<[u8]>::to_vec).or_else(|| last.take());
                });
                Cow::Owned(last?)
            }
        };
        for step in &self.steps {
            value = match value {
                Cow::Borrowed(bytes) => step.apply(bytes)?,
                Cow::Owned(bytes) => Cow::Owned(step.apply(&bytes)?.into_owned()),
            };
        }
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

/// The value of cookie `name`, if a `Set-Cookie` field sets it.
fn cookie<'a>(field: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let pair = field.split(|byte| *byte == b';').next()?;
    let at = memchr::memchr(b'=', pair)?;
    let (own, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
    (own == name.as_bytes()).then_some(value)
}

/// Reads where a capture begins, and what is chained to it.
fn begin(text: &str) -> Result<(Origin, Option<&str>), String> {
    let kind_end = text.find([':', '|']).unwrap_or(text.len());
    let kind = text[..kind_end].trim();
    let is_step = matches!(kind, "json" | "regex");
    if is_step || text.trim_start().starts_with('/') {
        return Ok((Origin::Body, Some(text)));
    }
    let rest = &text[kind_end..];
    let (argument, chained) = match rest.strip_prefix(':') {
        Some(rest) => match rest.split_once('|') {
            Some((argument, chained)) => (Some(argument.trim()), Some(chained)),
            None => (Some(rest.trim()), None),
        },
        None => (None, rest.strip_prefix('|')),
    };
    let origin = match (kind, argument) {
        ("status", None) => Origin::Status,
        ("body", None) => Origin::Body,
        ("status" | "body", Some(_)) => {
            return Err(format!("{kind} takes no argument; write {kind}"));
        }
        ("header" | "cookie" | "event", None | Some("")) => {
            let form = KINDS.iter().find(|word| word.name == kind).map_or("", |word| word.form);
            return Err(format!("{kind} needs a name; write {form}"));
        }
        ("header", Some(name)) => Origin::Header(name.to_ascii_lowercase().into()),
        ("cookie", Some(name)) => Origin::Cookie(name.into()),
        ("event", Some(name)) => Origin::Event(name.into()),
        _ if kind.starts_with('$') => {
            let message = Pointer::parse(text).err().unwrap_or_default();
            return Err(format!("{message} behind json:"));
        }
        _ => {
            let kinds: Vec<&str> = KINDS[..7].iter().map(|word| word.name).collect();
            let hint = suggestion(kind, &kinds);
            return Err(format!("'{kind}' is not a kind of capture{hint}"));
        }
    };
    Ok((origin, chained))
}

/// Reads a step, and what is chained to it.
fn step(text: &str) -> Result<(Step, Option<&str>), String> {
    // A regular expression may contain bars, and so is the last.
    if let Some(regex) = text.trim_start().strip_prefix("regex:") {
        if regex.is_empty() {
            return Err("regex needs an expression; write regex:id=([0-9]+)".to_owned());
        }
        return Ok((Step::Regex(regex_of(regex)?), None));
    }
    let (step, further) = match text.split_once('|') {
        Some((step, further)) => (step, Some(further)),
        None => (text, None),
    };
    let step = match step.trim() {
        "base64" => Step::Base64,
        "url" => Step::Url,
        "json" => return Err("json needs a pointer; write json:/id".to_owned()),
        pointer => match pointer.strip_prefix("json:") {
            Some(pointer) => Step::Json(Pointer::parse(pointer)?),
            None if pointer.starts_with('/') => Step::Json(Pointer::parse(pointer)?),
            None => {
                let hint = suggestion(pointer, &["json:/…", "regex:…", "base64", "url"]);
                return Err(format!("'{pointer}' cannot follow '|'{hint}"));
            }
        },
    };
    Ok((step, further))
}

/// Compiles a regular expression over bytes.
pub(super) fn regex_of(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("'{text}' is not a regular expression: {reason}")
    })
}

impl Step {
    fn apply<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Json(pointer) => match pointer::text(pointer.first(bytes)?)? {
                Cow::Borrowed(text) => Some(Cow::Borrowed(text.as_bytes())),
                Cow::Owned(text) => Some(Cow::Owned(text.into_bytes())),
            },
            Self::Regex(regex) => {
                let groups = regex.captures(bytes)?;
                let group = groups.iter().skip(1).flatten().next().or_else(|| groups.get(0))?;
                Some(Cow::Borrowed(&bytes[group.range()]))
            }
            Self::Base64 => {
                let mut decoded = Vec::new();
                encoding::base64_decode(bytes, &mut decoded)?;
                Some(Cow::Owned(decoded))
            }
            Self::Url => {
                let mut decoded = Vec::new();
                encoding::url_decode(bytes, &mut decoded)?;
                Some(Cow::Owned(decoded))
            }
        }
    }
}

/// Equality, printing and serialization by the text that was written.
macro_rules! by_source {
    ($type:ident, $wanted:literal) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.source == other.source
            }
        }

        impl Eq for $type {}

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($type), self.source)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.source)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.source)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($wanted)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        $type::parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

by_source!(Capture, "a capture such as json:/id or header:location");
by_source!(Decode, "an encoding and a place such as base64:/message/data");
