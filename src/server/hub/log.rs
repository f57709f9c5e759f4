//! A topic's bounded log: the only queue there is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Entry;

/// The requested events have left the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The oldest sequence still kept.
    pub oldest: u64,
}

/// A gapless log of the newest events of a topic, bounded by count and by bytes.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Arc<Entry>>,
    newest: u64,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

impl Log {
    /// An empty log that keeps at most `entries_max` events and `bytes_max` bytes, and at least one event.
    pub(crate) const fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), newest: 0, bytes: 0, entries_max, bytes_max }
    }

    /// The newest sequence; 0 before the first event.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    /// The oldest kept sequence; in an empty log, the next one.
    pub(crate) fn oldest(&self) -> u64 {
        self.newest + 1 - self.entries.len() as u64
    }

    /// Begins after `newest`, which was given out by an earlier process; only while it is empty.
    pub(crate) fn begin_after(&mut self, newest: u64) {
        debug_assert!(self.entries.is_empty(), "a log with events has begun");
        self.newest = newest;
    }

    /// Appends the event that follows the newest.
    ///
    /// # Panics
    ///
    /// If it is another: sequences are given out by the home shard alone, in the order of its messages.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        assert_eq!(entry.seq(), self.newest + 1, "a topic's events come in order");
        self.newest = entry.seq();
        self.bytes += entry.size();
        self.entries.push_back(entry);
        while self.entries.len() > 1
            && (self.entries.len() > self.entries_max || self.bytes > self.bytes_max)
        {
            if let Some(left) = self.entries.pop_front() {
                self.bytes -= left.size();
            }
        }
    }

    /// The events after `since`, oldest first; none where `since` is the newest or not yet reached.
    pub(crate) fn after(&self, since: u64) -> Result<impl Iterator<Item = &Arc<Entry>>, Gap> {
        let oldest = self.oldest();
        if since + 1 < oldest {
            return Err(Gap { oldest });
        }
        let skip = (since + 1 - oldest).min(self.entries.len() as u64) as usize;
        Ok(self.entries.range(skip..))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Head;

    fn entry(seq: u64, size: usize) -> Arc<Entry> {
        let head = Head { seq, due_ns: 0, published_ns: 0, key: None };
        Arc::new(Entry::new("t", head, &crate::event::filler(size)))
    }

    fn seqs(log: &Log, since: u64) -> Result<Vec<u64>, Gap> {
        Ok(log.after(since)?.map(|entry| entry.seq()).collect())
    }

    #[test]
    fn an_empty_log_has_nothing_and_no_gap() {
        let log = Log::new(3, usize::MAX);
        assert_eq!((log.newest(), log.oldest()), (0, 1));
        assert_eq!(seqs(&log, 0), Ok(vec![]));
    }

    #[test]
    fn a_restarted_log_has_a_gap_before_it_and_continues() {
        let mut log = Log::new(3, usize::MAX);
        log.begin_after(7);
        assert_eq!((log.newest(), log.oldest()), (7, 8));
        assert_eq!((seqs(&log, 7), seqs(&log, 6)), (Ok(vec![]), Err(Gap { oldest: 8 })));
        log.push(entry(8, 2));
        assert_eq!(seqs(&log, 7), Ok(vec![8]));
    }

    #[test]
    fn bytes_bound_the_log_too_but_the_newest_stays() {
        let mut log = Log::new(100, 5000);
        for seq in 1..=20 {
            log.push(entry(seq, 900));
        }
        assert!((2..=5).contains(&seqs(&log, log.oldest() - 1).unwrap().len()));
        log.push(entry(21, 50_000));
        assert_eq!(seqs(&log, 20), Ok(vec![21]));
    }

    proptest! {
        #[test]
        fn a_cursor_gets_all_that_follows_or_a_gap(
            ring in 1..20u64, published in 0..60u64, since in 0..70u64,
        ) {
            let mut log = Log::new(ring as usize, usize::MAX);
            for seq in 1..=published {
                log.push(entry(seq, 2));
            }
            let oldest = published.saturating_sub(ring) + 1;
            prop_assert_eq!(log.oldest(), oldest);
            let expected =
                if since + 1 < oldest { Err(Gap { oldest }) } else { Ok((since + 1..=published).collect()) };
            prop_assert_eq!(seqs(&log, since), expected);
        }
    }
}
