//! One stream: a request and its answer, as far as they have come.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

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
