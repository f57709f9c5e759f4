//! Texts as people are shown them: without secrets, and with names for what has no value yet.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::filter::Filter;
use super::part::{Block, Digest, Part, Value};
use super::scope::Scope;

/// Appends `parts` to `out`. Returns whether that is what will be sent.
pub(super) fn explain(parts: &[Part], scope: &mut Scope<'_>, out: &mut Vec<u8>) -> bool {
    let mut exact = true;
    for part in parts {
        let start = out.len();
        let varying = match part {
            Part::Literal(bytes) => {
                out.extend_from_slice(bytes);
                continue;
            }
            Part::Varying(varying) => varying,
        };
        let mut known = value(&varying.value, scope, out);
        for filter in &varying.filters {
            if known {
                known = filter.apply(out, start).is_ok();
            } else if !matches!(filter, Filter::Hex | Filter::Raw) {
                wrap(out, start, &format!("<{} of ", filter.name()));
            }
        }
        exact &= known;
    }
    exact
}

fn value(value: &Value, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let name = match value {
        Value::Secret(name) => {
            out.extend_from_slice(format!("[secret {name}]").as_bytes());
            return false;
        }
        Value::Port(name) => {
            out.extend_from_slice(format!("<port:{name}>").as_bytes());
            return false;
        }
        Value::Text(parts) => return explain(parts, scope, out),
        Value::Length(parts) => {
            return function(parts, "length", scope, out, |out| {
                let bytes = out.len() - start;
                out.truncate(start);
                out.extend_from_slice(bytes.to_string().as_bytes());
            });
        }
        Value::Digest(digest, parts) => {
            return function(parts, digest.name(), scope, out, |out| digest.replace(out, start));
        }
        Value::Hmac(digest, key, message) => {
            return explain_hmac(*digest, key, message, scope, out);
        }
        Value::Block(block, parts) => return explain_block(*block, parts, scope, out),
        Value::Variable(variable) => variable.name(),
        Value::Capture(name) => name,
        Value::File(cell) => &cell.file,
        // Known only when it is sent.
        Value::Now(_) => "now",
        Value::Random(..) => "random",
    };
    let varies = matches!(value, Value::Now(_) | Value::Random(..));
    let known = !varies && value.write(scope, out).is_ok();
    if !known {
        out.truncate(start);
        out.extend_from_slice(format!("<{name}>").as_bytes());
    }
    known
}

/// Explains the argument of a function, and applies it where the argument is known.
fn function(
    argument: &[Part],
    name: &str,
    scope: &mut Scope<'_>,
    out: &mut Vec<u8>,
    apply: impl FnOnce(&mut Vec<u8>),
) -> bool {
    let start = out.len();
    let known = explain(argument, scope, out);
    if known {
        apply(out);
    } else {
        wrap(out, start, &format!("<{name} of "));
    }
    known
}

fn explain_hmac(
    digest: Digest,
    key: &[Part],
    message: &[Part],
    scope: &mut Scope<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let key_is_known = explain(key, scope, out);
    let key_end = out.len();
    let known = explain(message, scope, out) && key_is_known;
    if known {
        digest.replace_by_hmac(out, start, key_end);
    } else {
        out.splice(key_end..key_end, *b" of ");
        wrap(out, start, &format!("<hmac-{} with ", digest.name()));
    }
    known
}

fn explain_block(block: Block, parts: &[Part], scope: &mut Scope<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let known = explain(parts, scope, out) && block.prefix(out, start).is_ok();
    if !known {
        let prefix = format!("<{} length>", block.name());
        out.splice(start..start, prefix.into_bytes());
    }
    known
}

/// Puts `before` and `>` around what stands in `out` from `start` on.
fn wrap(out: &mut Vec<u8>, start: usize, before: &str) {
    out.splice(start..start, before.bytes());
    out.push(b'>');
}

impl Digest {
    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// `bytes` on one line: control characters and what is not UTF-8 as `\r`, `\n`, `\t` and `\x00`.
pub fn printable(bytes: &[u8]) -> Cow<'_, str> {
    let is_plain = |text: &str| !text.chars().any(char::is_control);
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_plain(text)
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\r' => shown.push_str("\\r"),
                '\n' => shown.push_str("\\n"),
                '\t' => shown.push_str("\\t"),
                '\\' => shown.push_str("\\\\"),
                letter if letter.is_ascii_control() => push_byte(&mut shown, letter as u8),
                letter if letter.is_control() => {
                    let _ = write!(shown, "\\u{{{:x}}}", letter as u32);
                }
                letter => shown.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| push_byte(&mut shown, *byte));
    }
    Cow::Owned(shown)
}

fn push_byte(shown: &mut String, byte: u8) {
    let _ = write!(shown, "\\x{byte:02x}");
}
