//! The response of a webhook receiver, parsed as far as it has arrived; pure functions of bytes.
//!
//! The status line is the acknowledgement: it counts once it is complete, whatever follows and however the connection ends.
//! The rest of the message only decides whether the connection can carry the next attempt. The parser is stricter than a
//! general client: a connection on which the end of a message is in doubt is closed.

use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::net::retry_after;

/// Most bytes of a response that are looked at; a longer one costs its connection.
pub(super) const RESPONSE_MAX: usize = 16 << 10;
/// Most interim (1xx) responses before the final one.
const INTERIM_MAX: usize = 1_000;
/// Most header lines.
const HEADERS_MAX: usize = 100;
/// `HTTP/1.1 200`.
const STATUS_BYTES: usize = 12;

/// A partial response.
#[derive(Debug, Default)]
pub(super) struct Response {
    /// The status of the final response, once its line is whole.
    pub status: Option<u16>,
    /// The delay in `Retry-After`; known once the head is complete.
    pub retry_after: Option<Duration>,
    /// How the body ends; known once the head is complete.
    framing: Option<Framing>,
    /// Whether the connection may be used again after this message.
    persistent: bool,
    interim: usize,
}

/// How a body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// The rest of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Complete: the body, and whether the connection may carry another request.
    Whole {
        /// Without its framing.
        body: Bytes,
        /// Whether nothing followed it, and neither side closes.
        reusable: bool,
    },
    /// Incomplete.
    More,
    /// Not worth waiting for, or not understood.
    Abandon,
}

impl Rest {
    /// The same on a connection that is not used again.
    pub(super) fn closing(self) -> Self {
        match self {
            Self::Whole { body, .. } => Self::Whole { body, reusable: false },
            other => other,
        }
    }
}

impl Response {
    /// Parses interim responses and the final head at the front of `bytes`; returns how many bytes those are.
    ///
    /// # Errors
    ///
    /// The bytes are not an HTTP/1.x response.
    pub(super) fn read_head(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        while self.framing.is_none() {
            let left = &bytes[at..];
            let Some(status) = status_line(left)? else { return Ok(at) };
            if status >= 200 || status == 101 {
                self.status = Some(status);
            }
            let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
            let mut head = httparse::Response::new(&mut []);
            let parser = httparse::ParserConfig::default();
            at += match parser.parse_response_with_uninit_headers(&mut head, left, &mut lines) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) => return Ok(at),
                Err(error) if self.status.is_none() => {
                    return Err(format!("not HTTP/1.1: {error}"));
                }
                // The status counts; the connection must close.
                Err(_) => {
                    self.framing = Some(Framing::UntilClose);
                    return Ok(at);
                }
            };
            if self.status.is_some() {
                self.take_headers(status, &head);
            } else {
                self.interim += 1;
                if self.interim > INTERIM_MAX {
                    return Err(format!(
                        "over {INTERIM_MAX} interim (1xx) responses and no final one"
                    ));
                }
            }
        }
        Ok(at)
    }

    /// Whether the final head is whole.
    pub(super) const fn has_head(&self) -> bool {
        self.framing.is_some()
    }

    fn take_headers(&mut self, status: u16, head: &httparse::Response<'_, '_>) {
        let mut meaning = Meaning::default();
        let mut waits = false;
        for line in &*head.headers {
            // By length first: most lines are none of these.
            match line.name.len() {
                14 if line.name.eq_ignore_ascii_case("content-length") => {
                    meaning.take_length(line.value);
                }
                17 if line.name.eq_ignore_ascii_case("transfer-encoding") => {
                    meaning.encodings += 1;
                    meaning.chunked = line.value.eq_ignore_ascii_case(b"chunked");
                }
                10 if line.name.eq_ignore_ascii_case("connection") => {
                    meaning.take_connection(line.value);
                }
                11 => waits |= line.name.eq_ignore_ascii_case("retry-after"),
                _ => {}
            }
        }
        self.retry_after = waits.then(|| retry_after(&waiting(head), SystemTime::now())).flatten();
        let framing = meaning.framing(status);
        // A message of HTTP/1.0 with a transfer encoding may end anywhere (RFC 9112, section 6.1).
        let version_1_1 = head.version == Some(1);
        let certain = version_1_1 || meaning.encodings == 0;
        let persistent = certain && !meaning.closes && (version_1_1 || meaning.keeps);
        self.persistent =
            persistent && framing.is_some_and(|framing| framing != Framing::UntilClose);
        self.framing = Some(framing.unwrap_or(Framing::UntilClose));
    }

    /// Parses `buffer`, which follows the head; `ended` if nothing more will arrive.
    pub(super) fn rest(&self, buffer: &[u8], ended: bool) -> Rest {
        let Some(framing) = self.framing else {
            return if ended || buffer.len() > RESPONSE_MAX { Rest::Abandon } else { Rest::More };
        };
        let whole = |body: &[u8], used: usize| Rest::Whole {
            body: Bytes::copy_from_slice(body),
            reusable: self.persistent && used == buffer.len() && !ended,
        };
        match framing {
            Framing::Length(length) if buffer.len() >= length => whole(&buffer[..length], length),
            Framing::UntilClose if ended => whole(buffer, buffer.len()),
            Framing::Length(length) if length > RESPONSE_MAX => Rest::Abandon,
            Framing::Chunked => match chunks(buffer) {
                Ok(Some((body, used))) => whole(&body, used),
                Ok(None) if !ended && buffer.len() <= RESPONSE_MAX => Rest::More,
                _ => Rest::Abandon,
            },
            _ if ended || buffer.len() > RESPONSE_MAX => Rest::Abandon,
            _ => Rest::More,
        }
    }

    /// Whether reading the rest pays off, so that the connection can be reused.
    pub(super) fn worth_finishing(&self) -> bool {
        match self.framing {
            None => true,
            Some(Framing::Length(length)) => self.persistent && length <= RESPONSE_MAX,
            Some(Framing::Chunked) => self.persistent,
            Some(Framing::UntilClose) => false,
        }
    }
}

