//! The tables on disk, and a memory of them that avoids needless writes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
};

use super::saved::{Restored, RestoredEndpoint, SavedEndpoint, SavedLetter, unpack};
use super::writing::Writing;
use super::{Append, StoreError, private_folder};
use crate::event::Epoch;
use crate::server::hub::{Entry, RestoredTopic, SharedTopic};

/// Topic name → number and newest sequence.
pub(super) const TOPICS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("topics");
/// Topic and sequence → event that some endpoint lacks.
pub(super) const EVENTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("events");
/// Endpoint number → endpoint as JSON.
pub(super) const ENDPOINTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("endpoints");
/// Endpoint and topic → sequence up to which it has every event.
pub(super) const POSITIONS: TableDefinition<'_, (u64, u32), u64> =
    TableDefinition::new("positions");
/// Endpoint and number → dead letter as JSON.
pub(super) const LETTERS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("letters");
/// Numbers of the store itself.
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The highest number that an endpoint had.
pub(super) const LAST_ENDPOINT: &str = "last_endpoint";
/// The life that the logs are in.
const LIFE: &str = "life";
/// Version of these tables.
const FORMAT: (&str, u64) = ("format", 1);
/// Memory for the store's read cache, in bytes.
const CACHE: usize = 32 << 20;

/// A change that is not an event.
#[derive(Debug)]
pub(super) enum Change {
    /// An endpoint, or its deletion.
    Endpoint(u64, Option<SavedEndpoint>),
    /// The sequence up to which an endpoint has a topic.
    Position(u64, Arc<SharedTopic>, u64),
    /// A dead letter, or that it is none any more.
    Letter(u64, u64, Option<SavedLetter>),
}

/// The tables.
#[derive(Debug)]
pub(super) struct Tables {
    database: Database,
    /// Touched by the writing thread alone.
    known: Mutex<Known>,
}

/// The writing thread's memory of the tables.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Numbers of the topics by name, dense from 0.
    pub numbers: HashMap<String, u32>,
    /// Topics by number.
    pub topics: Vec<TopicState>,
    /// The topics of each endpoint.
    pub endpoints: HashMap<u64, Vec<u32>>,
    /// The highest number that an endpoint had.
    pub last_endpoint: u64,
}

/// The state of a topic.
#[derive(Debug)]
pub(super) struct TopicState {
    /// Its name.
    pub name: String,
    /// The newest sequence given out.
    pub newest: u64,
    /// The oldest event kept; above `newest` where there is none.
    pub oldest: u64,
    /// Endpoint → sequence up to which it has every event.
    pub positions: HashMap<u64, u64>,
}

impl Tables {
    /// Opens the tables in a folder and reads them.
    pub(super) fn open(
        folder: &Path,
        ring: usize,
        life: Epoch,
    ) -> Result<(Self, Restored), StoreError> {
        let at = |error: String| StoreError::new(format!("{}: {error}", folder.display()));
        private_folder(folder).map_err(|error| at(error.to_string()))?;
        let database = Builder::new().set_cache_size(CACHE).create(folder.join("outbox.redb"));
        let database = database.map_err(|error| at(error.to_string()))?;
        prepare(&database, life).map_err(|error| at(error.to_string()))?;
        let (known, restored) = restore(&database, ring).map_err(|error| at(error.to_string()))?;
        Ok((Self { database, known: Mutex::new(known) }, restored))
    }

    /// Writes events and changes in one transaction, synced.
    pub(super) fn commit(
        &self,
        appends: &[Append],
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = self.database.begin_write().map_err(StoreError::new)?;
        let written = Writing::begin(&transaction, &mut known).and_then(|mut writing| {
            for append in appends {
                writing.append(append)?;
            }
            for change in changes {
                writing.change(change)?;
            }
            writing.finish()
        });
        written.map_err(StoreError::new)?;
        transaction.commit().map_err(StoreError::new)
    }

    /// Events of a topic after `since`.
    pub(super) fn read(
        &self,
        topic: &str,
        since: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Entry>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let topics = transaction.open_table(TOPICS)?;
        let Some(number) = topics.get(topic)?.map(|state| state.value().0) else {
            return Ok(Vec::new());
        };
        entries(&transaction, topic, number, since, limit)
    }
}

