//! `tidings history`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;
use tidings::judge::{HistoryQuery, Overrides, history_line, trends};
use tidings::record::{Appended, History, HistoryLine, Run, SCHEMA_VERSION, every_run_below};
use tidings::report::HistoryReport;
use tidings::stats::ChangeSearch;
use tidings::unit::{Share, counted};

use super::format::print_document;
use super::{compare, exit, output, screen};

/// The file that is meant where none is named.
const FILE: &str = "history.jsonl";

/// Arguments of `tidings history`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    show: ShowArguments,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Append runs to the file, a line each; a run that it has is not added again
    Add(AddArguments),
    /// Show where figures changed for good, and which revisions are to blame
    Show(Box<ShowArguments>),
}

/// Arguments of `tidings history add`.
#[derive(Debug, clap::Args)]
struct AddArguments {
    /// Results folders, or folders that hold such folders: every run below them
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// The history; it is made if there is none
    #[arg(long, value_name = "FILE", default_value = FILE)]
    file: PathBuf,
    /// Call the host so, in place of its name: for machines whose name changes from run to run
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Revision of the server, in place of the one of the folder that the runs were started in
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
}

/// Arguments of `tidings history show`.
#[derive(Debug, clap::Args)]
struct ShowArguments {
    /// The history
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,
    /// Metrics, columns of trials.csv with or without unit
    /// [default: the p50 and p99 of freshness or response, target CPU and wire bytes per delivery, memory per link]
    #[arg(long, value_name = "METRIC", value_delimiter = ',', verbatim_doc_comment)]
    metrics: Vec<String>,
    /// Only cases whose id contains this; repeatable
    #[arg(long, value_name = "TEXT")]
    case: Vec<String>,
    /// Only this scenario; repeatable
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Only this host; repeatable
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: compare::Format,
    /// Write a chart to this file, .svg or .png; repeatable
    #[arg(long, value_name = "FILE")]
    chart: Vec<PathBuf>,
    /// Write the series for another tool into the folder --out
    #[arg(long, value_enum, value_name = "TOOL")]
    export: Option<Export>,
    /// Folder of the export
    #[arg(long, value_name = "DIR", default_value = "otava", requires = "export")]
    out: PathBuf,
    /// Smallest change that counts
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    magnitude: Share,
    /// Greatest p value of a change
    #[arg(long, value_name = "P", default_value_t = ChangeSearch::default().p)]
    p: f64,
    /// Runs that are looked at together
    #[arg(long, value_name = "RUNS", default_value_t = ChangeSearch::default().window)]
    window: usize,
}

/// What else reads the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Export {
    /// CSV files and otava.yaml for Apache Otava
    OtavaCsv,
}

/// Carries out `tidings history`: 0 whether or not anything changed.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    match &arguments.verb {
        Some(Verb::Add(arguments)) => add(arguments)?,
        Some(Verb::Show(arguments)) => show(arguments)?,
        None => show(&arguments.show)?,
    }
    Ok(0)
}

fn add(arguments: &AddArguments) -> anyhow::Result<()> {
    let overrides =
        Overrides { host: arguments.host.clone(), revision: arguments.revision.clone() };
    let mut lines = Vec::new();
    for folder in &arguments.folders {
        match every_run_below(folder) {
            runs if runs.is_empty() => lines.push(line_of(folder, &overrides)?),
            runs => {
                for run in runs {
                    lines.push(line_of(&run, &overrides)?);
                }
            }
        }
    }
    let appended = append(&arguments.file, &lines)?;
    let known = match appended.known {
        0 => String::new(),
        known => format!(", {} there already", counted(known as u64, "run")),
    };
    let added = counted(appended.added as u64, "run");
    output::print(format!("{}: {added} added{known}\n", arguments.file.display()));
    Ok(())
}

/// The line of a run, which must be over.
fn line_of(folder: &Path, overrides: &Overrides) -> anyhow::Result<HistoryLine> {
    let run = Run::read(folder)?;
    for warning in &run.warnings {
        output::message(format_args!("{}: {warning}", folder.display()));
    }
    if run.info.finished_utc.is_none() {
        bail!("{}: the run has not ended, or it was killed; nothing was added", folder.display());
    }
    let line = history_line(&run, overrides);
    if line.cases.iter().all(|case| case.figures.is_empty()) {
        bail!("{}: no trial is usable; nothing was added", folder.display());
    }
    Ok(line)
}

/// Refuses a history that cannot be extended, before anything is measured for it.
pub(super) fn check(file: &Path) -> anyhow::Result<()> {
    append(file, &[]).map(|_| ())
}

/// Appends a run that has just ended; says why where that is not possible, and returns the exit status for it.
pub(super) fn keep(file: &Path, run: &Run, folder: &Path) -> u8 {
    let line = history_line(run, &Overrides::default());
    if !run.info.complete || line.cases.iter().all(|case| case.figures.is_empty()) {
        output::message(format_args!(
            "not added to {}: the run was stopped or has no usable trial",
            file.display()
        ));
        return 0;
    }
    match append(file, &[line]) {
        Ok(_) => 0,
        Err(error) => {
            output::message(format_args!(
                "{error:#}. The run is complete; to add it later: tidings history add {} --file {}",
                folder.display(),
                file.display()
            ));
            exit::USAGE
        }
    }
}

