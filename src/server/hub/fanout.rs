//! Fan-out: brings a topic's news to its push links without waking a task for each of them.
//!
//! A topic that gets an event marks its [`Audience`], and one task per shard ([`Fanout::run`]) visits the links of marked
//! audiences. It does so in slices, after each of which everything else in the shard has its turn, and takes the audiences
//! in turn, so that a small topic does not wait for a large one. An event that arrives meanwhile is written by the visits
//! that are left, and extends the round to those who were visited before: no link is visited twice for the same events.
//!
//! Nothing is visited while an event is appended. A link that publishes in its own topic only marks it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{unconstrained, yield_now};

use crate::server::contain::contained;

/// Visits after which reads, timers and polls have their turn.
const SLICE: usize = 64;

/// A link that is pushed to.
pub(crate) trait Listener: std::fmt::Debug {
    /// Its topic has news, or the target is leaving: it writes what it can without waiting.
    fn news(&self);

    /// The last visit panicked: the link ends.
    fn fail(&self);
}

/// The audiences of one shard that are to be visited.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    marked: RefCell<VecDeque<Rc<Audience>>>,
    filled: Notify,
}

/// The push links of one topic's replica.
#[derive(Debug)]
pub(crate) struct Audience {
    fanout: Rc<Fanout>,
    links: RefCell<Vec<Option<Rc<dyn Listener>>>>,
    /// Free places in `links`; some may lie behind its end.
    free: RefCell<Vec<u32>>,
    /// The next place to visit.
    at: Cell<usize>,
    /// Visits left in this round; 0 while the audience is not marked.
    left: Cell<usize>,
}

impl Audience {
    /// An audience that `fanout` visits.
    pub(crate) fn new(fanout: Rc<Fanout>) -> Self {
        let (links, free) = (RefCell::default(), RefCell::default());
        Self { fanout, links, free, at: Cell::new(0), left: Cell::new(0) }
    }

    /// Adds a link; returns its place.
    pub(crate) fn enter(&self, link: Rc<dyn Listener>) -> u32 {
        let (mut links, mut free) = (self.links.borrow_mut(), self.free.borrow_mut());
        while let Some(place) = free.pop() {
            if let Some(vacant) = links.get_mut(place as usize) {
                *vacant = Some(link);
                return place;
            }
        }
        links.push(Some(link));
        links.len() as u32 - 1
    }

    /// Removes the link in that place.
    pub(crate) fn leave(&self, place: u32) {
        let mut links = self.links.borrow_mut();
        // Dropped after the borrow.
        let _left = links.get_mut(place as usize).and_then(Option::take);
        self.free.borrow_mut().push(place);
        while let Some(None) = links.last() {
            links.pop();
        }
        if links.is_empty() {
            *links = Vec::new();
            self.free.take();
        }
        drop(links);
    }

    /// Has every link visited soon.
    pub(crate) fn mark(self: &Rc<Self>) {
        let links = self.links.borrow().len();
        if links > 0 && self.left.replace(links) == 0 {
            self.fanout.marked.borrow_mut().push_back(Rc::clone(self));
            self.fanout.filled.notify_one();
        }
    }

    /// Visits up to `most` places; returns how many.
    fn visit(&self, most: usize) -> usize {
        let mut visited = 0;
        while visited < most && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            visited += 1;
            let link = {
                let links = self.links.borrow();
                if self.at.get() >= links.len() {
                    self.at.set(0);
                }
                let Some(link) = links.get(self.at.replace(self.at.get() + 1)) else {
                    self.left.set(0);
                    return visited;
                };
                link.clone()
            };
            if let Some(link) = link
                && catch_unwind(AssertUnwindSafe(|| link.news())).is_err()
            {
                link.fail();
            }
        }
        visited
    }
}

impl Fanout {
    /// Visits marked audiences for as long as the shard lives.
    pub(crate) async fn run(self: Rc<Self>) {
        // What it does is bounded here; a link that it polls is not to be told to wait for the task's sake.
        let visits = async {
            loop {
                while contained(|| self.slice()) {
                    yield_now().await;
                }
                self.filled.notified().await;
            }
        };
        unconstrained(visits).await;
    }

    /// Visits one slice's links; whether any are left.
    fn slice(&self) -> bool {
        let mut left = SLICE;
        while left > 0 {
            let Some(audience) = self.marked.borrow_mut().pop_front() else { return false };
            left -= audience.visit(left);
            if audience.left.get() > 0 {
                self.marked.borrow_mut().push_back(audience);
            }
        }
        !self.marked.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests;
