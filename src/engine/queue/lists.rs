//! HOT: doubly linked lists whose links lie beside what they link.
//!
//! An item is an index, its links are the row of that index in a table of links, and one table can serve many lists as
//! long as no item is in two of them. Everything is one or two stores; nothing is allocated or moved.

#[cfg(feature = "sidecar")]
use crate::engine::snapshot::form;

/// No item.
const NONE: u32 = u32::MAX;

/// The neighbours of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Link {
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    before: u32,
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    after: u32,
}

impl Link {
    /// Of an item that is in no list.
    pub(super) const FREE: Self = Self { before: NONE, after: NONE };
}

#[cfg(feature = "sidecar")]
impl Default for Link {
    fn default() -> Self {
        Self::FREE
    }
}

#[cfg(feature = "sidecar")]
impl Link {
    /// Whether both neighbours are among so many items.
    pub(super) fn points_inside(&self, items: usize) -> bool {
        [self.before, self.after].into_iter().filter_map(some).all(|item| (item as usize) < items)
    }
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct List {
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    first: u32,
    #[cfg_attr(feature = "sidecar", serde(with = "form::index"))]
    last: u32,
}

fn some(item: u32) -> Option<u32> {
    (item != NONE).then_some(item)
}

#[cfg(feature = "sidecar")]
impl List {
    /// Whether both ends are among so many items.
    pub(super) fn points_inside(&self, items: usize) -> bool {
        [self.first, self.last].into_iter().filter_map(some).all(|item| (item as usize) < items)
    }
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) fn first(&self) -> Option<u32> {
        some(self.first)
    }

    pub(super) fn last(&self) -> Option<u32> {
        some(self.last)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// The items, first to last.
    pub(super) fn iter<'a>(&self, links: &'a [Link]) -> impl Iterator<Item = u32> + 'a {
        core::iter::successors(self.first(), |&item| after(links, item))
    }

    pub(super) fn push(&mut self, links: &mut [Link], item: u32) {
        self.insert_after(links, self.last(), item);
    }

    /// Puts `item` behind `place`; before everything where that is `None`.
    pub(super) fn insert_after(&mut self, links: &mut [Link], place: Option<u32>, item: u32) {
        let before = place.unwrap_or(NONE);
        let after = place.map_or(self.first, |place| links[place as usize].after);
        links[item as usize] = Link { before, after };
        match some(before) {
            Some(before) => links[before as usize].after = item,
            None => self.first = item,
        }
        match some(after) {
            Some(after) => links[after as usize].before = item,
            None => self.last = item,
        }
    }

    /// Takes out an item that is in this list.
    pub(super) fn remove(&mut self, links: &mut [Link], item: u32) {
        let Link { before, after } = core::mem::replace(&mut links[item as usize], Link::FREE);
        match some(before) {
            Some(before) => links[before as usize].after = after,
            None => self.first = after,
        }
        match some(after) {
            Some(after) => links[after as usize].before = before,
            None => self.last = before,
        }
    }
}

/// The item behind `item`.
pub(super) fn after(links: &[Link], item: u32) -> Option<u32> {
    some(links[item as usize].after)
}

/// The item before `item`.
pub(super) fn before(links: &[Link], item: u32) -> Option<u32> {
    some(links[item as usize].before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(list: &List, links: &[Link]) -> Vec<u32> {
        let forward: Vec<u32> = list.iter(links).collect();
        let mut backward: Vec<u32> =
            core::iter::successors(list.last(), |&item| before(links, item)).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        forward
    }

    #[test]
    fn items_leave_from_both_ends_and_the_middle_and_come_back() {
        let mut links = [Link::FREE; 5];
        let mut list = List::EMPTY;
        for item in [3, 0, 4, 1] {
            list.push(&mut links, item);
        }
        assert_eq!(items(&list, &links), [3, 0, 4, 1]);
        list.insert_after(&mut links, Some(0), 2);
        assert_eq!(items(&list, &links), [3, 0, 2, 4, 1]);
        for (gone, left) in [(2, vec![3, 0, 4, 1]), (3, vec![0, 4, 1]), (1, vec![0, 4])] {
            list.remove(&mut links, gone);
            assert_eq!(items(&list, &links), left);
        }
        list.insert_after(&mut links, None, 3);
        assert_eq!(items(&list, &links), [3, 0, 4]);
        for gone in [0, 4, 3] {
            list.remove(&mut links, gone);
        }
        assert!(list.is_empty());
        assert_eq!((list.first(), list.last()), (None, None));
        list.push(&mut links, 3);
        assert_eq!(items(&list, &links), [3]);
    }
}
