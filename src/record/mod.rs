//! The results folder: records of trials, and the files that hold them.
//!
//! Raw facts become rows, lines and logs here, written after every trial, and are read back from the files alone.
//! Nothing here judges: verdicts are handed in, and summaries are another room's.

mod columns;
mod connections;
mod encoding;
mod facts;
mod figure;
mod file_name;
mod floor;
mod folder;
mod health;
mod histograms;
mod info;
mod intervals;
mod precision;
mod requests;
mod run;
mod samples;
mod sends;
mod table;
mod timeline;
mod transport;
mod trial;
mod verdict;
mod webhook;

pub use columns::{Column, FLOOR_COLUMNS, Kind, SAMPLE_COLUMNS, TIMELINE_COLUMNS, TRIAL_COLUMNS};
pub use connections::ConnectionFigures;
pub use encoding::Encoding;
pub use facts::{CpuReading, CpuUsed, MemoryReading, Resources, TrialFacts, WorkerHealth};
pub use figure::Figure;
pub use file_name::{FOLDER_BYTES, file_name, file_names};
pub use floor::{FloorQuantiles, FloorRecord};
pub use folder::{FolderError, RunFolder, check_results_folder, results_folder};
pub use health::HealthFigures;
pub use info::{Build, InfoError, PlannedTrial, RunInfo, utc};
pub use intervals::Intervals;
pub use precision::Precision;
pub use requests::RequestFigures;
pub(crate) use requests::offered_requests;
pub use run::{ReadError, Run};
pub use sends::SendFigures;
pub use table::TableError;
pub(crate) use table::to_csv;
pub use timeline::TimelineRow;
pub use transport::TransportFigures;
pub use trial::{
    Breakdown, Cost, Counts, CpuShares, Detail, Identity, Latency, Stages, Traffic, TrialRecord,
};
pub use verdict::Verdict;
pub use webhook::{WebhookCounts, WebhookFigures, WebhookQuantiles};

/// Version of the files' meaning; FORMAT.md describes it.
pub const SCHEMA_VERSION: u32 = 1;

/// Made-up trials, shared with the tests in `tests/`.
#[cfg(test)]
pub(crate) mod synthetic {
    use crate as tidings;
    include!("../../tests/black_box/synthetic/facts.rs");
}
