//! The content of one attempt: an event, or several of a topic.

use std::sync::Arc;

use bytes::Bytes;

use crate::event::Epoch;
use crate::server::durable::SavedLetter;
use crate::server::hub::Entry;

/// Most bytes of several events in one attempt.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// Events that go together, under one message id, in every attempt.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    id: String,
    first: Arc<Entry>,
    rest: Vec<Arc<Entry>>,
}

impl Batch {
    /// Events under a message id that they had before; `None` of no events.
    pub(crate) fn new(id: String, entries: Vec<Arc<Entry>>) -> Option<Self> {
        let mut entries = entries.into_iter();
        Some(Self { id, first: entries.next()?, rest: entries.collect() })
    }

    /// Builds a batch of consecutive events of a topic. The message id contains the sequences and the log's life, so it
    /// stays the same after a restart that the log survives and changes after one that it does not; a receiver drops ids
    /// that it knows.
    pub(crate) fn of(topic: &str, life: Epoch, first: Arc<Entry>, rest: Vec<Arc<Entry>>) -> Self {
        let mut number = itoa::Buffer::new();
        // Two sequences and an epoch of usual length.
        let mut id = String::with_capacity(topic.len() + 32);
        id.push_str("msg_");
        id.push_str(topic);
        id.push('_');
        id.push_str(number.format(first.seq()));
        if let Some(last) = rest.last() {
            id.push('-');
            id.push_str(number.format(last.seq()));
        }
        id.push('_');
        id.extend(life.digits().map(char::from));
        Self { id, first, rest }
    }

    /// The message id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The first event.
    pub(crate) const fn first(&self) -> &Arc<Entry> {
        &self.first
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The number of events.
    pub(crate) const fn events(&self) -> u64 {
        1 + self.rest.len() as u64
    }

    /// The sequence of the last event.
    pub(crate) fn last_seq(&self) -> u64 {
        self.rest.last().unwrap_or(&self.first).seq()
    }

    /// Returns the body: the event's own bytes, shared, or a JSON array of several.
    pub(crate) fn body(&self) -> Bytes {
        if self.rest.is_empty() {
            return self.first.json_shared();
        }
        let mut body =
            Vec::with_capacity(self.entries().map(|e| e.json().len() + 1).sum::<usize>() + 1);
        body.push(b'[');
        for entry in self.entries() {
            if body.len() > 1 {
                body.push(b',');
            }
            body.extend_from_slice(entry.json());
        }
        body.push(b']');
        body.into()
    }

    /// Returns the stored form of a dead letter.
    pub(crate) fn saved(&self, attempts: u32, reason: &str) -> SavedLetter {
        let text = |entry: &Arc<Entry>| String::from_utf8_lossy(entry.json()).into_owned();
        let raw = |entry| serde_json::value::RawValue::from_string(text(entry)).ok();
        SavedLetter {
            id: self.id.clone(),
            attempts,
            reason: reason.to_owned(),
            events: self.entries().filter_map(raw).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::Head;

    #[test]
    fn one_event_goes_as_it_is_and_several_as_an_array() {
        let entry = |seq| {
            Arc::new(Entry::new("t", Head { seq, due_ns: 1, published_ns: 2, key: None }, b"7"))
        };
        let life = Epoch::of(1);
        let one = Batch::of("t", life, entry(4), vec![]);
        assert_eq!((one.events(), one.last_seq()), (1, 4));
        assert_eq!(one.id(), format!("msg_t_4_{life}"));
        assert_ne!(one.id(), Batch::of("t", Epoch::of(2), entry(4), vec![]).id());
        assert_eq!(one.body(), one.first().json());
        let three = Batch::of("t", life, entry(4), vec![entry(5), entry(6)]);
        assert_eq!((three.events(), three.last_seq()), (3, 6));
        assert_eq!(three.id(), format!("msg_t_4-6_{life}"));
        let body: Value = serde_json::from_slice(&three.body()).unwrap();
        let seqs: Vec<_> = body.as_array().unwrap().iter().map(|event| &event["seq"]).collect();
        assert_eq!(seqs, [4, 5, 6]);
        let saved = three.saved(2, "status 500");
        let again = Batch::new(saved.id.clone(), saved.entries()).unwrap();
        assert_eq!(
            (again.id(), again.body()),
            (three.id(), three.body()),
            "the same after a restart"
        );
    }
}
