//! The parts of a compiled text.

use std::fmt;
use std::sync::Arc;

use super::filter::Filter;
use super::rows::Column;

/// A piece of a compiled text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Bytes as they are.
    Literal(Box<[u8]>),
    /// What varies.
    Varying(Box<Varying>),
}

/// A placeholder.
#[derive(Debug, Clone)]
pub(super) struct Varying {
    pub value: Value,
    pub filters: Box<[Filter]>,
    /// Where it stands in the text.
    pub from: usize,
    pub to: usize,
    /// Whether it holds a secret.
    pub secret: bool,
}

/// What a placeholder stands for, before its filters.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Variable(Variable),
    Capture(Box<str>),
    Secret(Box<str>),
    /// One of several reserved ports, by its name.
    Port(Box<str>),
    Now(Moment),
    Random(u64, u64),
    File(FileCell),
    Text(Box<[Part]>),
    /// The number of bytes, as a decimal.
    Length(Box<[Part]>),
    /// The raw bytes of a digest.
    Digest(Digest, Box<[Part]>),
    /// The raw bytes of an HMAC: key, message.
    Hmac(Digest, Box<[Part]>, Box<[Part]>),
    /// A length and the bytes.
    Block(Block, Box<[Part]>),
}

/// A value of the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the placeholder of that name")]
pub enum Variable {
    Client,
    Topic,
    N,
    Cursor,
    Event,
    EventText,
    Token,
    CallbackUrl,
    Port,
    Seq,
}

impl Variable {
    /// The name in a text, without braces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Topic => "topic",
            Self::N => "n",
            Self::Cursor => "cursor",
            Self::Event => "event",
            Self::EventText => "event.text",
            Self::Token => "token",
            Self::CallbackUrl => "callback_url",
            Self::Port => "port",
            Self::Seq => "seq",
        }
    }
}

/// What a text needs from its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A value of the scope.
    Variable(Variable),
    /// A captured value.
    Capture(Box<str>),
    /// A variable of the environment.
    Secret(Box<str>),
    /// One of several ports that launched servers have reserved.
    Port(Box<str>),
    /// A file: the client's row is taken.
    File(Box<str>),
    /// The wall clock.
    Now,
    /// Random numbers.
    Random,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => write!(f, "{{{{{}}}}}", variable.name()),
            Self::Capture(name) => write!(f, "{{{{{name}}}}}"),
            Self::Secret(name) => write!(f, "{{{{secret:{name}}}}}"),
            Self::Port(name) => write!(f, "{{{{port:{name}}}}}"),
            Self::File(name) => write!(f, "{{{{file:{name}}}}}"),
            Self::Now => f.write_str("{{now:…}}"),
            Self::Random => f.write_str("{{random:…}}"),
        }
    }
}

/// How the wall clock is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A number of units of so many nanoseconds since 1970.
    Since(u64),
    Rfc3339,
}

/// A column of a file, chosen by the client's number.
#[derive(Debug, Clone)]
pub(super) struct FileCell {
    pub file: Box<str>,
    /// By the name in the first line, or by the number; none is the whole line.
    pub column: Option<Box<str>>,
    pub rows: Option<Arc<Column>>,
}

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha256,
}

/// The prefix of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    U8,
    U16,
    U32,
    /// As in MQTT: seven bits a byte, the lowest first, at most four bytes.
    Varint,
}

impl Block {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::Varint => "varint",
        }
    }

    /// The longest contents, in bytes.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::U8 => u8::MAX as usize,
            Self::U16 => u16::MAX as usize,
            Self::U32 => u32::MAX as usize,
            Self::Varint => (1 << 28) - 1,
        }
    }
}

impl Value {
    /// The texts of its arguments.
    pub(super) fn arguments(&self) -> [&[Part]; 2] {
        match self {
            Self::Text(parts)
            | Self::Length(parts)
            | Self::Digest(_, parts)
            | Self::Block(_, parts) => [parts, &[]],
            Self::Hmac(_, key, message) => [key, message],
            _ => [&[], &[]],
        }
    }

    /// Whether it depends on nothing but its arguments.
    pub(super) const fn is_function(&self) -> bool {
        matches!(
            self,
            Self::Text(_) | Self::Length(_) | Self::Digest(..) | Self::Hmac(..) | Self::Block(..)
        )
    }

    pub(super) fn is_secret(&self) -> bool {
        let mut arguments = self.arguments().into_iter().flatten();
        matches!(self, Self::Secret(_))
            || arguments.any(|part| matches!(part, Part::Varying(varying) if varying.secret))
    }
}

/// Adds what `parts` need to `names`.
pub(super) fn collect_names(parts: &[Part], names: &mut Vec<Name>) {
    for part in parts {
        let Part::Varying(varying) = part else { continue };
        match &varying.value {
            Value::Variable(variable) => names.push(Name::Variable(*variable)),
            Value::Capture(name) => names.push(Name::Capture(name.clone())),
            Value::Secret(name) => names.push(Name::Secret(name.clone())),
            Value::Port(name) => names.push(Name::Port(name.clone())),
            Value::File(cell) => names.push(Name::File(cell.file.clone())),
            Value::Now(_) => names.push(Name::Now),
            Value::Random(..) => names.push(Name::Random),
            function => {
                for argument in function.arguments() {
                    collect_names(argument, names);
                }
            }
        }
    }
}

/// Parts, of which no two neighbours are literal, and no literal is empty.
#[derive(Default)]
pub(super) struct Parts(pub Vec<Part>);

impl Parts {
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(Part::Literal(last)) = self.0.last_mut() {
            let mut joined = std::mem::take(last).into_vec();
            joined.extend_from_slice(bytes);
            *last = joined.into();
        } else {
            self.0.push(Part::Literal(bytes.into()));
        }
    }

    pub(super) fn push(&mut self, part: Part) {
        match part {
            Part::Literal(bytes) => self.literal(&bytes),
            varying @ Part::Varying(_) => self.0.push(varying),
        }
    }
}
