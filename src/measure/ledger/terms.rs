//! Ledgers of links to a target that keeps terms of its own: clients that subscribe late, events that it refused, states
//! that replace each other, pages that repeat.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::seqs::{Seqs, common, len};
use super::{Arrival, LinkLedger};

/// What consumers want of the events of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Semantics {
    /// Every event.
    #[default]
    Every,
    /// The newest state: an event replaces all before it, and what a newer event overtook is superseded, not lost.
    Latest,
}

/// How the deliveries of a link are accounted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether every event is wanted, or the newest state.
    pub semantics: Semantics,
    /// Whether an event may arrive again without being a duplicate: in polls without a cursor, whose pages repeat.
    pub repeats: bool,
}

/// The account that such terms need besides the totals.
#[derive(Debug, Clone)]
pub(super) struct OnTerms {
    terms: Terms,
    /// The events due in the measure window; the ledger's own window begins with the subscription.
    whole: Range<u64>,
    /// The first event due after the subscription was confirmed; none before.
    from: Option<u64>,
    /// Events of the window that the server refused and that have not arrived.
    withdrawn: Seqs,
    /// Events that are not waited for.
    given_up: Seqs,
    /// The highest sequence that arrived.
    newest: u64,
    replayed: u64,
    repeated: u64,
}

impl OnTerms {
    /// The sequences up to which a newer event has replaced all others.
    const fn replaced(&self) -> u64 {
        match self.terms.semantics {
            Semantics::Every => 0,
            Semantics::Latest => self.newest,
        }
    }
}

impl LinkLedger {
    /// A ledger on `terms` of the events due in the measure window, which expects none before [`LinkLedger::subscribe`].
    pub fn on_terms(whole: Range<u64>, terms: Terms) -> Self {
        let mut ledger = Self::new(whole.end..whole.end);
        ledger.on_terms = Some(Box::new(OnTerms {
            terms,
            whole,
            from: None,
            withdrawn: Seqs::default(),
            given_up: Seqs::default(),
            newest: 0,
            replayed: 0,
            repeated: 0,
        }));
        ledger
    }

    /// Books that the client's subscription was confirmed: it expects events from `from` on, the first that was due at or
    /// after the confirmation. Earlier events that arrive are replays. Only the first call counts: a client that reconnects
    /// still expects what was due meanwhile.
    ///
    /// Without terms every event of the window is expected anyway.
    pub fn subscribe(&mut self, from: u64) {
        let Some(on_terms) = self.on_terms.as_deref_mut().filter(|on| on.from.is_none()) else {
            return;
        };
        on_terms.from = Some(from);
        let whole = on_terms.whole.clone();
        self.window = whole.start.max(from).min(whole.end)..whole.end;
        let expected = self.awaited(&self.window, 0);
        let lost = self.awaited(&self.window, self.replaced());
        self.expected = expected;
        self.lost = lost;
        if expected > lost {
            self.odd().superseded = expected - lost;
        }
    }

    /// Books that the server refused to publish `seq`: it is not expected, unless it arrives all the same. Then it is
    /// expected and delivered, whichever came first.
    pub fn withdraw(&mut self, seq: u64) {
        let arrived = self.arrived(seq);
        let replaced = seq < self.replaced();
        let Some(on_terms) = self.on_terms.as_deref_mut() else { return };
        if arrived || !on_terms.whole.contains(&seq) || !on_terms.withdrawn.insert(seq) {
            return;
        }
        if self.window.contains(&seq) {
            self.expected -= 1;
            if replaced {
                self.odd().superseded -= 1;
            } else {
                self.lost -= 1;
            }
        }
    }

    /// Books that nobody answered when `seq` was published, so that it may never arrive: it counts as lost until it does,
    /// but is not waited for. [`Receipts::settle`](super::Receipts::settle) later finds out whether anyone received it.
    pub fn uncertain(&mut self, seq: u64) {
        if let Some(on_terms) = self.on_terms.as_deref_mut() {
            on_terms.given_up.insert(seq);
        }
    }

    /// Whether the client's subscription was confirmed.
    pub fn is_subscribed(&self) -> bool {
        self.on_terms.as_ref().is_none_or(|on_terms| on_terms.from.is_some())
    }

    /// Arrivals of events that were due before the subscription was confirmed, in the window or not.
    pub fn replayed(&self) -> u64 {
        self.on_terms.as_ref().map_or(0, |on_terms| on_terms.replayed)
    }

    /// Further arrivals of measured events where these may repeat.
    pub fn repeated(&self) -> u64 {
        self.on_terms.as_ref().map_or(0, |on_terms| on_terms.repeated)
    }

