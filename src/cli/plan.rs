//! `tidings plan`: what a run would do and need; nothing is started.

use std::process::ExitCode;

use tidings::measure::Host;
use tidings::plan::Plan;

use super::selection::Selection;

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

/// Carries out `tidings plan`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plans = arguments.selection.plans(&Host::read())?;
    super::print(&plans.iter().map(Plan::text).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
