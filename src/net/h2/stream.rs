//! One stream: a request and its answer, as far as they have come.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use hyper::StatusCode;

use super::frame::{Breach, overflown, wrong};
use super::{Failure, Head};

/// What becomes of an answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// No length is known, or none is to be checked.
    Any,
    /// The octets that are still to come.
    Left(u64),
}

/// A stream that its link has not let go.
#[derive(Debug)]
pub(super) struct Stream {
    /// The head, once it is there, until the link takes it.
    pub(super) head: Option<Head>,
    /// Whether it was there.
    pub(super) answered: bool,
    /// Whether the request was HEAD, whose answer has the length of another.
    pub(super) of_head: bool,
    /// Pieces of the body, until the link takes them.
    pub(super) pieces: Pieces,
    /// Whether the answer is complete.
    pub(super) ended: bool,
    pub(super) failure: Option<Failure>,
    pub(super) waker: Option<Waker>,
    pub(super) length: Length,
    /// What remains of the request's body.
    pub(super) unsent: Bytes,
    pub(super) windows: Windows,
    /// When the request was written, in monotonic nanoseconds; 0 before.
    pub(super) sent_ns: u64,
}

/// Flow control of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// What may be sent.
    pub(super) send: i64,
    /// What the server may send.
    pub(super) receive: i64,
    /// What was taken, and not yet given back to the server.
    pub(super) owed: u32,
}

/// Pieces of a body in their order: most bodies are one.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(piece);
        } else {
            self.more.push_back(piece);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        self.first.take().or_else(|| self.more.pop_front())
    }

    /// Octets that nobody has taken.
    pub(super) fn len(&self) -> usize {
        self.first.iter().chain(&self.more).map(Bytes::len).sum()
    }
}

impl Stream {
    /// A stream whose request is about to be sent.
    pub(super) fn new(windows: Windows, of_head: bool) -> Self {
        Self {
            head: None,
            answered: false,
            of_head,
            pieces: Pieces::default(),
            ended: false,
            failure: None,
            waker: None,
            length: Length::Any,
            unsent: Bytes::new(),
            windows,
            sent_ns: 0,
        }
    }

    /// Whether nothing more comes.
    pub(super) const fn is_over(&self) -> bool {
        self.ended || self.failure.is_some()
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Remembers whom to wake.
    pub(super) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Stream {
    /// Takes a piece of the body.
    pub(super) fn take_data(&mut self, payload: &[u8], ends: bool) -> Result<(), Breach> {
        if !self.answered {
            return Err(wrong("DATA before the answer's head"));
        }
        if self.windows.receive < 0 {
            return Err(overflown("more DATA than the stream's window allows"));
        }
        if let Length::Left(left) = &mut self.length {
            let rest = left.checked_sub(payload.len() as u64);
            *left = rest.ok_or(wrong("a body longer than its content-length"))?;
        }
        if ends {
            self.end()?;
        }
        if !payload.is_empty() {
            self.pieces.push(Bytes::copy_from_slice(payload));
        }
        if ends || !payload.is_empty() {
            self.wake();
        }
        Ok(())
    }

    /// Takes a head, or trailers.
    pub(super) fn take_head(&mut self, head: Head, ends: bool) -> Result<(), Breach> {
        if let Some(malformed) = head.malformed {
            return Err(wrong(malformed));
        }
        match (self.answered, head.status) {
            (true, None) if ends => {
                // Trailers.
                self.end()?;
                self.wake();
                return Ok(());
            }
            (true, _) => return Err(wrong("a second head, or trailers before the end")),
            (false, None) => return Err(wrong("a head without :status")),
            (false, Some(StatusCode::SWITCHING_PROTOCOLS)) => {
                return Err(wrong("101, which HTTP/2 does not have"));
            }
            (false, Some(status)) if status.is_informational() => {
                return if ends { Err(wrong("an interim answer ends the stream")) } else { Ok(()) };
            }
            (false, Some(status)) => self.length = self.length_of(&head, status)?,
        }
        self.answered = true;
        self.head = Some(head);
        if ends {
            self.end()?;
        }
        self.wake();
        Ok(())
    }

    /// The length that an answer's body must have (RFC 9113, section 8.1.1).
    fn length_of(&self, head: &Head, status: StatusCode) -> Result<Length, Breach> {
        let Some(length) = head.length else { return Ok(Length::Any) };
        let length = length.map_err(wrong)?;
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(if self.of_head || bodiless { Length::Any } else { Length::Left(length) })
    }

    /// Nothing more comes.
    fn end(&mut self) -> Result<(), Breach> {
        if matches!(self.length, Length::Left(1..)) {
            return Err(wrong("a body shorter than its content-length"));
        }
        self.ended = true;
        Ok(())
    }
}
