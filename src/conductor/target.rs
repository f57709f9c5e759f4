//! The target over a trial: launched and, if the scenario says so, taken down and replaced.

use std::net::{Ipv4Addr, SocketAddr};

use super::child::Child;
use super::trial::{LAUNCH_NS, TARGET, Trial, TrialAbort};
use crate::clock;
use crate::control::{
    Access, Assignment, Order, PROTOCOL_VERSION, Report, Resume, TargetAssignment,
};
use crate::measure::Counter;
use crate::net::tls::Trust;
use crate::record::CpuReading;
use crate::scenario::{Publish, Restart};
use crate::server::ScratchFolder;

/// The target's state beyond its process.
#[derive(Debug, Default)]
pub(super) struct TargetState {
    /// The address of the target and its successors.
    address: Option<SocketAddr>,
    /// The certificate authority of the target and its successors.
    trust: Option<Trust>,
    /// The start of its schedule, in monotonic nanoseconds.
    pub start_ns: u64,
    /// CPU time that processes before this one have used.
    retired_cpu_ns: u64,
    /// The durable outbox of the target and its successors.
    outbox: Option<ScratchFolder>,
    /// Nobody is there: since when, in monotonic nanoseconds.
    down_ns: Option<u64>,
    /// Whether the restart has begun, or the scenario has none.
    restarted: bool,
}

/// Where workers find the target of a trial.
#[derive(Debug, Clone)]
pub(super) struct FoundTarget {
    /// The address of a built-in one.
    pub address: SocketAddr,
    /// The certificates that its clients may trust.
    pub trust: Option<Trust>,
    /// How it is spoken to, where it is not the built-in one.
    pub access: Option<Box<Access>>,
}

