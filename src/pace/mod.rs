//! When things are due: seeded random numbers, arrival processes, the event schedule, and the deadline queue that waits for
//! them.
//!
//! Everything but [`Timer`] is pure arithmetic on offsets from a start. The same seed gives the same offsets on every host,
//! so target and workers agree on a schedule that neither sends to the other.

mod arrivals;
mod network;
mod pacing;
mod polls;
mod rng;
mod schedule;
mod timer;
mod wake_margin;

pub use arrivals::{ArrivalProcess, Arrivals};
pub use network::{Network, PathModel, SEGMENT};
pub use pacing::Pacing;
pub use polls::{PollPace, Polls, Wait};
pub use rng::Rng;
pub use schedule::{Publication, Schedule};
pub use timer::{Near, Sleep, Timer};
pub use wake_margin::WakeMargin;
