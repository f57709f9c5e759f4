//! Pure functions of numbers: medians and their intervals, robust slopes, paired shifts.
//!
//! Nothing here knows what the numbers stand for, reads a clock, or draws a random number. The values are the
//! medians, costs and ratios of *trials*: samples within a trial are autocorrelated, and none of this holds for
//! them.

mod binomial;
mod median;
mod shift;
mod slope;

pub use median::{RankInterval, median, median_interval};
pub use shift::{Shift, hodges_lehmann, trials_for_confidence, trials_needed};
pub use slope::theil_sen;

/// The confidence at which a difference counts as shown.
pub const CONFIDENCE: f64 = 0.95;
