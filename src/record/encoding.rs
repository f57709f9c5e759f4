//! What reading and writing items cost at the target, apart from their bytes.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::Metric;

/// Quantiles of the time that the target took to write items and to read them, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "what, unit, quantile: the names say it all, FORMAT.md the rest")]
pub struct Encoding {
    pub encode_ns_p50: Option<Figure>,
    pub encode_ns_p99: Option<Figure>,
    pub decode_ns_p50: Option<Figure>,
    pub decode_ns_p99: Option<Figure>,
}

impl Encoding {
    /// What the target measured in the window of a trial; empty where it read or wrote none.
    pub fn of(facts: &TrialFacts) -> Self {
        let at = |metric, q| {
            let samples = facts.target.distribution(metric)?;
            samples.quantile_censored(q, 0).map(Figure::from)
        };
        Self {
            encode_ns_p50: at(Metric::Encode, 0.5),
            encode_ns_p99: at(Metric::Encode, 0.99),
            decode_ns_p50: at(Metric::Decode, 0.5),
            decode_ns_p99: at(Metric::Decode, 0.99),
        }
    }
}
