//! HOT: lists threaded through the entries of a fixed table: no allocation, removal from anywhere in one step.
//!
//! The links lie beside the table, two words an entry; whoever owns a list keeps its [`Ends`]. An entry is in at most
//! one list of the same [`Links`] at a time, which its owner knows: asking for the neighbours of one that is in none
//! answers none.

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
use super::snapshot::fit::{Fit, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;

const NONE: u32 = u32::MAX;

/// First and last of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Ends {
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    first: u32,
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    last: u32,
}

impl Ends {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) const fn first(&self) -> Option<u32> {
        present(self.first)
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The neighbours of every entry.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Links {
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    around: Vec<Ends>,
}

impl Links {
    pub(super) fn new(capacity: u32) -> Self {
        Self { around: vec![Ends::EMPTY; capacity as usize] }
    }

    /// The entry behind this one.
    pub(super) fn after(&self, entry: u32) -> Option<u32> {
        self.around.get(entry as usize).and_then(|around| present(around.last))
    }

    /// Adds an entry that is in no list at the end of this one.
    pub(super) fn append(&mut self, ends: &mut Ends, entry: u32) {
        self.set(entry, |around| *around = Ends { first: ends.last, last: NONE });
        match present(ends.last) {
            Some(last) => self.set(last, |around| around.last = entry),
            None => ends.first = entry,
        }
        ends.last = entry;
    }

    /// Takes an entry out of the list it is in, which must be this one.
    pub(super) fn remove(&mut self, ends: &mut Ends, entry: u32) {
        let Some(&Ends { first: before, last: behind }) = self.around.get(entry as usize) else { return };
        match present(before) {
            Some(before) => self.set(before, |around| around.last = behind),
            None => ends.first = behind,
        }
        match present(behind) {
            Some(behind) => self.set(behind, |around| around.first = before),
            None => ends.last = before,
        }
        self.set(entry, |around| *around = Ends::EMPTY);
    }

    fn set(&mut self, entry: u32, change: impl FnOnce(&mut Ends)) {
        if let Some(around) = self.around.get_mut(entry as usize) {
            change(around);
        }
    }
}

#[cfg(feature = "sidecar")]
impl Ends {
    /// Whether both are among so many entries.
    pub(super) fn points_inside(&self, entries: usize) -> bool {
        [self.first, self.last].into_iter().filter_map(present).all(|entry| (entry as usize) < entries)
    }
}

#[cfg(feature = "sidecar")]
impl Links {
    /// Whether every neighbour is among so many entries.
    pub(super) fn points_inside(&self, entries: usize) -> bool {
        self.around.iter().all(|around| around.points_inside(entries))
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Links {
    fn fit(&mut self, fresh: Self) -> bool {
        with_blanks(&mut self.around, fresh.around)
    }
}

const fn present(entry: u32) -> Option<u32> {
    if entry == NONE { None } else { Some(entry) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(links: &Links, ends: &Ends) -> Vec<u32> {
        core::iter::successors(ends.first(), |&entry| links.after(entry)).collect()
    }

    #[test]
    fn entries_leave_from_anywhere_and_the_rest_keeps_its_order() {
        for (gone, left) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let (mut links, mut ends) = (Links::new(4), Ends::EMPTY);
            (0..3).for_each(|entry| links.append(&mut ends, entry));
            links.remove(&mut ends, gone);
            assert_eq!(list(&links, &ends), left);
            links.append(&mut ends, gone);
            assert_eq!(list(&links, &ends), [left[0], left[1], gone]);
            (0..3).for_each(|entry| links.remove(&mut ends, entry));
            assert_eq!(ends, Ends::EMPTY);
        }
    }
}
