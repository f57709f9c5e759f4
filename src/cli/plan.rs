//! `tidings plan`: prints what a run would do and need, and starts nothing.

use serde_json::json;
use tidings::judge;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::SCHEMA_VERSION;

use super::format::{Format, print_document};
use super::selection::Selection;
use super::{output, screen};

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Print what will be sent to the target, byte for byte, in place of the plan
    #[arg(long)]
    explain: bool,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, conflicts_with = "explain")]
    format: Format,
}

/// Carries out `tidings plan`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let plans = arguments.selection.plans(&Host::read())?;
    if arguments.format == Format::Json {
        let plans: Vec<_> = plans.iter().map(Plan::json).collect();
        print_document(&json!({"schema_version": SCHEMA_VERSION, "plans": plans}));
        return Ok(0);
    }
    let columns = screen::columns_of_stdout();
    let text = |plan: &Plan| {
        if arguments.explain {
            return plan.explained(columns);
        }
        plan.text_with(columns, |objective| judge::horizon(objective, plan))
    };
    let texts: Vec<String> = plans.iter().map(text).collect();
    output::print(texts.join("\n"));
    Ok(0)
}
