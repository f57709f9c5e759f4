//! When things are due: seeded random numbers, arrival processes, the event schedule, and the deadline
//! queue that honours them.
//!
//! Everything but [`Timer`] is pure arithmetic on offsets from a start; the same seed gives the same
//! offsets on every host, so that target and workers agree on a schedule that neither sends to the other.

mod arrivals;
mod lead;
mod network;
mod pacing;
mod polls;
mod rng;
mod schedule;
mod timer;

pub use arrivals::{ArrivalProcess, Arrivals};
pub use lead::Lead;
pub use network::{Network, SEGMENT, Way};
pub use pacing::Pacing;
pub use polls::{PollPace, Polls, Wait};
pub use rng::Rng;
pub use schedule::{Publication, Schedule};
pub use timer::{Sleep, Timer};
