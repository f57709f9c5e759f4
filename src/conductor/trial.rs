//! One trial: a target and its workers from launch to end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::child::{Child, Heard};
use super::external::ExternalTarget;
use super::target::TargetState;
use super::{Conductor, Phase, abort, seconds, signal};
use crate::clock::{self, SECOND_NS};
use crate::control::{Assignment, Order, PROTOCOL_VERSION, Report, mishap, panic_message};
use crate::judge::AbortWatch;
use crate::measure::{
    BATCH_NS, Counter, PackedInterval, RawSamples, Snapshot, was_ever_under_pressure,
};
use crate::plan::{Layout, PlannedTrial};
use crate::record::{Intervals, Resources, STOPPED_BY, TrialFacts, WorkerHealth};
use crate::scenario::Profile;
use crate::unit::Span;

/// How often the processes of a server of the user's own are looked at while no report arrives. Everything else wakes the
/// conductor by itself, which sleeps through the window otherwise.
const LOOK: Duration = Duration::from_millis(250);
/// How often the end of a trial that is called off is checked.
const TICK: Duration = Duration::from_millis(20);
/// Lead time of the start order: frames must have arrived everywhere.
const LEAD_NS: u64 = 30_000_000;
/// Longest wait for a target to listen, and for any child to end after the order.
pub(super) const LAUNCH_NS: u64 = 10 * SECOND_NS;
/// Longest wait per link beyond the connect phase.
pub(super) const LINK_NS: u64 = 5_000_000;
/// Longest wait for a worker's account when a trial is called off.
const FAREWELL_NS: u64 = 2 * SECOND_NS;

/// Why a trial ended early.
pub(super) enum TrialAbort {
    Failed(String),
    Signal(i32),
    /// What the scenario says ends the run.
    Condition(String),
}

pub(super) struct Trial<'a> {
    pub conductor: &'a Conductor<'a>,
    pub planned: &'a PlannedTrial,
    on_phase: &'a mut dyn FnMut(Phase, &[u32]),
    /// Who looks on at the seconds that workers report.
    pub on_second: &'a mut dyn FnMut(usize, &PackedInterval),
    /// Whether there are no clients.
    pub publish_only: bool,
    // Children are dropped before the channel, so that their threads end.
    pub children: Vec<Child>,
    pub done: Vec<bool>,
    pub heard: Receiver<(usize, Heard)>,
    pub speak: Sender<(usize, Heard)>,
    pub facts: TrialFacts,
    /// How many of the seconds that were reported are part of the workers' facts.
    pub merged: usize,
    /// The target's state beyond its process.
    pub target_state: TargetState,
    /// The place of the first worker: before it stand a target and a publisher, where they are children.
    pub first_worker: usize,
    /// The place of the publisher, if there is one.
    pub publisher: Option<usize>,
    /// The server of the user's own, where the trial measures one.
    pub external: Option<ExternalTarget>,
    /// Why the seconds of the trial could not be kept.
    pub unkept: Option<String>,
    /// Watches for what ends the run, from the warm-up to the end of the window.
    pub watch: Option<AbortWatch>,
    /// What it saw.
    pub due_to_end: Option<String>,
}

/// The built-in target is the first child; then comes a publisher, if there is one, then the workers.
pub(super) const TARGET: usize = 0;

/// Runs `planned` and returns everything that was measured, also when it could not be finished, and why the run must end
/// with it, if it must.
pub(super) fn run(
    conductor: &Conductor<'_>,
    planned: &PlannedTrial,
    on_phase: impl FnMut(Phase, &[u32]),
) -> (TrialFacts, Option<String>) {
    watch(conductor, planned, on_phase, |_, _| ())
}

/// The same, with someone who looks on at the seconds that workers report.
pub(super) fn watch(
    conductor: &Conductor<'_>,
    planned: &PlannedTrial,
    mut on_phase: impl FnMut(Phase, &[u32]),
    mut on_second: impl FnMut(usize, &PackedInterval),
) -> (TrialFacts, Option<String>) {
    let onlooker = Onlooker { phase: &mut on_phase, second: &mut on_second };
    carry_out(conductor, planned, false, onlooker)
}

