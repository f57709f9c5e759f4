//! Dead letters of one endpoint: kept, listed, and replayed on request.

use std::collections::VecDeque;

use super::batch::Batch;

/// Dead letters that an endpoint keeps; of older ones only the count remains.
const KEPT_MAX: usize = 256;

/// An undelivered message.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    /// Its number among the endpoint's.
    pub number: u64,
    /// The events.
    pub batch: Batch,
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
}

/// All dead letters of an endpoint.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    kept: VecDeque<DeadLetter>,
    /// Letters to deliver once more.
    asked: Vec<DeadLetter>,
    last_number: u64,
    total: u64,
}

impl From<Vec<DeadLetter>> for DeadLetters {
    /// The letters that an earlier process left.
    fn from(letters: Vec<DeadLetter>) -> Self {
        let last_number = letters.iter().map(|letter| letter.number).max().unwrap_or(0);
        let total = letters.iter().map(|letter| letter.batch.events()).sum();
        Self { kept: letters.into(), asked: Vec::new(), last_number, total }
    }
}

impl DeadLetters {
    /// Events given up, also those that are kept no more, or were delivered later.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Counts events that were never tried.
    pub(super) const fn miss(&mut self, events: u64) {
        self.total += events;
    }

    /// Keeps a batch; returns its number, and that of one that had to make room.
    pub(super) fn add_dead_letter(
        &mut self,
        batch: Batch,
        attempts: u32,
        reason: String,
    ) -> (u64, Option<u64>) {
        self.total += batch.events();
        self.last_number += 1;
        let number = self.last_number;
        self.kept.push_back(DeadLetter { number, batch, attempts, reason });
        let gone = if self.kept.len() > KEPT_MAX { self.kept.pop_front() } else { None };
        (number, gone.map(|letter| letter.number))
    }

    /// The kept letters, oldest first.
    pub(super) fn kept(&self) -> Vec<DeadLetter> {
        self.kept.iter().cloned().collect()
    }

    /// Queues the letter of that message id, or all, for replay; returns how many.
    pub(super) fn ask(&mut self, webhook_id: Option<&str>) -> usize {
        let before = self.asked.len();
        match webhook_id {
            None => self.asked.extend(self.kept.drain(..)),
            Some(id) => {
                let at = self.kept.iter().position(|letter| letter.batch.id() == id);
                self.asked.extend(at.and_then(|at| self.kept.remove(at)));
            }
        }
        self.asked.len() - before
    }

    /// Takes the letters that were requested for replay.
    pub(super) fn take_asked(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.asked)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Epoch, Head};
    use crate::server::hub::Entry;

    #[test]
    fn letters_are_bounded_counted_and_asked_for_once() {
        let life = Epoch::of(1);
        let mut letters = DeadLetters::default();
        for seq in 1..=300 {
            let entry = Entry::new("t", Head { seq, due_ns: 0, published_ns: 0, key: None }, b"1");
            let batch = Batch::of("t", life, Arc::new(entry), vec![]);
            let gone = letters.add_dead_letter(batch, 3, "status 500".to_owned()).1;
            assert_eq!(gone, seq.checked_sub(256).filter(|number| *number > 0), "{seq}");
        }
        assert_eq!((letters.total(), letters.kept().len()), (300, 256));
        assert_eq!(letters.ask(Some(&format!("msg_t_1_{life}"))), 0, "it is kept no more");
        let last = format!("msg_t_300_{life}");
        assert_eq!((letters.ask(Some(&last)), letters.ask(Some(&last))), (1, 0));
        assert_eq!(letters.take_asked()[0].number, 300);
        assert_eq!((letters.ask(None), letters.ask(None), letters.kept().len()), (255, 0, 0));
        assert_eq!((letters.take_asked().len(), letters.take_asked().len()), (255, 0));
    }
}
