//! Verdicts of trials, summaries of cases, comparisons between them, objectives of runs.
//!
//! It turns records and facts into findings, and reads, writes or prints nothing.

mod checks;
mod comparison;
mod conclusion;
mod floor;
mod metrics;
mod objectives;
mod precision;
mod reason;
mod steady;
mod summary;

pub use checks::{floor_verdict, strains, verdict};
pub use comparison::{Axis, Claim, Ranked, Ranking, comparison};
pub use conclusion::{Conclusion, conclude, doubts};
pub(crate) use floor::floor_of;
pub use floor::{FLOOR_TIMES, FloorRatio};
pub use objectives::{Judgement, Objective, ObjectiveError, Outcome, objectives, overall};
pub(crate) use precision::{independent_samples, is_well_known};
pub use reason::{Load, OfWorker, Reason};
pub use summary::{CaseSummary, Estimate, Offered, Tally, estimate, summary, summary_of};
pub(crate) use summary::{counted, summarised};
