//! `tidings gate`: base and head in counterbalanced blocks of fresh trials, until it is decided whether head is worse.

mod begin;
mod ci;
mod drive;
mod revision;
mod show;
mod sides;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use tidings::conductor::Signals;
use tidings::gate::document::Document;
use tidings::gate::{decide, table};
use tidings::measure::Host;
use tidings::unit::Span;

use self::revision::Checkouts;
use self::sides::Sides;
use super::ci::CiArguments;
use super::format::Format;

/// Arguments of `tidings gate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario file, or the name of a shipped scenario, such as gate
    #[arg(value_name = "FILE", required_unless_present = "replay")]
    file: Option<PathBuf>,
    #[command(flatten)]
    sides: SideArguments,
    /// Override a scenario key of both sides; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Tolerated change of a metric, such as `freshness_p50=5%`; a sign says which way is worse: `hold_p50=+10%`; METRIC=none only
    /// informs; repeatable [default: the scenario's gate.tolerances, else 5% for freshness p50 and target CPU per delivery]
    #[arg(long, value_name = "METRIC=CHANGE")]
    tolerance: Vec<String>,
    /// Longest time of the trials [default: the scenario's gate.budget, or 10m]
    #[arg(long, value_name = "TIME")]
    budget: Option<Span>,
    /// Seed of the order within blocks and of the events. A fixed seed makes the order known beforehand: the bound on false failures
    /// then holds only if neither side nor the machine can depend on it [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder for results: DIR/<scenario>/<utc>-<host>-gate/
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Decide again from the files of a gate's folder, and start nothing
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["file", "base", "base_url", "base_rev", "base_set", "head_set"])]
    replay: Option<PathBuf>,
    /// Print no progress to stderr
    #[arg(long, short)]
    quiet: bool,
    /// Allow load on a target on another host without target.permission
    #[arg(long)]
    yes_i_may: bool,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    #[command(flatten)]
    ci: CiArguments,
}

/// What is compared.
#[derive(Debug, clap::Args)]
pub(super) struct SideArguments {
    /// Command that starts the base's server: {{port}} becomes its port, or the server prints its URL. A URL instead is as --base-url
    #[arg(long, value_name = "CMD", requires = "head")]
    base: Option<String>,
    /// As --base, for the head
    #[arg(long, value_name = "CMD", requires = "base")]
    head: Option<String>,
    /// URL of the base's server, if it already runs; trials then have no fresh server
    #[arg(long, value_name = "URL", requires = "head_url", conflicts_with_all = ["base", "head"])]
    base_url: Option<String>,
    /// As --base-url, for the head
    #[arg(long, value_name = "URL", requires = "base_url")]
    head_url: Option<String>,
    /// Git revision of the base: checked out into a worktree, built there and started
    #[arg(long, value_name = "REV", conflicts_with_all = ["base", "head", "base_url", "head_url"])]
    base_rev: Option<String>,
    /// Git revision of the head [default: HEAD]
    #[arg(
        long,
        value_name = "REV",
        requires = "base_rev",
        default_value_if("base_rev", clap::builder::ArgPredicate::IsPresent, "HEAD")
    )]
    head_rev: Option<String>,
    /// Command that builds a revision, run by sh at the root of its worktree
    #[arg(long, value_name = "CMD", requires = "base_rev")]
    build: Option<String>,
    /// Command that starts a revision's server at the root of its worktree: {{port}} becomes its port, or the server prints its URL
    #[arg(long, value_name = "CMD", requires = "base_rev")]
    serve: Option<String>,
    /// Which server of the scenario the commands start, where it launches several
    #[arg(long, value_name = "NAME")]
    launch: Option<String>,
    /// Override a scenario key of the base alone; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    base_set: Vec<String>,
    /// Override a scenario key of the head alone; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    head_set: Vec<String>,
}

impl Arguments {
    fn file(&self) -> anyhow::Result<&Path> {
        self.file.as_deref().ok_or_else(|| {
            anyhow!("no scenario; give its file, or the name of a shipped one, such as gate")
        })
    }
}

/// Carries out `tidings gate`: 0 head is not worse, 1 head is worse, 2 broken input, 3 undecided or the machine moved.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    if let Some(folder) = &arguments.replay {
        return replay(folder, arguments);
    }
    let host = Host::read();
    let file = arguments.file()?;
    arguments.ci.not_begun("gate", [file])?;
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let interrupted = || signals.received().is_some();
    let checkouts = match Checkouts::of(&arguments.sides, file, &interrupted) {
        Ok(checkouts) => checkouts,
        Err(error) => {
            let Some(signal) = signals.received() else { return Err(error) };
            super::output::message(error);
            return Ok((128 + signal) as u8);
        }
    };
    let sides = Sides::of(arguments, checkouts.as_ref(), &host)?;
    let status = drive::run(arguments, &sides, &host, &signals)?;
    Ok(super::run::deliver(&signals, status))
}

/// Decides again from files.
fn replay(folder: &Path, arguments: &Arguments) -> anyhow::Result<u8> {
    arguments.ci.not_begun("gate", [folder])?;
    let mut document = Document::read(folder)?;
    if document.finished_utc.is_none() {
        // It wrote no end: rows may be missing, and no look has closed its last block.
        document.stopped_by.get_or_insert_with(|| "a kill".to_owned());
    }
    let rows = table::read(folder, &document.terms)?;
    table::check_whole(folder, &document, &rows)?;
    let decision = decide::decide(&document, &rows);
    let incomplete = arguments.ci.end(&[ci::account(&document, &decision)]);
    show::print(&document, &decision, folder, arguments.format);
    Ok(match decision.status() {
        0 => incomplete,
        status => status,
    })
}
