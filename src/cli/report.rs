//! `tidings report`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidings::record::{Run, RunsBelow, runs_below};
use tidings::report::ci::CiReport;
use tidings::{report, unit};

use super::ci::CiArguments;
use super::format::{Format, print_document, run_document};
use super::output;

/// Arguments of `tidings report`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The results folder that `tidings run` printed, or one that holds such folders: the newest of them; several with --html
    #[arg(value_name = "DIR", required = true, num_args = 1..)]
    folders: Vec<PathBuf>,
    /// Write one page to send: of one run what its report.html is, of several the runs side by side, the first as the base
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    #[command(flatten)]
    ci: CiArguments,
}

/// Carries out `tidings report`: makes the reports, prints the comparison, and last the folder's path. Of several runs it
/// writes one page, and prints its path.
///
/// Files that cannot be written are named, and the status is 2.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let folders: Vec<PathBuf> = arguments.folders.iter().map(|folder| newest(folder)).collect();
    let folder = match (folders.as_slice(), &arguments.html) {
        ([folder], _) => folder,
        (_, Some(_)) if arguments.ci.is_asked() => {
            bail!("the files for CI are of one run; give one results folder")
        }
        (several, Some(file)) => return side_by_side(several, file),
        (several, None) => bail!(
            "{} results folders, and one report is made of one; give --html FILE for a page with the runs side by side, or use \
             tidings compare",
            several.len()
        ),
    };
    let made = report::write_all(folder)?;
    let files = arguments.ci.end(&[CiReport::of_run(&made.view)]);
    let status = super::tell_missing(&made.missing, folder).max(files);
    if let Some(file) = &arguments.html {
        write(file, &report::page(&made.view))?;
    }
    match arguments.format {
        Format::Text => super::print_report(&made.view, folder),
        Format::Json => print_document(&run_document(status, &[report::json(&made.view, folder)])),
    }
    Ok(status)
}

/// The folder of a run, or the newest run below it.
fn newest(folder: &Path) -> PathBuf {
    match runs_below(folder) {
        None => folder.to_owned(),
        Some(RunsBelow { newest, count }) => {
            let of = unit::counted(count as u64, "run");
            output::message(format_args!(
                "{} holds {of}; this is the newest: {}",
                folder.display(),
                newest.display()
            ));
            newest
        }
    }
}

fn side_by_side(folders: &[PathBuf], file: &Path) -> anyhow::Result<u8> {
    let runs: Vec<Run> =
        folders.iter().map(|folder| Run::read(folder)).collect::<Result<_, _>>()?;
    write(file, &report::side_by_side(runs))?;
    output::print_path(file);
    Ok(0)
}

fn write(file: &Path, page: &str) -> anyhow::Result<()> {
    fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))
}
