//! Pure functions of numbers: medians and their intervals, robust slopes, paired shifts, quantiles of dependent
//! samples, transients and trends.
//!
//! Nothing here knows what the numbers stand for, reads a clock, or draws a random number. Medians, slopes and
//! shifts are of *trials*: samples within a trial are autocorrelated, and only [`effective_samples`] and
//! [`quantile_interval`] allow for that.

mod binomial;
mod distribution;
mod holm;
mod median;
#[cfg(test)]
pub(crate) mod noise;
mod quantile;
mod shift;
mod slope;
mod steady;

pub use holm::holm;
pub use median::{RankInterval, median, median_interval};
pub use quantile::{Stretch, TAIL_DECIDES, TAIL_SHOWN, effective_samples, quantile_interval, tail};
pub use shift::{Shift, hodges_lehmann, trials_for_confidence, trials_needed};
pub use slope::theil_sen;
pub use steady::{Trend, differs, mser, trend};

/// The confidence at which a difference counts as shown.
pub const CONFIDENCE: f64 = 0.95;
