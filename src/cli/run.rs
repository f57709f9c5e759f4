//! `tidings run`: check everything, measure, write, print, judge.

mod progress;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use tidings::clock;
use tidings::conductor::{Conductor, Progress, Signals, Stop, check_target, signal_name};
use tidings::control::Observers;
use tidings::judge::Conclusion;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::{
    Build, PlannedTrial, RunFolder, RunInfo, SCHEMA_VERSION, check_results_folder, utc,
};
use tidings::report::ci::CiReport;
use tidings::report::{self, Missing, View};
use time::OffsetDateTime;

use super::ci::CiArguments;
use super::format::{Format, print_document, run_document};
use super::selection::Selection;
use super::{exit, history, output};
pub(super) use progress::Teller;

/// Arguments of `tidings run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Folder for results: DIR/<scenario>/<utc>-<host>/
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Print no progress to stderr
    #[arg(long, short)]
    quiet: bool,
    /// Allow load on a target on another host without target.permission
    #[arg(long)]
    yes_i_may: bool,
    /// Append each run that ends by itself to this history, for `tidings history`
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// What to print on stdout
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    #[command(flatten)]
    ci: CiArguments,
}

/// Carries out `tidings run`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    arguments.ci.not_begun("run", arguments.selection.files())?;
    let host = Host::read();
    // Checks every file before the first run, so that a mistake in the last one does not cost an hour.
    let plans = arguments.selection.plans(&host)?;
    for plan in &plans {
        check_target(&plan.scenario, arguments.yes_i_may).map_err(|error| anyhow!(error))?;
    }
    // So must a folder that cannot be written.
    for plan in &plans {
        check_results_folder(&arguments.out, &plan.scenario.name)?;
    }
    if let Some(file) = &arguments.history {
        history::check(file)?;
    }
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let now = utc(OffsetDateTime::now_utc());
    let accounts: Vec<_> = plans.iter().map(|plan| CiReport::of_plan(plan, &now)).collect();
    arguments.ci.begin(&accounts)?;
    let mut printer = Printer { format: arguments.format, runs: Vec::new(), accounts, ended: 0 };
    let outcome = measure_all(&plans, arguments, &host, &signals, &mut printer);
    let files = arguments.ci.end(&printer.accounts);
    let outcome = outcome.map(|status| worse(status, files));
    printer.finish(*outcome.as_ref().unwrap_or(&exit::USAGE));
    Ok(deliver(&signals, outcome?))
}

/// Runs one plan after the other; returns the exit status that says most.
fn measure_all(
    plans: &[Plan],
    arguments: &Arguments,
    host: &Host,
    signals: &Signals,
    printer: &mut Printer,
) -> anyhow::Result<u8> {
    let mut worst = 0;
    for plan in plans {
        let code = measure(plan, arguments, host, signals, printer)?;
        worst = worse(worst, code);
        if signals.received().is_some() {
            break;
        }
    }
    Ok(worst)
}

/// Prints each run as it ends, or all of them as one document at the end.
struct Printer {
    format: Format,
    runs: Vec<Value>,
    /// The account of each run, for CI systems.
    accounts: Vec<CiReport>,
    /// Runs that have ended.
    ended: usize,
}

impl Printer {
    fn print(&mut self, view: &View, folder: &Path) {
        if let Some(account) = self.accounts.get_mut(self.ended) {
            *account = CiReport::of_run(view);
        }
        self.ended += 1;
        match self.format {
            Format::Text => super::print_report(view, folder),
            Format::Json => self.runs.push(report::json(view, folder)),
        }
    }

    fn finish(&self, status: u8) {
        if self.format == Format::Json {
            print_document(&run_document(status, &self.runs));
        }
    }
}

/// Waits until the reader has the results; returns the exit status, or the signal's if one ended the wait.
pub(super) fn deliver(signals: &Signals, status: u8) -> u8 {
    let given_up = output::settle(|| signals.received().is_some());
    match signals.received() {
        Some(signal) if given_up => (128 + signal) as u8,
        _ => status,
    }
}

