//! The frames that join the conductor to its target and workers, and their framing on a byte stream.
//!
//! `Prepare → Ready → Start{at} → Progress* → Done`, and `Abort`. Locally the stream is the child's stdin and
//! stdout; workers on other hosts get the same frames over another transport. A frame is a length (u32, big
//! endian) and one JSON value of that length.

mod access;
mod attach;
mod frame;
mod panics;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::measure::{PackedInterval, RawSamples, Snapshot};
use crate::net::tls::Trust;
use crate::pace::{Pacing, Schedule};
use crate::scenario::{Case, Limits, Phases, RestartLog};
use crate::unit::{ByteSize, Span};

pub use access::{Access, Captured, Owner, Published};
pub use attach::{Orders, Reports, attach};
pub use frame::{FrameError, read_frame, write_frame};
pub use panics::{describe as describe_panic, message as panic_message, mishap};

/// Version of the frames: conductor, target and workers must agree.
pub const PROTOCOL_VERSION: u32 = 3;

/// From the conductor to a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// The assignment of this trial; always the first frame.
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
    /// To workers: what became of events that the publisher had to publish.
    Published(Published),
    /// To workers: the target is down, and its successor will listen on the same address.
    TargetDown {
        /// When, in monotonic nanoseconds.
        at_ns: u64,
    },
    /// To the target: the workers have finished; report and end.
    Finish,
    /// Stop now, report the measurements, and end.
    Abort,
}

/// A child's part in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Assignment {
    /// Serve.
    Target(TargetAssignment),
    /// Offer load.
    Worker(WorkerAssignment),
    /// Prepare a server of the user's own, and publish to it.
    Publisher(PublisherAssignment),
}

/// A target's assignment in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetAssignment {
    /// The case that is measured.
    pub case: Case,
    /// The address to listen on; port 0 leaves the port to the system.
    pub listen: SocketAddr,
    /// Threads that serve.
    pub shards: u32,
    /// Which core is this process's first, counting those that it may run on: watched for hiccups from here on.
    pub first_core: u32,
    /// Whether each shard is pinned to a core of its own.
    pub pinned: bool,
    /// Events that a topic's log keeps.
    pub ring: u64,
    /// Concurrent streams that it allows per HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Limits on connections and requests.
    #[serde(default)]
    pub limits: Limits,
    /// The kernel's send buffer of each connection.
    pub send_buffer: ByteSize,
    /// A connection that takes none of its bytes for so long is dropped.
    pub write_timeout: Span,
    /// The process before this one, whose place it takes; `None` for the first.
    pub resume: Option<Resume>,
    /// The folder of the durable outbox, which a predecessor may have left; `None` for a new one.
    #[serde(default)]
    pub data: Option<PathBuf>,
    /// The predecessor's certificate authority, over TLS.
    pub trust: Option<Trust>,
    /// The schedule to publish from `Start` on; `None` if events come over the API.
    pub schedule: Option<Schedule>,
    /// The part of the schedule that is measured: offsets from the start in nanoseconds.
    pub window: Range<u64>,
    /// Whether to serve as a null target: with the least work that a server can do, for the noise floor.
    pub null: bool,
    /// Seed of the trial's block, from which random faults are drawn.
    pub seed: u64,
    /// What works beside the shards.
    #[serde(default)]
    pub observers: Observers,
}

/// Facts about the predecessor that a target replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The start of the schedule, in monotonic nanoseconds.
    pub start_ns: u64,
    /// When the predecessor ended, in monotonic nanoseconds: earlier events were published.
    pub down_ns: u64,
    /// What survives of the predecessor's log.
    pub log: RestartLog,
}

/// A worker's assignment in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerAssignment {
    /// The case that is measured.
    pub case: Case,
    /// The target's address.
    pub target: SocketAddr,
    /// The certificate authority to trust, if the case uses TLS.
    pub trust: Option<Trust>,
    /// How the target is spoken to, where it is not the built-in one.
    #[serde(default)]
    pub access: Option<Box<Access>>,
    /// The links of this worker: its exact share of `0..clients`.
    pub links: Range<u64>,
    /// Threads that offer load.
    pub shards: u32,
    /// Which core is this process's first, counting those that it may run on: watched for hiccups from here on.
    pub first_core: u32,
    /// Whether each shard is pinned to a core of its own.
    pub pinned: bool,
    /// How the shards wait for their deadlines.
    pub pacing: Pacing,
    /// What is due within so many nanoseconds of each other leaves together.
    #[serde(default)]
    pub gather_ns: u64,
    /// Lengths of the phases.
    pub phases: Phases,
    /// The events to expect.
    pub schedule: Schedule,
    /// Measured requests and polls that each shard keeps raw.
    pub samples: u32,
    /// Link counts, ascending, at which to pause until [`Order::Continue`] while the conductor reads memory.
    pub plateaus: Vec<u64>,
    /// What works beside the shards.
    #[serde(default)]
    pub observers: Observers,
    /// Whether the conductor waits for the seconds (`abort_when`): then they are encoded at once, whoever wants the core.
    #[serde(default)]
    pub awaited: bool,
}

/// The parts of the harness that work beside the shards in the measure window: all of them, but where calibration takes some
/// away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observers {
    /// Meters of pauses and of CPU time that was taken away.
    pub meters: bool,
    /// The hand-over of every second; without it the whole window is one.
    pub seconds: bool,
    /// Progress frames during the window; without them they follow it.
    pub frames: bool,
}

impl Default for Observers {
    fn default() -> Self {
        Self { meters: true, seconds: true, frames: true }
    }
}

/// A publisher's assignment in a trial: what stands between the harness and a server that does not publish by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublisherAssignment {
    /// The case that is measured.
    pub case: Case,
    /// The address of a built-in target.
    pub target: SocketAddr,
    /// The certificate authority to trust, if a built-in target uses TLS.
    pub trust: Option<Trust>,
    /// How the target is spoken to, where it is not the built-in one.
    pub access: Option<Box<Access>>,
    /// Lengths of the phases.
    pub phases: Phases,
    /// The events to publish; `None` for a case without any.
    pub schedule: Option<Schedule>,
}

/// From a child to the conductor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// This many links are open; waiting for [`Order::Continue`].
    Plateau {
        /// Open links.
        links: u64,
    },
    /// Prepared: a target listens, a worker's links are open.
    Ready {
        /// The target's listening address.
        address: Option<SocketAddr>,
        /// Certificates that clients must trust, over TLS.
        trust: Option<Trust>,
    },
    /// The publisher has prepared the server: what it captured on the way, for the workers.
    Prepared {
        /// What answers contained.
        captured: Vec<Captured>,
    },
    /// What became of events in the last second, where workers must know it.
    Published(Published),
    /// What a shard measured in the last second.
    Progress {
        /// Its number in its worker.
        shard: u32,
        /// It.
        packed: PackedInterval,
    },
    /// Requests, polls and deliveries that were kept raw, in parts: all of them might be too long for a frame.
    Samples(RawSamples),
    /// The remaining measurements; the child ends after it.
    Done {
        /// The rest, with the ledger.
        snapshot: Box<Snapshot>,
    },
    /// The child cannot continue, for this reason, and ends.
    Failed {
        /// What happened, where, and what to do.
        reason: String,
    },
}
