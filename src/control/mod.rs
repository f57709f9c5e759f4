//! The frames that join the conductor to its target and workers, and their framing on a byte stream.
//!
//! `Prepare → Ready → Start{at} → Progress* → Done`, and `Abort`. Locally the stream is the child's stdin and
//! stdout; workers on other hosts get the same frames over another transport. A frame is a length (u32, big
//! endian) and one JSON value of that length.

mod attach;
mod frame;
mod panics;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::measure::{PackedInterval, RequestSample, Snapshot};
use crate::net::tls::Trust;
use crate::pace::{Pacing, Schedule};
use crate::scenario::{Case, Limits, Phases, RestartLog};
use crate::unit::{ByteSize, Span};

pub use attach::{Orders, Reports, attach};
pub use frame::{FrameError, read_frame, write_frame};
pub use panics::{describe as describe_panic, message as panic_message, mishap};

/// Version of the frames: conductor, target and workers must agree.
pub const PROTOCOL_VERSION: u32 = 2;

/// From the conductor to a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// What to do in this trial; always the first frame.
    Prepare {
        /// [`PROTOCOL_VERSION`] of the sender.
        version: u32,
        /// The child's part.
        assignment: Box<Assignment>,
    },
    /// Open the next plateau of links.
    Continue,
    /// Begin the warm-up.
    Start {
        /// When, in monotonic nanoseconds.
        at_ns: u64,
    },
    /// To workers: the target was taken down, and its successor will listen on the same address.
    TargetDown {
        /// When, in monotonic nanoseconds.
        at_ns: u64,
    },
    /// To the target: the workers are done, report and end.
    Finish,
    /// Stop now, report what was measured, and end.
    Abort,
}

/// A child's part in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Assignment {
    /// Serve.
    Target(TargetAssignment),
    /// Offer load.
    Worker(WorkerAssignment),
}

/// What a target is to do in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetAssignment {
    /// The case that is measured.
    pub case: Case,
    /// Where to listen; port 0 leaves the port to the system.
    pub listen: SocketAddr,
    /// Threads that serve.
    pub shards: u32,
    /// Which core is this process's first, counting those that it may run on: watched for hiccups from here on.
    pub first_core: u32,
    /// Whether each shard keeps to a core of its own.
    pub pinned: bool,
    /// Events that a topic's log keeps.
    pub ring: u64,
    /// Streams at once that it lets an HTTP/2 connection have.
    pub max_concurrent_streams: u32,
    /// How much it lets in at once.
    #[serde(default)]
    pub limits: Limits,
    /// The kernel's send buffer of each connection.
    pub send_buffer: ByteSize,
    /// A connection that takes none of its bytes for so long is dropped.
    pub write_timeout: Span,
    /// The process before this one, whose place it takes; `None` for the first.
    pub resume: Option<Resume>,
    /// Where its durable outbox is, which the process before it may have left; `None` for one of its own.
    #[serde(default)]
    pub data: Option<PathBuf>,
    /// Who vouched for that process, over TLS.
    pub trust: Option<Trust>,
    /// What to publish from `Start` on; `None` where publishing is left to the API.
    pub schedule: Option<Schedule>,
    /// The part of the schedule that is measured: offsets from the start in nanoseconds.
    pub window: Range<u64>,
    /// Whether to serve as a null target: with the least work that a server can do, for the noise floor.
    pub null: bool,
    /// Seed of the trial's block: what is random in the case's faults is drawn from it.
    pub seed: u64,
}

/// What a target is to know of the one whose place it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The start of the schedule, in monotonic nanoseconds.
    pub start_ns: u64,
    /// When the one before ended: what was due by then was published, in monotonic nanoseconds.
    pub down_ns: u64,
    /// What is known of that.
    pub log: RestartLog,
}

/// What a worker is to do in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerAssignment {
    /// The case that is measured.
    pub case: Case,
    /// The target's address.
    pub target: SocketAddr,
    /// Whom to trust, where the case goes through TLS.
    pub trust: Option<Trust>,
    /// The links of this worker: its exact share of `0..clients`.
    pub links: Range<u64>,
    /// Threads that offer load.
    pub shards: u32,
    /// Which core is this process's first, counting those that it may run on: watched for hiccups from here on.
    pub first_core: u32,
    /// Whether each shard keeps to a core of its own.
    pub pinned: bool,
    /// How they wait for their deadlines.
    pub pacing: Pacing,
    /// Lengths of the phases.
    pub phases: Phases,
    /// The events to expect.
    pub schedule: Schedule,
    /// Measured requests and polls that each shard keeps raw.
    pub samples: u32,
    /// Link counts, ascending, at which to pause until [`Order::Continue`], so that memory can be read.
    pub plateaus: Vec<u64>,
}

/// From a child to the conductor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// So many links stand; waiting for [`Order::Continue`].
    Plateau {
        /// Links that stand.
        links: u64,
    },
    /// Prepared: a target listens, a worker's links stand.
    Ready {
        /// Where a target listens.
        address: Option<SocketAddr>,
        /// Whom its clients are to trust, where it speaks TLS.
        trust: Option<Trust>,
    },
    /// What was measured in the last second.
    Progress(PackedInterval),
    /// Requests and polls that were kept raw, in parts: all of them might be too long for a frame.
    Samples(Vec<RequestSample>),
    /// What was not yet told; the child ends after it.
    Done {
        /// The rest, with the ledger.
        snapshot: Snapshot,
    },
    /// The child cannot go on, for this reason, and ends.
    Failed {
        /// What, where, and what to do.
        reason: String,
    },
}