/// Makes the tables, in the life `life` unless they are in one, and refuses those of another version.
fn prepare(database: &Database, life: Epoch) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        transaction.open_table(TOPICS)?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(ENDPOINTS)?;
        transaction.open_table(POSITIONS)?;
        transaction.open_table(LETTERS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        let (name, version) = FORMAT;
        let found = numbers.get(name)?.map(|found| found.value());
        match found {
            None => drop(numbers.insert(name, version)?),
            Some(found) if found == version => {}
            Some(found) => {
                return Err(redb::Error::Corrupted(format!(
                    "written in format {found}, this build reads {version}: use the build that wrote it, or \
                     another folder"
                )));
            }
        }
        if numbers.get(LIFE)?.is_none() {
            numbers.insert(LIFE, life.bits())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn entries(
    transaction: &ReadTransaction,
    topic: &str,
    number: u32,
    since: u64,
    limit: usize,
) -> Result<Vec<Arc<Entry>>, redb::Error> {
    let events = transaction.open_table(EVENTS)?;
    let mut read = Vec::new();
    for event in events.range((number, since.saturating_add(1))..=(number, u64::MAX))?.take(limit) {
        let (key, packed) = event?;
        read.extend(unpack(topic, key.value().1, packed.value()));
    }
    Ok(read)
}

fn restore(database: &Database, ring: usize) -> Result<(Known, Restored), redb::Error> {
    let transaction = database.begin_read()?;
    let mut written = Vec::new();
    for topic in transaction.open_table(TOPICS)?.iter()? {
        let (name, state) = topic?;
        let (number, newest) = state.value();
        written.push((number, name.value().to_owned(), newest));
    }
    written.sort_unstable();
    let events = transaction.open_table(EVENTS)?;
    let (mut known, mut topics) = (Known::default(), Vec::new());
    for (number, name, newest) in written {
        let first = events.range((number, 0)..=(number, u64::MAX))?.next().transpose()?;
        let oldest = first.map_or(newest + 1, |(key, _)| key.value().1);
        let since = (oldest - 1).max(newest.saturating_sub(ring as u64));
        let entries = entries(&transaction, &name, number, since, ring)?;
        known.numbers.insert(name.clone(), number);
        known.topics.push(TopicState {
            name: name.clone(),
            newest,
            oldest,
            positions: HashMap::new(),
        });
        topics.push(RestoredTopic { name, newest, entries });
    }
    let numbers = transaction.open_table(NUMBERS)?;
    let life = numbers.get(LIFE)?.map(|life| Epoch::from_bits(life.value()));
    let last = numbers.get(LAST_ENDPOINT)?;
    known.last_endpoint = last.map_or(0, |last| last.value());
    let endpoints = restore_endpoints(&transaction, &mut known)?;
    let last_endpoint = known.last_endpoint;
    Ok((known, Restored { topics, endpoints, last_endpoint, life }))
}

fn restore_endpoints(
    transaction: &ReadTransaction,
    known: &mut Known,
) -> Result<Vec<RestoredEndpoint>, redb::Error> {
    let unreadable = |error: serde_json::Error| redb::Error::Corrupted(error.to_string());
    let positions = transaction.open_table(POSITIONS)?;
    let letters = transaction.open_table(LETTERS)?;
    let mut restored = Vec::new();
    for endpoint in transaction.open_table(ENDPOINTS)?.iter()? {
        let (id, saved) = endpoint?;
        let (id, saved) = (id.value(), serde_json::from_slice(saved.value()).map_err(unreadable)?);
        let mut endpoint =
            RestoredEndpoint { id, saved, positions: HashMap::new(), letters: Vec::new() };
        for position in positions.range((id, 0)..=(id, u32::MAX))? {
            let (key, upto) = position?;
            let (number, upto) = (key.value().1, upto.value());
            if let Some(topic) = known.topics.get_mut(number as usize) {
                topic.positions.insert(id, upto);
                endpoint.positions.insert(topic.name.clone(), upto);
                known.endpoints.entry(id).or_default().push(number);
            }
        }
        for letter in letters.range((id, 0)..=(id, u64::MAX))? {
            let (key, letter) = letter?;
            let letter = serde_json::from_slice(letter.value()).map_err(unreadable)?;
            endpoint.letters.push((key.value().1, letter));
        }
        restored.push(endpoint);
    }
    Ok(restored)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;
    use crate::server::hub::Directory;
    use crate::server::hub::Origin;

    fn append(identity: &Arc<SharedTopic>, seq: u64) -> Append {
        let (identity, data) = (Arc::clone(identity), Bytes::from(format!("{seq}")));
        Append {
            identity,
            seq,
            origin: Origin::due(5),
            data,
            home: 0,
            asker: (0, oneshot::channel().0),
        }
    }

    fn endpoint(topics: &[&str]) -> SavedEndpoint {
        SavedEndpoint {
            url: "http://127.0.0.1:1/".to_owned(),
            topics: topics.iter().map(|name| ((*name).to_owned(), 0)).collect(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            previous: None,
            disabled: None,
        }
    }

    fn kept(tables: &Tables, topic: &str) -> Vec<u64> {
        tables.read(topic, 0, 100).unwrap().iter().map(|entry| entry.seq()).collect()
    }

    #[test]
    fn events_are_kept_as_long_as_an_endpoint_lacks_them() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(2);
        let topic = directory.get_or_create("a").unwrap();
        let (tables, _) = Tables::open(folder.path(), 10, Epoch::of(10)).unwrap();
        tables.commit(&[append(&topic, 1), append(&topic, 2)], vec![]).unwrap();
        assert_eq!(kept(&tables, "a"), [0; 0], "nobody wants them");
        let both = [1, 2].map(|id| Change::Endpoint(id, Some(endpoint(&["a"]))));
        tables.commit(&[], both.into()).unwrap();
        let events: Vec<Append> = (3..=6).map(|seq| append(&topic, seq)).collect();
        tables.commit(&events, vec![]).unwrap();
        assert_eq!(kept(&tables, "a"), [3, 4, 5, 6]);
        let position = |id, upto| Change::Position(id, Arc::clone(&topic), upto);
        tables.commit(&[], vec![position(1, 6), position(2, 4), position(2, 3)]).unwrap();
        assert_eq!(kept(&tables, "a"), [5, 6], "the slower one decides, and nobody goes back");
        drop(tables);

        let (tables, restored) = Tables::open(folder.path(), 1, Epoch::of(1)).unwrap();
        let [a] = &restored.topics[..] else { panic!("one topic") };
        assert_eq!((a.name.as_str(), a.newest, a.entries.len()), ("a", 6, 1), "as the ring allows");
        let upto: Vec<u64> = restored.endpoints.iter().map(|e| e.positions["a"]).collect();
        assert_eq!((upto, restored.last_endpoint), (vec![6, 4], 2));
        assert_eq!(restored.life, Some(Epoch::of(10)), "that of who made the store");
        tables.commit(&[], vec![Change::Endpoint(2, None)]).unwrap();
        assert_eq!(kept(&tables, "a"), [0; 0]);
        let last = Tables::open(folder.path(), 1, Epoch::of(1));
        assert!(last.is_err(), "one process at a time");
    }

    #[test]
    fn letters_go_with_their_endpoint() {
        let folder = tempfile::tempdir().unwrap();
        let letter = |id: &str| SavedLetter {
            id: id.to_owned(),
            attempts: 3,
            reason: "status 500".to_owned(),
            events: vec![],
        };
        let (tables, _) = Tables::open(folder.path(), 10, Epoch::of(10)).unwrap();
        let mut changes: Vec<Change> =
            (1..=2).map(|id| Change::Endpoint(id, Some(endpoint(&["a", "b"])))).collect();
        for (id, number) in [(1, 1), (1, 2), (2, 1), (3, 1)] {
            changes.push(Change::Letter(id, number, Some(letter(&format!("{id}-{number}")))));
        }
        changes.push(Change::Letter(1, 1, None));
        changes.push(Change::Endpoint(2, None));
        tables.commit(&[], changes).unwrap();
        drop(tables);
        let (_, restored) = Tables::open(folder.path(), 10, Epoch::of(10)).unwrap();
        let [one] = &restored.endpoints[..] else { panic!("one endpoint") };
        let ids: Vec<&str> = one.letters.iter().map(|(_, letter)| letter.id.as_str()).collect();
        assert_eq!((one.id, ids), (1, vec!["1-2"]));
    }
}
