//! `tidings plan`.

use std::process::ExitCode;

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Carries out `tidings plan`.
pub fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
