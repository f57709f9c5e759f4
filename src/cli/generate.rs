//! `tidings generate`: what other tools and documents are made from.

use tidings::record::format_tables;
use tidings::scenario::{json_schema, keys_markdown};

use super::output;

/// Arguments of `tidings generate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to print
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
}

/// What can be generated.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// The JSON Schema of scenario files (draft 7), for completion and checks in an editor
    Schema,
    /// Every key of a scenario file, as Markdown tables
    Keys,
    /// The columns of the files of a results folder, as Markdown tables
    Format,
}

/// Carries out `tidings generate`: prints it to stdout.
pub(super) fn run(arguments: &Arguments) -> u8 {
    let text = match arguments.what {
        What::Schema => format!("{:#}\n", json_schema()),
        What::Keys => keys_markdown(),
        What::Format => format_tables(),
    };
    output::print_exactly(text);
    0
}
