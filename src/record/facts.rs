//! Everything that was measured of one trial, as the conductor collected it.

use crate::measure::{Interval, Snapshot};
use crate::scenario::{Case, Phases};

/// The raw facts of one trial; every figure of every file is derived from them.
#[derive(Debug, Clone)]
pub struct TrialFacts {
    /// Name of the scenario.
    pub scenario: String,
    /// The case that was measured.
    pub case: Case,
    /// Which trial of its case, from 1.
    pub trial: u32,
    /// Which randomised block of the plan it stood in, from 1.
    pub block: u32,
    /// Lengths of the phases as planned.
    pub phases: Phases,
    /// Start of the measure window, in monotonic nanoseconds; 0 where it was not reached.
    pub window_start_ns: u64,
    /// Everything the workers measured, merged, with the ledger.
    pub workers: Snapshot,
    /// What the target measured of itself (publishing, retries, dead letters).
    pub target: Snapshot,
    /// What the workers measured, by second.
    pub intervals: Vec<Interval>,
    /// CPU and memory of the processes.
    pub resources: Resources,
    /// Why the trial could not be finished: a process died, or the run was stopped.
    pub failure: Option<String>,
}

/// CPU and memory of a trial's processes.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// CPU readings at the window's start, at every second of it, and at its end; ascending in time.
    pub cpu: Vec<CpuReading>,
    /// Threads that offered load, over all workers.
    pub worker_shards: u32,
    /// Threads that served.
    pub target_shards: u32,
    /// Anonymous memory of the target at each plateau of the connect phase.
    pub target_memory: Vec<MemoryReading>,
}

/// CPU time used so far by the processes of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuReading {
    /// When it was read, in monotonic nanoseconds.
    pub at_ns: u64,
    /// CPU time of the target so far, in nanoseconds.
    pub target_ns: u64,
    /// CPU time of all workers so far, in nanoseconds.
    pub workers_ns: u64,
}

/// Memory of the target while so many links stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryReading {
    /// Links that stood.
    pub links: u64,
    /// Anonymous memory in bytes.
    pub bytes: u64,
}