/// Runs one plan into a new folder and prints its report; returns the exit status.
fn measure(
    plan: &Plan,
    arguments: &Arguments,
    host: &Host,
    signals: &Signals,
    printer: &mut Printer,
) -> anyhow::Result<u8> {
    let started = OffsetDateTime::now_utc();
    let scenario = &plan.scenario;
    let mut folder = RunFolder::create(&arguments.out, &scenario.name, started, &host.name)?;
    let mut info = describe(plan, host, started);
    folder.write_info(&info)?;

    let mut teller = Teller::new(plan, arguments.quiet);
    teller.begin(&info.warnings);
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let results = Some(folder.path().to_owned());
    let conductor = Conductor {
        plan,
        executable,
        signals,
        results,
        trace: None,
        yes_i_may: arguments.yes_i_may,
        finds_process: false,
        observers: Observers::default(),
    };
    // Reports everything recorded so far, however the loop ends.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        conductor.run(&mut folder, |progress| {
            if let Progress::Recorded { record, .. } = &progress {
                info.profiles.extend(record.given.profile);
            }
            teller.tell(&progress);
        })
    }));
    teller.end();
    let stopped = match outcome {
        Ok(Ok(stopped)) => stopped,
        broken => {
            conclude(&mut folder, &info, printer)?;
            let folder = folder.path().display();
            return Err(match broken {
                Ok(Err(error)) => anyhow::Error::from(error).context(format!(
                    "the run ended early; what was measured before is in {folder}"
                )),
                _ => anyhow!("the run broke off; what was measured before is in {folder}"),
            });
        }
    };

    info.finished_utc = Some(utc(OffsetDateTime::now_utc()));
    info.complete = stopped.is_none();
    info.stopped_by = stopped.as_ref().map(|stop| match stop {
        Stop::Signal(signal) => signal_name(*signal).to_owned(),
        Stop::Condition(why) => why.clone(),
    });
    let (view, mut incomplete) = conclude(&mut folder, &info, printer)?;
    if let Some(file) = &arguments.history {
        incomplete = worse(incomplete, history::keep(file, &view.run, folder.path()));
    }
    let conclusion = view.findings.conclusion();
    // Of a run that was stopped, the report has said how far it came: its cases are no cause of their own.
    if let (None, Conclusion::Inconclusive(doubts)) = (&stopped, &conclusion) {
        for doubt in doubts {
            output::message(format_args!("inconclusive: {doubt}"));
        }
    }
    Ok(match (stopped, conclusion) {
        (Some(Stop::Signal(signal)), _) => (128 + signal) as u8,
        (None, Conclusion::Holds) => incomplete,
        (Some(Stop::Condition(_)), _) => exit::MISSED,
        (None, conclusion) => conclusion.exit_status(),
    })
}

/// Writes what a run ends with and prints its report; returns it, and the status that files which are missing call for.
fn conclude(
    folder: &mut RunFolder,
    info: &RunInfo,
    printer: &mut Printer,
) -> anyhow::Result<(View, u8)> {
    let saved = folder.write_info(info);
    let mut made = report::write_all(folder.path())?;
    if let Err(error) = saved {
        let reason = format!("{}; the report calls the run partial", error.source);
        made.missing.push(Missing { file: "run.json".into(), reason });
    }
    let incomplete = super::tell_missing(&made.missing, folder.path());
    printer.print(&made.view, folder.path());
    Ok((made.view, incomplete))
}

/// Returns the `run.json` of a plan whose run begins.
pub(super) fn describe(plan: &Plan, host: &Host, started: OffsetDateTime) -> RunInfo {
    let build = Build::this();
    let mut warnings = clock::findings();
    if !build.is_optimised() {
        warnings.push(format!(
            "{} build: all CPU and latency figures are too high. Build with --release",
            if build.build_profile == "debug" { "debug" } else { "barely optimised" }
        ));
    }
    let case = |index: usize| plan.scenario.cases[index].id.clone();
    RunInfo {
        schema_version: SCHEMA_VERSION,
        build,
        working_directory_revision: working_directory_revision(),
        started_utc: utc(started),
        finished_utc: None,
        complete: false,
        stopped_by: None,
        scenario: plan.scenario.clone(),
        profiles: BTreeSet::new(),
        plan: plan
            .trials
            .iter()
            .map(|planned| PlannedTrial {
                case: case(planned.case),
                trial: planned.trial,
                block: planned.block,
                seed: planned.seed,
                pacing: plan.layouts[planned.case].pacing,
            })
            .collect(),
        host: host.clone(),
        warnings,
        command: command_line(std::env::args_os()),
    }
}

/// The command line as text: an argument may be a path that is not.
fn command_line(arguments: impl Iterator<Item = OsString>) -> Vec<String> {
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The revision that is checked out where the run is started, if that is a repository: the user's, not tidings' own.
fn working_directory_revision() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}

/// Returns the more important status: a signal, then a missed objective, then an inconclusive run, then an incomplete
/// report, then success.
const fn worse(a: u8, b: u8) -> u8 {
    const fn rank(status: u8) -> u8 {
        match status {
            0 => 0,
            exit::USAGE => 1,
            exit::INVALID => 2,
            exit::MISSED => 3,
            _ => 4,
        }
    }
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_outcome_outweighs_an_incomplete_report() {
        for (a, b, worst) in [
            (0, exit::USAGE, exit::USAGE),
            (exit::USAGE, exit::INVALID, exit::INVALID),
            (exit::MISSED, exit::USAGE, exit::MISSED),
            (exit::INVALID, exit::MISSED, exit::MISSED),
            (130, exit::MISSED, 130),
        ] {
            assert_eq!((worse(a, b), worse(b, a)), (worst, worst), "{a} and {b}");
        }
    }
}
