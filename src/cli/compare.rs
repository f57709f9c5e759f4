//! `tidings compare`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ArgGroup;
use serde_json::json;
use tidings::judge::{comparable_metric, metric_hint};
use tidings::record::{Run, RunsBelow, SCHEMA_VERSION, runs_below};
use tidings::report::Comparison;
use tidings::unit;

use super::format::print_document;
use super::{exit, output, screen};

/// Most differences that a refusal names.
const NAMED: usize = 6;

/// Arguments of `tidings compare`.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("sides").args(["folders", "base"]).required(true)))]
pub(super) struct Arguments {
    /// Two results folders, the base and the new one; of a folder that holds such folders, the newest of them
    #[arg(value_names = ["BASE", "NEW"], num_args = 2)]
    folders: Vec<PathBuf>,
    /// Several results folders of the base; each counts once
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "new")]
    base: Vec<PathBuf>,
    /// Several results folders of the new side
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "base", conflicts_with = "folders")]
    new: Vec<PathBuf>,
    /// Metrics to compare by, columns of trials.csv with or without unit
    /// [default: the p50 and p99 of freshness or response, target CPU and wire bytes per delivery, memory per link]
    #[arg(long, value_name = "METRIC", value_delimiter = ',', verbatim_doc_comment)]
    metrics: Vec<String>,
    /// Compare even runs of different loads, hosts or targets; the output says what differs
    #[arg(long)]
    anyway: bool,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

/// What stdout is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Text,
    /// Markdown, for a pull request
    Markdown,
    /// One JSON document, described in FORMAT.md
    Json,
}

/// Carries out `tidings compare`: 0 if anything was compared, 3 if no figure could be.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let metrics = metrics(&arguments.metrics)?;
    let (base, new) = match arguments.folders.as_slice() {
        [base, new] => (std::slice::from_ref(base), std::slice::from_ref(new)),
        _ => (arguments.base.as_slice(), arguments.new.as_slice()),
    };
    let (base, new) = (found(base), found(new));
    if let Some(both) = base.iter().find(|folder| new.iter().any(|other| same(folder, other))) {
        bail!("{} is on both sides; give two different results folders", both.display());
    }
    let comparison = Comparison::new(read(&base)?, read(&new)?, &metrics);
    let refused = &comparison.comparability.refused;
    if !refused.is_empty() && !arguments.anyway {
        bail!("{}", refusal(refused));
    }
    if comparison.changes.cases.is_empty() {
        bail!("the two sides have no case in common: {}", sides_cases(&comparison));
    }
    let status = if comparison.changes.has_any() { 0 } else { exit::INVALID };
    match arguments.format {
        Format::Text => output::print(comparison.text(screen::columns_of_stdout())),
        Format::Markdown => output::print_exactly(comparison.markdown()),
        Format::Json => print_document(&json!({
            "schema_version": SCHEMA_VERSION,
            "exit_status": status,
            "comparison": comparison.json(),
        })),
    }
    if status != 0 {
        output::message("inconclusive: no figure has a usable trial on both sides");
    }
    Ok(status)
}

pub(super) fn metrics(names: &[String]) -> anyhow::Result<Vec<&'static str>> {
    let column = |name: &String| {
        comparable_metric(name).ok_or_else(|| {
            anyhow::anyhow!("--metrics: '{name}' is no metric to compare by{}", metric_hint(name))
        })
    };
    names.iter().map(column).collect()
}

/// Each folder, or the newest run below it.
fn found(folders: &[PathBuf]) -> Vec<PathBuf> {
    let run = |folder: &PathBuf| match runs_below(folder) {
        None => folder.clone(),
        Some(RunsBelow { newest, count }) => {
            output::message(format_args!(
                "{} holds {}; this is the newest: {}",
                folder.display(),
                unit::counted(count as u64, "run"),
                newest.display()
            ));
            newest
        }
    };
    folders.iter().map(run).collect()
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Reads the runs of a side; what is truncated or malformed in one is named.
fn read(folders: &[PathBuf]) -> anyhow::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for folder in folders {
        let run = Run::read(folder)?;
        for warning in &run.warnings {
            output::message(format_args!("{}: {warning}", folder.display()));
        }
        runs.push(run);
    }
    Ok(runs)
}

fn refusal(refused: &[String]) -> String {
    let mut named: Vec<&str> = refused.iter().take(NAMED).map(String::as_str).collect();
    let more = refused.len().saturating_sub(NAMED);
    let more_text = format!("{more} more");
    if more > 0 {
        named.push(&more_text);
    }
    format!(
        "the runs are not comparable: {}. Measure both sides alike, or compare them with --anyway",
        named.join("; ")
    )
}

fn sides_cases(comparison: &Comparison) -> String {
    let [base, new] = &comparison.changes.alone;
    format!("base has {}; new has {}", base.join(", "), new.join(", "))
}
