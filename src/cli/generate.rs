//! `tidings generate`: what other tools and documents are made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use tidings::record::{Build, format_tables};
use tidings::report::summary_schema;
use tidings::scenario::{json_schema, keys_markdown};

use super::output;

/// Arguments of `tidings generate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What can be generated.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print a JSON Schema: of scenario files, for completion and checks in an editor, or of summary.json
    Schema {
        /// What the schema is of
        #[arg(value_enum, value_name = "OF", default_value_t)]
        of: SchemaOf,
    },
    /// Print the manual page of tidings, or write one page per verb into a folder
    Man {
        /// Write tidings.1, tidings-run.1 and so on into this folder, which is created if it is missing
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print a script that completes verbs, flags and values in a shell
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: Shell,
    },
    /// Print every key of a scenario file, as Markdown tables
    Keys,
    /// Print the columns of the files of a results folder, as Markdown tables
    Format,
}

/// What a JSON Schema can be of.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum SchemaOf {
    /// Scenario files (draft 7, which editors of TOML validate by)
    #[default]
    Scenario,
    /// summary.json of a results folder (draft 2020-12)
    Summary,
}

/// Carries out `tidings generate` for the command line `command`.
pub(super) fn run(arguments: &Arguments, command: &Command) -> anyhow::Result<u8> {
    let command = shown(command);
    let text = match &arguments.what {
        What::Schema { of: SchemaOf::Scenario } => format!("{:#}\n", json_schema()),
        What::Schema { of: SchemaOf::Summary } => format!("{:#}\n", summary_schema()),
        What::Man { out: None } => page(command)?,
        What::Man { out: Some(folder) } => {
            write_pages(command, folder)?;
            output::print_path(folder);
            return Ok(0);
        }
        What::Completions { shell } => completions(*shell, command)?,
        What::Keys => keys_markdown(),
        What::Format => format_tables(),
    };
    output::print_exactly(text);
    Ok(0)
}

/// The command line without the verbs that its help does not list: completions would offer them.
fn shown(command: &Command) -> Command {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    let about = command.get_about().cloned().unwrap_or_default();
    Command::new("tidings").version(Build::VERSION).about(about).subcommands(verbs)
}

/// The manual page of the program itself.
fn page(command: Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    // As in the folder: there is no page for `help`.
    Man::new(command.disable_help_subcommand(true))
        .render(&mut page)
        .context("cannot render the manual page")?;
    Ok(String::from_utf8(page)?)
}

/// The manual pages of the program and of each verb that its help lists.
fn write_pages(command: Command, folder: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot write manual pages to {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    clap_mangen::generate_to(command, folder).with_context(failed)
}

fn completions(shell: Shell, mut command: Command) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tidings", &mut script);
    Ok(String::from_utf8(script)?)
}