    /// The events of the window that have not arrived: ascending, and why.
    pub(super) fn absences(&self) -> Vec<(Range<u64>, Absence)> {
        let Some(on_terms) = &self.on_terms else {
            return self.holes(self.window.clone()).map(|hole| (hole, Absence::Lost)).collect();
        };
        let mut absences = Vec::new();
        for hole in self.holes(on_terms.whole.clone()) {
            let excused = hole.start..hole.end.min(self.window.start);
            let waited = common(&hole, &self.window);
            let withdrawn = on_terms.withdrawn.ranges().iter().map(|range| common(range, &waited));
            let all = [excused].into_iter().chain(withdrawn).map(|range| (range, Absence::Excused));
            absences.extend(all);
            for range in on_terms.withdrawn.holes(waited) {
                let replaced = self.replaced().clamp(range.start, range.end);
                absences.push((range.start..replaced, Absence::Superseded));
                absences.push((replaced..range.end, Absence::Lost));
            }
        }
        absences.retain(|(range, _)| !range.is_empty());
        absences
    }

    /// Whether all that is expected has arrived or is not waited for.
    pub(super) fn complete_on_terms(&self, on_terms: &OnTerms) -> bool {
        let given_up = on_terms.given_up.ranges().iter();
        let given_up: u64 =
            given_up.map(|range| self.awaited(&common(range, &self.window), self.replaced())).sum();
        (on_terms.from.is_some() || on_terms.whole.is_empty()) && self.lost <= given_up
    }

    pub(super) fn give_up_on_terms(&mut self, gap: Range<u64>) {
        if let Some(on_terms) = self.on_terms.as_deref_mut() {
            on_terms.given_up.insert_all(gap);
        }
    }

    /// Books an arrival that is already in the set of arrivals.
    #[inline(never)]
    pub(super) fn book_on_terms(&mut self, seq: u64, arrival: Arrival, late: bool) {
        let replaced = self.replaced();
        if seq > replaced {
            self.replace(replaced, seq);
        }
        let measured = self.measures(seq);
        let Some(on_terms) = self.on_terms.as_deref_mut() else { return };
        on_terms.newest = on_terms.newest.max(seq);
        let withdrawn = on_terms.withdrawn.remove(seq);
        if on_terms.from.is_none_or(|from| seq < from) {
            on_terms.replayed += 1;
        } else if measured && arrival == Arrival::Duplicate {
            if on_terms.terms.repeats {
                on_terms.repeated += 1;
            } else {
                self.odd().duplicate += 1;
            }
        } else if measured {
            match (withdrawn, seq < replaced) {
                (true, _) => self.expected += 1,
                (false, true) => self.odd().superseded -= 1,
                (false, false) => self.lost -= 1,
            }
            self.delivered += 1;
            self.book_odd(arrival, late);
        }
    }

    /// Books that `seq` replaced all between it and the event `before`, if the newest state is wanted.
    fn replace(&mut self, before: u64, seq: u64) {
        let latest =
            self.on_terms.as_ref().is_some_and(|on| on.terms.semantics == Semantics::Latest);
        if latest {
            let overtaken = self.awaited(&common(&(before + 1..seq), &self.window), 0);
            self.lost -= overtaken;
            self.odd().superseded += overtaken;
        }
    }

    fn replaced(&self) -> u64 {
        self.on_terms.as_ref().map_or(0, |on_terms| on_terms.replaced())
    }

    /// How many events of `range`, from `least` on, have neither arrived nor been withdrawn.
    fn awaited(&self, range: &Range<u64>, least: u64) -> u64 {
        let range = range.start.max(least)..range.end;
        if range.is_empty() {
            return 0;
        }
        let withdrawn = self.on_terms.as_ref().map_or(0, |on| on.withdrawn.count_within(&range));
        self.missing(&range) - withdrawn
    }

    fn arrived(&self, seq: u64) -> bool {
        seq < self.next || self.ahead().contains(seq)
    }

    /// The events of `range` that have not arrived.
    fn holes(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        self.ahead().holes(range.start.max(self.next)..range.end)
    }

    /// How many events of `range` have not arrived.
    pub(super) fn missing(&self, range: &Range<u64>) -> u64 {
        let range = range.start.max(self.next)..range.end;
        len(&range) - self.ahead().count_within(&range)
    }
}

/// Why an event of the window has not arrived at a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It was expected.
    Lost,
    /// A newer event overtook it.
    Superseded,
    /// It was not expected: due before the subscription, or withdrawn.
    Excused,
}
