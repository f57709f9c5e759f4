//! An answer while its bytes come.

use super::{FramingError, ResponseError, ResponseHead, read_response};
use hyper::StatusCode;

/// Why what comes is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its head is none.
    #[error(transparent)]
    Head(#[from] ResponseError),
    /// Its body is none.
    #[error(transparent)]
    Body(#[from] FramingError),
    /// It switches protocols, which was not asked for.
    #[error("101 Switching Protocols, which was not asked for")]
    Switched,
    /// Its body is longer than is kept.
    #[error("its body is longer than is kept")]
    TooLong,
}

/// An answer as far as it has come: interim answers are passed over.
#[derive(Debug, Default)]
pub struct Incoming {
    /// Whether the final answer has no body, as that to HEAD.
    bodiless: bool,
    /// Whether 101 is an answer to the request.
    upgrades: bool,
    /// The beginning of a head.
    partial: Vec<u8>,
    /// The head, once it is there.
    pub head: Option<ResponseHead>,
    /// The body so far, where it is collected.
    pub body: Vec<u8>,
}

/// What is reserved for a body before it comes, at most.
const RESERVED_MAX: u64 = 1 << 20;

impl Incoming {
    /// An answer that is still to come; `bodiless` where it is one to HEAD.
    pub fn new(bodiless: bool) -> Self {
        Self { bodiless, ..Self::default() }
    }

    /// The answer to a request for another protocol.
    #[must_use]
    pub fn for_upgrade(self) -> Self {
        Self { upgrades: true, ..self }
    }

    /// Whether anything has come of its final head.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.head.is_some() || !self.partial.is_empty()
    }

    /// Takes bytes of the head from the front of `bytes`; returns how many those were.
    pub fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut at = 0;
        while self.head.is_none() && at < bytes.len() {
            let Some(taken) = self.one_head(&bytes[at..])? else { return Ok(bytes.len()) };
            at += taken;
        }
        Ok(at)
    }

    /// Takes one head, if it is whole with these bytes.
    fn one_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let before = self.partial.len();
        let read = if before == 0 {
            read_response(bytes, self.bodiless)?
        } else {
            self.partial.extend_from_slice(bytes);
            // Nothing ends, or breaks the grammar for good, but at the end of a line.
            let is_new = memchr::memchr(b'\n', bytes).is_some();
            if !is_new
                && self.partial.len() > SHORT
                && self.partial.len() < super::RESPONSE_HEAD_MAX
            {
                return Ok(None);
            }
            read_response(&self.partial, self.bodiless)?
        };
        let Some((head, length)) = read else {
            if before == 0 {
                self.partial.extend_from_slice(bytes);
            }
            return Ok(None);
        };
        self.partial = Vec::new();
        if head.status == StatusCode::SWITCHING_PROTOCOLS && !self.upgrades {
            return Err(Broken::Switched);
        }
        if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
            self.head = Some(head);
        }
        Ok(Some(length - before))
    }

    /// Takes what belongs to the answer from the front of `bytes`, a body of `most` bytes at most; returns how many bytes
    /// that were. Fewer than all only if the answer [is whole](Self::is_whole).
    #[inline]
    pub fn take(&mut self, bytes: &[u8], most: usize) -> Result<usize, Broken> {
        let mut at = 0;
        if self.head.is_none() {
            at = self.take_head(bytes)?;
            if let Some(missing) = self.head.as_ref().and_then(|head| head.framing.missing()) {
                self.body.reserve_exact(missing.min(RESERVED_MAX) as usize);
            }
        }
        let Some(head) = &mut self.head else { return Ok(at) };
        let body = &mut self.body;
        at += head.framing.decode(&bytes[at..], |data| body.extend_from_slice(data))?;
        if body.len() > most { Err(Broken::TooLong) } else { Ok(at) }
    }

    /// Whether the answer is whole.
    pub fn is_whole(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.framing.is_done())
    }

    /// The connection ended; whether the answer ends with it.
    pub fn finish(&mut self) -> bool {
        self.head.as_mut().is_some_and(|head| head.framing.finish().is_ok())
    }
}

/// A beginning that is looked at again with every byte.
const SHORT: usize = 64;
