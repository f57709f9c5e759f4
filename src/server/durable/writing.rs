//! One transaction of the writing thread: what it writes, and what needs no storing.

use std::collections::{BTreeSet, HashMap};

use redb::{Table, WriteTransaction};
use serde::Serialize;

use super::Append;
use super::saved::{SavedEndpoint, pack};
use super::tables::{
    Change, ENDPOINTS, EVENTS, Known, LAST_ENDPOINT, LETTERS, NUMBERS, POSITIONS, TOPICS,
    TopicState,
};

/// Events of a topic that are kept for an endpoint that is behind; older ones are given up.
const KEPT_MAX: u64 = 1_000_000;

pub(super) struct Writing<'t> {
    known: &'t mut Known,
    topics: Table<'t, &'static str, (u32, u64)>,
    events: Table<'t, (u32, u64), &'static [u8]>,
    endpoints: Table<'t, u64, &'static [u8]>,
    positions: Table<'t, (u64, u32), u64>,
    letters: Table<'t, (u64, u64), &'static [u8]>,
    numbers: Table<'t, &'static str, u64>,
    /// Topics with sequences that were given out.
    moved: BTreeSet<u32>,
    /// Topics in which some endpoint advanced.
    advanced: BTreeSet<u32>,
}

impl<'t> Writing<'t> {
    /// Opens the tables.
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        known: &'t mut Known,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            known,
            topics: transaction.open_table(TOPICS)?,
            events: transaction.open_table(EVENTS)?,
            endpoints: transaction.open_table(ENDPOINTS)?,
            positions: transaction.open_table(POSITIONS)?,
            letters: transaction.open_table(LETTERS)?,
            numbers: transaction.open_table(NUMBERS)?,
            moved: BTreeSet::new(),
            advanced: BTreeSet::new(),
        })
    }

    /// Returns the number of a topic, assigning one if needed.
    fn topic(&mut self, name: &str) -> u32 {
        if let Some(number) = self.known.numbers.get(name) {
            return *number;
        }
        let number = self.known.topics.len() as u32;
        let name = name.to_owned();
        self.known.numbers.insert(name.clone(), number);
        self.known.topics.push(TopicState {
            name,
            newest: 0,
            oldest: 1,
            positions: HashMap::new(),
        });
        self.moved.insert(number);
        number
    }

    /// Writes an event, if an endpoint needs it.
    pub(super) fn append(&mut self, append: &Append) -> Result<(), redb::Error> {
        let Append { identity, seq, origin, data, .. } = append;
        let number = self.topic(identity.name());
        self.moved.insert(number);
        let state = &mut self.known.topics[number as usize];
        state.newest = *seq;
        if state.positions.is_empty() {
            // Nobody to keep it for: its number alone must not be given out again.
            state.oldest = state.newest + 1;
        } else {
            self.events.insert((number, *seq), pack(*origin, data).as_slice())?;
        }
        Ok(())
    }

    /// Writes a change.
    pub(super) fn change(&mut self, change: Change) -> Result<(), redb::Error> {
        match change {
            Change::Endpoint(id, Some(saved)) => self.endpoint(id, &saved)?,
            Change::Endpoint(id, None) => {
                self.endpoints.remove(id)?;
                for number in self.known.endpoints.remove(&id).unwrap_or_default() {
                    self.leave(id, number)?;
                }
                self.letters.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)?;
            }
            Change::Position(id, identity, upto) => {
                let number = self.topic(identity.name());
                // A position of a deleted endpoint, or of a topic that it has left, is too late.
                let known = self.known.topics[number as usize].positions.get_mut(&id);
                if let Some(known) = known.filter(|known| **known < upto) {
                    *known = upto;
                    self.positions.insert((id, number), upto)?;
                    self.advanced.insert(number);
                }
            }
            Change::Letter(id, number, Some(letter)) => {
                if self.known.endpoints.contains_key(&id) {
                    self.letters.insert((id, number), json(&letter)?.as_slice())?;
                }
            }
            Change::Letter(id, number, None) => drop(self.letters.remove((id, number))?),
        }
        Ok(())
    }

    /// Removes an endpoint from a topic.
    fn leave(&mut self, id: u64, number: u32) -> Result<(), redb::Error> {
        self.known.topics[number as usize].positions.remove(&id);
        self.positions.remove((id, number))?;
        self.advanced.insert(number);
        Ok(())
    }

    fn endpoint(&mut self, id: u64, saved: &SavedEndpoint) -> Result<(), redb::Error> {
        self.endpoints.insert(id, json(saved)?.as_slice())?;
        if id > self.known.last_endpoint {
            self.known.last_endpoint = id;
            self.numbers.insert(LAST_ENDPOINT, id)?;
        }
        let mut numbers = Vec::new();
        for (name, since) in &saved.topics {
            let number = self.topic(name);
            numbers.push(number);
            let state = &mut self.known.topics[number as usize];
            // What was published before anybody subscribed was not kept, and is not missed.
            let start = (*since).max(state.oldest - 1);
            let upto = *state.positions.entry(id).or_insert(start);
            self.positions.insert((id, number), upto)?;
        }
        let former = self.known.endpoints.insert(id, numbers.clone()).unwrap_or_default();
        for number in former.into_iter().filter(|number| !numbers.contains(number)) {
            self.leave(id, number)?;
        }
        Ok(())
    }

    /// Writes the topics that moved, and removes events that every endpoint has.
    pub(super) fn finish(mut self) -> Result<(), redb::Error> {
        for number in &self.moved {
            let state = &self.known.topics[*number as usize];
            self.topics.insert(state.name.as_str(), (*number, state.newest))?;
        }
        for number in self.moved.union(&self.advanced) {
            let state = &mut self.known.topics[*number as usize];
            let behind = state.positions.values().min().copied().unwrap_or(state.newest);
            let done = behind.min(state.newest).max(state.newest.saturating_sub(KEPT_MAX));
            for seq in state.oldest..=done {
                self.events.remove((*number, seq))?;
            }
            state.oldest = state.oldest.max(done + 1);
        }
        Ok(())
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|error| redb::Error::Corrupted(error.to_string()))
}
