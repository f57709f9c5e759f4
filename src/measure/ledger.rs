//! The account of every expected delivery.

#[cfg(test)]
mod model;
mod receipts;
mod seqs;
mod terms;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize};

pub use receipts::{Publishing, Receipts, Settlement};
pub use seqs::Seqs;
use terms::OnTerms;
pub use terms::{Semantics, Terms};

/// The account of the expected deliveries. `expected = delivered + lost + superseded`, exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Deliveries that should have happened: events due in the window × their subscribers.
    pub expected: u64,
    /// Deliveries that arrived by the end of the drain, each counted once.
    pub delivered: u64,
    /// Deliveries that did not.
    pub lost: u64,
    /// Further arrivals of delivered events.
    pub duplicate: u64,
    /// Delivered after a later event of their topic.
    pub reordered: u64,
    /// Delivered, but older than the scenario's `late_after` on arrival.
    pub late: u64,
    /// Deliveries that did not arrive before a newer event did, where only the newest state is wanted: neither delivered
    /// nor lost.
    #[serde(default, deserialize_with = "zero_if_empty")]
    pub superseded: u64,
}

/// Reads a count that earlier files do not have.
fn zero_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Ledger {
    /// Adds every account of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.late += other.late;
        self.superseded += other.superseded;
    }

    /// Whether every expected delivery is accounted for once.
    pub const fn balances(&self) -> bool {
        self.expected == self.delivered + self.lost + self.superseded
            && self.reordered <= self.delivered
            && self.late <= self.delivered
    }

    /// delivered ÷ expected, without what was superseded; `None` where nothing was expected.
    pub fn reach(&self) -> Option<f64> {
        let expected = self.expected.saturating_sub(self.superseded);
        (expected > 0).then(|| self.delivered as f64 / expected as f64)
    }
}

/// The kind of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first arrival of an event, in order.
    New,
    /// The first arrival of an event, after a later one of its topic.
    Reordered,
    /// An event that had arrived before.
    Duplicate,
}

/// The ledger of one link and one topic: exact, and a few words long while events arrive in order.
#[derive(Debug, Clone)]
pub struct LinkLedger {
    window: Range<u64>,
    /// Everything below this has arrived.
    next: u64,
    /// The highest place of an arrival.
    highest: u64,
    expected: u64,
    delivered: u64,
    lost: u64,
    /// What is not as it should be, which most links have nothing of.
    odd: Option<Box<Odd>>,
    /// What a target needs that is not the built-in one.
    on_terms: Option<Box<OnTerms>>,
}

/// The part of a link's account that is empty while all goes well.
#[derive(Debug, Clone, Default)]
struct Odd {
    /// Arrivals above a hole.
    ahead: Seqs,
    duplicate: u64,
    reordered: u64,
    late: u64,
    superseded: u64,
    /// Expected events that the link was notified will not arrive.
    written_off: u64,
    /// The log restarted: its sequences mean other events.
    closed: bool,
}

impl LinkLedger {
    /// A ledger that expects every sequence of `window`, which may start above 1 because earlier ones are warm-up.
    pub fn new(window: Range<u64>) -> Self {
        let expected = window.end.saturating_sub(window.start);
        Self {
            window,
            next: 1,
            highest: 0,
            expected,
            delivered: 0,
            lost: expected,
            odd: None,
            on_terms: None,
        }
    }

    /// Expects one sequence more, that after all expected before: of a client whose requests no schedule foretells.
    pub const fn expect(&mut self, seq: u64) {
        if self.window.start >= self.window.end {
            self.window.start = seq;
        }
        self.window.end = seq + 1;
        self.expected += 1;
        self.lost += 1;
    }

    /// Whether `seq` belongs to the measure window.
    #[inline]
    pub fn measures(&self, seq: u64) -> bool {
        self.window.contains(&seq)
    }

    /// Books the arrival of `seq`, and whether it was `late`.
    #[inline]
    pub fn receive(&mut self, seq: u64, late: bool) -> Arrival {
        self.receive_at(seq, seq, late)
    }

