//! Which children of an entry count nothing, told naively: worked out anew from all orders after everything that is said.
//!
//! What counts nothing must be covered by what the entry may fill, or anything could hide behind an entry (*decided*). An
//! entry covers, at most sixteen, while it lives, counts and has no fill, orders of its instrument on the other side that
//! were sent while the state was ACTIVE and have no fill, that together remain no more than it does; those the venue keeps
//! to reducing are nothing in that. One that grows beyond or fills counts from then on, and all do when the entry no longer
//! covers them. What once counts goes on counting.

use std::collections::BTreeSet;

use tripline::model::{Event, TradingState};

use super::exposure_oracle::{Load, Oracle, Order, Said};

impl Oracle {
    /// The order that would be the entry of one that is announced now.
    pub fn entry(&self, book: u16, instrument: u16, sells: bool, parent: u64) -> Option<u64> {
        let entry = self.live(book, parent)?;
        let opens = self.counts(entry) && entry.standing().filled == 0;
        let closes = entry.instrument == instrument && entry.sells != sells;
        let has_room = self.children(book, parent).count() < 16;
        let active = self.state(book, instrument) == TradingState::Active;
        (opens && closes && has_room && active).then_some(parent)
    }

    pub(super) fn covering(&self, book: u16, order: &Order) -> Option<u64> {
        let entry = self.entry(book, order.instrument, order.sells, order.parent)?;
        self.covers(book, entry, None, order.group, order.qty, order.venue_enforced).then_some(entry)
    }

    /// Whether an entry covers one more child, or one of its own with so much remaining.
    pub fn covers(
        &self,
        book: u16,
        entry: u64,
        child: Option<u64>,
        group: u32,
        qty: i128,
        enforced: bool,
    ) -> bool {
        let mut family = Load::default();
        for (id, order) in self.children(book, entry) {
            if Some(id) != child && !order.venue_enforced {
                family.add(order.group, order.standing().remaining());
            }
        }
        family.add(group, qty);
        enforced || family.total() <= self.orders[&(book, entry)].standing().remaining()
    }

    /// The live orders that count nothing thanks to an entry.
    fn children(&self, book: u16, entry: u64) -> impl Iterator<Item = (u64, &Order)> {
        self.orders
            .range((book, 0)..=(book, u64::MAX))
            .filter(move |(_, order)| order.entry == Some(entry) && !order.standing().over)
            .map(|(key, order)| (key.1, order))
    }

    /// What is no longer covered after something was said counts from now on.
    pub(super) fn part(&mut self, said: &Said) {
        let book = said.book;
        let named = match said.event {
            Event::OrderNew { order, .. }
            | Event::OrderModify { order, .. }
            | Event::OrderModified { order, .. }
            | Event::FillCum { order, .. } => order.get(),
            Event::Fill { order, .. } => order,
            _ => 0,
        };
        if let Some(order) = self.live(book, named)
            && let Some(entry) = order.entry
        {
            let standing = order.standing();
            let covers = |qty| self.covers(book, entry, Some(named), order.group, qty, order.venue_enforced);
            if standing.filled > 0 || !covers(standing.remaining()) {
                self.orders.entry((book, named)).and_modify(|order| order.entry = None);
            }
        }
        let entries: BTreeSet<u64> =
            self.orders.range((book, 0)..=(book, u64::MAX)).filter_map(|(_, order)| order.entry).collect();
        for entry in entries {
            let standing = self.orders[&(book, entry)].standing();
            if standing.over || standing.filled > 0 || !self.covers(book, entry, None, 0, 0, false) {
                let children = self.orders.range_mut((book, 0)..=(book, u64::MAX));
                children
                    .filter(|(_, order)| order.entry == Some(entry))
                    .for_each(|(_, order)| order.entry = None);
            }
        }
    }
}
