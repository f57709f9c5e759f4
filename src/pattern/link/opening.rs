//! How a link is opened: it stands, it fails the trial, or its failure is counted and it tries again.

use std::fmt::Display;

use super::{Context, Link};
use crate::clock;
use crate::measure::{ErrorKind, Metric};
use crate::scenario::Unconnected;

impl Context {
    /// How many links stood when they were opened, and why another did not.
    pub fn standing(&self) -> (u64, Option<String>) {
        (self.ready.get() - self.absent.get(), self.excuse.borrow().clone())
    }
}

impl Link {
    /// The link stands: it was dialled at `dialled_ns`.
    pub fn ready(&self, dialled_ns: u64) {
        self.stands_late(dialled_ns);
        self.is_ready();
    }

    /// The link stands at last, after it could not be opened: it was dialled at `dialled_ns`.
    pub fn stands_late(&self, dialled_ns: u64) {
        self.record(Metric::Connect, clock::now() - dialled_ns);
    }

    /// The link needs no connection before its first request: no time to connect is recorded.
    pub fn ready_undialled(&self) {
        self.is_ready();
    }

    /// The trial may begin, as far as this link is concerned.
    fn is_ready(&self) {
        // Every link stands before the first event is due.
        self.context.ledgers.borrow_mut()[self.slot].subscribe(1);
        self.context.ready.set(self.context.ready.get() + 1);
        self.context.changed.notify_waiters();
    }

    /// The link cannot stand, for `error`: the trial fails.
    pub fn cannot_stand(&self, error: &impl Display) {
        let reason = self.excuse(error);
        self.context.failure.borrow_mut().get_or_insert(reason);
        self.context.changed.notify_waiters();
    }

    /// The link could not be opened, for `error`, which is counted. Returns whether it may try again, where the scenario
    /// counts such links; else the trial fails.
    pub fn could_not_open(&self, kind: ErrorKind, error: &impl Display) -> bool {
        self.failed(kind, error);
        if self.context.case.workload.unconnected == Unconnected::Fail {
            self.cannot_stand(error);
            return false;
        }
        let reason = self.excuse(error);
        self.context.excuse.borrow_mut().get_or_insert(reason);
        self.context.absent.set(self.context.absent.get() + 1);
        self.is_ready();
        true
    }

    fn excuse(&self, error: &impl Display) -> String {
        let reason = format!("link {} to {}: {error}", self.index, self.context.dialer.endpoint());
        self.context.conversation.redact(&reason).into_owned()
    }
}
