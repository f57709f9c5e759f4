//! The stored form of endpoints, dead letters and events.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock;
use crate::event::{Epoch, Event, Head};
use crate::server::hub::{Entry, Origin, RestoredTopic};

/// An endpoint as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedEndpoint {
    pub url: String,
    /// What: each topic, and the sequence after which it began.
    pub topics: Vec<(String, u64)>,
    /// The secret that signs.
    pub secret: String,
    /// The one before it, and the Unix second until which it signs too.
    pub previous: Option<(String, u64)>,
    /// Why nothing is delivered.
    pub disabled: Option<String>,
}

/// A dead letter as written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedLetter {
    /// Its message id.
    pub id: String,
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
    /// The events in wire form.
    pub events: Vec<Box<RawValue>>,
}

impl SavedLetter {
    /// Its events.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.events.iter().filter_map(|json| entry(json.get())).collect()
    }
}

fn entry(json: &str) -> Option<Arc<Entry>> {
    let event: Event<'_> = serde_json::from_str(json).ok()?;
    let Event { seq, due_ns, published_ns, key, .. } = event;
    let head = Head { seq, due_ns, published_ns, key };
    Some(Arc::new(Entry::new(&event.topic, head, event.data.get().as_bytes())))
}

/// The content of a store when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Topics, in the order of their creation.
    pub topics: Vec<RestoredTopic>,
    /// Endpoints, in the order of their numbers.
    pub endpoints: Vec<RestoredEndpoint>,
    /// The highest number that an endpoint ever had.
    pub last_endpoint: u64,
    /// The life that its logs are in.
    pub life: Option<Epoch>,
}

/// An endpoint as it was.
#[derive(Debug)]
pub(crate) struct RestoredEndpoint {
    /// Its number.
    pub id: u64,
    /// The owner's settings.
    pub saved: SavedEndpoint,
    /// Up to where it has every event, by topic.
    pub positions: HashMap<String, u64>,
    /// Its dead letters by number.
    pub letters: Vec<(u64, SavedLetter)>,
}

/// Marks a key. No JSON begins with this byte, so a payload without a key needs no mark.
const KEYED: u8 = 0;

/// Encodes an event for the store: the due stamp, the publisher's key if it has one, then the payload.
pub(super) fn pack(origin: Origin, data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(17 + data.len());
    packed.extend_from_slice(&origin.due_ns.unwrap_or_default().to_le_bytes());
    if let Some(key) = origin.key {
        packed.push(KEYED);
        packed.extend_from_slice(&key.to_le_bytes());
    }
    packed.extend_from_slice(data);
    packed
}

/// Decodes an event, published now: nobody has seen it since this process started.
pub(super) fn unpack(topic: &str, seq: u64, packed: &[u8]) -> Option<Arc<Entry>> {
    let (due_ns, rest) = packed.split_first_chunk::<8>()?;
    let (key, data) = match rest.split_first() {
        Some((&KEYED, rest)) => {
            rest.split_first_chunk::<8>().map(|(key, data)| (Some(key), data))?
        }
        _ => (None, rest),
    };
    let key = key.map(|key| u64::from_le_bytes(*key));
    let head = Head { seq, due_ns: u64::from_le_bytes(*due_ns), published_ns: clock::now(), key };
    Some(Arc::new(Entry::new(topic, head, data)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_packed_event_is_unpacked_unchanged(seq: u64, due_ns: u64, key: Option<u64>, text in "[a-z]{0,50}") {
            let data = format!("\"{text}\"");
            let entry = unpack("t", seq, &pack(Origin { due_ns: Some(due_ns), key }, data.as_bytes())).unwrap();
            let event: Event<'_> = serde_json::from_slice(entry.json()).unwrap();
            prop_assert_eq!((event.seq, event.due_ns, event.key), (seq, due_ns, key));
            prop_assert_eq!(event.data.get(), data);
        }

        #[test]
        fn any_bytes_are_an_event_or_none(packed in proptest::collection::vec(any::<u8>(), 0..30)) {
            let keyed = packed.get(8) == Some(&KEYED);
            prop_assert_eq!(unpack("t", 1, &packed).is_some(), packed.len() >= if keyed { 17 } else { 8 });
        }
    }
}