/// Who looks on at a trial.
struct Onlooker<'a> {
    phase: &'a mut dyn FnMut(Phase, &[u32]),
    second: &'a mut dyn FnMut(usize, &PackedInterval),
}

/// Runs `planned` without clients, so that only publishing costs the target anything; returns its CPU time per event, in
/// nanoseconds, if that was measured.
pub(super) fn publish_only(conductor: &Conductor<'_>, planned: &PlannedTrial) -> Option<f64> {
    let nobody = Onlooker { phase: &mut |_, _| (), second: &mut |_, _| () };
    let (facts, _) = carry_out(conductor, planned, true, nobody);
    let published = facts.target.counters.get(Counter::Published);
    let used = facts.cpu_used().filter(|_| facts.failure.is_none() && published > 0)?;
    Some(used.target_ns? as f64 / published as f64)
}

fn carry_out(
    conductor: &Conductor<'_>,
    planned: &PlannedTrial,
    publish_only: bool,
    Onlooker { phase, second }: Onlooker<'_>,
) -> (TrialFacts, Option<String>) {
    let plan = conductor.plan;
    let layout = &plan.layouts[planned.case];
    let (speak, heard) = channel();
    let mut trial = Trial {
        conductor,
        planned,
        on_phase: phase,
        on_second: second,
        publish_only,
        children: Vec::new(),
        done: Vec::new(),
        heard,
        speak,
        facts: TrialFacts {
            scenario: plan.scenario.name.clone(),
            case: plan.scenario.cases[planned.case].clone(),
            trial: planned.trial,
            block: planned.block,
            profile: plan.scenario.profile.unwrap_or_else(|| profile(layout)),
            phases: if publish_only { plan.publish_only_phases() } else { plan.scenario.phases },
            window_start_ns: 0,
            workers: Snapshot::default(),
            health: Vec::new(),
            target: Snapshot::default(),
            intervals: Intervals::default(),
            samples: RawSamples::default(),
            resources: Resources {
                worker_shards: layout.workers * layout.worker_shards,
                target_shards: layout.target_shards,
                cores: std::thread::available_parallelism().map_or(0, |n| n.get() as u32),
                pacing: layout.pacing,
                gather_ns: plan.scenario.worker.gather.ns(),
                ..Resources::default()
            },
            failure: None,
        },
        merged: 0,
        target_state: TargetState::default(),
        first_worker: 0,
        publisher: None,
        external: None,
        unkept: None,
        watch: None,
        due_to_end: None,
    };
    let awake = trial.speak.clone();
    conductor.signals.on_signal(move || drop(awake.send((usize::MAX, Heard::Signal))));
    // A panic fails this trial, which keeps its measurements, but not the run.
    let outcome = catch_unwind(AssertUnwindSafe(|| trial.steps())).unwrap_or_else(|panic| {
        let said = panic_message(panic.as_ref());
        Err(TrialAbort::Failed(format!("internal error: the conductor panicked: {said}")))
    });
    let mut ends_run = None;
    if let Err(stop) = outcome {
        trial.facts.failure = Some(match stop {
            TrialAbort::Condition(why) => ends_run.insert(why).clone(),
            TrialAbort::Failed(reason) => reason,
            TrialAbort::Signal(number) => format!("{STOPPED_BY}{}", signal::name(number)),
        });
        trial.farewell();
    }
    trial.stop_external();
    if let Err(error) = trial.merge_seconds() {
        trial.facts.failure.get_or_insert(error);
    }
    trial.facts.samples.sort();
    (trial.facts, ends_run)
}

/// Returns the profile of the host if the scenario does not set it.
///
/// It depends on host and layout only: otherwise a disturbed trial would be judged more kindly for being disturbed.
fn profile(layout: &Layout) -> Profile {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let shards = layout.workers * layout.worker_shards + layout.target_shards;
    if cores > shards && !was_ever_under_pressure() { Profile::Dedicated } else { Profile::Shared }
}

