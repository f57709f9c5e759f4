//! Raw measurements: distributions, counters, ledgers, wire bytes, process resources.
//!
//! Nothing here computes a percentile: facts merge associatively over shards, workers, hosts and trials, percentiles do
//! not.

mod cgroup;
mod core;
mod counter;
mod distribution;
mod error_kind;
mod health;
mod hiccup;
mod host;
mod ledger;
mod listener;
mod metric;
mod pressure;
mod process;
mod recorder;
mod sample;
mod series;
mod snapshot;
mod specimen;
mod status;
mod storm;
mod tally;
mod tree;
mod watched;
mod wire;

pub use cgroup::Cgroup;
pub use core::{allowed_cores, give_way, pin, pin_process};
pub use counter::{Counter, Counters};
pub use distribution::{Distribution, Quantile};
pub use error_kind::ErrorKind;
pub use health::Watch;
pub use host::Host;
pub use ledger::{
    Arrival, Ledger, LinkLedger, Publishing, Receipts, Semantics, Seqs, Settlement, Terms,
};
pub use listener::listener;
pub use metric::{Awaits, Metric};
pub use pressure::was_ever_under_pressure;
pub use process::{Process, raise_descriptor_limit};
pub use recorder::{Packing, Recorder};
pub use sample::{DeliverySample, RawSamples, RequestSample, Samples};
pub use series::{BATCH_NS, Batch, Series};
pub use snapshot::{Interval, PackedInterval, Snapshot};
pub use specimen::{Specimen, Specimens};
pub use status::Statuses;
pub use storm::Storm;
pub use tree::{ProcessStat, descendants, processes};
pub use watched::{Tree, Watched};
pub use wire::{Uptake, Wire, uptake_of, wire_of};
