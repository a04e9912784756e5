//! HOT: what working orders may still do to a position.
//!
//! Per position, in lots: B, what live buys may still fill, S, what live sells may, and of both what carries intent
//! EXIT. Counted is what is left of an order, pending and unknown ones included, with three exceptions:
//!
//! - a venue-enforced reduce-only order counts nothing: the venue lets it only reduce;
//! - the child of an entry order counts nothing while that covers it (`family`);
//! - orders of one group, on one side of one position, count as their largest: only one of them can fill.
//!
//! A position q with these can become anything from −S to +B away from itself, hence the worst case
//! `max(q + B, S − q)`. Sums are kept, not recomputed; they are 128 bits wide, so that as many orders as there is room
//! for fit. A group has at most [`MEMBERS`]; what joins beyond counts by itself, which is never less.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::chain::{Ends, Links};
use super::limits::Limits;
use super::orders::{Order, Orders, Side, Terms};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;
use super::table::{Key, Table, mix};
use crate::model::event::Intent;

/// Members whose largest a group counts.
const MEMBERS: u8 = 16;

/// What the live orders of one position add up to, in lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Sums {
    pub(super) buys: i128,
    pub(super) sells: i128,
    /// Of intent EXIT and not venue-enforced.
    pub(super) exit_buys: i128,
    pub(super) exit_sells: i128,
    pub(super) orders: u32,
}

impl Sums {
    pub(super) const fn side(&self, sells: bool) -> i128 {
        if sells { self.sells } else { self.buys }
    }

    pub(super) const fn exits(&self, sells: bool) -> i128 {
        if sells { self.exit_sells } else { self.exit_buys }
    }

    fn shift(&mut self, sells: bool, step: i128) {
        let sum = if sells { &mut self.sells } else { &mut self.buys };
        *sum = sum.saturating_add(step);
    }

    fn shift_exits(&mut self, sells: bool, step: i128) {
        let sum = if sells { &mut self.exit_sells } else { &mut self.exit_buys };
        *sum = sum.saturating_add(step);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct GroupKey {
    position: u32,
    group: u32,
    sells: bool,
}

impl Key for GroupKey {
    fn digest(&self) -> u64 {
        let head = u64::from(self.position) << 32 | u64::from(self.group);
        mix(head ^ u64::from(self.sells).rotate_right(1))
    }
}

#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Group {
    members: Ends,
    count: u8,
    largest: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Place {
    sums: Sums,
    orders: Ends,
}

/// The working orders of every position, by the position's index in the ledger.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Working {
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    places: Vec<Place>,
    /// Live orders per book, those of the accounts' HOUSE last.
    books: Vec<u32>,
    groups: Table<GroupKey, Group>,
    on_position: Links,
    in_group: Links,
}

#[cfg(feature = "sidecar")]
impl Fit for Working {
    fn fit(&mut self, fresh: Self) -> bool {
        with_blanks(&mut self.places, fresh.places)
            && is_as_long(&self.books, &fresh.books)
            && self.groups.fit(fresh.groups)
            && self.on_position.fit(fresh.on_position)
            && self.in_group.fit(fresh.in_group)
    }
}

#[cfg(feature = "sidecar")]
impl Working {
    /// Groups so far, those forgotten included: indices are below that.
    pub(super) fn entries(&self) -> usize {
        self.groups.entries()
    }

