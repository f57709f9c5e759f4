//! What a link books of what happens to it: arrivals and gaps in its ledger, stages and failures in the recorder.

use std::fmt::Display;
use std::ops::Range;
use std::rc::Rc;

use super::{Context, Link};
use crate::event::Head;
use crate::measure::{Arrival, Counter, ErrorKind, Metric};
use crate::net::StampedResponse;

impl Link {
    /// Books, at `at_ns`, an exchange that keeps the link or looks for news whether there is any or not.
    pub fn upkeep(&self, at_ns: u64) {
        let Some(timeline) = self.context.timeline() else { return };
        if timeline.measures(at_ns) {
            self.count(Counter::Upkeeps, 1);
        } else if timeline.is_idle(at_ns) {
            self.count(Counter::IdleUpkeeps, 1);
        }
    }

    /// Counts a delivery that was received at `at_ns`, whenever it was due.
    pub fn count_received(&self, at_ns: u64) {
        self.count(Counter::Received, 1);
        if self.measures(at_ns) {
            self.count(Counter::WindowReceived, 1);
        }
    }

    /// Books the arrival of an event at `received_ns`; returns what it was and whether it is measured.
    pub fn receive(&self, head: Head, received_ns: u64) -> (Arrival, bool) {
        let seq = head.key.unwrap_or(head.seq);
        self.receive_at(seq, head.seq, head.due_ns, Some(head.published_ns), received_ns)
    }

    /// The same of event `seq` of its topic, ordered by `place`, that was due at `due_ns`, and published at an instant that
    /// only the built-in target tells.
    pub(in crate::pattern) fn receive_at(
        &self,
        seq: u64,
        place: u64,
        due_ns: u64,
        published_ns: Option<u64>,
        received_ns: u64,
    ) -> (Arrival, bool) {
        let freshness_ns = received_ns.saturating_sub(due_ns);
        let late = freshness_ns > self.context.case.workload.late_after.ns();
        let Some((arrival, measured)) = self.book_at(seq, place, late) else {
            // An event of a log that has begun anew: its sequence tells nothing.
            self.count_received(received_ns);
            return (Arrival::Duplicate, false);
        };
        let in_window = self.measures(received_ns);
        // Where only the newest state is wanted, one that comes after a newer one tells nothing.
        let outdated = arrival == Arrival::Reordered && self.context.conversation.wants_latest();
        let tells = arrival != Arrival::Duplicate && !outdated;
        let mut recorder = self.context.recorder.borrow_mut();
        recorder.count(Counter::Received, 1);
        recorder.count(Counter::WindowReceived, u64::from(in_window));
        if tells {
            recorder.record_due(due_ns, freshness_ns);
        }
        if measured && tells {
            if received_ns < due_ns {
                recorder.count(Counter::NegativeFreshness, 1);
            }
            recorder.record(Metric::Freshness, freshness_ns);
            let consumers = &self.context.case.conditions.consumers;
            if consumers.slow_share > 0.0 {
                let slow = consumers.is_slow(self.index);
                let apart = if slow { Metric::FreshnessAffected } else { Metric::FreshnessHealthy };
                recorder.record(apart, freshness_ns);
            }
            if let Some(published_ns) = published_ns {
                recorder.record(Metric::Transit, received_ns.saturating_sub(published_ns));
            }
            drop(recorder);
            self.keep_delivery(seq, due_ns, received_ns);
        }
        (arrival, measured)
    }

    /// A request that no schedule foretold is sent: its answer is expected from now on.
    pub fn expect(&self, seq: u64) {
        self.context.ledgers.borrow_mut()[self.slot].expect(seq);
    }

    /// Books that delivery `seq` happened; returns what it was and whether it is measured.
    pub fn book(&self, seq: u64, late: bool) -> (Arrival, bool) {
        self.book_at(seq, seq, late).unwrap_or((Arrival::Duplicate, false))
    }

    /// The same of an event that clients publish, which has a place of its own in its topic; `None`, with nothing booked, if
    /// the log has begun anew.
    #[inline]
    fn book_at(&self, seq: u64, place: u64, late: bool) -> Option<(Arrival, bool)> {
        let mut ledgers = self.context.ledgers.borrow_mut();
        let ledger = &mut ledgers[self.slot];
        if ledger.is_closed() {
            return None;
        }
        let arrival = ledger.receive_at(seq, place, late);
        if ledger.complete() && !self.context.is_closed_loop() {
            self.finish();
        }
        Some((arrival, ledger.measures(seq)))
    }

    /// Books that the target told that the sequences of `gap` will not come.
    pub fn missed(&self, gap: Range<u64>) {
        if self.numbers_are_not_places() {
            // Nobody knows which of the clients' events stood there: they stay expected until the drain has passed.
            return self.count(Counter::Skipped, gap.end.saturating_sub(gap.start));
        }
        let mut ledgers = self.context.ledgers.borrow_mut();
        let ledger = &mut ledgers[self.slot];
        let skipped = ledger.write_off(gap);
        let complete = ledger.complete();
        drop(ledgers);
        self.count(Counter::Skipped, skipped);
        if complete {
            self.finish();
        }
    }

    /// Books that the target told that its log has begun anew.
    ///
    /// Events that clients publish are known by their own numbers, in whatever life of the log they come. Of the others
    /// nothing is: what has not come is lost.
    pub fn reset(&self) {
        let mut ledgers = self.context.ledgers.borrow_mut();
        let ledger = &mut ledgers[self.slot];
        if self.numbers_are_not_places() {
            return ledger.begin_places();
        }
        let lost = ledger.close();
        drop(ledgers);
        self.count(Counter::Skipped, lost);
        self.finish();
    }

