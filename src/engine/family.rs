//! HOT: an entry order and the orders that are to close what it opens.
//!
//! A bracket is sent with its entry, before there is a position: a stop-loss and a take-profit that name the entry as
//! their parent (ORDER_EXT). They count nothing as long as the entry **covers** them, which needs all of this:
//!
//! - the entry lives, has no fill, and counts itself;
//! - they trade its instrument on the other side, and none of them has a fill;
//! - together they are no larger than what the entry may still fill. Those of one group are as large as their largest,
//!   those the venue enforces as reduce-only are nothing. An entry covers at most [`CHILDREN`];
//! - each was sent while the state was ACTIVE.
//!
//! What is not covered counts like any other order. A child that outgrows its entry, or fills, counts from then on; when
//! the entry fills, shrinks below what it covers, or is over, all its children do. What counts once never sleeps again.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::lanes::Place;
use super::orders::{Order, Side, Terms};
use crate::model::TradingState;

/// Children that one entry covers at once.
const CHILDREN: usize = 16;

impl Engine {
    /// The entry that an order on these terms would be a child of.
    pub(super) fn entry_of(&self, place: Place, side: Side, terms: &Terms) -> Option<u32> {
        let parent = Some(place.key(terms.parent)).filter(|parent| parent.id != 0)?;
        let entry = self.orders.find(&parent)?;
        let order = self.orders.get(entry);
        let opens = order.is_live() && order.booked().qty == 0 && order.counted > 0;
        let closes = order.side == Side { sells: !side.sells, ..side };
        let has_room = self.orders.children(entry).count() < CHILDREN;
        (opens && closes && has_room && self.state(place) == TradingState::Active).then_some(entry)
    }

    /// Lots that a child on these terms may have in all and be covered; `child` if it is one already.
    pub(super) fn cover(&self, entry: u32, terms: &Terms, child: Option<u32>) -> i64 {
        if terms.venue_enforced {
            return i64::MAX;
        }
        let own_group = |order: &Order| order.terms.group != 0 && order.terms.group == terms.group;
        let others = self.children_size(entry, |other, order| Some(other) != child && !own_group(order));
        self.orders.get(entry).counted.saturating_sub(others).max(0)
    }

    /// What some children of an entry add up to, each group as its largest.
    fn children_size(&self, entry: u32, counts: impl Fn(u32, &Order) -> bool) -> i64 {
        let sizes = || {
            let children = self.orders.children(entry).map(|child| (child, self.orders.get(child)));
            let counted = children.filter(|(child, order)| counts(*child, order));
            counted.filter(|(_, order)| !order.terms.venue_enforced)
        };
        sizes().enumerate().fold(0, |sum: i64, (at, (_, order))| {
            let group = order.terms.group;
            let before = sizes().take(at).filter(|(_, other)| group != 0 && other.terms.group == group);
            let shared = before.map(|(_, other)| other.remaining()).max().unwrap_or(0);
            sum.saturating_add(order.remaining().saturating_sub(shared).max(0))
        })
    }

    /// After an order has been counted anew: those that are not covered any more begin to count.
    pub(super) fn settle_family(&mut self, place: Place, entry: u32) {
        let order = *self.orders.get(entry);
        let has_begun = !order.is_live() || order.booked().qty > 0;
        if let Some(parent) = order.parent()
            && (has_begun || order.remaining() > self.cover(parent, &order.terms, Some(entry)))
        {
            self.orders.wake(entry);
            self.recount_order(place, entry);
        }
        if has_begun || self.children_size(entry, |_, _| true) > order.counted {
            while let Some(child) = self.orders.first_child(entry) {
                self.orders.wake(child);
                self.recount_order(place, child);
            }
        }
    }
}
