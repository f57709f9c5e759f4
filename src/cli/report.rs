//! `tidings report`.

use std::path::PathBuf;

use tidings::record::{RunsBelow, runs_below};
use tidings::report::ci::CiReport;
use tidings::{report, unit};

use super::ci::CiArguments;
use super::format::{Format, print_document, run_document};
use super::output;

/// Arguments of `tidings report`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The results folder that `tidings run` printed, or one that holds such folders: the newest of them
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    #[command(flatten)]
    ci: CiArguments,
}

/// Carries out `tidings report`: makes the reports, prints the comparison, and last the folder's path.
///
/// Files that cannot be written are named, and the status is 2.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let folder = match runs_below(&arguments.folder) {
        None => arguments.folder.clone(),
        Some(RunsBelow { newest, count }) => {
            let of = unit::counted(count as u64, "run");
            output::message(format_args!(
                "{} holds {of}; this is the newest: {}",
                arguments.folder.display(),
                newest.display()
            ));
            newest
        }
    };
    let made = report::write_all(&folder)?;
    let files = arguments.ci.end(&[CiReport::of_run(&made.view)]);
    let status = super::tell_missing(&made.missing, &folder).max(files);
    match arguments.format {
        Format::Text => super::print_report(&made.view, &folder),
        Format::Json => print_document(&run_document(status, &[report::json(&made.view, &folder)])),
    }
    Ok(status)
}
