//! HOT: what a snapshot of orders says of those we know, and of those we do not.
//!
//! A row names an order by the strategy's own id, or with id 0 by the venue's number alone. An order that is listed is
//! at the venue: one that had timed out works again, and where more of it is left than we thought, that is reserved. **An
//! order nobody here knows** is reserved for what is left of it and flagged *orphan*: in the strategy's book where it gives
//! an id that is new, else in HOUSE. It ends when a later snapshot does not list it, or lists an order that has its number
//! since.
//!
//! **An order that is not listed**, although it had been sent before the venue was asked, is over once 60 s have passed:
//! since its time-out, where it had timed out before the venue was asked; since the first snapshot that lacked it, where
//! the venue had told of it and its end was lost. Until then it reserves. Only orders the strategy can name are judged:
//! its own, and those with a number of the venue. A snapshot whose time is forgotten ends nothing.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Bracket, PATIENCE};
use crate::engine::Engine;
use crate::engine::exact::bump;
use crate::engine::lanes::Place;
use crate::engine::orders::{Ended, OrderKey, Side, Size, Stage, Terms};
use crate::model::{Event, Flags, Message, Nanos, Reason, Scope};

impl Engine {
    pub(super) fn see_order(&mut self, place: Place, message: &Message, mark: u64) -> Option<()> {
        let Event::SnapOrder { order: id, venue_key, px, qty, attrs } = message.event else { return None };
        let instrument = place.instrument?;
        (qty.0 > 0 && (id != 0 || venue_key != 0)).then_some(())?;
        let side = place.side(instrument, message.flags.contains(Flags::SELL));
        self.has_leg(instrument, place.leg).then_some(())?;
        let Some(entry) = self.listed(place, instrument, id, venue_key) else {
            let terms = Terms { kind: attrs.order_type, intent: attrs.intent, ..Terms::default() };
            let size = Size { px: px.0, qty: qty.0 };
            self.reserve_orphan(place, (id, venue_key), side, (terms, size), mark);
            return Some(());
        };
        let order = self.orders.get_mut(entry);
        (order.side == side).then_some(())?;
        (order.seen, order.absent, order.heard) = (mark, None, true);
        if venue_key != 0 {
            order.venue_key = venue_key;
        }
        if order.stage == Stage::Unknown {
            order.stage = Stage::Working;
        }
        if qty.0 > order.remaining() && !order.terms.by_cost {
            order.size.qty = order.booked().qty.saturating_add(qty.0);
        }
        let book = self.orders.key(entry).book;
        self.recount_order(Place { book, ..place }, entry);
        Some(())
    }

    /// The live order of an account that a row is about.
    fn listed(&self, place: Place, instrument: u16, id: u64, venue_key: u64) -> Option<u32> {
        let own = self.orders.find(&place.key(id)).filter(|_| id != 0);
        if let Some(own) = own.filter(|&own| self.orders.get(own).is_live()) {
            return Some(own);
        }
        let first = self.ledger.first_holder(instrument);
        let holders = core::iter::successors(first, |&holder| self.ledger.next_holder(holder));
        let mut orphan = None;
        for holder in holders.filter(|&holder| self.is_on(holder, place.account)) {
            let live = core::iter::successors(self.working.first(holder), |&entry| self.working.after(entry));
            for entry in live.filter(|&entry| self.orders.get(entry).venue_key == venue_key && venue_key != 0)
            {
                if !self.orders.get(entry).orphan {
                    return Some(entry);
                }
                orphan = Some(entry);
            }
        }
        orphan
    }

    fn is_on(&self, position: u32, account: u16) -> bool {
        self.ledger.book(self.ledger.position(position).book).account == account
    }

    fn reserve_orphan(
        &mut self,
        place: Place,
        (id, venue_key): (u64, u64),
        side: Side,
        (terms, size): (Terms, Size),
        mark: u64,
    ) {
        bump(&mut self.counters.orphans);
        let is_new = id != 0 && self.orders.find(&place.key(id)).is_none();
        let house = self.house(place.account);
        let key = if is_new {
            place.key(id)
        } else {
            OrderKey { book: house, by: 0, id: if venue_key != 0 { venue_key } else { id } }
        };
        let position = self.ledger.open(key.book, side.instrument, side.leg);
        let entry = self.orders.find(&key).or_else(|| self.orders.insert(key, side));
        let (Some(position), Some(entry)) = (position, entry) else {
            return self.halt(Scope::Account(place.account), Reason::Capacity);
        };
        // One that was thought to be over is not.
        self.orders.get_mut(entry).ended = None;
        self.orders.announce(entry, terms, size, Stage::Working);
        let order = self.orders.get_mut(entry);
        (order.side, order.orphan, order.heard, order.venue_key) = (side, true, true, venue_key);
        (order.seen, order.absent, order.sent) = (mark, None, self.now);
        // What was filled of one thought to be over is booked already.
        order.size.qty = order.booked().qty.saturating_add(size.qty);
        if order.position.is_none() {
            self.working.enter(&mut self.orders, entry, position, key.book);
        }
        self.check_position(Place { book: key.book, ..place });
    }

    /// Ends the orders that a snapshot should have listed and did not.
    pub(super) fn sweep_orders(&mut self, place: Place, bracket: &Bracket, window: Option<(u64, u64)>) {
        let Some(from) = bracket.from.filter(|_| window.is_some()) else { return };
        for instrument in 0..self.limits.instruments.len() as u16 {
            let mut next_holder = self.ledger.first_holder(instrument);
            while let Some(holder) = next_holder {
                next_holder = self.ledger.next_holder(holder);
                if !self.is_on(holder, place.account) {
                    continue;
                }
                let mut next = self.working.first(holder);
                while let Some(entry) = next {
                    next = self.working.after(entry);
                    // Seen by another lane's snapshot that was begun later, it is there.
                    if self.orders.get(entry).seen < bracket.mark {
                        self.miss_order(place, entry, from.at);
                    }
                }
            }
        }
    }

    /// A snapshot, asked for not before `asked`, does not list this order.
    fn miss_order(&mut self, place: Place, entry: u32, asked: Nanos) {
        let (key, order) = (self.orders.key(entry), *self.orders.get(entry));
        let is_own = key.book == place.book && key.by == 0;
        if !(is_own || order.venue_key != 0 || order.orphan) || order.sent > asked {
            return;
        }
        let timeout = self.limits.accounts[usize::from(place.account)].ack_timeout;
        let missing_since = match order.stage {
            Stage::Unknown => order.sent.after(timeout),
            _ if order.orphan => return self.drop_order(place, entry),
            _ if order.heard => {
                let absent = order.absent.unwrap_or(self.now);
                self.orders.get_mut(entry).absent = Some(absent);
                absent
            }
            _ => return,
        };
        if missing_since <= asked && self.now.since(missing_since) >= PATIENCE {
            self.drop_order(place, entry);
        }
    }

    fn drop_order(&mut self, place: Place, entry: u32) {
        let OrderKey { book, by, .. } = self.orders.key(entry);
        bump(&mut self.counters.released);
        self.forget_attempt(entry, place.account);
        self.end_order(Place { book, by, ..place }, entry, Ended::Otherwise);
    }
}
