//! The laboratory: runs trials of scenarios through the conductor, on real processes, and keeps the machine's disturbances.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use crate::clock::SECOND_NS;
use crate::conductor::{Conductor, Phase, Signals};
use crate::control::Observers;
use crate::judge::{self, Reason};
use crate::measure::{Distribution, Host, Metric};
use crate::plan::{Plan, PlanError, PlannedTrial};
use crate::record::{Figure, FolderError, RunFolder, RunInfo, TrialFacts, TrialRecord, Verdict};
use crate::scenario::{self, PatternKind, ScenarioError};

/// Why an experiment has no result.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The calibration was stopped by this signal.
    #[error("stopped by signal {0}")]
    Signal(i32),
    /// A trial could not be finished.
    #[error("a trial did not finish: {0}")]
    Unfinished(String),
    /// A scenario of the experiment is refused: a bug of the experiment.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The host cannot carry the experiment.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The trial cannot be kept.
    #[error(transparent)]
    Keep(#[from] FolderError),
    /// Something that the experiment needs of the system cannot be had.
    #[error("the system refuses a resource that the experiment needs: {0}")]
    System(#[from] std::io::Error),
}

/// A trial that was finished.
#[derive(Debug)]
pub struct Measured {
    /// Everything that was measured.
    pub facts: TrialFacts,
    /// The trial's verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Disturbances by the machine.
    pub strains: Vec<Reason>,
}

impl Measured {
    fn new(facts: TrialFacts) -> Self {
        let (verdict, reasons) = judge::verdict(&facts);
        let strains = judge::strains(&facts);
        Self { facts, verdict, reasons, strains }
    }

    /// A quantile of the headline metric in nanoseconds, as reports have it; `None` where there is none, or only a bound.
    pub fn headline_ns(&self, q: f64) -> Option<f64> {
        value(self.facts.headline_at(q)?)
    }

    /// The samples of a metric of the workers.
    pub fn samples(&self, metric: Metric) -> Option<&Distribution> {
        self.facts.workers.distribution(metric)
    }

    /// The row that a run would write of it.
    pub fn record(&self) -> TrialRecord {
        let reasons = judge::advised(&self.facts, self.reasons.clone());
        TrialRecord::new(&self.facts, self.verdict, reasons)
    }
}

/// A figure's number, unless it is only a bound.
pub(super) const fn value(figure: Figure) -> Option<f64> {
    match figure {
        Figure::Value(number) => Some(number),
        Figure::MoreThan(_) => None,
    }
}

/// Where trials are kept, with their descriptions.
pub struct Keeper {
    /// The folder.
    pub out: PathBuf,
    /// The `run.json` of a plan.
    pub describe: Box<dyn Fn(&Plan) -> RunInfo>,
}

/// Runs the trials of experiments.
pub struct Lab<'a> {
    /// The executable that children run: this one.
    pub executable: PathBuf,
    /// Watches for Ctrl-C.
    pub signals: &'a Signals,
    /// The host of the trials.
    pub host: Host,
    /// Whether to run the short forms of the experiments.
    pub quick: bool,
    /// The store of trials, if they are kept.
    pub keeper: Option<Keeper>,
    state: RefCell<State>,
}

/// The laboratory's state.
#[derive(Default)]
struct State {
    /// The attempt under way, from 0.
    attempt: usize,
    /// Disturbances during the trials of the current attempt.
    strains: Vec<Reason>,
    /// Trials by attempt and scenario: two experiments may look at one trial.
    trials: HashMap<(usize, String), Rc<Measured>>,
}

impl<'a> Lab<'a> {
    /// A laboratory that keeps nothing.
    pub fn new(executable: PathBuf, signals: &'a Signals, host: Host, quick: bool) -> Self {
        Self { executable, signals, host, quick, keeper: None, state: RefCell::default() }
    }

    /// The short or the full form of a parameter.
    pub const fn either<T: Copy>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Forgets the strains of the attempt before.
    pub(super) fn begin(&self, attempt: usize) {
        let mut state = self.state.borrow_mut();
        (state.attempt, state.strains) = (attempt, Vec::new());
    }

    /// Returns the disturbances of the current attempt so far.
    pub(super) fn strains(&self) -> Vec<Reason> {
        self.state.borrow().strains.clone()
    }

    /// The plan of a scenario's text.
    pub fn plan(&self, text: &str) -> Result<Plan, Halt> {
        let scenario = scenario::parse(text, "calibration.toml", &[], &|_| None)?;
        Ok(Plan::new(scenario, &self.host)?)
    }

