//! Runs the plan of a probe into a folder, which is kept only where `--results` names one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::json;
use tidings::conductor::{Conductor, Progress, Signals, Stop, signal_name};
use tidings::control::Observers;
use tidings::judge::Conclusion;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::{
    Run, RunFolder, RunInfo, SCHEMA_VERSION, TrialFacts, TrialRecord, Verdict,
    check_results_folder, utc,
};
use tidings::report::{self, Probe, Remedies, View};
use tidings::unit::typographic;
use time::OffsetDateTime;

use super::super::run::describe;
use super::super::{exit, output, screen, tell_missing};
use super::Arguments;
use super::flags::in_flags;
use super::output::Format;
use super::watch::Watcher;

/// A folder below the system's for temporary files, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("tidings-probe-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `plan` and prints what was measured, however it ended; returns the exit status.
pub(super) fn measure(
    plan: &Plan,
    arguments: &Arguments,
    host: &Host,
    signals: &Signals,
) -> anyhow::Result<u8> {
    let started = OffsetDateTime::now_utc();
    let scratch = arguments.run.results.is_none().then(Scratch::new);
    let parent = match (&arguments.run.results, &scratch) {
        (Some(folder), _) => folder.clone(),
        (None, Some(scratch)) => scratch.0.clone(),
        (None, None) => PathBuf::new(),
    };
    check_results_folder(&parent, &plan.scenario.name)?;
    let mut folder = RunFolder::create(&parent, &plan.scenario.name, started, &host.name)?;
    let mut info = describe(plan, host, started);
    folder.write_info(&info)?;
    for warning in &info.warnings {
        output::message(format_args!("warning: {}", in_flags(warning)));
    }

    let watcher = Watcher::start(plan, arguments.output.quiet);
    let conductor = Conductor {
        plan,
        executable: std::env::current_exe().context("cannot find this executable")?,
        signals,
        results: Some(folder.path().to_owned()),
        trace: None,
        yes_i_may: arguments.run.yes_i_may,
        finds_process: true,
        observers: Observers::default(),
    };
    let mut trials = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        conductor.run(&mut folder, |progress| {
            watcher.note(plan, &progress);
            if let Progress::Recorded { record, facts, .. } = &progress {
                info.profiles.extend(record.given.profile);
                trials.push(shown(plan, facts, record));
            }
        })
    }));
    watcher.end();
    let mut printer = Printer { arguments, trials, kept: scratch.is_none() };
    let stopped = match outcome {
        Ok(Ok(stopped)) => stopped,
        broken => {
            let (view, _) = conclude(&mut folder, &info, printer.kept)?;
            printer.print(&view, &info, exit::USAGE, folder.path());
            return Err(match broken {
                Ok(Err(error)) => anyhow::Error::from(error).context("the probe ended early"),
                _ => anyhow!("the probe broke off"),
            });
        }
    };
    info.finished_utc = Some(utc(OffsetDateTime::now_utc()));
    info.complete = stopped.is_none();
    info.stopped_by = stopped.as_ref().map(|stop| match stop {
        Stop::Signal(signal) => signal_name(*signal).to_owned(),
        Stop::Condition(why) => why.clone(),
    });
    let (view, incomplete) = conclude(&mut folder, &info, printer.kept)?;
    let status = match (&stopped, view.findings.conclusion()) {
        (Some(Stop::Signal(signal)), _) => (128 + signal) as u8,
        (None, Conclusion::Holds) => incomplete,
        (Some(Stop::Condition(_)), _) => exit::MISSED,
        (None, conclusion) => conclusion.exit_status(),
    };
    printer.print(&view, &info, status, folder.path());
    Ok(status)
}

/// A trial as it is printed: with flags in what is said of it, in place of keys.
fn shown(plan: &Plan, facts: &TrialFacts, record: &TrialRecord) -> (TrialRecord, Probe) {
    let verdict_reasons = record.verdict_reasons.iter().map(|reason| in_flags(reason)).collect();
    let record = TrialRecord { verdict_reasons, ..record.clone() };
    let probe = Probe::new(&plan.scenario.question, facts, &record, Remedies::Flags);
    let probe = probe.worded(in_flags);
    let probe = if plan.trials.len() == 1 { probe.alone() } else { probe };
    (record, probe)
}

/// Writes what the folder ends with, and its reports where it is `kept`; returns what was measured, and the status that missing
/// files call for.
fn conclude(folder: &mut RunFolder, info: &RunInfo, kept: bool) -> anyhow::Result<(View, u8)> {
    folder.write_info(info)?;
    if !kept {
        // Charts of a folder that nobody sees would cost more than many a probe.
        return Ok((View::new(Run::read(folder.path())?), 0));
    }
    let made = report::write_all(folder.path())?;
    let incomplete = tell_missing(&made.missing, folder.path());
    Ok((made.view, incomplete))
}

/// Prints what was measured.
struct Printer<'a> {
    arguments: &'a Arguments,
    trials: Vec<(TrialRecord, Probe)>,
    /// Whether the folder outlives the probe.
    kept: bool,
}

impl Printer<'_> {
    fn print(&mut self, view: &View, info: &RunInfo, status: u8, folder: &Path) {
        match self.arguments.output.format {
            Format::Text => self.text(view, folder),
            Format::Json => {
                let trials: Vec<_> = self.trials.iter().map(|(_, probe)| probe.json()).collect();
                let folder = self.kept.then(|| folder.to_string_lossy().into_owned());
                let document = json!({
                    "schema_version": SCHEMA_VERSION,
                    "exit_status": status,
                    "url": self.arguments.url,
                    "folder": folder,
                    "complete": info.complete,
                    "stopped_by": info.stopped_by,
                    "trials": trials,
                    "warnings": info.warnings,
                });
                super::super::format::print_document(&document);
            }
            Format::Csv => {
                output::print_exactly(TrialRecord::csv(self.trials.iter().map(|(row, _)| row)));
            }
        }
        // Where stdout is for programs, people read it here; of a probe that was stopped nothing is doubtful.
        if self.arguments.output.format != Format::Text && info.stopped_by.is_none() {
            for (row, _) in &self.trials {
                if matches!(row.verdict, Verdict::Invalid | Verdict::Failed) {
                    let why = row.verdict_reasons.first().map_or("", String::as_str);
                    output::message(format_args!("{}: {why}", row.verdict.name()));
                }
            }
        }
    }

    fn text(&self, view: &View, folder: &Path) {
        let columns = screen::columns_of_stdout();
        let mut pages: Vec<String> =
            self.trials.iter().map(|(_, probe)| probe.text(columns)).collect();
        if self.trials.len() > 1 {
            pages.push(report::text(view, columns));
        }
        output::print(typographic(&pages.join("\n")));
        if self.kept {
            output::print("\n");
            output::print_path(folder);
        }
    }
}
