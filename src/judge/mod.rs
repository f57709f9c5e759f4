//! Verdicts of trials, summaries of cases, comparisons between them, objectives of runs.
//!
//! It turns records and facts into findings, and reads, writes or prints nothing.

mod change;
mod checks;
mod clockwork;
mod comparison;
mod conclusion;
mod findings;
mod flip;
mod floor;
mod history;
mod metrics;
mod objective;
mod objective_hints;
mod pooled;
mod precision;
mod reason;
mod remedy;
mod steady;
mod summary;
mod sweep;
mod tally;

pub use change::{
    CaseChange, Change, Changes, Comparability, Direction, Drift, Sample, changes, comparability,
    comparable_metric, metric_hint, usual_columns,
};
pub use checks::{floor_verdict, strains, verdict};
pub use comparison::{Axis, Claim, Ranked, Ranking, comparison, paired_shift};
pub use conclusion::{Conclusion, conclude, doubts};
pub use findings::Findings;
pub use flip::{Flip, flips};
pub(crate) use floor::floor_of;
pub use floor::{FLOOR_TIMES, FloorRatio};
pub use history::{
    HistoryQuery, Overrides, Series, SeriesChange, SeriesKey, Trends, history_line, run_id, trends,
};
pub use objective::{
    AbortWatch, AbortWhen, Judgement, Objective, ObjectiveError, Outcome, horizon, objectives,
    overall,
};
pub use objective_hints::{Misspelt, parse_objective};
pub(crate) use precision::{independent_samples, is_well_known};
pub use reason::{Load, OfWorker, Reason};
pub use remedy::advised;
pub use summary::{CaseSummary, Disturbed, Estimate, Offered, estimate, summary, summary_of};
pub(crate) use summary::{counted, summarised};
pub use sweep::{
    Cell as MapCell, Crossing, CrossingEnd, CrossingInterval, Decided, Forecast, Map, Meaning,
    Polls, Quantity, Sweep, SweptAxis, crossings, expected_p50_ns, maps,
};
pub use tally::Tally;
