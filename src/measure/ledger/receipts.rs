//! What became of events whose publishing was refused or not answered, over all links of all workers.
//!
//! The worker that publishes an event need not have the links that await it. So every worker reports two things at the
//! end, which the conductor merges: a [`Publishing`], with the events that were refused or not answered, and [`Receipts`],
//! which say how many links lack an event. Only exceptions are listed: where everything arrives both are empty.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::seqs::{Seqs, len};
use super::terms::Absence;
use super::{Ledger, LinkLedger};

/// The events due in the measure window whose publishing failed or may have failed, by topic.
///
/// Merging is associative and commutative. An event that was attempted several times is unanswered if any attempt was, as
/// that attempt may have published it, and neither as soon as one was acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    refused: BTreeMap<u64, Seqs>,
    unanswered: BTreeMap<u64, Seqs>,
}

impl Publishing {
    /// The server answered that it did not take the event.
    pub fn refuse(&mut self, topic: u64, seq: u64) {
        self.refused.entry(topic).or_default().insert(seq);
    }

    /// No answer came, or none that could be understood.
    pub fn leave_unanswered(&mut self, topic: u64, seq: u64) {
        self.unanswered.entry(topic).or_default().insert(seq);
    }

    /// The server took the event: what happened to earlier attempts does not matter any more.
    pub fn acknowledge(&mut self, topic: u64, seq: u64) {
        for failed in [&mut self.refused, &mut self.unanswered] {
            if let Some(seqs) = failed.get_mut(&topic)
                && seqs.remove(seq)
                && seqs.is_empty()
            {
                failed.remove(&topic);
            }
        }
    }

    /// Adds every event of `other`. Every event has one publisher, so no two workers have different answers.
    pub fn merge(&mut self, other: &Self) {
        let pairs =
            [(&mut self.refused, &other.refused), (&mut self.unanswered, &other.unanswered)];
        for (mine, theirs) in pairs {
            for (topic, seqs) in theirs {
                mine.entry(*topic).or_default().merge(seqs);
            }
        }
    }

    /// Refused events that no attempt can have published, by topic.
    fn only_refused(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
        self.refused.iter().flat_map(|(topic, refused)| {
            let unanswered = self.unanswered.get(topic).cloned().unwrap_or_default();
            let holes = |range: &Range<u64>| unanswered.holes(range.clone()).collect::<Vec<_>>();
            let left: Vec<_> = refused.ranges().iter().flat_map(holes).collect();
            left.into_iter().map(move |range| (*topic, range))
        })
    }

    fn unanswered(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
        let topics = self.unanswered.iter();
        topics.flat_map(|(topic, seqs)| seqs.ranges().iter().map(|range| (*topic, range.clone())))
    }
}

/// How many links lack an event: those that lost it, whose state a newer one replaced, and that did not expect it.
type Lacking = [i64; 3];

/// How many links lack which events of the measure window, by topic: changes from one sequence to the next.
///
/// Merging is associative and commutative: the sums of several workers are the sums over their links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receipts(BTreeMap<u64, BTreeMap<u64, Lacking>>);

impl Receipts {
    /// Adds what the link with `ledger`, a subscriber of `topic`, lacks.
    pub fn add(&mut self, topic: u64, ledger: &LinkLedger) {
        for (range, absence) in ledger.absences() {
            let mut lacking = Lacking::default();
            lacking[absence as usize] = 1;
            self.change(topic, range.start, lacking);
            self.change(topic, range.end, lacking.map(|links| -links));
        }
    }

    fn change(&mut self, topic: u64, seq: u64, by: Lacking) {
        let changes = self.0.entry(topic).or_default();
        let change = changes.entry(seq).or_default();
        for (mine, by) in change.iter_mut().zip(by) {
            *mine += by;
        }
        if *change == Lacking::default() {
            changes.remove(&seq);
            if changes.is_empty() {
                self.0.remove(&topic);
            }
        }
    }

    /// Adds every link of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (topic, changes) in &other.0 {
            for (seq, by) in changes {
                self.change(*topic, *seq, *by);
            }
        }
    }

    /// What the trial's account must leave out: events that were refused, wherever they did not arrive, and unanswered
    /// ones that arrived nowhere. `subscribers` is the number of links of a topic, over all workers.
    ///
    /// An unanswered event that any link received, as a replay or not, was published: every subscriber expects it.
    pub fn settle(&self, publishing: &Publishing, subscribers: impl Fn(u64) -> u64) -> Settlement {
        let mut settlement = Settlement::default();
        let mut leave_out = |events: u64, [lost, superseded, _]: Lacking| {
            settlement.lost += events * lost as u64;
            settlement.superseded += events * superseded as u64;
        };
        for (topic, range) in publishing.only_refused() {
            self.segments(topic, range, &mut leave_out);
        }
        let mut unknown = 0;
        for (topic, range) in publishing.unanswered() {
            let links = subscribers(topic) as i64;
            self.segments(topic, range, |events, lacking| {
                if lacking.iter().sum::<i64>() >= links {
                    unknown += events;
                    leave_out(events, lacking);
                }
            });
        }
        settlement.unknown = unknown;
        settlement.refused = publishing.only_refused().map(|(_, range)| len(&range)).sum();
        settlement
    }

    /// Visits `range` in pieces that equally many links lack: how many events each has, and the links.
    fn segments(&self, topic: u64, range: Range<u64>, mut visit: impl FnMut(u64, Lacking)) {
        let mut lacking = Lacking::default();
        let mut from = range.start;
        for (seq, change) in self.0.get(&topic).into_iter().flatten() {
            if *seq >= range.end {
                break;
            }
            if *seq > from {
                visit(seq - from, lacking);
                from = *seq;
            }
            for (links, by) in lacking.iter_mut().zip(change) {
                *links += by;
            }
        }
        if from < range.end {
            visit(range.end - from, lacking);
        }
    }
}

/// What the answers to the publishers change in a trial's account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Events that the server refused.
    pub refused: u64,
    /// Events whose publishing was not answered and that nobody received: it is not known whether they were published.
    pub unknown: u64,
    /// Deliveries of these events that were booked as lost.
    pub lost: u64,
    /// Deliveries of these events that were booked as superseded.
    pub superseded: u64,
}

impl Ledger {
    /// Leaves out the deliveries that turned out not to be expected.
    pub const fn settle(&mut self, settlement: &Settlement) {
        // Reports that contradict each other must show in the balance, not end the run.
        self.expected = self.expected.saturating_sub(settlement.lost + settlement.superseded);
        self.lost = self.lost.saturating_sub(settlement.lost);
        self.superseded = self.superseded.saturating_sub(settlement.superseded);
    }
}

const _: () = assert!(Absence::Lost as usize == 0 && Absence::Superseded as usize == 1);