impl Trial<'_> {
    fn steps(&mut self) -> Result<(), TrialAbort> {
        mishap("conductor");
        self.enter(Phase::Launch);
        let found = self.find_target()?;
        self.first_worker = self.children.len();
        let unconnected = self.cpu_now();
        self.launch_workers(&found)?;
        self.enter(Phase::Connect);
        self.connect()?;
        self.facts.resources.connect_cpu = unconnected.zip(self.cpu_now());
        self.measure()?;
        self.enter(Phase::Drain);
        self.collect()
    }

    fn enter(&mut self, phase: Phase) {
        let ids: Vec<u32> = self.children.iter().map(|child| child.process.pid()).collect();
        (self.on_phase)(phase, &ids);
    }

    /// The workers, in their order.
    pub(super) fn workers(&self) -> &[Child] {
        &self.children[self.first_worker.min(self.children.len())..]
    }

    /// The same, to be given orders.
    pub(super) fn workers_mut(&mut self) -> &mut [Child] {
        let first = self.first_worker.min(self.children.len());
        &mut self.children[first..]
    }

    pub(super) fn launch(
        &mut self,
        verb: &str,
        name: &str,
        assignment: Assignment,
    ) -> Result<(), TrialAbort> {
        let id = self.children.len();
        let failed = |error| TrialAbort::Failed(format!("cannot start {name}: {error}"));
        let speak = self.speak.clone();
        let mut child = Child::spawn(&self.conductor.executable, verb, name.to_owned(), id, speak)
            .map_err(failed)?;
        let assignment = Box::new(assignment);
        child.order(&Order::Prepare { version: PROTOCOL_VERSION, assignment });
        self.children.push(child);
        self.done.push(false);
        Ok(())
    }

    /// Starts everyone, and reads CPU times at every second of the window.
    fn measure(&mut self) -> Result<(), TrialAbort> {
        // The window begins where a batch does, so that none is cut in two.
        let (idle_ns, warmup_ns) = (self.facts.phases.idle.ns(), self.facts.phases.warmup.ns());
        let window_ns = (clock::now() + LEAD_NS + idle_ns + warmup_ns).next_multiple_of(BATCH_NS);
        let start_ns = window_ns - warmup_ns;
        self.target_state.start_ns = start_ns;
        for child in &mut self.children {
            child.order(&Order::Start { at_ns: start_ns });
        }
        let end_ns = window_ns + self.facts.phases.measure.ns();
        if idle_ns > 0 {
            self.listen_until(start_ns - idle_ns)?;
            let before = self.cpu_now();
            self.listen_until(start_ns)?;
            self.facts.resources.idle_cpu = before.zip(self.cpu_now());
        }
        self.watch = abort::watch(self, window_ns).filter(|_| !self.publish_only);
        self.enter(Phase::Warmup);
        self.listen_until(window_ns)?;
        self.facts.window_start_ns = window_ns;
        self.enter(Phase::Measure);
        let mut at_ns = window_ns;
        loop {
            self.read_cpu();
            if at_ns >= end_ns {
                self.watch = None;
                return self.bring_up_late();
            }
            at_ns = (at_ns + SECOND_NS).min(end_ns);
            self.pass_until(at_ns)?;
            if let Some(exhausted_ns) = self.exhausted() {
                self.facts.phases.measure = Span::from_ns(exhausted_ns.saturating_sub(window_ns));
                self.read_cpu();
                self.watch = None;
                return Ok(());
            }
        }
    }

    /// When the last of a number of requests was done, once every worker has ended with that.
    fn exhausted(&self) -> Option<u64> {
        self.facts
            .workers
            .exhausted_ns
            .filter(|_| self.done[self.first_worker..].iter().all(|done| *done))
    }

    /// Aborts the trial, and keeps the measurements of the workers and the target.
    fn farewell(&mut self) {
        let deadline = clock::now() + FAREWELL_NS;
        for child in &mut self.children {
            child.order(&Order::Abort);
        }
        while !self.done.iter().all(|done| *done) && clock::now() < deadline {
            match self.heard.recv_timeout(TICK) {
                Ok((id, Heard::Report(report))) => drop(self.take(id, *report)),
                Ok((id, Heard::End | Heard::Broken(_))) => self.done[id] = true,
                Ok((_, Heard::Signal)) | Err(_) => {}
            }
        }
    }

    pub(super) fn listen_until(&mut self, at_ns: u64) -> Result<(), TrialAbort> {
        while clock::now() < at_ns && self.exhausted().is_none() {
            match self.receive(at_ns)? {
                None => {}
                Some((id, report)) => {
                    if let Some(report) = self.take(id, report) {
                        return Err(self.out_of_place(id, &report));
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes one report that carries measurements.
    pub(super) fn hear(&mut self, deadline: u64, what: &str) -> Result<(), TrialAbort> {
        let (id, report) = self.next(deadline, what)?;
        match self.take(id, report) {
            None => Ok(()),
            Some(report) => Err(self.out_of_place(id, &report)),
        }
    }

    /// Books a report that carries measurements; gives any other back.
    pub(super) fn take(&mut self, id: usize, report: Report) -> Option<Report> {
        match report {
            Report::Progress { shard, packed } => self.keep(id, shard, &packed),
            Report::Samples(samples) => self.facts.samples.merge(samples),
            Report::Published(published) => self.pass_on(published),
            Report::Done { snapshot } if Some(id) == self.publisher => {
                self.done[id] = true;
                self.take_publisher(&snapshot);
            }
            Report::Done { snapshot } => {
                self.done[id] = true;
                let sum = if id == TARGET {
                    &mut self.facts.target
                } else {
                    let name = self.children[id].name.clone();
                    self.facts.health.push(WorkerHealth::new(name, &snapshot));
                    &mut self.facts.workers
                };
                sum.merge(&snapshot);
            }
            other => return Some(other),
        }
        None
    }

    /// The next report, or why there will be none.
    pub(super) fn next(
        &mut self,
        deadline: u64,
        what: &str,
    ) -> Result<(usize, Report), TrialAbort> {
        loop {
            if let Some(next) = self.receive(deadline)? {
                return Ok(next);
            }
            if clock::now() >= deadline {
                return Err(TrialAbort::Failed(format!("timed out waiting for {what}")));
            }
        }
    }

    /// Waits for a report, at most until `until_ns`, or for anything else that may end the trial.
    fn receive(&mut self, until_ns: u64) -> Result<Option<(usize, Report)>, TrialAbort> {
        if let Some(number) = self.conductor.signals.received() {
            return Err(TrialAbort::Signal(number));
        }
        if let Some(why) = self.due_to_end.take().filter(|_| self.watch.is_some()) {
            return Err(TrialAbort::Condition(why));
        }
        if let Some(why) = self.external.as_mut().and_then(ExternalTarget::ended) {
            return Err(TrialAbort::Failed(why));
        }
        if let Some(why) = self.unkept.take() {
            return Err(TrialAbort::Failed(seconds::unkept(&why)));
        }
        let left = Duration::from_nanos(until_ns.saturating_sub(clock::now()));
        let looks = self.external.as_ref().is_some_and(ExternalTarget::is_launched);
        match self.heard.recv_timeout(if looks { left.min(LOOK) } else { left }) {
            Ok((id, heard)) => self.heed(id, heard),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    /// Returns the report in a child's message, or why the trial cannot continue.
    pub(super) fn heed(
        &mut self,
        id: usize,
        heard: Heard,
    ) -> Result<Option<(usize, Report)>, TrialAbort> {
        match heard {
            Heard::Report(report) => match *report {
                Report::Failed { reason } => Err(TrialAbort::Failed(reason)),
                report => Ok(Some((id, report))),
            },
            Heard::Signal => Ok(None),
            Heard::End if self.done[id] => Ok(None),
            Heard::End => {
                self.done[id] = true;
                Err(TrialAbort::Failed(self.children[id].obituary()))
            }
            Heard::Broken(error) => {
                self.done[id] = true;
                Err(TrialAbort::Failed(format!("{}: {error}", self.children[id].name)))
            }
        }
    }

    pub(super) fn out_of_place(&self, id: usize, report: &Report) -> TrialAbort {
        let what: String = format!("{report:?}").chars().take(200).collect();
        TrialAbort::Failed(format!("{} reported out of place: {what}", self.children[id].name))
    }
}
