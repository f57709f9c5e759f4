//! How clients that ask go about it: the kind of loop of `request`, the waits of polls.

use serde::{Deserialize, Serialize};

use super::ShortPollOptions;
use crate::unit::Span;

/// What a client's next request waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoopKind {
    /// Its schedule only: a slow answer does not move the next due stamp.
    #[default]
    Open,
    /// The answer before, and a time to think: a stalled server prevents requests, and with them their samples.
    Closed,
}

impl LoopKind {
    /// The name in scenarios and columns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl ShortPollOptions {
    /// The longest wait between two polls: the interval with all of its jitter.
    pub fn longest_wait(&self) -> Span {
        Span::from_ns((self.interval.ns() as f64 * (1.0 + self.jitter)) as u64)
    }
}
