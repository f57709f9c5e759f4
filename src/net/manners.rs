//! What a link adds to its requests and takes from answers beside what was asked for: cookies, and content codings.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::rc::Rc;

use bytes::Bytes;
use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, COOKIE, HeaderValue, SET_COOKIE};

use super::cookies::{Jar, now_s};
use super::error::{BODY_MAX, NetError};
use super::fields::Lines;

/// How one link behaves. Small, because every connection has its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Manners(Option<Box<Own>>);

/// What few links have.
#[derive(Debug, Clone, Default)]
struct Own {
    /// What the link adds; `None` where it adds nothing.
    habits: Option<Habits>,
    /// What the body that is being read is decoded by, if by anything.
    coding: Option<Coding>,
}

#[derive(Debug, Clone)]
struct Habits {
    jar: Option<Rc<RefCell<Jar>>>,
    /// Whether compressed answers are asked for.
    compression: bool,
    /// Whether the connection is secure, so that secure cookies may be sent.
    secure: bool,
    /// The path of the request under way, where cookies are kept.
    path: String,
}

impl Manners {
    pub(super) fn new(jar: Option<Rc<RefCell<Jar>>>, compression: bool, secure: bool) -> Self {
        let adds = jar.is_some() || compression;
        let habits = Habits { jar, compression, secure, path: String::new() };
        Self(adds.then(|| Box::new(Own { habits: Some(habits), coding: None })))
    }

    /// Adds to a request what the link sends with each; what the request has already stays.
    #[inline]
    pub(super) fn dress(&mut self, request: &mut Request<Full<Bytes>>) {
        if let Some(habits) = self.0.as_mut().and_then(|own| own.habits.as_mut()) {
            habits.dress(request);
        }
    }

    /// Takes what an answer's head sets.
    #[inline]
    pub(super) fn heard(&mut self, headers: &impl Lines) {
        if let Some(habits) = self.habits() {
            habits.heard(headers);
        }
        let coding = headers.values(CONTENT_ENCODING).next().map(Coding::named);
        match &mut self.0 {
            Some(own) => own.coding = coding,
            None if coding.is_some() => self.0 = Some(Box::new(Own { habits: None, coding })),
            None => {}
        }
    }

    /// The same of a head that was found to name a content coding or not.
    #[inline]
    pub(super) fn heard_of(&mut self, headers: &impl Lines, is_coded: bool) {
        if is_coded || self.0.is_some() {
            self.heard(headers);
        }
    }

    /// Whether requests go out as they are.
    pub(super) fn add_nothing(&self) -> bool {
        self.habits().is_none()
    }

    fn habits(&self) -> Option<&Habits> {
        self.0.as_ref()?.habits.as_ref()
    }

    /// Whether the body whose head was [heard](Self::heard) is not coded.
    #[inline]
    pub(super) fn takes_as_it_is(&self) -> bool {
        self.0.as_ref().is_none_or(|own| own.coding.is_none())
    }

    fn asks(&self) -> bool {
        self.habits().is_some_and(|habits| habits.compression)
    }

    /// The whole body of an answer whose head was [heard](Self::heard).
    #[inline]
    pub(super) fn decoded(&mut self, body: Bytes) -> Result<Bytes, NetError> {
        match self.0.as_mut().and_then(|own| own.coding.take()) {
            None => Ok(body),
            // Such as the answer to HEAD, which names what it leaves out.
            Some(_) if body.is_empty() => Ok(body),
            Some(mut coding) => {
                let decoded = coding.decode(&body, self.asks())?;
                coding.finish()?;
                Ok(decoded)
            }
        }
    }

    /// The next piece of such a body.
    #[inline]
    pub(super) fn piece(&mut self, piece: &Bytes) -> Result<Bytes, NetError> {
        let asks = self.asks();
        match self.0.as_mut().and_then(|own| own.coding.as_mut()) {
            None => Ok(piece.clone()),
            Some(coding) => coding.decode(piece, asks),
        }
    }
}

impl Habits {
    fn dress(&mut self, request: &mut Request<Full<Bytes>>) {
        if self.compression && !request.headers().contains_key(ACCEPT_ENCODING) {
            let codings = HeaderValue::from_static("gzip, deflate");
            request.headers_mut().insert(ACCEPT_ENCODING, codings);
        }
        if let Some(jar) = &self.jar {
            request.uri().path().clone_into(&mut self.path);
            let cookies = jar.borrow_mut().header(&self.path, self.secure, now_s());
            if let Some(cookies) = cookies
                && !request.headers().contains_key(COOKIE)
            {
                request.headers_mut().insert(COOKIE, cookies);
            }
        }
    }

