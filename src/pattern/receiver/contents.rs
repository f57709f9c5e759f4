//! What a delivery contains, and which deliveries a receiver has had.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use crate::event::{Head, decode_head};

/// Message ids that a receiver remembers.
const KNOWN_IDS: usize = 8192;

/// The events of a delivery.
pub(super) enum Events {
    One(Head),
    /// A batch.
    Many(Vec<Head>),
}

impl Events {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        if body.first() == Some(&b'[') {
            serde_json::from_slice(body).ok().map(Self::Many)
        } else {
            decode_head(body).ok().map(Self::One)
        }
    }

    pub(super) fn each(self, mut book: impl FnMut(Head)) {
        match self {
            Self::One(event) => book(event),
            Self::Many(events) => events.into_iter().for_each(book),
        }
    }
}

/// The last message ids, as hashes under a key of this process: two that differ look alike once in 10^15.
#[derive(Default)]
pub(super) struct Known {
    hasher: RandomState,
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Known {
    /// Whether an id is new.
    pub(super) fn is_new(&mut self, id: &[u8]) -> bool {
        let hash = self.hasher.hash_one(id);
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > KNOWN_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_while_it_is_remembered() {
        let mut known = Known::default();
        assert!(known.is_new(b"msg_1") && !known.is_new(b"msg_1"));
        for n in 0..KNOWN_IDS - 1 {
            assert!(known.is_new(format!("other_{n}").as_bytes()));
        }
        assert!(!known.is_new(b"msg_1"), "still known");
        assert!(known.is_new(b"one more"));
        assert!(known.is_new(b"msg_1"), "forgotten as the oldest");
        assert_eq!(known.hashes.len(), known.order.len());
    }

    #[test]
    fn one_event_and_a_batch_are_read_and_nothing_else() {
        let event = |seq| format!("{{\"seq\":{seq},\"due_ns\":1,\"published_ns\":2,\"data\":[1]}}");
        let seqs = |body: &str| {
            let mut seqs = Vec::new();
            Events::read(body.as_bytes())?.each(|event| seqs.push(event.seq));
            Some(seqs)
        };
        assert_eq!(seqs(&event(3)), Some(vec![3]));
        assert_eq!(seqs(&format!("[{},{}]", event(3), event(4))), Some(vec![3, 4]));
        for body in ["", "[1]", "{\"challenge\":\"x\"}", "[{\"seq\":1}"] {
            assert_eq!(seqs(body), None, "{body}");
        }
    }
}
