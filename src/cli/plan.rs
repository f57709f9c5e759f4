//! `tidings plan`: prints what a run would do and need, and starts nothing.

use tidings::measure::Host;
use tidings::plan::Plan;

use super::selection::Selection;
use super::{output, screen};

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

/// Carries out `tidings plan`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let plans = arguments.selection.plans(&Host::read())?;
    let columns = screen::columns_of_stdout();
    let texts: Vec<String> = plans.iter().map(|plan: &Plan| plan.text(columns)).collect();
    output::print(texts.join("\n"));
    Ok(0)
}
