//! What a delivery contains, and which deliveries a receiver has had.

use std::hash::{BuildHasher as _, RandomState};

use crate::event::{Head, decode_head};

/// Ids that are remembered with each other: the oldest of them is forgotten for the next.
const TOGETHER: usize = 8;
/// Groups of them: a million ids in all, which is a minute of what a shard can take.
const GROUPS: usize = 1 << 17;

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

/// The last message ids of all receivers of a shard, as hashes under a key of this process: a new one looks known once in
/// 10^13. Its memory never grows, so that no delivery waits while it does, and is the kernel's until it is used.
pub(in crate::pattern) struct Known {
    hasher: RandomState,
    /// The newest of each group first; 0 is none.
    groups: Box<[[u64; TOGETHER]]>,
}

impl Default for Known {
    fn default() -> Self {
        let groups = vec![[0; TOGETHER]; GROUPS].into_boxed_slice();
        Self { hasher: RandomState::new(), groups }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Known {
    /// Whether an id is new to link number `link`: a server may use one for all of its receivers.
    pub(super) fn is_new(&mut self, link: u64, id: &[u8]) -> bool {
        let hash = self.hasher.hash_one((link, id)) | 1;
        let group = &mut self.groups[(hash >> 32) as usize % GROUPS];
        if group.contains(&hash) {
            return false;
        }
        group.copy_within(..TOGETHER - 1, 1);
        group[0] = hash;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_to_each_receiver_while_it_is_remembered() {
        let mut known = Known::default();
        assert!(known.is_new(0, b"msg_1") && !known.is_new(0, b"msg_1"));
        assert!(known.is_new(1, b"msg_1") && !known.is_new(1, b"msg_1"), "of another receiver");
        let many = (GROUPS * TOGETHER * 4) as u64;
        let other = |n: u64| n.to_le_bytes();
        assert!((0..8192).all(|n| known.is_new(0, &other(n))));
        assert!(!known.is_new(0, b"msg_1") && !known.is_new(1, b"msg_1"), "still known");
        assert!((8192..many).all(|n| known.is_new(0, &other(n))));
        assert!(known.is_new(0, b"msg_1"), "forgotten as one of the oldest");
        let last = many - 1000..many;
        assert_eq!(last.filter(|n| known.is_new(0, &other(*n))).count(), 0, "the newest are not");
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
