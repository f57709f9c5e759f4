//! `tidings run`: check everything, measure, write, print, judge.

mod progress;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use tidings::clock;
use tidings::conductor::{Conductor, Progress, Signals, signal_name};
use tidings::judge::Conclusion;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::{Build, PlannedTrial, RunFolder, RunInfo, SCHEMA_VERSION, utc};
use tidings::report;
use time::OffsetDateTime;

use super::selection::Selection;
use super::{exit, output};
use progress::Teller;

/// Arguments of `tidings run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Where the results folder is made: DIR/<scenario>/<utc>-<host>/
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// No progress on stderr
    #[arg(long, short)]
    quiet: bool,
}

/// Carries out `tidings run`.
pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let host = Host::read();
    // Every file is checked before anything is started: the last one's mistake must not cost the first one's hour.
    let plans = arguments.selection.plans(&host)?;
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let mut worst = 0;
    for plan in &plans {
        let code = measure(plan, arguments, &host, &signals)?;
        worst = worse(worst, code);
        if signals.received().is_some() {
            break;
        }
    }
    output::settle(|| signals.received().is_some());
    Ok(worst)
}

/// Runs one plan into a folder of its own and prints its report; returns the exit status.
fn measure(
    plan: &Plan,
    arguments: &Arguments,
    host: &Host,
    signals: &Signals,
) -> anyhow::Result<u8> {
    let started = OffsetDateTime::now_utc();
    let scenario = &plan.scenario;
    let mut folder = RunFolder::create(&arguments.out, &scenario.name, started, &host.name)?;
    let mut info = describe(plan, host, started);
    folder.write_info(&info)?;

    let mut teller = Teller::new(plan, arguments.quiet);
    teller.begin(&info.warnings);
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let conductor = Conductor { plan, executable, signals };
    // Whatever ends the loop, what was recorded before is reported.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        conductor.run(&mut folder, |progress| {
            if let Progress::Recorded { record, .. } = &progress {
                info.profiles.extend(record.detail.health.profile);
            }
            teller.tell(&progress);
        })
    }));
    teller.end();
    let stopped = match outcome {
        Ok(Ok(stopped)) => stopped,
        broken => {
            let saved = folder.write_info(&info).map_err(anyhow::Error::from);
            let made = saved.and_then(|()| Ok(report::write_all(folder.path())?));
            if let Ok(made) = &made {
                super::print_report(&made.view, folder.path());
            }
            let folder = folder.path().display();
            return match broken {
                Ok(Err(error)) => Err(error.into()),
                _ => bail!("the run broke off; what was measured before is in {folder}"),
            };
        }
    };

    info.finished_utc = Some(utc(OffsetDateTime::now_utc()));
    info.complete = stopped.is_none();
    info.stopped_by = stopped.map(|signal| signal_name(signal).to_owned());
    folder.write_info(&info)?;
    let made = report::write_all(folder.path())?;
    super::print_report(&made.view, folder.path());
    let conclusion = made.view.conclusion();
    if let Conclusion::Inconclusive(doubts) = &conclusion {
        for doubt in doubts {
            output::message(format_args!("nothing may be concluded: {doubt}"));
        }
    }
    Ok(match (stopped, conclusion) {
        (Some(signal), _) => (128 + signal) as u8,
        (None, Conclusion::Holds) => 0,
        (None, Conclusion::Missed) => exit::MISSED,
        (None, Conclusion::Inconclusive(_)) => exit::INVALID,
    })
}

/// The `run.json` of a plan whose run begins.
pub(super) fn describe(plan: &Plan, host: &Host, started: OffsetDateTime) -> RunInfo {
    let build = Build::this(git_revision());
    let mut warnings = clock::findings();
    if build.build_profile != "release" {
        warnings.push(
            "this is a debug build: every figure of CPU and latency is too high; build with --release"
                .to_owned(),
        );
    }
    let case = |index: usize| plan.scenario.cases[index].id.clone();
    RunInfo {
        schema_version: SCHEMA_VERSION,
        build,
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
        command: std::env::args().collect(),
    }
}

/// The revision that is checked out where the run is started, if that is a repository.
fn git_revision() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}

/// The status that says more: a signal, then a missed objective, then nothing concluded, then success.
const fn worse(a: u8, b: u8) -> u8 {
    const fn rank(status: u8) -> u8 {
        match status {
            0 => 0,
            exit::INVALID => 1,
            exit::MISSED => 2,
            _ => 3,
        }
    }
    if rank(b) > rank(a) { b } else { a }
}
