//! The results folder: records of trials, and the files that hold them.

mod facts;

pub use facts::{CpuReading, MemoryReading, Resources, TrialFacts};
