//! HOT: sets of orders of which one is to fill: the take-profit and the stop-loss of one position.
//!
//! A set is the orders of one `group` on a position, each of them another `leg`. **At most one lives for a fill of a
//! parent.** A new order is denied, OCO_REARM,
//!
//! - where a live order has its group and leg already (measured 2, limit 1). So a strategy that has been started anew
//!   and arms again what it finds unprotected is told that it is not;
//! - where other sets of its parent (ORDER_EXT) live, and all of them with its own, each as large as its largest order,
//!   are larger than what the parent has filled and may fill: measured that sum, limit the parent. A parent may have a
//!   set for each of its fills.
//!
//! Exits are not looked at, nor is an order placed anew in the place of another: it stays of the set, but counts by itself,
//! since both may fill. In gate mode nothing can be denied; it is counted among the duplicate orders there as well.
//!
//! **What one fills, the others must not.** A set may fill as much as the largest of its orders; what any of them fills is
//! taken off that. An order that could fill more than is left is directed to be resized to it (RESIZE, its total), or
//! canceled where nothing is left. Where the venue knows of the set it does so by itself, and the directive is over as soon as that
//! is heard of. Legs of different size leave the larger what the smaller did not close. An order
//! whose owner makes it larger again afterwards is the owner's affair.
//!
//! A fill beyond what was left to its order, and the instrument's tolerance, is booked and halts the instrument on the account,
//! OVERFILL: what was to be closed once was closed twice. Nothing expires; a set lives as long as its orders, with snapshots and
//! replay. Costs a walk over the live orders of the position, for orders with a group only. Does not catch: a set
//! armed anew, under another group and without a parent, beside one that lives, or orders without a group; those are held to
//! the position's size.

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
use super::checks::{Denial, Ticket, clamped};
use super::lanes::Place;
use super::orders::{Order, Side, Stage};
use crate::model::verdict::Task;
use crate::model::{Reason, Scope};

impl Engine {
    /// Whether an order arms nothing that is armed already.
    pub(super) fn check_armed(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let terms = &ticket.terms;
        if terms.group == 0 {
            return Ok(());
        }
        let scope = Scope::Book(place.book);
        let position = self.ledger.find(place.book, ticket.side.instrument, ticket.side.leg);
        let is_armed = |order: &Order| (order.terms.set, order.terms.leg) == (terms.set, terms.leg);
        if self.on_position(position).any(|(_, order)| is_armed(order)) {
            return Err(Denial::of(Reason::OcoRearm, scope, 2, 1));
        }
        let Some(parent) = self.filled_by_parent(place, ticket) else { return Ok(()) };
        let (own, others) = self.sets_of(position, ticket);
        let sum = others.saturating_add(i128::from(own));
        if others == 0 || sum <= i128::from(parent) {
            return Ok(());
        }
        Err(Denial::of(Reason::OcoRearm, scope, clamped(sum), parent))
    }

    /// The live orders of a position.
    fn on_position(&self, position: Option<u32>) -> impl Iterator<Item = (u32, &Order)> {
        let first = position.and_then(|position| self.working.first(position));
        core::iter::successors(first, |&entry| self.working.after(entry))
            .map(|entry| (entry, self.orders.get(entry)))
    }

    /// What the parent that a ticket names has filled and may fill; `None` where there is none, or nobody can tell.
    fn filled_by_parent(&self, place: Place, ticket: &Ticket) -> Option<i64> {
        let key = Some(place.key(ticket.terms.parent)).filter(|key| key.id != 0)?;
        let parent = self.orders.get(self.orders.find(&key)?);
        let (side, own) = (parent.side, ticket.side);
        let is_parent = side == Side { sells: !own.sells, ..own };
        let is_told = matches!(parent.stage, Stage::Working | Stage::Unknown) && !parent.terms.by_cost;
        let filled = parent.booked().qty;
        (is_parent && is_told).then(|| filled.saturating_add(parent.remaining()))
    }

    /// How large the set of a ticket would be, and all other sets of its parent.
    fn sets_of(&self, position: Option<u32>, ticket: &Ticket) -> (i64, i128) {
        let (terms, sells) = (&ticket.terms, ticket.side.sells);
        let children = || {
            let orders = self.on_position(position).map(|(_, order)| order);
            let children = orders.filter(|order| order.terms.parent == terms.parent && order.terms.set != 0);
            children.filter(|order| order.side.sells == sells)
        };
        let (mut own, mut others) = (ticket.size.qty, 0_i128);
        for (at, order) in children().enumerate() {
            let (set, remaining) = (order.terms.set, order.remaining());
            if set == terms.set {
                own = own.max(remaining);
                continue;
            }
            let before = children().take(at).filter(|other| other.terms.set == set);
            let shared = before.map(Order::remaining).max().unwrap_or(0);
            others = others.saturating_add(i128::from(remaining.saturating_sub(shared).max(0)));
        }
        (own, others)
    }

    /// After an order that was `before` has filled: takes it off what the rest of its set may fill.
    pub(super) fn share_fill(&mut self, place: Place, entry: u32, before: &Order) {
        let order = *self.orders.get(entry);
        let (set, instrument) = (order.terms.set, order.side.instrument);
        let filled = order.booked().qty.saturating_sub(before.booked().qty);
        if set == 0 || filled <= 0 {
            return;
        }
        let tolerance = self.limits.instruments[usize::from(instrument)].overfill.0;
        if order.booked().qty > order.allowed.saturating_add(tolerance) {
            self.halt(Scope::Instrument(place.account, instrument), Reason::Overfill);
        }
        let position = self.ledger.find(place.book, instrument, order.side.leg);
        let is_sibling = |other: u32, sibling: &Order| {
            other != entry && sibling.terms.set == set && sibling.side.sells == order.side.sells
        };
        let siblings = self.on_position(position).filter(|&(other, sibling)| is_sibling(other, sibling));
        let largest = siblings.map(|(_, sibling)| sibling.left()).max().unwrap_or(0).max(before.left());
        let left = largest.saturating_sub(filled).max(0);
        let mut next = position.and_then(|position| self.working.first(position));
        while let Some(other) = next {
            next = self.working.after(other);
            let sibling = *self.orders.get(other);
            if !is_sibling(other, &sibling) || sibling.left() <= left {
                continue;
            }
            let allowed = sibling.booked().qty.saturating_add(left);
            self.orders.get_mut(other).allowed = allowed;
            let (order, venue_key) = (self.orders.key(other).id, sibling.venue_key);
            let task = match left {
                0 => Task::Cancel { order, venue_key },
                _ => Task::Resize { order, qty: allowed },
            };
            self.direct_sibling(Place { instrument: Some(instrument), ..place }, task);
        }
    }
}
