//! Orders of which one is to fill, told naively: what one of a group fills the others must not.
//!
//! *Decided:* a set may fill as much as the largest of its live orders may, each no more than its set has left to it; what
//! one fills is taken off that, and none of the others may fill more than the rest. Who fills more halts the instrument.
//! An order that its owner makes larger than was asked for last may fill all of it again. A new order is denied where a
//! live one of its instrument has its group and leg, and where the other sets of its parent and its own together are larger
//! than what the parent has filled and may fill; each set is as large as its largest order.

use std::collections::BTreeMap;

use super::exposure_oracle::{Oracle, Order};

impl Order {
    /// What may still fill of it, as far as its set has left it.
    fn left(&self) -> i128 {
        let standing = self.standing();
        standing.remaining().min(self.allowed - standing.filled).max(0)
    }
}

impl Oracle {
    /// The orders of the set of an order, itself included.
    fn set_of(&self, book: u16, order: u64) -> Vec<u64> {
        let Some(own) = self.orders.get(&(book, order)).filter(|own| own.set != 0) else { return vec![] };
        self.orders
            .iter()
            .filter(|(key, other)| {
                key.0 == book
                    && (other.instrument, other.sells, other.set) == (own.instrument, own.sells, own.set)
            })
            .map(|(key, _)| key.1)
            .collect()
    }

    /// What the set of an order may still fill.
    pub(super) fn left_to_set(&self, book: u16, order: u64) -> i128 {
        self.set_of(book, order).iter().map(|&id| self.orders[&(book, id)].left()).max().unwrap_or(0)
    }

    /// Takes a fill off what the others of its set may fill. Whether it was more than was left to it.
    pub(super) fn share(&mut self, book: u16, order: u64, left: i128, filled: i128) -> bool {
        if filled <= 0 {
            return false;
        }
        for id in self.set_of(book, order) {
            let other = &self.orders[&(book, id)];
            let rest = (left - filled).max(0);
            if id != order && other.left() > rest {
                let allowed = other.standing().filled + rest;
                self.orders.entry((book, id)).and_modify(|other| other.allowed = allowed);
            }
        }
        self.orders.get(&(book, order)).is_some_and(|own| own.set != 0 && own.standing().filled > own.allowed)
    }

    /// The owner asks for a quantity.
    pub(super) fn let_grow(&mut self, book: u16, order: u64, qty: i128) {
        let Some(own) = self.orders.get_mut(&(book, order)) else { return };
        let standing = own.standing();
        if qty > standing.asked.iter().map(|asked| asked.1).max().unwrap_or(standing.total) {
            own.allowed = i128::MAX;
        }
    }

    /// Whether a live order has this group and leg.
    pub(super) fn is_armed(&self, book: u16, instrument: u16, group: u32, leg: u16) -> bool {
        group != 0
            && self.live_orders(book, instrument).any(|(_, order, _)| (order.set, order.leg) == (group, leg))
    }

    /// What all sets of a parent add up to with one more order, and what they may, where they may not.
    pub(super) fn beyond_parent(
        &self,
        book: u16,
        (instrument, sells): (u16, bool),
        (parent, group, qty): (u64, u32, i128),
    ) -> Option<(i128, i128)> {
        let entry = self.orders.get(&(book, parent)).filter(|_| parent != 0 && group != 0)?;
        if entry.instrument != instrument || entry.sells == sells {
            return None;
        }
        let standing = entry.standing();
        let may = standing.filled + standing.remaining();
        let mut sets = BTreeMap::new();
        let children = self.live_orders(book, instrument).filter(|(_, order, _)| order.set != 0);
        for (_, order, standing) in
            children.filter(|(_, order, _)| order.parent == parent && order.sells == sells)
        {
            let largest: &mut i128 = sets.entry(order.set).or_default();
            *largest = standing.remaining().max(*largest);
        }
        let own = sets.remove(&group).unwrap_or(0).max(qty);
        let others: i128 = sets.values().sum();
        (others > 0 && others + own > may).then_some((others + own, may))
    }
}
