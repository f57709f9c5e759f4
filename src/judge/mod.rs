//! Verdicts of trials, summaries of cases, comparisons between them, objectives of runs.
//!
//! Records and facts go in, findings come out; nothing is read, written or printed here.

mod checks;
mod comparison;
mod conclusion;
mod floor;
mod metrics;
mod objective;
mod precision;
mod reason;
mod steady;
mod summary;

pub use checks::{floor_verdict, strains, verdict};
pub use comparison::{Axis, Claim, Ranked, Ranking, comparison};
pub use conclusion::{Conclusion, conclude, doubts};
pub(crate) use floor::floor_of;
pub use floor::{FLOOR_TIMES, FloorRatio};
pub use objective::{
    AbortWatch, AbortWhen, Judgement, Objective, ObjectiveError, Outcome, horizon, objectives,
    overall,
};
pub(crate) use precision::{independent_samples, is_well_known};
pub use reason::{Load, OfWorker, Reason};
pub use summary::{CaseSummary, Estimate, Offered, Tally, estimate, summary, summary_of};
pub(crate) use summary::{counted, summarised};
