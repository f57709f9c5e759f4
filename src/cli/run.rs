//! `tidings run`.

use std::process::ExitCode;

/// Arguments of `tidings run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Carries out `tidings run`.
pub fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
