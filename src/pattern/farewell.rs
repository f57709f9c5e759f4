//! The end of a trial for what links have left at the server: each withdraws its own.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::{Context, Link};

/// Longest wait for what is withdrawn.
const LIMIT: Duration = Duration::from_secs(5);
/// Links of a shard that withdraw something at once.
const AT_ONCE: usize = 32;

/// What the links of a shard know of the end.
#[derive(Debug)]
pub(super) struct Farewells {
    over: watch::Sender<bool>,
    /// Links that have something to withdraw.
    waiting: Cell<u64>,
    changed: Notify,
    turns: Semaphore,
}

impl Default for Farewells {
    fn default() -> Self {
        Self {
            over: watch::Sender::new(false),
            waiting: Cell::new(0),
            changed: Notify::new(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Context {
    /// Ends the trial for the links: waits a while until they have withdrawn what they left at the server.
    pub async fn farewell(&self) {
        self.farewells.over.send_replace(true);
        let gone = async {
            while self.farewells.waiting.get() > 0 {
                self.farewells.changed.notified().await;
            }
        };
        // What is not withdrawn by then is left to the dialect's teardown.
        let _ = tokio::time::timeout(LIMIT, gone).await;
    }
}

/// Something that a link has left at the server; dropped once it is withdrawn.
#[derive(Debug)]
pub(super) struct Left {
    context: Rc<Context>,
    over: watch::Receiver<bool>,
}

impl Link {
    /// Whether the trial has ended for the links.
    pub(super) fn is_over(&self) -> bool {
        *self.context.farewells.over.borrow()
    }

    /// The link has left something at the server, to be withdrawn when the trial ends.
    pub(super) fn leaves_something(&self) -> Left {
        let farewells = &self.context.farewells;
        farewells.waiting.set(farewells.waiting.get() + 1);
        Left { context: Rc::clone(&self.context), over: farewells.over.subscribe() }
    }
}

impl Left {
    /// Waits for the end of the trial, and for the link's turn.
    pub(super) async fn called(&mut self) -> Option<SemaphorePermit<'_>> {
        if self.over.wait_for(|over| *over).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.context.farewells.turns.acquire().await.ok()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let farewells = &self.context.farewells;
        farewells.waiting.set(farewells.waiting.get() - 1);
        farewells.changed.notify_waiters();
    }
}
