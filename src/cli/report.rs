//! `tidings report`.

use std::process::ExitCode;

/// Arguments of `tidings report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Carries out `tidings report`.
pub fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
