//! How the last stretch before a deadline is waited out.

use serde::{Deserialize, Serialize};

use super::WakeMargin;

/// How a worker's shard waits for its deadlines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pacing {
    /// Sleeps until the timerfd wakes it: costs no CPU, and is as late as the kernel wakes a thread.
    #[default]
    Timerfd,
    /// Sleeps until shortly before, then polls the clock: on time, at the cost of a core.
    Spin,
}

impl Pacing {
    /// How long before a deadline the timerfd wakes the shard.
    pub(super) const fn margin(self) -> WakeMargin {
        match self {
            Self::Timerfd => WakeMargin::fixed(0),
            Self::Spin => WakeMargin::adaptive(),
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