    /// Books the arrival of `seq`, ordered by `place`: if clients publish, an event is identified by its number in their
    /// schedule, but ordered as the target appended it.
    #[inline]
    pub fn receive_at(&mut self, seq: u64, place: u64, late: bool) -> Arrival {
        let new = if seq == self.next && self.ahead().is_empty() {
            self.next += 1;
            true
        } else {
            self.insert(seq)
        };
        let arrival = match new {
            true if place < self.highest => Arrival::Reordered,
            true => Arrival::New,
            false => Arrival::Duplicate,
        };
        self.highest = self.highest.max(place);
        if self.on_terms.is_some() {
            self.book_on_terms(seq, arrival, late);
        } else if self.measures(seq) {
            match arrival {
                Arrival::Duplicate => self.odd().duplicate += 1,
                Arrival::New | Arrival::Reordered => {
                    self.delivered += 1;
                    self.lost -= 1;
                    self.book_odd(arrival, late);
                }
            }
        }
        arrival
    }

    /// Books what was not as it should be about a delivery.
    #[inline]
    fn book_odd(&mut self, arrival: Arrival, late: bool) {
        if late || arrival == Arrival::Reordered {
            let odd = self.odd();
            odd.late += u64::from(late);
            odd.reordered += u64::from(arrival == Arrival::Reordered);
        }
    }

    /// Arrivals above a hole.
    fn ahead(&self) -> &Seqs {
        static NONE: Seqs = Seqs::new();
        self.odd.as_ref().map_or(&NONE, |odd| &odd.ahead)
    }

    fn odd(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    /// Expected events that the link was notified will not arrive.
    fn written_off(&self) -> u64 {
        self.odd.as_ref().map_or(0, |odd| odd.written_off)
    }

    /// Adds `seq` to the arrivals; false if it had arrived before.
    fn insert(&mut self, seq: u64) -> bool {
        if seq < self.next {
            return false;
        }
        let next = self.next;
        let ahead = &mut self.odd().ahead;
        let is_new = ahead.insert(seq);
        if let Some(end) = ahead.take_from(next) {
            self.next = end;
        }
        is_new
    }

    /// The sequence to resume after: everything up to it has arrived.
    pub const fn cursor(&self) -> u64 {
        self.next - 1
    }

    /// Books that `gap` will not arrive, as the target announced; returns how many of its events had not arrived before.
    ///
    /// They already count as lost; the drain just need not wait for them.
    pub fn write_off(&mut self, gap: Range<u64>) -> u64 {
        let all = self.missing(&gap);
        let (from, to) = (gap.start.max(self.window.start), gap.end.min(self.window.end));
        if self.on_terms.is_some() {
            self.give_up_on_terms(gap);
        } else if from < to {
            self.odd().written_off += self.missing(&(from..to));
        }
        all
    }

    /// Books that the log restarted. Missing events are lost, and later arrivals do not belong to this account. Returns how
    /// many are written off.
    pub fn close(&mut self) -> u64 {
        let more = self.lost.saturating_sub(self.written_off());
        let odd = self.odd();
        odd.written_off += more;
        odd.closed = true;
        more
    }

    /// Whether the log restarted.
    pub fn is_closed(&self) -> bool {
        self.odd.as_ref().is_some_and(|odd| odd.closed)
    }

    /// Places are given out from the beginning again, and the events are still known by their sequences.
    pub const fn begin_places(&mut self) {
        self.highest = 0;
    }

    /// Whether everything expected has arrived, or is known never to.
    pub fn complete(&self) -> bool {
        match &self.on_terms {
            Some(on_terms) if !self.is_closed() => self.complete_on_terms(on_terms),
            _ => self.lost <= self.written_off(),
        }
    }

    /// The account so far.
    pub fn totals(&self) -> Ledger {
        let Self { expected, delivered, lost, .. } = *self;
        let sum = Ledger { expected, delivered, lost, ..Ledger::default() };
        match self.odd.as_deref() {
            None => sum,
            Some(&Odd { duplicate, reordered, late, superseded, .. }) => {
                Ledger { duplicate, reordered, late, superseded, ..sum }
            }
        }
    }
}
