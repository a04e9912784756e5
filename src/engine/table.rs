//! HOT: a hash table of fixed capacity: open addressing, linear probing, deletion without tombstones.
//!
//! Entries keep their index for life, so other tables may point at them. Room for all of them is allocated once;
//! [`Table::insert`] answers `None` when it is used up, and the caller decides which scope halts. Buckets are twice
//! the capacity, rounded up to a power of two, so a probe ends.
//! Deliberately absent: defence against keys chosen to collide. Keys come from attached clients, which can already
//! slow down nobody but themselves within one lane's batch.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room};

/// What a table can be searched by.
pub(super) trait Key: Copy + Eq {
    /// A well-mixed 64-bit digest.
    fn digest(&self) -> u64;
}

/// Mixes one word so that each input bit reaches each output bit; a bijection (the finaliser of SplitMix64).
pub(super) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Keys, values and where they are.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Table<K, V> {
    /// Entry index, or [`VACANT`].
    #[cfg_attr(feature = "sidecar", serde(skip))]
    buckets: Vec<u32>,
    entries: Vec<(K, V)>,
    free: Vec<u32>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    capacity: usize,
}

const VACANT: u32 = u32::MAX;

impl<K: Key, V> Table<K, V> {
    pub(super) fn new(capacity: u32) -> Self {
        let capacity = capacity as usize;
        let buckets = capacity.saturating_mul(2).max(2).next_power_of_two();
        Self {
            buckets: vec![VACANT; buckets],
            entries: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// Whether one more entry fits.
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.entries.len() < self.capacity
    }

    /// The entry of `key`.
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        let mut bucket = self.home(key);
        loop {
            let entry = self.buckets[bucket];
            if entry == VACANT {
                return None;
            }
            if self.entries[entry as usize].0 == *key {
                return Some(entry);
            }
            bucket = self.after(bucket);
        }
    }

    /// A new entry for a key that is not there; `None` when the table is full.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<u32> {
        let entry = match self.free.pop() {
            Some(entry) => {
                self.entries[entry as usize] = (key, value);
                entry
            }
            None if self.entries.len() < self.capacity => {
                let entry = u32::try_from(self.entries.len()).ok()?;
                self.entries.push((key, value));
                entry
            }
            None => return None,
        };
        self.link(entry);
        Some(entry)
    }

    /// Leads a bucket to an entry.
    fn link(&mut self, entry: u32) {
        let mut bucket = self.home(&self.entries[entry as usize].0);
        while self.buckets[bucket] != VACANT {
            bucket = self.after(bucket);
        }
        self.buckets[bucket] = entry;
    }

    /// Forgets an entry. Later members of its probe sequence move back, so no tombstone is left.
    pub(super) fn remove(&mut self, entry: u32) {
        let key = self.entries[entry as usize].0;
        let mut hole = self.home(&key);
        while self.buckets[hole] != entry {
            if self.buckets[hole] == VACANT {
                return;
            }
            hole = self.after(hole);
        }
        let mut probe = hole;
        loop {
            probe = self.after(probe);
            let moved = self.buckets[probe];
            if moved == VACANT {
                break;
            }
            let home = self.home(&self.entries[moved as usize].0);
            // The entry may move into the hole only if that does not put it before its home.
            if self.distance(home, probe) >= self.distance(hole, probe) {
                self.buckets[hole] = moved;
                hole = probe;
            }
        }
        self.buckets[hole] = VACANT;
        self.free.push(entry);
    }

    pub(super) fn key(&self, entry: u32) -> &K {
        &self.entries[entry as usize].0
    }

    pub(super) fn get(&self, entry: u32) -> &V {
        &self.entries[entry as usize].1
    }

    pub(super) fn get_mut(&mut self, entry: u32) -> &mut V {
        &mut self.entries[entry as usize].1
    }

    fn mask(&self) -> usize {
        self.buckets.len().wrapping_sub(1)
    }

    fn home(&self, key: &K) -> usize {
        key.digest() as usize & self.mask()
    }

    fn after(&self, bucket: usize) -> usize {
        bucket.wrapping_add(1) & self.mask()
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }
}

#[cfg(feature = "sidecar")]
impl<K: Key, V> Table<K, V> {
    /// Entries so far, those forgotten included: indices are below that.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Whether this holds of every entry, those forgotten included.
    pub(super) fn all(&self, holds: impl Fn(&K, &V) -> bool) -> bool {
        self.entries.iter().all(|(key, value)| holds(key, value))
    }
}

#[cfg(feature = "sidecar")]
impl<K: Key, V> Fit for Table<K, V> {
    fn fit(&mut self, fresh: Self) -> bool {
        (self.buckets, self.capacity) = (fresh.buckets, fresh.capacity);
        let fits = self.entries.len() <= self.capacity
            && into_room(&mut self.entries, fresh.entries)
            && into_room(&mut self.free, fresh.free);
        if !fits {
            return false;
        }
        let mut in_use = vec![true; self.entries.len()];
        for &entry in &self.free {
            match in_use.get_mut(entry as usize) {
                Some(used) if *used => *used = false,
                _ => return false,
            }
        }
        for (entry, _) in (0_u32..).zip(in_use).filter(|&(_, used)| used) {
            self.link(entry);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use std::collections::HashMap;

    /// Collides on purpose: only eight homes.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    struct Clash(u64);
    impl Key for Clash {
        fn digest(&self) -> u64 {
            self.0 % 8
        }
    }

    #[test]
    fn a_full_table_says_so_and_keeps_what_it_has() {
        let mut table = Table::new(2);
        assert!(table.insert(Clash(1), 'a').is_some());
        assert!(table.insert(Clash(9), 'b').is_some());
        assert!(!table.has_room());
        assert_eq!(table.insert(Clash(2), 'c'), None);
        assert_eq!(table.find(&Clash(9)).map(|entry| *table.get(entry)), Some('b'));
    }

    #[test]
    fn it_agrees_with_a_map_under_colliding_insertions_and_removals() {
        let mut table = Table::new(32);
        let mut map = HashMap::new();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            let key = Clash(state % 48);
            match (table.find(&key), map.get(&key)) {
                (Some(entry), Some(value)) => {
                    assert_eq!(table.get(entry), value);
                    table.remove(entry);
                    map.remove(&key);
                }
                (None, None) => {
                    assert_eq!(table.insert(key, state).is_some(), map.len() < 32);
                    if map.len() < 32 {
                        map.insert(key, state);
                    }
                }
                other => panic!("{key:?}: {other:?}"),
            }
        }
    }
}
