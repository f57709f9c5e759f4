//! The items, shared by all shards in stripes, so that shards rarely contend for a lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Item;

const STRIPES: usize = 16;
/// Most items.
const ITEMS_MAX: u64 = 1_000_000;
/// Most bytes of names and data over all items, about.
const BYTES_MAX: u64 = 1 << 30;

/// An item in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its number.
    pub id: u64,
    /// Raised by every write to any item: no two states share one.
    pub version: u64,
    /// The item.
    pub item: Item,
    size: u64,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteError<E> {
    /// The item does not exist.
    Missing,
    /// The store is full.
    Full,
    /// The caller's own reason.
    Own(E),
}

type Stripe = BTreeMap<u64, Arc<Stored>>;

#[derive(Debug)]
pub(crate) struct Store {
    stripes: [RwLock<Stripe>; STRIPES],
    /// How its entity tags begin.
    epoch: String,
    next_id: AtomicU64,
    version: AtomicU64,
    items: AtomicU64,
    bytes: AtomicU64,
}

impl Store {
    /// An empty store; `epoch` distinguishes its entity tags from those of an earlier process.
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            stripes: Default::default(),
            epoch: format!("\"{epoch:x}-"),
            next_id: AtomicU64::new(1),
            version: AtomicU64::new(1),
            items: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The strong entity tag of an item in the encoding of that name.
    pub(crate) fn etag(&self, stored: &Stored, encoding: &str) -> String {
        let mut etag = String::new();
        // Writing to memory cannot fail.
        let _ = self.write_etag(stored, encoding, &mut etag);
        etag
    }

    /// Writes the same.
    pub(crate) fn write_etag(
        &self,
        stored: &Stored,
        encoding: &str,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        out.write_str(&self.epoch)?;
        write!(out, "{}-{encoding}\"", stored.version)
    }

    /// The item of that number.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Stored>> {
        self.read(id).get(&id).cloned()
    }

    /// Adds an item of about `size` bytes; `None` if the store is full.
    pub(crate) fn insert(&self, item: Item, size: usize) -> Option<Arc<Stored>> {
        let size = size as u64;
        if self.items.load(Ordering::Relaxed) >= ITEMS_MAX || !self.fits(size) {
            return None;
        }
        self.items.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let stored = Arc::new(Stored { id, version: self.next_version(), item, size });
        self.write(id).insert(id, Arc::clone(&stored));
        Some(stored)
    }

    /// Replaces an item by the result of `change`, with its size in bytes, under the item's lock.
    pub(crate) fn update<E>(
        &self,
        id: u64,
        change: impl FnOnce(&Stored) -> Result<(Item, usize), E>,
    ) -> Result<Arc<Stored>, WriteError<E>> {
        let mut stripe = self.write(id);
        let slot = stripe.get_mut(&id).ok_or(WriteError::Missing)?;
        let (item, size) = change(slot).map_err(WriteError::Own)?;
        let (size, former) = (size as u64, slot.size);
        if size > former && !self.fits(size - former) {
            return Err(WriteError::Full);
        }
        self.bytes.fetch_add(size, Ordering::Relaxed);
        self.bytes.fetch_sub(former, Ordering::Relaxed);
        *slot = Arc::new(Stored { id, version: self.next_version(), item, size });
        Ok(Arc::clone(slot))
    }

    /// Removes an item, unless `check` objects.
    pub(crate) fn remove<E>(
        &self,
        id: u64,
        check: impl FnOnce(&Stored) -> Result<(), E>,
    ) -> Result<(), WriteError<E>> {
        let mut stripe = self.write(id);
        check(stripe.get(&id).ok_or(WriteError::Missing)?).map_err(WriteError::Own)?;
        if let Some(removed) = stripe.remove(&id) {
            self.items.fetch_sub(1, Ordering::Relaxed);
            self.bytes.fetch_sub(removed.size, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns up to `limit` items with numbers above `after`, in order.
    pub(crate) fn list(&self, after: u64, limit: usize) -> Vec<Arc<Stored>> {
        let stripes: [_; STRIPES] = std::array::from_fn(|i| self.read(i as u64));
        let after = after.saturating_add(1);
        let mut ranges =
            stripes.each_ref().map(|stripe| stripe.range(after..).map(|(_, s)| s).peekable());
        let mut listed = Vec::with_capacity(limit.min(100));
        while listed.len() < limit {
            let heads = ranges.iter_mut().map(|range| (range.peek().map(|s| s.id), range));
            let least = heads.filter(|(id, _)| id.is_some()).min_by_key(|(id, _)| *id);
            let Some(stored) = least.and_then(|(_, range)| range.next()) else { break };
            listed.push(Arc::clone(stored));
        }
        listed
    }

    /// Whether `more` bytes may be added. Writers that race may pass it together: the bound is a bound on
    /// memory, not an account.
    fn fits(&self, more: u64) -> bool {
        self.bytes.load(Ordering::Relaxed) + more <= BYTES_MAX
    }

    fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed)
    }

    fn read(&self, id: u64) -> RwLockReadGuard<'_, Stripe> {
        self.stripes[id as usize % STRIPES].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, id: u64) -> RwLockWriteGuard<'_, Stripe> {
        self.stripes[id as usize % STRIPES].write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_hold_every_item_once_in_order(
            count in 0..100u64,
            removed in proptest::collection::btree_set(1..100u64, 0..50),
            limit in 1..20usize,
        ) {
            let store = Store::new(1);
            for _ in 0..count {
                store.insert(Item::default(), 10).unwrap();
            }
            for id in &removed {
                let _ = store.remove(*id, |_| Ok::<_, ()>(()));
            }
            let mut seen = Vec::new();
            loop {
                let page = store.list(seen.last().copied().unwrap_or(0), limit);
                prop_assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                seen.extend(page.iter().map(|stored| stored.id));
            }
            let expected: Vec<u64> = (1..=count).filter(|id| !removed.contains(id)).collect();
            prop_assert_eq!(seen.len() as u64, store.items.load(Ordering::Relaxed));
            prop_assert_eq!(store.bytes.load(Ordering::Relaxed), 10 * seen.len() as u64);
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn every_write_makes_another_version() {
        let store = Store::new(1);
        let first = store.insert(Item::default(), 0).unwrap();
        let second = store.update(first.id, |_| Ok::<_, ()>((Item::default(), 0))).unwrap();
        assert_ne!(store.etag(&first, "json"), store.etag(&second, "json"));
        assert_ne!(store.etag(&first, "json"), store.etag(&first, "xml"));
        let refused = store.update(first.id, |_| Err("no"));
        assert_eq!(refused.unwrap_err(), WriteError::Own("no"));
        assert_eq!(store.get(first.id).unwrap().version, second.version);
        assert_eq!(store.remove(99, |_| Ok::<_, ()>(())), Err(WriteError::Missing));
    }

    #[test]
    fn a_full_store_says_so() {
        let store = Store::new(1);
        assert!(store.insert(Item::default(), BYTES_MAX as usize + 1).is_none());
        assert!(store.insert(Item::default(), BYTES_MAX as usize).is_some());
        assert!(store.insert(Item::default(), 1).is_none());
    }
}
