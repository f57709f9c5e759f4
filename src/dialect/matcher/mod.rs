//! What a message is: the conditions by which a dialect recognises it.

mod read;
mod stream;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use memchr::memmem;
use regex::bytes::Regex;
use serde_json::value::RawValue;

pub use self::stream::{NoStream, StreamMatcher};

use super::pointer::{self, Pointer};
use super::template::printable;
use super::word::Word;

/// The conditions, of which a matcher has one.
#[rustfmt::skip]
const CONDITIONS: [Word; 7] = [
    Word { name: "exact", form: "\"PING\" or { exact = \"PING\" }", meaning: "the message is these bytes", example: "\"PING\"", gives: "PING" },
    Word { name: "prefix", form: "{ prefix = \"INFO \" }", meaning: "it begins with these", example: "{ prefix = \"INFO \" }", gives: "INFO {}" },
    Word { name: "contains", form: "{ contains = \"heartbeat\" }", meaning: "it contains these", example: "{ contains = \"heartbeat\" }", gives: "{\"heartbeat\":1}" },
    Word { name: "regex", form: "{ regex = \"^4[0-9]\" }", meaning: "a regular expression matches somewhere in it", example: "{ regex = \"^4[0-9]\" }", gives: "40" },
    Word { name: "hex", form: "{ hex = \"d0 00\" }", meaning: "it begins with these bytes, written in hexadecimal", example: "{ hex = \"50 4f\" }", gives: "PONG" },
    Word { name: "json", form: "{ json = { \"/type\" = \"ping\" } }", meaning: "it is JSON, and each pointer leads to that string, number or boolean; `{ present = true }` takes any value but `null`, and `{ present = false }` none", example: "{ json = { \"/type\" = \"ping\", \"/id\" = { present = true } } }", gives: "{\"type\":\"ping\",\"id\":4}" },
    Word { name: "event", form: "{ event = \"ping\" }", meaning: "it is a server-sent event of that name; alone, or beside one of the others", example: "{ event = \"ping\", prefix = \"t\" }", gives: "t=5" },
];

/// The conditions of matchers, in the order of the reference page.
pub fn matchers() -> impl Iterator<Item = Word> {
    CONDITIONS.into_iter()
}

/// A condition for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    condition: Condition,
    /// The name that a server-sent event must have.
    event: Option<Box<str>>,
}

#[derive(Debug, Clone)]
enum Condition {
    /// Every message; only beside the name of an event.
    Any,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Contains(Box<memmem::Finder<'static>>),
    Regex(Regex),
    /// Begins with bytes that were written in hexadecimal.
    Hex(Box<[u8]>),
    Json(Box<[Member]>),
}

/// What a member of a JSON message must be.
#[derive(Debug, Clone, PartialEq)]
struct Member {
    pointer: Pointer,
    is: Is,
}

#[derive(Debug, Clone, PartialEq)]
enum Is {
    Present(bool),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
}

impl Matcher {
    /// A matcher for messages that are exactly `bytes`.
    pub fn exact(bytes: &[u8]) -> Self {
        Self { condition: Condition::Exact(bytes.into()), event: None }
    }

    /// Whether a message, or the data of a server-sent event of the name `event`, fulfils the condition.
    pub fn matches(&self, message: &[u8], event: Option<&str>) -> bool {
        self.event.as_deref().is_none_or(|name| event == Some(name))
            && self.condition.matches(message)
    }

    /// The name of the server-sent events that it matches, if it matches no other.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }
}

impl Condition {
    fn matches(&self, message: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(bytes) => message == &**bytes,
            Self::Prefix(bytes) | Self::Hex(bytes) => message.starts_with(bytes),
            Self::Contains(finder) => finder.find(message).is_some(),
            Self::Regex(regex) => regex.is_match(message),
            Self::Json(members) => members.iter().all(|member| member.matches(message)),
        }
    }
}

impl Member {
    fn matches(&self, message: &[u8]) -> bool {
        let value = self.pointer.first(message).filter(|value| value.get() != "null");
        match value {
            None => self.is == Is::Present(false),
            Some(value) => self.is.matches(value),
        }
    }
}

impl Is {
    fn matches(&self, value: &RawValue) -> bool {
        let json = value.get();
        match self {
            Self::Present(present) => *present,
            Self::Bool(expected) => json == if *expected { "true" } else { "false" },
            Self::Integer(expected) => match json.parse::<i64>() {
                Ok(number) => number == *expected,
                Err(_) => is_number(json, *expected as f64),
            },
            Self::Float(expected) => is_number(json, *expected),
            Self::Text(expected) => {
                json.starts_with('"') && pointer::text(value).is_some_and(|text| text == **expected)
            }
        }
    }
}

fn is_number(json: &str, expected: f64) -> bool {
    let number = json.parse::<f64>().ok();
    number.and_then(|number| number.partial_cmp(&expected)).is_some_and(Ordering::is_eq)
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any) => true,
            (Self::Exact(one), Self::Exact(other))
            | (Self::Prefix(one), Self::Prefix(other))
            | (Self::Hex(one), Self::Hex(other)) => one == other,
            (Self::Contains(one), Self::Contains(other)) => one.needle() == other.needle(),
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            (Self::Json(one), Self::Json(other)) => one == other,
            _ => false,
        }
    }
}

/// For people: `exact "PING"`, `json /type = "ping"`, `event ping`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = &self.event {
            let separator = if matches!(self.condition, Condition::Any) { "" } else { ", " };
            write!(f, "event {event}{separator}")?;
        }
        match &self.condition {
            Condition::Any => Ok(()),
            Condition::Exact(bytes) => write!(f, "exact \"{}\"", printable(bytes)),
            Condition::Prefix(bytes) => write!(f, "prefix \"{}\"", printable(bytes)),
            Condition::Contains(finder) => write!(f, "contains \"{}\"", printable(finder.needle())),
            Condition::Regex(regex) => write!(f, "regex {}", regex.as_str()),
            Condition::Hex(bytes) => write!(f, "hex {}", read::hex_text(bytes)),
            Condition::Json(members) => {
                for (n, Member { pointer, is }) in members.iter().enumerate() {
                    f.write_str(if n == 0 { "json " } else { ", " })?;
                    match is {
                        Is::Present(true) => write!(f, "{pointer} is present")?,
                        Is::Present(false) => write!(f, "{pointer} is absent")?,
                        Is::Bool(value) => write!(f, "{pointer} = {value}")?,
                        Is::Integer(value) => write!(f, "{pointer} = {value}")?,
                        Is::Float(value) => write!(f, "{pointer} = {value}")?,
                        Is::Text(value) => write!(f, "{pointer} = {value:?}")?,
                    }
                }
                Ok(())
            }
        }
    }
}
