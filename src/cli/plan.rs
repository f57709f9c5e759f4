//! `tidings plan`: what a run would do and need; nothing is started.

use tidings::measure::Host;
use tidings::plan::Plan;

use super::output;
use super::selection::Selection;

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

/// Carries out `tidings plan`.
pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let plans = arguments.selection.plans(&Host::read())?;
    output::print(plans.iter().map(Plan::text).collect::<Vec<_>>().join("\n"));
    Ok(0)
}
