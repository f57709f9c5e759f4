//! Pure functions of numbers: medians and their intervals, robust slopes, paired shifts, quantiles of dependent samples,
//! transients and trends.
//!
//! Nothing here knows the meaning of the numbers, reads a clock, or draws a random number. Medians, slopes and shifts are
//! of *trials*: samples within a trial are autocorrelated, and only [`effective_samples`] and [`quantile_interval`] allow
//! for that.

mod beta;
mod binomial;
mod change_points;
mod distribution;
mod e_divisive;
mod golden;
mod holm;
mod mean;
mod median;
#[cfg(test)]
pub(crate) mod noise;
mod power;
mod quantile;
mod rank_sum;
mod share;
mod shift;
#[cfg(test)]
#[path = "../../benches/objectives/simulation.rs"]
mod simulation;
mod slope;
mod steady;

pub use binomial::fair_coin;
pub use change_points::{ChangePoint, ChangeSearch, change_points};
pub use golden::golden;
pub use holm::holm;
pub use mean::{MeanBounds, figure_bounds, mean_bounds};
pub use median::{RankInterval, median, median_interval};
pub use power::{PowerLaw, power_law};
pub use quantile::{Stretch, TAIL_DECIDES, TAIL_SHOWN, effective_samples, quantile_interval, tail};
pub use rank_sum::{samples_for_confidence, samples_needed, two_sample_shift};
pub use share::{FEW, ShareBounds, TrialShare, binomial_bounds, indicator_effect, share_bounds};
pub use shift::{Shift, hodges_lehmann, trials_for_confidence, trials_needed};
pub use slope::theil_sen;
pub use steady::{Trend, differs, mser, trend};

/// The confidence at which a difference counts as shown.
pub const CONFIDENCE: f64 = 0.95;
