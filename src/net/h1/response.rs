//! The head of an answer (RFC 9112, sections 2 to 6), over `httparse`.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use bytes::Bytes;
use hyper::StatusCode;

use super::{Fields, Framing, digits};

/// Longest head of an answer, in bytes.
pub const RESPONSE_HEAD_MAX: usize = 64 << 10;
/// Most fields of a head.
const FIELDS_MAX: usize = 100;

/// Why bytes are no head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Too many bytes or fields.
    #[error("the answer's head is too large: at most 64 KiB and 100 fields are taken")]
    TooLarge,
    /// The first line does not begin with a version of HTTP/1.
    #[error("invalid HTTP version parsed")]
    Version,
    /// The status is no number of three digits, or what follows it is no reason.
    #[error("invalid HTTP status-code parsed")]
    Status,
    /// A field breaks the grammar.
    #[error("invalid HTTP header parsed")]
    Field,
    /// The lengths are none, or contradict each other.
    #[error("invalid content-length parsed")]
    Length,
    /// A transfer coding where there can be none.
    #[error("unexpected transfer-encoding parsed")]
    Coding,
}

impl From<httparse::Error> for ResponseError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooLarge,
            httparse::Error::Version => Self::Version,
            httparse::Error::Status => Self::Status,
            httparse::Error::HeaderName
            | httparse::Error::HeaderValue
            | httparse::Error::NewLine
            | httparse::Error::Token => Self::Field,
        }
    }
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub fields: Fields,
    /// Where its body ends.
    pub framing: Framing,
    /// Whether the connection carries another exchange once the body is over.
    pub keep_alive: bool,
    /// Whether its body has a content coding.
    pub is_coded: bool,
}

/// Reads the head at the front of `bytes`, with its length; `None` while it is incomplete. The answer to HEAD
/// (`bodiless`) has no body, whatever its fields say.
#[inline]
pub fn read_response(
    bytes: &[u8],
    bodiless: bool,
) -> Result<Option<(ResponseHead, usize)>, ResponseError> {
    LAST.with_borrow_mut(|last| last.read(bytes, bodiless))
}

/// Longest head that is remembered.
const REMEMBERED_MAX: usize = 4 << 10;
/// Heads in a row that are unlike the one before, after which fewer are remembered.
const UNLIKE: u32 = 16;

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(Last { known: None, unlike: 0 }) };
}

/// The head that this thread has read last: most servers answer the same request with the same bytes until the next second of
/// their clock, and what is the same byte by byte need not be read again.
struct Last {
    /// Its bytes, whether it was the answer to HEAD, and what it says.
    known: Option<(Bytes, bool, ResponseHead)>,
    unlike: u32,
}

impl Last {
    #[inline]
    fn read(
        &mut self,
        bytes: &[u8],
        bodiless: bool,
    ) -> Result<Option<(ResponseHead, usize)>, ResponseError> {
        if let Some((known, was_bodiless, head)) = &self.known
            && *was_bodiless == bodiless
            && bytes.starts_with(known)
        {
            self.unlike = 0;
            return Ok(Some((head.clone(), known.len())));
        }
        let Some((head, whole)) = parsed(bytes, bodiless)? else { return Ok(None) };
        let length = whole.len();
        self.unlike = self.unlike.saturating_add(1);
        // Where no two are alike, remembering all of them gains nothing.
        if length <= REMEMBERED_MAX && (self.unlike < UNLIKE || self.unlike.is_multiple_of(UNLIKE))
        {
            self.known = Some((whole, bodiless, head.clone()));
        }
        Ok(Some((head, length)))
    }
}

/// Reads a head, and returns it with its bytes.
fn parsed(bytes: &[u8], bodiless: bool) -> Result<Option<(ResponseHead, Bytes)>, ResponseError> {
    let mut fields = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields)?;
    let length = match parsed {
        httparse::Status::Complete(length) if length <= RESPONSE_HEAD_MAX => length,
        httparse::Status::Partial if bytes.len() < RESPONSE_HEAD_MAX => return Ok(None),
        _ => return Err(ResponseError::TooLarge),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default());
    let status = status.map_err(|_| ResponseError::Status)?;
    let mut meaning = Meaning::new(response.version == Some(1));
    for field in &*response.headers {
        meaning.take(field.name, field.value)?;
    }
    let bodiless = bodiless
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = if bodiless { Framing::length(0) } else { meaning.framing()? };
    let begin = response.headers.first().map_or(length, |field| offset(bytes, field.name));
    let whole = Bytes::copy_from_slice(&bytes[..length]);
    let fields = Fields::lines(whole.slice(begin..));
    let keep_alive = meaning.keeps_alive() && framing != Framing::until_close();
    let is_coded = meaning.is_coded;
    Ok(Some((ResponseHead { status, fields, framing, keep_alive, is_coded }, whole)))
}

/// Where `part` begins in `whole`, of which it is a part.
fn offset(whole: &[u8], part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len())
}

/// What the fields of a head say about its message.
struct Meaning {
    is_http_11: bool,
    /// Of all lines and their elements, which agree.
    length: Option<u64>,
    /// The lengths are none, or contradict each other.
    is_no_length: bool,
    /// Of the last transfer coding, whether it is `chunked`.
    chunked: Option<bool>,
    /// What `Connection` says: `close` wins over `keep-alive`.
    keeps: Option<bool>,
    /// Whether there is a content coding.
    is_coded: bool,
}

impl Meaning {
    const fn new(is_http_11: bool) -> Self {
        Self {
            is_http_11,
            length: None,
            is_no_length: false,
            chunked: None,
            keeps: None,
            is_coded: false,
        }
    }

    #[inline]
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), ResponseError> {
        // By length first: most fields are none of these.
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => self.take_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !self.is_http_11 {
                    return Err(ResponseError::Coding);
                }
                let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                self.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            }
            16 if name.eq_ignore_ascii_case("content-encoding") => self.is_coded = true,
            10 if name.eq_ignore_ascii_case("connection") => {
                for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    if word.eq_ignore_ascii_case(b"close") {
                        self.keeps = Some(false);
                    } else if word.eq_ignore_ascii_case(b"keep-alive") {
                        self.keeps.get_or_insert(true);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) {
        for element in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let number = digits(element);
            self.is_no_length |=
                number.is_none() || self.length.is_some_and(|length| Some(length) != number);
            self.length = number;
        }
    }

    /// Where the body ends (section 6.3).
    const fn framing(&self) -> Result<Framing, ResponseError> {
        match (self.chunked, self.length) {
            (Some(true), _) => Ok(Framing::chunked()),
            (None, _) if self.is_no_length => Err(ResponseError::Length),
            (None, Some(length)) => Ok(Framing::length(length)),
            (Some(false), _) | (None, None) => Ok(Framing::until_close()),
        }
    }

    fn keeps_alive(&self) -> bool {
        self.keeps.unwrap_or(self.is_http_11)
    }
}

#[cfg(test)]
mod tests;
