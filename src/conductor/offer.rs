//! The workers of a trial: started, and their links opened plateau by plateau.

use super::target::FoundTarget;
use super::trial::{LAUNCH_NS, LINK_NS, Trial, TrialAbort};
use crate::clock;
use crate::control::{Assignment, Order, Report, WorkerAssignment};
use crate::record::MemoryReading;
use crate::scenario::Unconnected;

impl Trial<'_> {
    pub(super) fn launch_workers(&mut self, found: &FoundTarget) -> Result<(), TrialAbort> {
        let plan = self.conductor.plan;
        if self.publish_only {
            return Ok(());
        }
        self.read_memory(0);
        let plateaus = plan.plateaus(self.planned.case);
        let segments = plan.segments(self.planned.case).into_iter().zip(plateaus);
        for (index, (links, plateaus)) in segments.enumerate() {
            let shards = plan.layouts[self.planned.case].worker_shards;
            let assignment = WorkerAssignment {
                case: self.facts.case.clone(),
                target: found.address,
                trust: found.trust.clone(),
                access: found.access.clone(),
                links,
                shards,
                first_core: index as u32 * shards,
                pinned: plan.layouts[self.planned.case].pinned,
                pacing: plan.layouts[self.planned.case].pacing,
                gather_ns: plan.scenario.worker.gather.ns(),
                phases: plan.scenario.phases,
                schedule: plan.schedule(self.planned),
                samples: plan.scenario.worker.samples,
                plateaus,
                observers: self.conductor.observers,
                awaited: plan.scenario.abort_when.is_some(),
            };
            let name = format!("worker {}", index + 1);
            self.launch("worker", &name, Assignment::Worker(assignment))?;
        }
        Ok(())
    }

    /// Lets the workers open their links, plateau by plateau, reading the target's memory at each.
    pub(super) fn connect(&mut self) -> Result<(), TrialAbort> {
        let links = self.facts.case.workload.clients;
        let patience_ns = self.conductor.plan.network_patience_ns(self.planned.case);
        let deadline = clock::now()
            + LAUNCH_NS
            + self.facts.phases.connect.ns()
            + links * LINK_NS
            + patience_ns
            + self.patience_for_links_ns();
        let workers = self.children.len() - self.first_worker;
        let (mut at_plateau, mut ready, mut standing) = (0, 0, 0);
        while ready < workers {
            match self.next(deadline, "clients to connect")? {
                (_, Report::Plateau { links }) => {
                    at_plateau += 1;
                    standing += links;
                }
                (_, Report::Ready { .. }) => ready += 1,
                (id, report) => return Err(self.out_of_place(id, &report)),
            }
            if at_plateau > 0 && at_plateau + ready == workers {
                self.read_memory(standing);
                (at_plateau, standing) = (0, 0);
                for worker in self.workers_mut() {
                    worker.order(&Order::Continue);
                }
            }
        }
        self.read_memory(links);
        Ok(())
    }

    /// Where clients that cannot connect are counted, each may take its whole time-out.
    fn patience_for_links_ns(&self) -> u64 {
        let case = &self.facts.case;
        match case.workload.unconnected {
            Unconnected::Fail => 0,
            Unconnected::Count => case.longest_opening().ns(),
        }
    }

    fn read_memory(&mut self, links: u64) {
        if let Some(bytes) = self.target_memory_bytes() {
            self.facts.resources.target_memory.push(MemoryReading { links, bytes });
        }
    }
}
