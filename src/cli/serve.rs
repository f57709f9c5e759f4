//! `tidings serve`.

use std::process::ExitCode;

/// Arguments of `tidings serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Carries out `tidings serve`.
pub fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