    fn heard(&self, headers: &impl Lines) {
        if let Some(jar) = &self.jar {
            let mut jar = jar.borrow_mut();
            for cookie in headers.values(SET_COOKIE) {
                jar.set(&String::from_utf8_lossy(cookie), &self.path, now_s());
            }
        }
    }
}

/// A content coding, with the state of decoding one body.
enum Coding {
    /// None after all.
    Identity,
    /// One that is not understood, by its name.
    Foreign(String),
    Gzip(Box<GzDecoder<Vec<u8>>>),
    /// `deflate` before its first byte, which tells zlib's format from the bare one that some servers send.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    Bare(DeflateDecoder<Vec<u8>>),
}

impl std::fmt::Debug for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Clone for Coding {
    /// Of another connection's body nothing is decoded yet.
    fn clone(&self) -> Self {
        match self {
            Self::Identity => Self::Identity,
            Self::Foreign(name) => Self::Foreign(name.clone()),
            Self::Gzip(_) => Self::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            Self::Deflate | Self::Zlib(_) | Self::Bare(_) => Self::Deflate,
        }
    }
}

impl Coding {
    fn named(header: &[u8]) -> Self {
        let name = String::from_utf8_lossy(header).trim().to_ascii_lowercase();
        match name.as_str() {
            // Servers of event streams write "none", a coding that nobody registered, to keep proxies from compressing.
            "identity" | "none" | "" => Self::Identity,
            "gzip" | "x-gzip" => Self::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            "deflate" => Self::Deflate,
            _ => Self::Foreign(name),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Identity => "identity",
            Self::Foreign(name) => name,
            Self::Gzip(_) => "gzip",
            Self::Deflate | Self::Zlib(_) | Self::Bare(_) => "deflate",
        }
    }

    /// Decodes the next piece; `asked` says whether compressed answers were asked for.
    fn decode(&mut self, piece: &Bytes, asked: bool) -> Result<Bytes, NetError> {
        if matches!(self, Self::Identity) || piece.is_empty() {
            return Ok(piece.clone());
        }
        if matches!(self, Self::Foreign(_)) || !asked {
            let shown: String = self.name().chars().take(40).collect();
            return Err(NetError::Encoding(format!(
                "the answer's content coding '{shown}' was not asked for"
            )));
        }
        if matches!(self, Self::Deflate) {
            // RFC 1950: the method is 8, and the first two bytes a multiple of 31.
            let (first, second) = (piece[0], piece.get(1).copied());
            let zlib = first & 0x0f == 8
                && second
                    .is_none_or(|second| (u16::from(first) << 8 | u16::from(second)) % 31 == 0);
            *self = if zlib {
                Self::Zlib(ZlibDecoder::new(Vec::new()))
            } else {
                Self::Bare(DeflateDecoder::new(Vec::new()))
            };
        }
        let mut decoded = Vec::new();
        let mut rest = &piece[..];
        while !rest.is_empty() {
            // In parts, so that a small piece cannot become more than is kept at once.
            let (part, after) = rest.split_at(rest.len().min(PART));
            rest = after;
            self.write(part, &mut decoded).map_err(|error| {
                NetError::Encoding(format!("the answer's {} body is damaged: {error}", self.name()))
            })?;
            if decoded.len() > BODY_MAX {
                return Err(NetError::Oversized(format!(
                    "the answer's body exceeds {} MiB when decoded, the most that is kept",
                    BODY_MAX >> 20
                )));
            }
        }
        Ok(decoded.into())
    }

    fn write(&mut self, part: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
        let out = match self {
            Self::Gzip(decoder) => {
                decoder.write_all(part)?;
                decoder.flush()?;
                decoder.get_mut()
            }
            Self::Zlib(decoder) => {
                decoder.write_all(part)?;
                decoder.flush()?;
                decoder.get_mut()
            }
            Self::Bare(decoder) => {
                decoder.write_all(part)?;
                decoder.flush()?;
                decoder.get_mut()
            }
            Self::Identity | Self::Foreign(_) | Self::Deflate => return Ok(()),
        };
        to.append(out);
        Ok(())
    }

    /// Checks that a body is complete.
    fn finish(self) -> Result<(), NetError> {
        let ended = match self {
            Self::Gzip(decoder) => decoder.finish().map(drop),
            Self::Zlib(decoder) => decoder.finish().map(drop),
            Self::Bare(decoder) => decoder.finish().map(drop),
            Self::Identity | Self::Foreign(_) | Self::Deflate => Ok(()),
        };
        ended.map_err(|error| {
            NetError::Encoding(format!("the answer's compressed body is incomplete: {error}"))
        })
    }
}

/// Compressed bytes that are decoded at once: at most about a thousand times as many come out.
const PART: usize = 16 << 10;

#[cfg(test)]
mod tests;
