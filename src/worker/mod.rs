//! The worker process: shards, and the timeline of phases.

use std::process::ExitCode;

/// Runs this process as a trial's worker.
pub fn child() -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
