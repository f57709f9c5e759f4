//! `tidings report`.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use tidings::report;

/// Arguments of `tidings report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The results folder, as `tidings run` printed it last
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Carries out `tidings report`: makes the reports, prints the comparison, and last the folder's path.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let made = report::write_all(&arguments.folder)?;
    let text = format!("{}\n{}\n", report::text(&made.view), arguments.folder.display());
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}