impl Trial<'_> {
    /// Starts the target, and returns its address and the certificates that its clients may trust.
    pub(super) fn launch_target(&mut self) -> Result<FoundTarget, TrialAbort> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let case = &self.facts.case;
        if case.keeps_outbox() && case.conditions.restart.is_some() && !self.planned.null {
            let failed = |error| TrialAbort::Failed(format!("no folder for the outbox: {error}"));
            self.target_state.outbox = Some(ScratchFolder::new().map_err(failed)?);
        }
        let assignment = self.target_assignment(any, None);
        self.launch("target", "the target", Assignment::Target(assignment))?;
        let deadline = clock::now() + LAUNCH_NS;
        match self.next(deadline, "the target to listen")? {
            (TARGET, Report::Ready { address: Some(address), trust }) => {
                self.target_state.address = Some(address);
                self.target_state.trust.clone_from(&trust);
                Ok(FoundTarget { address, trust, access: None })
            }
            (id, report) => Err(self.out_of_place(id, &report)),
        }
    }

    fn target_assignment(&self, listen: SocketAddr, resume: Option<Resume>) -> TargetAssignment {
        let plan = self.conductor.plan;
        let layout = &plan.layouts[self.planned.case];
        let options = plan.scenario.target;
        let case = &self.facts.case;
        let publishes = case.pattern.kind().delivers() && case.workload.publish == Publish::Target;
        TargetAssignment {
            case: self.facts.case.clone(),
            listen,
            shards: layout.target_shards,
            // The workers watch the first cores, in turn.
            first_core: layout.workers * layout.worker_shards,
            pinned: layout.pinned,
            ring: options.ring,
            send_buffer: options.send_buffer,
            write_timeout: options.write_timeout,
            resume,
            data: self.target_state.outbox.as_ref().map(|folder| folder.path().to_owned()),
            limits: options.limits,
            max_concurrent_streams: options.max_concurrent_streams,
            trust: self.target_state.trust.clone(),
            null: self.planned.null,
            seed: self.planned.seed,
            schedule: publishes.then(|| plan.schedule(self.planned)),
            window: plan.window(),
            observers: self.conductor.observers,
        }
    }

    /// Listens until `at_ns`, and restarts the target where that falls due on the way.
    pub(super) fn pass_until(&mut self, at_ns: u64) -> Result<(), TrialAbort> {
        let Some(restart) = self.facts.case.conditions.restart else {
            return self.listen_until(at_ns);
        };
        let down_ns = self.facts.window_start_ns + restart.at.ns();
        if !self.target_state.restarted && down_ns <= at_ns {
            self.target_state.restarted = true;
            self.listen_until(down_ns)?;
            self.take_down(&restart)?;
        }
        if let Some(down_ns) = self.target_state.down_ns
            && down_ns + restart.down.ns() <= at_ns
        {
            self.listen_until(down_ns + restart.down.ns())?;
            self.bring_up(&restart, down_ns)?;
        }
        self.listen_until(at_ns)
    }

    /// Brings a target back that is still down at the end of the window: taking it down can take a busy host so long.
    pub(super) fn bring_up_late(&mut self) -> Result<(), TrialAbort> {
        match (self.facts.case.conditions.restart, self.target_state.down_ns) {
            (Some(restart), Some(down_ns)) => {
                self.listen_until(down_ns + restart.down.ns())?;
                self.bring_up(&restart, down_ns)
            }
            _ => Ok(()),
        }
    }

    /// Ends the target: with a goodbye, or on the spot.
    fn take_down(&mut self, restart: &Restart) -> Result<(), TrialAbort> {
        if self.external.is_some() {
            self.take_external_down(restart);
            self.is_down();
            return Ok(());
        }
        if restart.graceful {
            self.children[TARGET].order(&Order::Finish);
            let deadline = clock::now() + LAUNCH_NS;
            while !self.done[TARGET] {
                self.hear(deadline, "the target to shut down")?;
            }
        }
        self.done[TARGET] = true;
        self.target_state.retired_cpu_ns += self.children[TARGET].process.cpu_ns().unwrap_or(0);
        self.children[TARGET].end();
        // The reader thread has ended: drain its messages and end marker before the successor could be mistaken for it.
        while let Ok((id, heard)) = self.heard.try_recv() {
            if id == TARGET {
                continue;
            }
            if let Some((id, report)) = self.heed(id, heard)?
                && let Some(report) = self.take(id, report)
            {
                return Err(self.out_of_place(id, &report));
            }
        }
        self.is_down();
        Ok(())
    }

    /// Tells the workers that the target is down.
    fn is_down(&mut self) {
        // Events due before this instant were published; later ones were not.
        let at_ns = clock::now();
        self.target_state.down_ns = Some(at_ns);
        for worker in self.workers_mut() {
            worker.order(&Order::TargetDown { at_ns });
        }
    }

    /// Starts the successor on the same address, with the same schedule.
    fn bring_up(&mut self, restart: &Restart, down_ns: u64) -> Result<(), TrialAbort> {
        if self.external.is_some() {
            self.target_state.down_ns = None;
            return self.bring_external_up();
        }
        let Some(address) = self.target_state.address else { return Ok(()) };
        let resume = Resume { start_ns: self.target_state.start_ns, down_ns, log: restart.log };
        let assignment = Assignment::Target(self.target_assignment(address, Some(resume)));
        let failed = |error| TrialAbort::Failed(format!("cannot start the target again: {error}"));
        let (executable, speak) = (&self.conductor.executable, self.speak.clone());
        let name = "the restarted target".to_owned();
        let mut child = Child::spawn(executable, "target", name, TARGET, speak).map_err(failed)?;
        let assignment = Box::new(assignment);
        child.order(&Order::Prepare { version: PROTOCOL_VERSION, assignment });
        self.done[TARGET] = false;
        self.children[TARGET] = child;
        self.target_state.down_ns = None;
        let deadline = clock::now() + LAUNCH_NS;
        loop {
            match self.next(deadline, "the restarted target to listen")? {
                (TARGET, Report::Ready { .. }) => break,
                (id, report) => {
                    if let Some(report) = self.take(id, report) {
                        return Err(self.out_of_place(id, &report));
                    }
                }
            }
        }
        let at_ns = self.target_state.start_ns;
        self.children[TARGET].order(&Order::Start { at_ns });
        Ok(())
    }

    /// Reads the CPU time of all processes, including those that have ended.
    pub(super) fn read_cpu(&mut self) {
        let reading = self.cpu_now();
        self.facts.resources.cpu.extend(reading);
    }

    /// The CPU time of all processes so far, of those that are gone too.
    pub(super) fn cpu_now(&self) -> Option<CpuReading> {
        let target = match (&self.external, self.target_state.down_ns) {
            (Some(external), _) => external.cpu_ns(),
            (None, None) => self.children[TARGET].process.cpu_ns(),
            (None, Some(_)) => Some(0),
        };
        let workers: Option<u64> =
            self.workers().iter().map(|worker| worker.process.cpu_ns()).sum();
        let target_ns = target.map(|ns| self.target_state.retired_cpu_ns + ns);
        Some(CpuReading { at_ns: clock::now(), target_ns, workers_ns: workers? })
    }

    /// The target's own memory now; `None` where it cannot be read.
    pub(super) fn target_memory_bytes(&self) -> Option<u64> {
        match &self.external {
            Some(external) => external.memory_bytes(),
            None => self.children[TARGET].process.anonymous_memory_bytes(),
        }
    }

    /// Waits for every worker's account, then for the target's.
    pub(super) fn collect(&mut self) -> Result<(), TrialAbort> {
        let drain_ns = self.facts.phases.drain.ns();
        let deadline = clock::now() + drain_ns + LAUNCH_NS;
        while !self.done[self.first_worker..].iter().all(|done| *done) {
            self.hear(deadline, "the reports of the workers")?;
        }
        self.merge_seconds().map_err(TrialAbort::Failed)?;
        self.facts.resources.spun_ns = self.facts.workers.counters.get(Counter::SpunNs);
        // The publisher first: it may have to tidy up at the target.
        for id in (0..self.first_worker).rev() {
            self.children[id].order(&Order::Finish);
            let what = format!("the report of {}", self.children[id].name);
            let deadline = clock::now() + self.farewell_ns(id);
            while !self.done[id] {
                self.hear(deadline, &what)?;
            }
        }
        self.settle();
        Ok(())
    }
}