    /// Whether everything listed is one of so many orders.
    pub(super) fn points_inside(&self, orders: usize) -> bool {
        self.on_position.points_inside(orders)
            && self.in_group.points_inside(orders)
            && self.places.iter().all(|place| place.orders.points_inside(orders))
            && self.groups.all(|_, group| group.members.points_inside(orders))
    }
}

impl Working {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            places: vec![Place::default(); limits.capacity.positions as usize],
            books: vec![0; limits.books.len().saturating_add(limits.accounts.len())],
            groups: Table::new(limits.capacity.orders),
            on_position: Links::new(limits.capacity.orders),
            in_group: Links::new(limits.capacity.orders),
        }
    }

    /// What the orders of a position add up to; nothing for a position that does not exist.
    pub(super) fn sums(&self, position: Option<u32>) -> Sums {
        position.and_then(|index| self.places.get(index as usize)).map(|place| place.sums).unwrap_or_default()
    }

    /// Live orders of a book.
    pub(super) fn of_book(&self, book: u16) -> u32 {
        self.books.get(usize::from(book)).copied().unwrap_or(u32::MAX)
    }

    /// The oldest live order of a position.
    pub(super) fn first(&self, position: u32) -> Option<u32> {
        self.places.get(position as usize).and_then(|place| place.orders.first())
    }

    /// The live order behind this one.
    pub(super) fn after(&self, entry: u32) -> Option<u32> {
        self.on_position.after(entry)
    }

    /// What a side of a position would add up to with `qty` more on these terms.
    pub(super) fn with(&self, position: Option<u32>, side: Side, terms: &Terms, qty: i64) -> i128 {
        let now = self.sums(position).side(side.sells);
        if terms.venue_enforced {
            return now;
        }
        let step = qty.saturating_sub(self.shared(position, side, terms)).max(0);
        now.saturating_add(i128::from(step))
    }

    /// What a side of a position would add up to if `remaining` of a live order could fill, and counted.
    pub(super) fn grown(&self, order: &Order, remaining: i64) -> i128 {
        let now = self.sums(order.position).side(order.side.sells);
        if order.terms.venue_enforced {
            return now;
        }
        let counted = order.group.map_or(order.counted, |group| self.groups.get(group).largest);
        now.saturating_add(i128::from(remaining.saturating_sub(counted).max(0)))
    }

    /// What of a side's sum an order on these terms would only take the place of.
    pub(super) fn shared(&self, position: Option<u32>, side: Side, terms: &Terms) -> i64 {
        let key = position.map(|position| GroupKey { position, group: terms.group, sells: side.sells });
        let found = key.filter(|key| key.group != 0).and_then(|key| self.groups.find(&key));
        found
            .map(|found| self.groups.get(found))
            .filter(|group| group.count < MEMBERS)
            .map_or(0, |group| group.largest)
    }

    /// By how much a live order may grow before its group counts more: what its largest member has beyond it.
    pub(super) fn covered(&self, order: &Order) -> i64 {
        order.group.map_or(0, |group| self.groups.get(group).largest.saturating_sub(order.counted))
    }

    /// Begins to count an order that has just begun to work on a position of `book`.
    pub(super) fn enter(&mut self, orders: &mut Orders, entry: u32, position: u32, book: u16) {
        let Some(place) = self.places.get_mut(position as usize) else { return };
        self.on_position.append(&mut place.orders, entry);
        place.sums.orders = place.sums.orders.saturating_add(1);
        if let Some(count) = self.books.get_mut(usize::from(book)) {
            *count = count.saturating_add(1);
        }
        let order = orders.get_mut(entry);
        (order.position, order.counted, order.exiting) = (Some(position), 0, 0);
        let Terms { group, venue_enforced, .. } = order.terms;
        let key = GroupKey { position, group, sells: order.side.sells };
        if group != 0 && !venue_enforced {
            order.group = self.join(key, entry);
        }
        self.recount(orders, entry);
    }

    /// Counts an order anew after anything about it has changed; one that is over leaves.
    pub(super) fn recount(&mut self, orders: &mut Orders, entry: u32) {
        let order = *orders.get(entry);
        let Some(position) = order.position else { return };
        let remaining = order.remaining();
        let sleeps = order.terms.venue_enforced || order.parent().is_some();
        let counted = if sleeps { 0 } else { remaining };
        let leaves = order.terms.intent == Intent::Exit && !order.terms.venue_enforced;
        let exiting = if leaves { remaining } else { 0 };
        orders.get_mut(entry).counted = counted;
        orders.get_mut(entry).exiting = exiting;
        let step = match order.group {
            Some(group) => self.regroup(orders, group),
            None => i128::from(counted).saturating_sub(i128::from(order.counted)),
        };
        if let Some(place) = self.places.get_mut(position as usize) {
            place.sums.shift(order.side.sells, step);
            let step = i128::from(exiting).saturating_sub(i128::from(order.exiting));
            place.sums.shift_exits(order.side.sells, step);
        }
        if !order.is_live() {
            self.leave(orders, entry, position);
        }
    }

    fn leave(&mut self, orders: &mut Orders, entry: u32, position: u32) {
        let book = orders.key(entry).book;
        let order = orders.get_mut(entry);
        order.position = None;
        let group = order.group.take();
        if let Some(place) = self.places.get_mut(position as usize) {
            self.on_position.remove(&mut place.orders, entry);
            place.sums.orders = place.sums.orders.saturating_sub(1);
        }
        if let Some(count) = self.books.get_mut(usize::from(book)) {
            *count = count.saturating_sub(1);
        }
        let Some(group) = group else { return };
        let mut left = *self.groups.get(group);
        self.in_group.remove(&mut left.members, entry);
        left.count = left.count.saturating_sub(1);
        *self.groups.get_mut(group) = left;
        if left.count == 0 {
            self.groups.remove(group);
        }
    }

    fn join(&mut self, key: GroupKey, entry: u32) -> Option<u32> {
        let found = match self.groups.find(&key) {
            Some(found) => found,
            None => self.groups.insert(key, Group::default())?,
        };
        let mut group = *self.groups.get(found);
        if group.count >= MEMBERS {
            return None;
        }
        self.in_group.append(&mut group.members, entry);
        group.count = group.count.saturating_add(1);
        *self.groups.get_mut(found) = group;
        Some(found)
    }

    /// How much more a group counts than before.
    fn regroup(&mut self, orders: &Orders, group: u32) -> i128 {
        let first = self.groups.get(group).members.first();
        let members = core::iter::successors(first, |&entry| self.in_group.after(entry));
        let largest = members.map(|entry| orders.get(entry).counted).max().unwrap_or(0);
        let before = core::mem::replace(&mut self.groups.get_mut(group).largest, largest);
        i128::from(largest).saturating_sub(i128::from(before))
    }

    /// Whether any fill of the order could increase or flip a position that is `q` now.
    pub(super) fn may_increase(order: &Order, q: i64) -> bool {
        let within = order.remaining().unsigned_abs() <= q.unsigned_abs();
        !(order.terms.venue_enforced || order.side.reduces(q) && within)
    }
}
