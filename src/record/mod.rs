//! The results folder: records of trials, and the files that hold them.
//!
//! Raw facts become rows, lines and logs here, written after every trial, and are read back from the files alone.
//! Nothing here judges: verdicts are handed in, and summaries are another room's.

mod cell;
mod code;
mod columns;
mod documentation;
mod facts;
mod figure;
mod file_name;
mod files;
mod floor;
mod folder;
mod histograms;
mod history;
mod info;
mod intervals;
mod metrics;
mod newest;
mod precision;
mod run;
mod samples;
mod seconds;
mod table;
mod timeline;
mod trial;
mod verdict;

pub(crate) use cell::{BOUNDS, Bounds};
pub use code::{Code, Coded};
pub use columns::{Column, Kind, Unit};
pub use documentation::format_tables;
pub use facts::{CpuReading, CpuUsed, MemoryReading, Resources, TrialFacts, WorkerHealth};
pub use figure::Figure;
pub use file_name::{FOLDER_BYTES, file_name, file_names};
pub use files::{
    DELIVERY_COLUMNS, FLOOR_COLUMNS, PERCENTILE_COLUMNS, SAMPLE_COLUMNS, SUMMARY_COLUMNS,
    TIMELINE_COLUMNS,
};
pub use floor::{FloorQuantiles, FloorRecord};
pub use folder::{FolderError, RunFolder, check_results_folder, results_folder};
pub use history::{Appended, History, HistoryCase, HistoryError, HistoryHost, HistoryLine};
pub use info::{Build, InfoError, PlannedTrial, RunInfo, utc};
pub use intervals::Intervals;
pub use metrics::{
    Better, COST, Cell, End, Figures, Of, Q, SPECS, Side, Source, Spec, Summary, TRIAL_COLUMNS,
    column_of, ends_of, spec,
};
pub use newest::{RunsBelow, every_run_below, runs_below};
pub use run::{ReadError, Run};
pub use seconds::{Bin, IntervalLog, TrialSeconds};
pub use table::TableError;
pub(crate) use table::{cells_to_csv, to_csv};
pub use timeline::TimelineRow;
pub(crate) use trial::offered_requests;
pub use trial::{Given, STOPPED_BY, TrialIdentity, TrialRecord, UNRECOGNISED};
pub use verdict::Verdict;

/// Version of the files' meaning; FORMAT.md describes it.
pub const SCHEMA_VERSION: u32 = 1;

/// Made-up trials, shared with the tests in `tests/`.
#[cfg(test)]
pub(crate) mod synthetic {
    use crate as tidings;
    include!("../../tests/black_box/synthetic/facts.rs");
}
