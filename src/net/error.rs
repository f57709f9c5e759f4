//! Why an exchange failed: what a server, or the way to it, can do wrong, each with the kind that it is counted under.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::Meter;
use super::greeting::Greeting;
use super::h1::{Broken, FramingError, ResponseError};
use super::handshake_error::HandshakeError;
use crate::measure::ErrorKind;

/// Most bytes of a response that are kept: more than any page of events.
pub(super) const BODY_MAX: usize = 256 << 20;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The connection could not be opened.
    #[error("cannot connect to {to}: {}", refusal(error))]
    Connect {
        /// What was dialled.
        to: String,
        /// What the system says.
        error: io::Error,
    },
    /// No TLS was agreed on.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// No answer before the time-out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// An answer began before the time-out, and did not end.
    #[error("the answer began and did not end within {0:?}")]
    Endless(Duration),
    /// The peer closed the connection, or it broke, before an answer began.
    #[error("the server closed the connection {0}")]
    Closed(&'static str),
    /// The connection ended in the middle of an answer.
    #[error("the connection ended in the middle of the answer's {0}")]
    Truncated(Part),
    /// The peer reset the connection, or a stream.
    #[error("{0}")]
    Reset(String),
    /// More than is taken.
    #[error("{0}")]
    Oversized(String),
    /// A content coding that was not asked for, or is damaged.
    #[error("{0}")]
    Encoding(String),
    /// A frame that breaks the protocol.
    #[error("{0}")]
    Frame(String),
    /// The answer is not of the protocol.
    #[error("the answer was not understood: {0}")]
    Protocol(String),
}

/// A part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its status line and headers.
    Head,
    /// What follows.
    Body,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Head => "head",
            Self::Body => "body",
        })
    }
}

/// How far an exchange had come when it failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The first bytes of the connection.
    pub greeting: &'a Greeting,
    /// Whether the request was sent, or a part of it.
    pub sent: bool,
    /// Whether an answer had begun.
    pub begun: bool,
    /// The part of the answer that was awaited.
    pub part: Part,
}

impl<'a> Seen<'a> {
    /// As the meter of a connection shows that carries one exchange at a time.
    pub(super) fn by(meter: &'a Meter, part: Part) -> Self {
        let (sent, begun) = (meter.sent_ns().is_some(), meter.first_ns().is_some());
        Self { greeting: meter.greeting(), sent, begun: begun || part == Part::Body, part }
    }
}

impl NetError {
    /// The kind under which it is counted.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect { error, .. } => match error.kind() {
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::TimedOut => ErrorKind::Unreachable,
                _ => ErrorKind::Connect,
            },
            Self::Handshake(error) => error.kind(),
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Endless(_) => ErrorKind::Endless,
            Self::Closed(_) => ErrorKind::Closed,
            Self::Truncated(_) => ErrorKind::Truncated,
            Self::Reset(_) => ErrorKind::Reset,
            Self::Oversized(_) => ErrorKind::Oversized,
            Self::Encoding(_) => ErrorKind::Encoding,
            Self::Frame(_) => ErrorKind::Frame,
            Self::Protocol(_) => ErrorKind::Protocol,
        }
    }

    /// Whether the connection was over before the request was sent, so that another may carry it.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Closed(when) if *when == UNSENT)
    }

    /// What an exchange that was given up after `limit` failed by: it matters whether an answer had begun.
    pub(super) const fn late(limit: Duration, begun: bool) -> Self {
        if begun { Self::Endless(limit) } else { Self::Timeout(limit) }
    }

    /// What breaks the rules of HTTP/1.1.
    pub(super) fn of_broken(broken: Broken, seen: Seen<'_>) -> Self {
        match broken {
            Broken::Head(ResponseError::TooLarge) => Self::Oversized(broken.to_string()),
            Broken::Head(_) => {
                let foreign = seen.greeting.instead_of_http1();
                Self::Protocol(foreign.map_or_else(|| broken.to_string(), str::to_owned))
            }
            Broken::Body(FramingError::Truncated) => Self::ended(seen),
            Broken::Body(_) | Broken::Switched => Self::Protocol(broken.to_string()),
            Broken::TooLong => Self::too_long(),
        }
    }

    /// Of a body that is longer than anything that is kept.
    pub(super) fn too_long() -> Self {
        Self::Oversized(format!(
            "the answer's body exceeds {} MiB, the most that is kept",
            BODY_MAX >> 20
        ))
    }

    /// Reads an error of the connection itself.
    pub(super) fn of_io(error: &io::Error, seen: Seen<'_>) -> Self {
        if let Some(error) = cause::<rustls::Error>(error) {
            return HandshakeError::of(error, seen.greeting).into();
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ended(seen),
            // Chunks that are none: the HTTP library's own words.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Self::Protocol(error.to_string())
            }
            _ => Self::Reset(if seen.begun {
                format!(
                    "the server reset the connection in the middle of the answer's {} ({error})",
                    seen.part
                )
            } else {
                format!("the server reset the connection before it answered ({error})")
            }),
        }
    }

    /// What an end of the connection is, by how far the exchange had come.
    pub(super) fn ended(seen: Seen<'_>) -> Self {
        if seen.begun {
            Self::Truncated(seen.part)
        } else if !seen.sent {
            Self::Closed(UNSENT)
        } else {
            Self::Closed("without an answer")
        }
    }
}

/// A connection that was found closed before anything was sent.
const UNSENT: &str = "before a request was sent";

/// The innermost cause of that type.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let inside = |error: &'a (dyn StdError + 'static)| {
        // An I/O error shows what it wraps elsewhere than as its source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn StdError + 'static)).or_else(|| error.source())
    };
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = inside(error);
    }
    None
}

/// What the system says of a dial, in full.
fn refusal(error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there",
        io::ErrorKind::TimedOut => {
            "no answer to the dial: nothing is there, or a firewall drops it"
        }
        io::ErrorKind::HostUnreachable => "no route to the host",
        io::ErrorKind::NetworkUnreachable => "no route to the network",
        io::ErrorKind::AddrNotAvailable => {
            "no client port is left on this machine's address: use fewer connections at once, or more addresses of the server"
        }
        _ => return error.to_string(),
    };
    what.to_owned()
}