/// Appends `lines` and says what was wrong with the file before.
pub(super) fn append(file: &Path, lines: &[HistoryLine]) -> anyhow::Result<Appended> {
    let appended = History::append(file, lines)?;
    for warning in &appended.warnings {
        output::message(format_args!("{}: {warning}", file.display()));
    }
    Ok(appended)
}

fn show(arguments: &ShowArguments) -> anyhow::Result<()> {
    let query = query(arguments)?;
    let file = arguments.file.display();
    if arguments.file.is_dir() {
        bail!(
            "{file} is a folder, not a history. To add the runs below it: tidings history add {file}"
        );
    }
    let history = History::read(&arguments.file)?;
    if history.lines.is_empty() {
        bail!("{file} holds no run. To add one: tidings history add RESULTS_FOLDER --file {file}");
    }
    for warning in &history.warnings {
        output::message(format_args!("{file}: {warning}"));
    }
    let report = HistoryReport { trends: trends(history, &query) };
    if report.trends.series.is_empty() {
        bail!("{file}: {}", nothing_matches(&report));
    }
    write_charts(&report, &arguments.chart)?;
    if arguments.export == Some(Export::OtavaCsv) {
        export(&report, &arguments.out)?;
    }
    match arguments.format {
        compare::Format::Text => output::print(report.text(screen::columns_of_stdout())),
        compare::Format::Markdown => output::print_exactly(report.markdown()),
        compare::Format::Json => print_document(&json!({
            "schema_version": SCHEMA_VERSION,
            "exit_status": 0,
            "history": report.json(),
        })),
    }
    Ok(())
}

fn query(arguments: &ShowArguments) -> anyhow::Result<HistoryQuery> {
    let least = ChangeSearch::default().least;
    let ShowArguments { p, window, .. } = *arguments;
    let magnitude = arguments.magnitude.get();
    if !(p > 0.0 && p < 1.0) {
        bail!("--p {p} is not between 0 and 1");
    }
    if window < 2 * least {
        bail!("--window {window} is too short: two segments of {least} runs need {}", 2 * least);
    }
    if !(magnitude >= 0.0 && magnitude.is_finite()) {
        bail!("--magnitude {magnitude} is not a share of 0 or more");
    }
    for chart in &arguments.chart {
        kind(chart)?;
    }
    Ok(HistoryQuery {
        columns: compare::metrics(&arguments.metrics)?,
        cases: arguments.case.clone(),
        scenarios: arguments.scenario.clone(),
        hosts: arguments.host.clone(),
        search: ChangeSearch { window, p, magnitude, ..ChangeSearch::default() },
    })
}

/// Names what the file does hold.
fn nothing_matches(report: &HistoryReport) -> String {
    let lines = &report.trends.history.lines;
    let list = |names: std::collections::BTreeSet<&str>| {
        names.into_iter().take(8).collect::<Vec<_>>().join(", ")
    };
    let scenarios = list(lines.iter().map(|line| line.scenario.as_str()).collect());
    let hosts = list(lines.iter().map(|line| line.host.name.as_str()).collect());
    let cases = lines.iter().flat_map(|line| &line.cases).map(|case| case.case.as_str());
    let cases = list(cases.collect());
    format!(
        "no run has these metrics of these cases. Scenarios: {scenarios}; hosts: {hosts}; cases: {cases}"
    )
}

/// Whether a chart's file is a PNG.
fn kind(file: &Path) -> anyhow::Result<bool> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("png") => Ok(true),
        Some("svg") => Ok(false),
        _ => bail!("--chart {}: the name must end in .svg or .png", file.display()),
    }
}

fn write_charts(report: &HistoryReport, files: &[PathBuf]) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let (svg, png) = report.chart().map_err(anyhow::Error::msg).context("cannot draw the chart")?;
    for file in files {
        write(file, if kind(file)? { &png } else { &svg })?;
    }
    Ok(())
}

fn export(report: &HistoryReport, dir: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", dir.display());
    fs::create_dir_all(dir).with_context(failed)?;
    let dir = dir.canonicalize().with_context(failed)?;
    let Some(name) = dir.to_str() else {
        bail!("--out {}: Otava's configuration can only name UTF-8 paths", dir.display());
    };
    let otava = report.otava(name);
    for (file, content) in &otava.files {
        write(&dir.join(file), content)?;
    }
    output::message(format_args!(
        "{} for Apache Otava in {name}. Analyse them: otava analyze --config-file {name}/otava.yaml {} {}",
        counted(otava.tests.len() as u64, "test"),
        otava.arguments,
        otava.tests.join(" ")
    ));
    Ok(())
}

fn write(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}
