//! Events that were sent and not answered yet. Several are under way at once: answers come in order, or name their event.

use std::collections::VecDeque;

use super::Scheduled;

/// Events under way on one connection.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    events: VecDeque<Waiting>,
    /// Whether answers name their events: the order means nothing then.
    named: bool,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    tag: u64,
    due: Scheduled,
    /// When it was handed to the connection, and then when it was written.
    since_ns: u64,
    written: bool,
    /// Nobody waits for its answer any more; in order, that would be the next all the same.
    given_up: bool,
}

/// What the connection broke off.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// Events that were written: whether they were published is unknown.
    pub unanswered: Vec<Scheduled>,
    /// Events that were not.
    pub unsent: Vec<Scheduled>,
}

impl Outstanding {
    /// An event is handed to the connection as `tag`.
    pub(super) fn push(&mut self, tag: u64, due: Scheduled, now_ns: u64) {
        let (written, given_up) = (false, false);
        self.events.push_back(Waiting { tag, due, since_ns: now_ns, written, given_up });
    }

    /// An event was written.
    pub(super) fn wrote(&mut self, tag: u64, sent_ns: u64) -> Option<Scheduled> {
        let event = self.events.iter_mut().rev().find(|event| event.tag == tag)?;
        event.written = true;
        event.since_ns = sent_ns;
        Some(event.due)
    }

    /// Nothing more is heard of a written event.
    pub(super) fn settle(&mut self, tag: u64) {
        self.events.retain(|event| event.tag != tag);
    }

    /// Takes an answer, to the event that it names or else to the oldest; `None` if nobody waits for it.
    pub(super) fn answer(&mut self, named: Option<(u64, u64)>) -> Option<Scheduled> {
        if let Some(named) = named {
            self.named = true;
            let is = |event: &Waiting| (event.due.topic, event.due.seq) == named;
            let at = self.events.iter().position(is)?;
            return self.events.remove(at).filter(|event| !event.given_up).map(|event| event.due);
        }
        let oldest = self.events.front().filter(|event| event.written)?;
        let due = (!oldest.given_up).then_some(oldest.due);
        self.events.pop_front();
        due
    }

    /// When the first event has waited for `limit_ns`.
    pub(super) fn deadline_ns(&self, limit_ns: u64) -> Option<u64> {
        let oldest = self.events.iter().find(|event| !event.given_up)?;
        Some(oldest.since_ns.saturating_add(limit_ns))
    }

    /// Whether an event has waited for `limit_ns` without even being written.
    pub(super) fn is_stuck(&self, now_ns: u64, limit_ns: u64) -> bool {
        let oldest = self.events.iter().find(|event| !event.written);
        oldest.is_some_and(|event| event.since_ns.saturating_add(limit_ns) <= now_ns)
    }

    /// Gives up the events that have waited for `limit_ns`.
    pub(super) fn give_up(&mut self, now_ns: u64, limit_ns: u64) -> Vec<Scheduled> {
        let mut given_up = Vec::new();
        for event in &mut self.events {
            let over = event.since_ns.saturating_add(limit_ns) <= now_ns;
            if event.written && !event.given_up && over {
                event.given_up = true;
                given_up.push(event.due);
            }
        }
        if self.named {
            self.events.retain(|event| !event.given_up);
        }
        given_up
    }

    /// Whether answers name their events.
    pub(super) const fn is_named(&self) -> bool {
        self.named
    }

    /// Whether nobody waits for an answer.
    pub(super) fn is_empty(&self) -> bool {
        self.events.iter().all(|event| event.given_up)
    }

    /// The connection is lost.
    pub(super) fn broke(&mut self) -> Broken {
        let mut broken = Broken::default();
        for event in self.events.drain(..).filter(|event| !event.given_up) {
            let part = if event.written { &mut broken.unanswered } else { &mut broken.unsent };
            part.push(event.due);
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(seq: u64) -> Scheduled {
        Scheduled { topic: 0, seq, due_ns: 0, measured: true }
    }

    fn sent(events: u64) -> Outstanding {
        let mut outstanding = Outstanding::default();
        for seq in 1..=events {
            outstanding.push(seq, due(seq), 0);
            outstanding.wrote(seq, seq);
        }
        outstanding
    }

    fn seqs(dues: &[Scheduled]) -> Vec<u64> {
        dues.iter().map(|due| due.seq).collect()
    }

    #[test]
    fn answers_come_in_order_or_by_name() {
        let mut events = sent(4);
        let mut next =
            |named: Option<u64>| events.answer(named.map(|seq| (0, seq))).map(|due| due.seq);
        assert_eq!(next(None), Some(1));
        assert_eq!(next(Some(4)), Some(4));
        assert_eq!(next(Some(4)), None, "answered twice");
        assert_eq!(next(Some(9)), None, "never sent");
        assert_eq!(next(None), Some(2));
        assert_eq!(next(Some(3)), Some(3));
        assert_eq!(next(None), None, "nothing is left");
        assert!(events.is_empty());
    }

    #[test]
    fn nothing_answers_an_event_that_was_not_written() {
        let mut events = Outstanding::default();
        events.push(1, due(1), 0);
        assert!(events.answer(None).is_none());
        events.wrote(1, 5);
        assert_eq!(events.answer(None).map(|due| due.seq), Some(1));
    }

    #[test]
    fn a_late_answer_in_order_is_not_taken_for_the_next_event() {
        let mut events = sent(3);
        assert_eq!(events.deadline_ns(10), Some(11));
        assert_eq!(seqs(&events.give_up(12, 10)), [1, 2]);
        assert_eq!(events.deadline_ns(10), Some(13));
        assert!(events.give_up(12, 10).is_empty(), "once");
        assert!(events.answer(None).is_none(), "of event 1");
        assert!(events.answer(None).is_none(), "of event 2");
        assert_eq!(events.answer(None).map(|due| due.seq), Some(3));
    }

    #[test]
    fn a_break_tells_what_was_written_from_what_was_not() {
        let mut events = sent(3);
        events.answer(None);
        events.push(4, due(4), 7);
        events.push(5, due(5), 8);
        assert!(!events.is_stuck(16, 10) && events.is_stuck(17, 10));
        let broken = events.broke();
        assert_eq!((seqs(&broken.unanswered), seqs(&broken.unsent)), (vec![2, 3], vec![4, 5]));
        assert!(events.is_empty());
    }
}
