//! A window that ends when a number of requests are done: whose they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Context, Link};
use crate::scenario::Pattern;

impl Context {
    /// Shares a number of requests with the other shards of its worker.
    #[must_use]
    pub fn sharing(mut self, tickets: Option<Arc<AtomicU64>>) -> Self {
        self.tickets = tickets;
        self
    }

    /// Whether the window ends when a number of requests are done.
    pub fn is_numbered(&self) -> bool {
        matches!(&self.case.pattern, Pattern::Request(options) if options.requests.is_some())
    }

    /// The requests of link `index` in the window, at most.
    pub(super) fn share_of(&self, index: u64) -> u64 {
        match &self.case.pattern {
            Pattern::Request(options) => options.share_of(index, self.case.workload.clients),
            _ => u64::MAX,
        }
    }
}

impl Link {
    /// Its requests in the window, at most.
    pub fn requests_share(&self) -> u64 {
        self.context.share_of(self.index)
    }

    /// Whether a request is left to it, which it has taken then.
    pub fn takes_ticket(&self) -> bool {
        let Some(tickets) = &self.context.tickets else { return true };
        let one = |left: u64| left.checked_sub(1);
        tickets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_ok()
    }
}