    /// Whether an event's number in the schedule is not its place in the target's log, which did not number it.
    fn numbers_are_not_places(&self) -> bool {
        self.context.case.workload.publish.is_of_harness()
    }

    /// The sequence that the link resumes after: everything up to it has arrived.
    ///
    /// Of events that clients publish nobody can say that, as they come in no order of their numbers: 0 then, and what
    /// comes twice is a duplicate.
    pub fn cursor(&self) -> u64 {
        if self.numbers_are_not_places() {
            return 0;
        }
        self.context.ledgers.borrow()[self.slot].cursor()
    }

    /// Nothing more is expected of this link.
    pub fn finish(&self) {
        let finished = &mut self.context.finished.borrow_mut()[self.slot];
        if !std::mem::replace(finished, true) {
            self.context.unfinished.set(self.context.unfinished.get() - 1);
            self.context.changed.notify_waiters();
        }
    }

    /// A measured request goes out; keep the guard until its outcome is booked.
    pub fn in_flight(&self) -> InFlight {
        self.context.in_flight.set(self.context.in_flight.get() + 1);
        InFlight(Rc::clone(&self.context))
    }

    /// The same of a request or a poll: one whose guard is still there at the trial's end was left unfinished.
    pub fn asking(&self) -> Asking {
        self.context.asking.set(self.context.asking.get() + 1);
        Asking(self.in_flight())
    }

    /// Books the stages of an exchange that was due at `due_ns` and was answered well.
    ///
    /// Slip leaves out the wait for the link: it is what the generator added, not what a slow answer before did.
    pub fn answered(&self, answer: &StampedResponse, turn: Turn) {
        let StampedResponse { status, sent_ns, first_ns, done_ns, .. } = *answer;
        let Turn { due_ns, free_ns, fired_ns } = turn;
        let mut recorder = self.context.recorder.borrow_mut();
        recorder.record(Metric::Slip, sent_ns.saturating_sub(due_ns.max(free_ns)));
        recorder.record(Metric::Service, done_ns.saturating_sub(sent_ns));
        recorder.record(Metric::Response, done_ns.saturating_sub(due_ns));
        recorder.record(Metric::Fired, fired_ns.saturating_sub(due_ns));
        recorder.record(Metric::Dispatch, sent_ns.saturating_sub(fired_ns));
        recorder.record(Metric::FirstByte, first_ns.saturating_sub(sent_ns));
        recorder.record(Metric::Reading, done_ns.saturating_sub(first_ns));
        recorder.count(Counter::Answered, 1);
        recorder.status(status.as_u16());
    }

    /// Books that a measured request failed: by its answer, if it had one. Its kind is counted elsewhere.
    pub fn unanswered(&self, answer: Option<&StampedResponse>) {
        let mut recorder = self.context.recorder.borrow_mut();
        recorder.count(Counter::Failed, 1);
        if let Some(answer) = answer {
            recorder.status(answer.status.as_u16());
        }
    }

    /// Records a sample of `ns` nanoseconds.
    pub fn record(&self, metric: Metric, ns: u64) {
        self.context.recorder.borrow_mut().record(metric, ns);
    }

    /// Adds a sample of the headline metric, due at `due_ns`, to the series over time; measured or not.
    pub fn record_due(&self, due_ns: u64, ns: u64) {
        self.context.recorder.borrow_mut().record_due(due_ns, ns);
    }

    /// Adds `n` to `counter`.
    pub fn count(&self, counter: Counter, n: u64) {
        self.context.recorder.borrow_mut().count(counter, n);
    }

    /// Counts an answer with this status.
    pub fn status(&self, status: u16) {
        self.context.recorder.borrow_mut().status(status);
    }

    /// Counts one failure.
    pub fn error(&self, kind: ErrorKind) {
        self.context.recorder.borrow_mut().error(kind);
    }

    /// Keeps what a failure says, without secrets, if it is the first of its kind; it is counted elsewhere.
    pub fn describe(&self, kind: ErrorKind, text: impl FnOnce() -> String) {
        let conversation = &self.context.conversation;
        let shown = || conversation.redact(&text()).into_owned();
        self.context.recorder.borrow_mut().describe(kind, shown);
    }

    /// Counts one failure, and keeps what it says if it is the first of its kind.
    pub fn failed(&self, kind: ErrorKind, error: &impl Display) {
        self.error(kind);
        self.describe(kind, || error.to_string());
    }
}

/// The stamps of a request before it is sent, in monotonic nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// When it should have been sent.
    pub due_ns: u64,
    /// When its link could send at the earliest: after the answer before.
    pub free_ns: u64,
    /// When the timer woke it, or the link was free, if that was later.
    pub fired_ns: u64,
}

impl Context {
    /// Measured requests and polls that are under way.
    pub(in crate::pattern) const fn under_way(&self) -> u64 {
        self.asking.get()
    }
}

/// A request or a poll under way; see [`Link::asking`].
#[derive(Debug)]
pub struct Asking(InFlight);

impl Drop for Asking {
    fn drop(&mut self) {
        let Self(InFlight(context)) = self;
        context.asking.set(context.asking.get() - 1);
    }
}

/// A request under way; see [`Link::in_flight`].
#[derive(Debug)]
pub struct InFlight(Rc<Context>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let left = self.0.in_flight.get() - 1;
        self.0.in_flight.set(left);
        // Whoever waits for the end waits for the last.
        if left == 0 {
            self.0.changed.notify_waiters();
        }
    }
}