/// Parses the status line at the start of `buffer`, once it is complete.
///
/// A line is complete at its line feed; the reason phrase may be empty or absent (RFC 9112, section 4: a client ignores
/// it).
fn status_line(buffer: &[u8]) -> Result<Option<u16>, String> {
    let wrong = || {
        let shown = String::from_utf8_lossy(&buffer[..buffer.len().min(40)]).into_owned();
        format!("not HTTP/1.1: the response begins with {shown:?}")
    };
    let prefix = b"HTTP/1.";
    let seen = buffer.len().min(prefix.len());
    if buffer[..seen] != prefix[..seen] {
        return Err(wrong());
    }
    let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
        return if buffer.len() > RESPONSE_MAX { Err(wrong()) } else { Ok(None) };
    };
    let line = buffer[..end].strip_suffix(b"\r").unwrap_or(&buffer[..end]);
    let digits = line.get(STATUS_BYTES - 3..STATUS_BYTES).ok_or_else(wrong)?;
    let version = matches!(line[7], b'0' | b'1') && line[8] == b' ';
    let ended = line.get(STATUS_BYTES).is_none_or(|byte| *byte == b' ');
    if !version || !ended || !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return Err(wrong());
    }
    Ok(Some(digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))))
}

/// What the header lines say about the message and its connection.
#[derive(Debug, Default)]
struct Meaning<'a> {
    /// The first length, and whether another line contradicts it.
    length: Option<(&'a [u8], bool)>,
    encodings: usize,
    /// Of the last transfer encoding, whether it is `chunked`.
    chunked: bool,
    closes: bool,
    keeps: bool,
}

impl<'a> Meaning<'a> {
    fn take_length(&mut self, value: &'a [u8]) {
        self.length = Some(match self.length {
            None => (value, false),
            Some((first, contradicted)) => (first, contradicted || first != value),
        });
    }

    /// RFC 9112, section 9.3.
    fn take_connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.closes |= option.eq_ignore_ascii_case(b"close");
            self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Returns how the body ends, or `None` if the lines contradict each other.
    fn framing(&self, status: u16) -> Option<Framing> {
        if matches!(status, 204 | 304) {
            return Some(Framing::Length(0));
        }
        match (self.encodings, self.length) {
            (0, None) => Some(Framing::UntilClose),
            (1, None) if self.chunked => Some(Framing::Chunked),
            (0, Some((digits, false))) if !digits.is_empty() => {
                let length = digits.iter().try_fold(0_usize, |length, byte| {
                    let digit = byte.is_ascii_digit().then(|| usize::from(byte - b'0'))?;
                    Some(length.saturating_mul(10).saturating_add(digit))
                });
                length.map(Framing::Length)
            }
            _ => None,
        }
    }
}

/// The lines that a wish to wait needs.
fn waiting(head: &httparse::Response<'_, '_>) -> HeaderMap {
    let matters = |line: &&httparse::Header<'_>| {
        ["retry-after", "date"].iter().any(|name| line.name.eq_ignore_ascii_case(name))
    };
    let lines = head.headers.iter().filter(matters).filter_map(|line| {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(line.value).ok()?))
    });
    lines.collect()
}

/// Returns a chunked body and its encoded length, once its last chunk and trailers have arrived.
fn chunks(buffer: &[u8]) -> Result<Option<(Vec<u8>, usize)>, httparse::InvalidChunkSize> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(&buffer[at..])?
        else {
            return Ok(None);
        };
        at += line;
        if size == 0 {
            return Ok(trailers(&buffer[at..]).map(|length| (body, at + length)));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(end) = at.checked_add(size).filter(|end| end.saturating_add(2) <= buffer.len())
        else {
            return if size > RESPONSE_MAX { Err(httparse::InvalidChunkSize) } else { Ok(None) };
        };
        if buffer[end..end + 2] != *b"\r\n" {
            return Err(httparse::InvalidChunkSize);
        }
        body.extend_from_slice(&buffer[at..end]);
        at = end + 2;
    }
}

/// The bytes of the trailers and of the empty line after them.
fn trailers(buffer: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let end = at + buffer[at..].iter().position(|byte| *byte == b'\n')?;
        let empty = matches!(&buffer[at..end], b"" | b"\r");
        at = end + 1;
        if empty {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
