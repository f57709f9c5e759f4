//! The trial loop: launch, ready, start, collect, kill on drop. Sends no load itself.

mod abort;
mod child;
mod external;
mod floor;
pub mod launch;
mod offer;
mod seconds;
mod signal;
mod site;
mod target;
mod trial;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::control::Observers;
use crate::judge;
use crate::measure::PackedInterval;
use crate::plan::{Plan, PlannedFloor, PlannedTrial};
use crate::record::{FloorRecord, FolderError, RunFolder, TrialFacts, TrialRecord};

pub use external::check_target;
pub use signal::{Signals, hang_up_is_ignored, name as signal_name};

/// The phase of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Starting processes.
    Launch,
    /// Opening links.
    Connect,
    /// Load before the window.
    Warmup,
    /// The window.
    Measure,
    /// Waiting for deliveries in flight.
    Drain,
}

/// Progress of a run.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A trial is in this phase.
    Phase {
        /// Place of the trial in the plan, from 0.
        index: usize,
        /// The trial.
        trial: &'a PlannedTrial,
        /// The new phase.
        phase: Phase,
    },
    /// A shard's second, as its worker handed it over. It is shown on the thread that conducts the trial.
    Second {
        /// Place of the trial in the plan, from 0.
        index: usize,
        /// Number of the shard, counted over all workers.
        shard: usize,
        /// What it recorded.
        second: &'a PackedInterval,
    },
    /// A trial is over and on disk.
    Recorded {
        /// Place of the trial in the plan, from 0.
        index: usize,
        /// Its row.
        record: &'a TrialRecord,
        /// What the row was made from.
        facts: &'a TrialFacts,
    },
    /// A trial of the noise floor is about to begin.
    Floor {
        /// Trials that went before it.
        index: usize,
        /// It.
        floor: &'a PlannedFloor,
    },
    /// The trial ended and is on disk.
    FloorRecorded {
        /// Its row.
        record: &'a FloorRecord,
    },
}

/// What ended a run before its last trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// A signal, by its number.
    Signal(i32),
    /// The scenario's `abort_when`, with what was measured.
    Condition(String),
}

/// Runs every trial of a plan, in order, on fresh processes.
#[derive(Debug)]
pub struct Conductor<'a> {
    /// The plan to run.
    pub plan: &'a Plan,
    /// The executable that children run: this one.
    pub executable: PathBuf,
    /// Watches for Ctrl-C.
    pub signals: &'a Signals,
    /// The folder that keeps what launched servers print; `None` keeps none of it.
    pub results: Option<PathBuf>,
    /// The file that is to hold the conversation with an external target; `None` where trials are measured.
    pub trace: Option<PathBuf>,
    /// Whether load on other hosts is allowed without `target.permission`.
    pub yes_i_may: bool,
    /// Whether the process of a server on this host is looked for, by its port, where the scenario names none.
    pub finds_process: bool,
    /// What works beside the shards in the window: everything, but in calibration.
    pub observers: Observers,
}

impl Conductor<'_> {
    /// Runs the plan, appending every trial to `folder` when it ends.
    ///
    /// Returns what stopped the run, if anything. A failed trial is a row, and the run continues.
    pub fn run(
        &self,
        folder: &mut RunFolder,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Option<Stop>, FolderError> {
        let mut publishing = BTreeMap::new();
        for (index, trial) in self.plan.trials.iter().enumerate() {
            if let Some(signal) = floor::run(self, index, folder, &mut progress)? {
                return Ok(Some(Stop::Signal(signal)));
            }
            if self.plan.publishes_alone(trial.case) {
                publishing.entry(trial.case).or_insert_with(|| trial::publish_only(self, trial));
            }
            let tell = RefCell::new(&mut progress);
            let (mut facts, aborted) = trial::watch(
                self,
                trial,
                |phase, _| tell.borrow_mut()(Progress::Phase { index, trial, phase }),
                |shard, second| tell.borrow_mut()(Progress::Second { index, shard, second }),
            );
            facts.resources.publish_cpu_ns = publishing.get(&trial.case).copied().flatten();
            let (verdict, reasons) = judge::verdict(&facts);
            let reasons = judge::advised(&facts, reasons);
            let record =
                TrialRecord::new(&facts, verdict, reasons).priced(&self.plan.scenario.prices);
            folder.append(&facts, &record)?;
            progress(Progress::Recorded { index, record: &record, facts: &facts });
            if let Some(signal) = self.signals.received() {
                let complete = index + 1 == self.plan.trials.len() && facts.failure.is_none();
                return Ok((!complete).then_some(Stop::Signal(signal)));
            }
            // What it says of one trial it says of the run: the others would only take their time.
            if let Some(why) = aborted {
                return Ok(Some(Stop::Condition(why)));
            }
        }
        let stopped = floor::run(self, self.plan.trials.len(), folder, &mut progress)?;
        Ok(stopped.map(Stop::Signal))
    }

    /// Runs one trial on fresh processes and appends it to `folder`, whether the plan has it or not. A failed trial is a row, too.
    ///
    /// `on_phase` is called at the start of every phase.
    pub fn run_one(
        &self,
        trial: &PlannedTrial,
        folder: &mut RunFolder,
        mut on_phase: impl FnMut(Phase),
    ) -> Result<TrialRecord, FolderError> {
        let facts = self.measure(trial, |phase, _| on_phase(phase));
        let (verdict, reasons) = judge::verdict(&facts);
        let reasons = judge::advised(&facts, reasons);
        let record = TrialRecord::new(&facts, verdict, reasons).priced(&self.plan.scenario.prices);
        folder.append(&facts, &record)?;
        Ok(record)
    }

    /// Runs one trial of the plan and returns everything that was measured, even if it did not finish.
    ///
    /// `on_phase` is called at the start of every phase with the ids of the current processes: the target's first, then the
    /// workers'. The trial continues when it returns.
    pub fn measure(&self, trial: &PlannedTrial, on_phase: impl FnMut(Phase, &[u32])) -> TrialFacts {
        trial::run(self, trial, on_phase).0
    }
}
