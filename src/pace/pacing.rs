//! How the last stretch before a deadline is waited through.

use serde::{Deserialize, Serialize};

/// How a shard of a worker waits for its deadlines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pacing {
    /// Asleep until the timerfd wakes it: costs nothing, and comes as late as the kernel wakes a thread.
    #[default]
    Timerfd,
    /// Asleep until shortly before, then looking at the clock again and again: comes on time, and takes a core.
    Spin,
}

impl Pacing {
    /// How long before a deadline the timerfd wakes the shard, in nanoseconds.
    ///
    /// More than a thread takes to wake on an idle virtual machine at the 99th percentile (`benches/pacing.rs`
    /// prints it: 60 to 90 us on the machine this was chosen on), so that it is awake when the deadline comes.
    pub(super) const fn lead_ns(self) -> u64 {
        match self {
            Self::Timerfd => 0,
            Self::Spin => 100_000,
        }
    }

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timerfd => "timerfd",
            Self::Spin => "spin",
        }
    }
}
