//! `tidings report`.

use std::path::PathBuf;

use tidings::report;

/// Arguments of `tidings report`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The results folder that `tidings run` printed
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Carries out `tidings report`: makes the reports, prints the comparison, and last the folder's path.
///
/// Files that cannot be written are named, and the status is 2.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let made = report::write_all(&arguments.folder)?;
    let status = super::tell_missing(&made.missing, &arguments.folder);
    super::print_report(&made.view, &arguments.folder);
    Ok(status)
}
