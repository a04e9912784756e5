//! What is known of each request that has no final verdict yet, by its lane position. Both ends keep such a table: the
//! client of what it waits for, the sidecar of the slots it owes.
//!
//! Positions of one lane only grow, so the table is in their order as it fills, and is searched by halves. It takes its
//! room once; nothing here allocates afterwards.

use std::collections::VecDeque;

/// A table of fixed room.
#[derive(Debug)]
pub struct Outstanding<T> {
    rows: VecDeque<(u64, T)>,
    room: usize,
}

impl<T> Outstanding<T> {
    /// A table for `room` requests at a time.
    #[must_use]
    pub fn new(room: u32) -> Self {
        let room = room as usize;
        Self { rows: VecDeque::with_capacity(room), room }
    }

    /// Whether there is room for one more.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.rows.len() < self.room
    }

    /// Adds the request at `position`; `false` when there is no room, or the position is not beyond all others.
    pub fn insert(&mut self, position: u64, row: T) -> bool {
        let grows = self.rows.back().is_none_or(|&(last, _)| last < position);
        let fits = grows && self.has_room();
        if fits {
            self.rows.push_back((position, row));
        }
        fits
    }

    /// The request at `position`.
    #[must_use]
    pub fn get(&self, position: u64) -> Option<&T> {
        let at = self.find(position)?;
        self.rows.get(at).map(|(_, row)| row)
    }

    /// The request at `position`, to be changed.
    pub fn get_mut(&mut self, position: u64) -> Option<&mut T> {
        let at = self.find(position)?;
        self.rows.get_mut(at).map(|(_, row)| row)
    }

    /// Takes the request at `position` out.
    pub fn remove(&mut self, position: u64) -> Option<T> {
        let at = self.find(position)?;
        self.rows.remove(at).map(|(_, row)| row)
    }

    fn find(&self, position: u64) -> Option<usize> {
        self.rows.binary_search_by_key(&position, |&(at, _)| at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_exactly_its_room_and_finds_each_once() {
        let mut table = Outstanding::new(3);
        for (position, fits) in [(16, true), (18, true), (18, false), (17, false), (40, true), (41, false)] {
            assert_eq!(table.insert(position, position * 10), fits, "position {position}");
        }
        assert!(!table.has_room());
        *table.get_mut(18).unwrap_or(&mut 0) += 1;
        for (position, found) in [(15, None), (16, Some(160)), (17, None), (40, Some(400)), (41, None)] {
            assert_eq!(table.get(position).copied(), found, "position {position}");
        }
        assert_eq!(table.remove(18), Some(181));
        assert_eq!(table.remove(18), None);
        assert!(table.insert(41, 0) && !table.insert(42, 0), "what is taken out leaves room for one");
    }

    #[test]
    fn a_table_without_room_takes_nothing() {
        assert!(!Outstanding::new(0).insert(1, ()));
    }
}
