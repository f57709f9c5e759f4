//! Why a stream, or its whole connection, failed.

use std::io;
use std::rc::Rc;

use h2::Reason;

use super::super::error::{NetError, Seen};
use super::frame::Breach;

/// Why a stream failed. A connection's failure is that of each of its streams.
#[derive(Debug, Clone)]
pub(in crate::net) enum Failure {
    /// The server closed the connection.
    Ended,
    /// The connection broke.
    Broken(Rc<io::Error>),
    /// The server ended the stream (`RST_STREAM`).
    Reset(Reason),
    /// The server ended the connection before the stream was processed (GOAWAY).
    GoneAway(Reason),
    /// The server broke the rules.
    Breach(Breach),
    /// The head of the answer is larger than anything that is kept.
    Oversized,
}

impl Failure {
    /// The error of an exchange that had come as far as was `seen`.
    pub(in crate::net) fn error(&self, seen: Seen<'_>) -> NetError {
        if let Some(foreign) = seen.greeting.instead_of_http2() {
            return NetError::Protocol(foreign.to_owned());
        }
        let ended = |frame: &str, reason: Reason| {
            let (code, what) = (u32::from(reason), reason.description());
            NetError::Reset(format!("the server ended the HTTP/2 {frame}, code {code}: {what})"))
        };
        match self {
            Self::Ended => NetError::ended(seen),
            Self::Broken(error) => NetError::of_io(error, seen),
            Self::Reset(reason) => ended("stream (RST_STREAM", *reason),
            Self::GoneAway(reason) => ended("connection (GOAWAY", *reason),
            Self::Breach(Breach { reason, what }) => NetError::Frame(format!(
                "the server breaks the rules of HTTP/2: {what} (code {})",
                u32::from(*reason)
            )),
            Self::Oversized => NetError::Oversized(
                "the answer's head is too large: at most 64 KiB are taken".to_owned(),
            ),
        }
    }
}

impl From<Breach> for Failure {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}
