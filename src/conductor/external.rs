//! A server of the user's own over a trial: launched or found, prepared and published to by a child of its own.

use std::net::{Ipv4Addr, SocketAddr};

use super::target::FoundTarget;
use super::trial::{LAUNCH_NS, Trial, TrialAbort};
use crate::clock::{self, SECOND_NS};
use crate::control::{Access, Assignment, Order, Published, PublisherAssignment, Report};
use crate::measure::{Counter, Snapshot};
use crate::scenario::Publish;

/// Longest wait for a server to be prepared, and for what is undone afterwards.
const SETUP_NS: u64 = 120 * SECOND_NS;

/// The server over a trial.
#[derive(Debug)]
pub(super) struct ExternalTarget {}

impl ExternalTarget {
    /// CPU time that it has used so far; `None` where it cannot be read.
    pub(super) fn cpu_ns(&self) -> Option<u64> {
        None
    }

    /// Its memory now; `None` where it cannot be read.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        None
    }
}

impl Trial<'_> {
    /// Finds the target of the trial: starts it where it is a child, and whoever publishes to it.
    pub(super) fn find_target(&mut self) -> Result<FoundTarget, TrialAbort> {
        let external = self.conductor.plan.scenario.external.clone().filter(|_| !self.planned.null);
        let mut found = match external {
            None => self.launch_target()?,
            Some(_) => todo!(),
        };
        let publishes = self.facts.case.workload.publish == Publish::Publisher;
        if found.access.is_some() || (publishes && !self.planned.null) {
            let captured = self.launch_publisher(&found)?;
            if let Some(access) = &mut found.access {
                access.captured = captured;
            }
        }
        Ok(found)
    }

    /// Starts the publisher, which prepares the target; returns what it captured on the way.
    fn launch_publisher(
        &mut self,
        found: &FoundTarget,
    ) -> Result<Vec<crate::control::Captured>, TrialAbort> {
        let plan = self.conductor.plan;
        let delivers = self.facts.case.pattern.kind().delivers();
        let id = self.children.len();
        let assignment = PublisherAssignment {
            case: self.facts.case.clone(),
            target: found.address,
            trust: found.trust.clone(),
            access: found.access.clone(),
            phases: plan.scenario.phases,
            schedule: delivers.then(|| plan.schedule(self.planned)),
        };
        self.publisher = Some(id);
        self.launch("worker", "the publisher", Assignment::Publisher(assignment))?;
        let deadline = clock::now() + SETUP_NS;
        loop {
            match self.next(deadline, "the target to be prepared")? {
                (from, Report::Prepared { captured }) if from == id => return Ok(captured),
                (from, report) => return Err(self.out_of_place(from, &report)),
            }
        }
    }

    /// Tells the workers what became of events.
    pub(super) fn pass_on(&mut self, published: Published) {
        let order = Order::Published(published);
        for worker in self.workers_mut() {
            worker.order(&order);
        }
    }

    /// Books the publisher's account: what was acknowledged, the target has published.
    pub(super) fn take_publisher(&mut self, snapshot: Snapshot) {
        if self.external.is_some() {
            let published = snapshot.counters.get(Counter::SendsAcknowledged);
            self.facts.target.counters.add(Counter::Published, published);
        }
        self.facts.workers.merge(&snapshot);
    }

    /// How long child number `id` may take to end after the order.
    pub(super) fn farewell_ns(&self, id: usize) -> u64 {
        if Some(id) == self.publisher { SETUP_NS } else { LAUNCH_NS }
    }
}
