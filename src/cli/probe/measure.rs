//! Runs the plan of a probe into a folder, which is kept only where `--results` names one.

use std::path::PathBuf;

use anyhow::Context as _;
use tidings::conductor::{Conductor, Progress, Signals, Stop, signal_name};
use tidings::control::Observers;
use tidings::judge::Conclusion;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::{RunFolder, check_results_folder, utc};
use tidings::report;
use time::OffsetDateTime;

use super::super::run::{Teller, describe};
use super::super::{exit, output, print_report, tell_missing};
use super::Arguments;

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

/// Runs `plan` and prints what was measured; returns the exit status.
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

    let mut teller = Teller::new(plan, arguments.output.quiet);
    teller.begin(&info.warnings);
    let conductor = Conductor {
        plan,
        executable: std::env::current_exe().context("cannot find this executable")?,
        signals,
        results: Some(folder.path().to_owned()),
        trace: None,
        yes_i_may: arguments.run.yes_i_may,
        observers: Observers::default(),
    };
    let stopped = conductor.run(&mut folder, |progress| {
        if let Progress::Recorded { record, .. } = &progress {
            info.profiles.extend(record.given.profile);
        }
        teller.tell(&progress);
    });
    teller.end();
    let stopped = stopped?;
    info.finished_utc = Some(utc(OffsetDateTime::now_utc()));
    info.complete = stopped.is_none();
    info.stopped_by = stopped.as_ref().map(|stop| match stop {
        Stop::Signal(signal) => signal_name(*signal).to_owned(),
        Stop::Condition(why) => why.clone(),
    });
    folder.write_info(&info)?;
    let made = report::write_all(folder.path())?;
    let incomplete = tell_missing(&made.missing, folder.path());
    print_report(&made.view, folder.path());
    let conclusion = made.view.findings.conclusion();
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
