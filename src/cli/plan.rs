//! `tidings plan`: what a run would do and need; nothing is started.

use tidings::judge;
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
    let text = |plan: &Plan| plan.text_with(columns, |objective| judge::horizon(objective, plan));
    let texts: Vec<String> = plans.iter().map(text).collect();
    output::print(texts.join("\n"));
    Ok(0)
}
