//! The account of every expected delivery.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The account of the expected deliveries. `expected = delivered + lost`, exactly.
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
    }

    /// Whether every expected delivery is accounted for once.
    pub const fn balances(&self) -> bool {
        self.expected == self.delivered + self.lost
            && self.reordered <= self.delivered
            && self.late <= self.delivered
    }

    /// delivered ÷ expected; `None` where nothing was expected.
    pub fn reach(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.delivered as f64 / self.expected as f64)
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
    /// Arrivals above a hole: disjoint, ascending, not touching.
    ahead: Vec<Range<u64>>,
    totals: Ledger,
    /// Expected events that the link was notified will not arrive.
    written_off: u64,
    /// The log restarted: its sequences mean other events.
    closed: bool,
}

impl LinkLedger {
    /// A ledger that expects every sequence of `window`, which may start above 1 because earlier ones are warm-up.
    pub fn new(window: Range<u64>) -> Self {
        let expected = window.end.saturating_sub(window.start);
        let totals = Ledger { expected, lost: expected, ..Ledger::default() };
        Self {
            window,
            next: 1,
            highest: 0,
            ahead: Vec::new(),
            totals,
            written_off: 0,
            closed: false,
        }
    }

    /// Expects one sequence more, that after all expected before: of a client whose requests no schedule foretells.
    pub const fn expect(&mut self, seq: u64) {
        if self.window.start >= self.window.end {
            self.window.start = seq;
        }
        self.window.end = seq + 1;
        self.totals.expected += 1;
        self.totals.lost += 1;
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
        let new = if seq == self.next && self.ahead.is_empty() {
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
        if self.measures(seq) {
            match arrival {
                Arrival::Duplicate => self.totals.duplicate += 1,
                Arrival::New | Arrival::Reordered => {
                    self.totals.delivered += 1;
                    self.totals.lost -= 1;
                    self.totals.late += u64::from(late);
                    self.totals.reordered += u64::from(arrival == Arrival::Reordered);
                }
            }
        }
        arrival
    }

    /// Adds `seq` to the arrivals; false if it had arrived before.
    fn insert(&mut self, seq: u64) -> bool {
        if seq < self.next {
            return false;
        }
        let at = self.ahead.partition_point(|range| range.end < seq);
        match self.ahead.get_mut(at) {
            Some(range) if range.contains(&seq) => return false,
            Some(range) if range.end == seq => range.end += 1,
            Some(range) if range.start == seq + 1 => range.start = seq,
            _ => self.ahead.insert(at, seq..seq + 1),
        }
        if at + 1 < self.ahead.len() && self.ahead[at].end == self.ahead[at + 1].start {
            self.ahead[at].end = self.ahead.remove(at + 1).end;
        }
        if self.ahead[0].start == self.next {
            self.next = self.ahead.remove(0).end;
        }
        true
    }

    /// The sequence to resume after: everything up to it has arrived.
    pub const fn cursor(&self) -> u64 {
        self.next - 1
    }

    /// Books that `gap` will not arrive, as the target announced; returns how many of its events had not arrived before.
    ///
    /// They already count as lost; the drain just need not wait for them.
    pub fn write_off(&mut self, gap: Range<u64>) -> u64 {
        let missing = |from: u64, to: u64| {
            let ahead = self
                .ahead
                .iter()
                .map(|range| range.end.min(to).saturating_sub(range.start.max(from)));
            to.saturating_sub(from) - ahead.sum::<u64>()
        };
        let from = gap.start.max(self.next);
        let all = if from < gap.end { missing(from, gap.end) } else { 0 };
        let (from, to) = (from.max(self.window.start), gap.end.min(self.window.end));
        if from < to {
            self.written_off += missing(from, to);
        }
        all
    }

    /// Books that the log restarted. Missing events are lost, and later arrivals do not belong to this account. Returns how
    /// many are written off.
    pub const fn close(&mut self) -> u64 {
        let more = self.totals.lost.saturating_sub(self.written_off);
        self.written_off += more;
        self.closed = true;
        more
    }

    /// Whether the log restarted.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Places are given out from the beginning again, and the events are still known by their sequences.
    pub const fn begin_places(&mut self) {
        self.highest = 0;
    }

    /// Whether everything expected has arrived, or is known never to.
    pub const fn complete(&self) -> bool {
        self.totals.lost <= self.written_off
    }

    /// The account so far.
    pub const fn totals(&self) -> Ledger {
        self.totals
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_undisturbed_link_loses_nothing() {
        let mut ledger = LinkLedger::new(3..6);
        for seq in 1..8 {
            assert_eq!(ledger.receive(seq, false), Arrival::New);
        }
        assert!(ledger.complete());
        let expected = Ledger { expected: 3, delivered: 3, ..Ledger::default() };
        assert_eq!(ledger.totals(), expected);
    }

    #[test]
    fn a_written_off_event_is_lost_and_not_waited_for() {
        let mut ledger = LinkLedger::new(3..9);
        for seq in [1, 2, 3, 6] {
            ledger.receive(seq, false);
        }
        assert_eq!(ledger.write_off(2..8), 3, "4, 5 and 7 have not come");
        assert!(!ledger.complete(), "8 is still to come");
        ledger.receive(8, false);
        assert!(ledger.complete());
        assert_eq!((ledger.totals().lost, ledger.totals().delivered), (3, 3));
        assert_eq!(ledger.write_off(1..4), 0, "all of them came before");
    }

    #[test]
    fn events_of_a_restarted_log_are_neither_delivered_nor_duplicates() {
        let mut ledger = LinkLedger::new(1..9);
        for seq in 1..=4 {
            ledger.receive(seq, false);
        }
        assert_eq!(ledger.write_off(5..6), 1);
        assert_eq!((ledger.close(), ledger.close()), (3, 0), "one was written off before");
        assert!(ledger.complete() && ledger.is_closed());
        let totals = ledger.totals();
        assert_eq!((totals.delivered, totals.lost, totals.duplicate), (4, 4, 0));
        assert!(totals.balances());
        let mut ledger = LinkLedger::new(1..9);
        assert_eq!(ledger.receive_at(3, 70, false), Arrival::New);
        ledger.begin_places();
        assert_eq!(ledger.receive_at(2, 1, false), Arrival::New);
        assert_eq!(ledger.receive_at(3, 2, false), Arrival::Duplicate, "known by its number");
    }

    #[test]
    fn a_hole_is_a_loss_until_it_is_filled() {
        let mut ledger = LinkLedger::new(1..5);
        for seq in [1, 2, 4] {
            ledger.receive(seq, false);
        }
        assert_eq!((ledger.totals().lost, ledger.cursor()), (1, 2));
        assert_eq!(ledger.receive(3, true), Arrival::Reordered);
        assert_eq!(ledger.receive(3, true), Arrival::Duplicate);
        let Ledger { lost, reordered, late, duplicate, .. } = ledger.totals();
        assert_eq!((lost, reordered, late, duplicate, ledger.cursor()), (0, 1, 1, 1, 4));
    }

    #[test]
    fn a_clients_event_is_identified_by_its_number_and_ordered_by_its_place() {
        let mut ledger = LinkLedger::new(1..5);
        for (seq, place, arrival) in [
            (2, 1, Arrival::New),
            (1, 2, Arrival::New),
            (4, 4, Arrival::New),
            (3, 3, Arrival::Reordered),
            (3, 5, Arrival::Duplicate),
        ] {
            assert_eq!(ledger.receive_at(seq, place, false), arrival, "{seq} at {place}");
        }
        let Ledger { delivered, lost, reordered, duplicate, .. } = ledger.totals();
        assert_eq!((delivered, lost, reordered, duplicate), (4, 0, 1, 1));
    }

    #[test]
    fn closed_loop_requests_are_expected_when_they_are_sent() {
        let mut ledger = LinkLedger::new(1..1);
        ledger.receive(1, false);
        for (seq, answered) in [(2, true), (3, false), (4, true)] {
            ledger.expect(seq);
            assert!(!ledger.complete() && ledger.totals().balances());
            if answered {
                ledger.receive(seq, seq == 4);
            }
        }
        let expected = Ledger { expected: 3, delivered: 2, lost: 1, late: 1, ..Ledger::default() };
        assert_eq!(ledger.totals(), expected);
    }

    proptest! {
        #[test]
        fn any_order_of_arrivals_is_booked_as_a_plain_set_would(
            seqs in proptest::collection::vec(1..40u64, 0..120), start in 1..20u64, len in 0..20u64,
        ) {
            let window = start..start + len;
            let mut ledger = LinkLedger::new(window.clone());
            let (mut seen, mut expected) = (BTreeSet::new(), Ledger::default());
            for seq in seqs {
                let later = seen.last().is_some_and(|&last| last > seq);
                let new = seen.insert(seq);
                ledger.receive(seq, false);
                if window.contains(&seq) {
                    expected.duplicate += u64::from(!new);
                    expected.reordered += u64::from(new && later);
                }
            }
            expected.expected = len;
            expected.delivered = seen.iter().filter(|seq| window.contains(seq)).count() as u64;
            expected.lost = len - expected.delivered;
            prop_assert_eq!(ledger.totals(), expected);
            prop_assert!(ledger.totals().balances());
            let contiguous = (1..=40).take_while(|seq| seen.contains(seq)).count() as u64;
            prop_assert_eq!(ledger.cursor(), contiguous);
        }
    }
}
