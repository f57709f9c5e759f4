//! Rendering compiled parts.

use std::io::Write as _;
use std::ops::Range;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;
use time::OffsetDateTime;
use time::macros::format_description;

use super::error::RenderError;
use super::part::{Block, Digest, Moment, Part, Value, Variable, Varying};
use super::scope::Scope;

/// Appends `parts` to `out`.
pub(super) fn render(
    parts: &[Part],
    scope: &mut Scope<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    for part in parts {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Varying(varying) => varying.render(scope, out)?,
        }
    }
    Ok(())
}

/// Appends `parts` to `out`, and the ranges of `out` that come of secrets to `secret`.
pub(super) fn render_marked(
    parts: &[Part],
    scope: &mut Scope<'_>,
    out: &mut Vec<u8>,
    secret: &mut Vec<Range<usize>>,
) -> Result<(), RenderError> {
    for part in parts {
        let start = out.len();
        render(std::slice::from_ref(part), scope, out)?;
        if matches!(part, Part::Varying(varying) if varying.secret) {
            secret.push(start..out.len());
        }
    }
    Ok(())
}

impl Varying {
    fn render(&self, scope: &mut Scope<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        self.value.write(scope, out)?;
        self.filters.iter().try_for_each(|filter| filter.apply(out, start))
    }
}

impl Value {
    /// Appends the value without its filters.
    pub(super) fn write(
        &self,
        scope: &mut Scope<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        match self {
            Self::Variable(variable) => {
                return variable.write(scope, out).ok_or(RenderError::NoValue(variable.name()));
            }
            Self::Capture(name) => {
                let value = scope.world.capture(name);
                let value = value.ok_or_else(|| RenderError::NotCaptured(name.clone()))?;
                out.extend_from_slice(value.as_bytes());
            }
            Self::Secret(name) => {
                let value = scope.world.secret(name);
                let value = value.ok_or_else(|| RenderError::NoSecret(name.clone()))?;
                out.extend_from_slice(value.as_bytes());
            }
            // The conductor fills it in where it may stand.
            Self::Port(name) => return Err(RenderError::NoPort(name.clone())),
            Self::Now(moment) => moment.write(scope.world.unix_ns(), out),
            Self::Random(least, most) => number(scope.world.random(*least, *most), out),
            Self::File(cell) => {
                let rows = cell.rows.as_ref();
                let rows = rows.ok_or_else(|| RenderError::NotLoaded(cell.file.clone()))?;
                let client = scope.client.ok_or(RenderError::NoValue("client"))?;
                out.extend_from_slice(rows.of(client).as_bytes());
            }
            Self::Text(parts) => render(parts, scope, out)?,
            Self::Length(parts) => {
                let start = out.len();
                render(parts, scope, out)?;
                let bytes = out.len() - start;
                out.truncate(start);
                number(bytes as u64, out);
            }
            Self::Digest(digest, parts) => {
                let start = out.len();
                render(parts, scope, out)?;
                digest.replace(out, start);
            }
            Self::Hmac(digest, key, message) => {
                let start = out.len();
                render(key, scope, out)?;
                let key_end = out.len();
                render(message, scope, out)?;
                digest.replace_by_hmac(out, start, key_end);
            }
            Self::Block(block, parts) => {
                let start = out.len();
                render(parts, scope, out)?;
                block.prefix(out, start)?;
            }
        }
        Ok(())
    }
}

impl Variable {
    fn write(self, scope: &Scope<'_>, out: &mut Vec<u8>) -> Option<()> {
        let text = |text: Option<&str>, out: &mut Vec<u8>| {
            text.map(|text| out.extend_from_slice(text.as_bytes()))
        };
        match self {
            Self::Client => number(scope.client?, out),
            Self::N => number(scope.n?, out),
            Self::Port => number(scope.port?.into(), out),
            Self::Seq => number(scope.seq?, out),
            Self::Topic => text(scope.topic, out)?,
            Self::Cursor => text(scope.cursor, out)?,
            Self::Token => text(scope.token, out)?,
            Self::CallbackUrl => text(scope.callback_url, out)?,
            Self::Event => out.extend_from_slice(scope.event?),
            Self::EventText => unquote(scope.event?, out),
        }
        Some(())
    }
}

fn number(n: u64, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{n}");
}

/// Appends the text of a JSON string, or another value as it is.
fn unquote(json: &[u8], out: &mut Vec<u8>) {
    let [b'"', inner @ .., b'"'] = json else {
        out.extend_from_slice(json);
        return;
    };
    if memchr::memchr(b'\\', inner).is_none() {
        out.extend_from_slice(inner);
    } else if let Ok(text) = serde_json::from_slice::<String>(json) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(json);
    }
}

impl Moment {
    fn write(self, unix_ns: u64, out: &mut Vec<u8>) {
        const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        match self {
            Self::Since(unit) => number(unix_ns / unit, out),
            Self::Rfc3339 => {
                // A count of 64 bits ends in the year 2554, which the calendar has.
                let moment = OffsetDateTime::from_unix_timestamp_nanos(unix_ns.into());
                let _ = moment.map(|moment| moment.format_into(out, FORMAT));
            }
        }
    }
}

impl Digest {
    /// Replaces what stands in `out` from `start` on by its digest.
    pub(super) fn replace(self, out: &mut Vec<u8>, start: usize) {
        macro_rules! digest {
            ($algorithm:ty) => {{
                let digest = <$algorithm>::digest(&out[start..]);
                out.truncate(start);
                out.extend_from_slice(&digest);
            }};
        }
        match self {
            Self::Md5 => digest!(md5::Md5),
            Self::Sha1 => digest!(sha1::Sha1),
            Self::Sha256 => digest!(sha2::Sha256),
        }
    }

    /// Replaces what stands in `out` from `start` on, a key up to `key_end` and a message, by the message's HMAC.
    pub(super) fn replace_by_hmac(self, out: &mut Vec<u8>, start: usize, key_end: usize) {
        macro_rules! hmac {
            ($algorithm:ty) => {{
                // A key of any length is taken.
                let mac = Hmac::<$algorithm>::new_from_slice(&out[start..key_end]).ok();
                let code = mac.map(|mac| mac.chain_update(&out[key_end..]).finalize().into_bytes());
                out.truncate(start);
                out.extend_from_slice(code.as_deref().unwrap_or_default());
            }};
        }
        match self {
            Self::Md5 => hmac!(md5::Md5),
            Self::Sha1 => hmac!(sha1::Sha1),
            Self::Sha256 => hmac!(sha2::Sha256),
        }
    }
}

impl Block {
    /// Inserts the length of what stands in `out` from `start` on before it.
    pub(super) fn prefix(self, out: &mut Vec<u8>, start: usize) -> Result<(), RenderError> {
        let bytes = out.len() - start;
        if bytes > self.most() {
            return Err(RenderError::TooLong { block: self.name(), bytes, most: self.most() });
        }
        let mut varint = [0; 4];
        let big_endian = (bytes as u32).to_be_bytes();
        let prefix = match self {
            Self::U8 => &big_endian[3..],
            Self::U16 => &big_endian[2..],
            Self::U32 => &big_endian,
            Self::Varint => {
                let mut rest = bytes;
                let mut length = 0;
                loop {
                    varint[length] = (rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 };
                    length += 1;
                    rest >>= 7;
                    if rest == 0 {
                        break &varint[..length];
                    }
                }
            }
        };
        let end = out.len();
        out.resize(end + prefix.len(), 0);
        out.copy_within(start..end, start + prefix.len());
        out[start..start + prefix.len()].copy_from_slice(prefix);
        Ok(())
    }
}