    /// Runs the first trial of a scenario of one case, or remembers it, if it was run in this attempt.
    pub fn trial(&self, text: &str) -> Result<Rc<Measured>, Halt> {
        let key = (self.state.borrow().attempt, text.to_owned());
        let known = self.state.borrow().trials.get(&key).cloned();
        let measured = if let Some(measured) = known {
            measured
        } else {
            let plan = self.plan(text)?;
            let measured = Rc::new(self.run(&plan, &plan.trials[0], |_, _| ())?);
            self.state.borrow_mut().trials.insert(key, Rc::clone(&measured));
            measured
        };
        self.strained(&measured.strains);
        Ok(measured)
    }

    /// Runs the first trial of every case of a scenario; in the order of the cases, not of the plan.
    pub fn block(&self, text: &str) -> Result<Vec<Measured>, Halt> {
        let plan = self.plan(text)?;
        let mut measured = Vec::new();
        for trial in plan.trials.iter().filter(|trial| trial.block == 1) {
            measured.push((trial.case, self.run(&plan, trial, |_, _| ())?));
        }
        measured.sort_by_key(|(case, _)| *case);
        let measured: Vec<Measured> = measured.into_iter().map(|(_, measured)| measured).collect();
        for measured in &measured {
            self.strained(&measured.strains);
        }
        Ok(measured)
    }

    /// Runs one trial of a plan; `on_phase` as for [`Conductor::measure`]. Its disturbances do not count for the attempt:
    /// see [`Self::strained`].
    pub fn run(
        &self,
        plan: &Plan,
        trial: &PlannedTrial,
        on_phase: impl FnMut(Phase, &[u32]),
    ) -> Result<Measured, Halt> {
        self.run_beside(Observers::default(), plan, trial, on_phase)
    }

    /// The same, with such parts of the harness beside the shards.
    pub(super) fn run_beside(
        &self,
        observers: Observers,
        plan: &Plan,
        trial: &PlannedTrial,
        on_phase: impl FnMut(Phase, &[u32]),
    ) -> Result<Measured, Halt> {
        let conductor = Conductor {
            plan,
            executable: self.executable.clone(),
            signals: self.signals,
            results: None,
            trace: None,
            yes_i_may: false,
            finds_process: false,
            observers,
        };
        let facts = conductor.measure(trial, on_phase);
        if let Some(signal) = self.signals.received() {
            return Err(Halt::Signal(signal));
        }
        let measured = Measured::new(facts);
        self.keep(plan, &measured)?;
        match &measured.facts.failure {
            Some(reason) => Err(Halt::Unfinished(reason.clone())),
            None => Ok(measured),
        }
    }

    /// Holds strains against the attempt under way; of each kind, the first is kept for all.
    pub fn strained(&self, strains: &[Reason]) {
        let mut state = self.state.borrow_mut();
        for strain in strains {
            if !state.strains.iter().any(|known| known.code().name == strain.code().name) {
                state.strains.push(strain.clone());
            }
        }
    }

    fn keep(&self, plan: &Plan, measured: &Measured) -> Result<(), Halt> {
        let Some(Keeper { out, describe }) = &self.keeper else { return Ok(()) };
        let started = time::OffsetDateTime::now_utc();
        let mut folder = RunFolder::create(out, &plan.scenario.name, started, &self.host.name)?;
        folder.append(&measured.facts, &measured.record())?;
        folder.write_info(&describe(plan))?;
        fs::File::open(folder.path())?.sync_all()?;
        Ok(())
    }
}

/// The scenario of an experiment: one trial of one pattern. `text` continues the table of the phases, and has all others.
pub(super) fn scenario_text(
    name: &str,
    pattern: PatternKind,
    measure_s: f64,
    text: &str,
) -> String {
    format!(
        "name = \"calibrate-{name}\"\nquestion = \"Is the answer the one that is known?\"\npatterns = [\"{}\"]\ntrials = 1\n\
         [phases]\nidle = \"0s\"\nmeasure = \"{measure_s}s\"\n{text}",
        pattern.name()
    )
}

/// Seconds as nanoseconds, for formulas.
pub(super) fn secs(seconds: f64) -> f64 {
    seconds * SECOND_NS as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::synthetic::{case, facts};

    /// A made-up trial, quiet and sound.
    pub(crate) fn measured(pattern: PatternKind) -> Measured {
        Measured::new(facts(&case(pattern, 60, ""), 1))
    }
}
