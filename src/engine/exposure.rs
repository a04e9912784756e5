//! HOT: caps of a book, and orders that left after a halt.
//!
//! **Position** measures |q| per instrument after each trade, in lots; trips at `>` max_position: the book becomes
//! REDUCE_ONLY, class AUTO, cleared in the turn in which all its positions are back within.
//! **Order quantity** and **order notional** measure each announced or modified order, in lots and in 1e-9 of the
//! account's currency rounded up; trip at `>`. The order may already be out (gate mode tells, it does not ask), so
//! the book becomes REDUCE_ONLY, STICKY. An order without a price is valued at the last good mark; without one it
//! counts as exceeding a notional limit, reason NO_MARK. Nothing expires; a reset is an operator's.
//!
//! **Stragglers and violations.** An announced order that meets a word which is not ACTIVE is a violation when its
//! writer knew, that is when the epoch it had seen is not older than the one with which that word closed; or when the
//! order is younger than the closing by `>` the lease, because by then the permission the writer last saw had run
//! out, whatever it says it saw. Otherwise it is a straggler. Under REDUCE_ONLY an order that only reduces the
//! position, and under HALTED one that does so and is venue-enforced reduce-only, is neither. Epochs travel as their
//! low 16 bits: what a writer echoes is taken for the newest epoch up to now that ends like that.
//!
//! A request (PERMIT) needs verdicts, which this version does not give: it halts the book, GAP.
//! Does not catch: open orders that add up to more than a position limit.

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
use super::exact::{bump, micros};
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::orders::{Ended, OrderKey, Side};
use super::outcome::WordId;
use crate::model::event::{DoneStatus, OrderAction};
use crate::model::scope::InstrumentId;
use crate::model::{Event, Flags, Latch, Lots, Message, Reason, Scope, Ticks, TradingState};

impl Engine {
    pub(super) fn on_order(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        let (Event::OrderNew { order, px, qty, .. } | Event::OrderModify { order, px, qty, .. }) =
            message.event
        else {
            return;
        };
        let is_new = matches!(message.event, Event::OrderNew { .. });
        if is_new {
            bump(&mut self.counters.orders);
        }
        let Some(instrument) = place.instrument.filter(|_| qty.0 > 0 || !is_new) else {
            return self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
        };
        if message.flags.contains(Flags::PERMIT) {
            return self.halt_unhandled(place.book);
        }
        if message.flags.contains(Flags::PAPER) {
            return;
        }
        if is_new {
            self.count_after_halt(place, instrument, message, qty);
        }
        self.check_order(place, instrument, px, qty);
        match message.event {
            Event::OrderModify { new_order, .. } if new_order == 0 || new_order == order.get() => {
                self.resize(place, order.get(), qty, false);
            }
            Event::OrderNew { .. } => {
                let sells = message.flags.contains(Flags::SELL);
                let by_cost = matches!(rest, Some(Event::OrderExt { quote_cost: 1.., .. }));
                self.announce(place, order.get(), Side { instrument, sells }, qty, by_cost);
            }
            _ => {}
        }
    }

    /// The venue has replaced an order: its quantity is what the venue says.
    pub(super) fn on_order_modified(&mut self, place: Place, order: u64, qty: Lots) {
        self.on_order_status(place, order);
        self.resize(place, order, qty, true);
    }

    fn resize(&mut self, place: Place, id: u64, qty: Lots, confirmed: bool) {
        if let Some(entry) = self.orders.find(&OrderKey { book: place.book, id }) {
            self.orders.resize(entry, qty.0, confirmed);
        }
    }

    /// A sign of life of an order that is over changes nothing.
    pub(super) fn on_order_status(&mut self, place: Place, order: u64) {
        let known = self.orders.find(&OrderKey { book: place.book, id: order });
        if known.is_some_and(|entry| self.orders.get(entry).ended.is_some()) {
            bump(&mut self.counters.late);
        }
    }

    pub(super) fn on_order_end(&mut self, place: Place, event: &Event) {
        let (order, ended) = match *event {
            Event::OrderDone { order, status: DoneStatus::Filled, .. } => (order, Ended::Filled),
            Event::OrderDone { order, .. } => (order, Ended::Otherwise),
            Event::OrderReject { order, action: OrderAction::New, .. } => (order, Ended::Otherwise),
            // NOT_SENT names the action by number: 0 is the order itself.
            Event::NotSent { order, action: 0, .. } => (order, Ended::Otherwise),
            _ => return,
        };
        let Some(entry) = self.orders.find(&OrderKey { book: place.book, id: order.get() }) else { return };
        if self.orders.get(entry).ended.is_some() {
            bump(&mut self.counters.late);
        }
        self.orders.end(entry, ended);
    }

    fn announce(&mut self, place: Place, id: u64, side: Side, qty: Lots, by_cost: bool) {
        let key = OrderKey { book: place.book, id };
        if self.orders.find(&key).is_some_and(|entry| self.orders.get(entry).ended.is_some()) {
            return bump(&mut self.counters.late);
        }
        match self.orders.open(key, side, qty.0) {
            None => self.halt(Scope::Book(place.book), Reason::Capacity),
            Some(entry) if self.orders.get(entry).side != side => {
                self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
            }
            Some(entry) if by_cost => self.orders.by_cost(entry),
            Some(_) => {}
        }
    }

    pub(super) fn check_position(&mut self, place: Place) {
        let Some(index) = place.instrument.and_then(|instrument| self.ledger.find(place.book, instrument))
        else {
            return;
        };
        let position = *self.ledger.position(index);
        let Some(limit) = self.limits.books[usize::from(place.book)].max_position else { return };
        let over = position.q.unsigned_abs() > limit.0.unsigned_abs();
        let scope = Scope::Book(place.book);
        match self.ledger.mark_over(index, over) {
            0 => {
                self.gates.end(scope, guard::POSITION, Reading::NONE);
            }
            _ => {
                self.gates.begin(Hold {
                    state: TradingState::ReduceOnly,
                    latch: Latch::Auto,
                    measured: position.q.saturating_abs(),
                    limit: limit.0,
                    ..sticky(scope, guard::POSITION, Reason::MaxPosition)
                });
            }
        }
    }

    fn check_order(&mut self, place: Place, instrument: InstrumentId, px: Ticks, qty: Lots) {
        let book = &self.limits.books[usize::from(place.book)];
        let (max_qty, max_notional) = (book.max_order_qty, book.max_order_notional);
        if let Some(limit) = max_qty.filter(|limit| qty.0 > limit.0) {
            self.cap(place, guard::ORDER_QTY, Reason::MaxQty, qty.0, limit.0);
        }
        let Some(limit) = max_notional else { return };
        let payoff = *self.marks.payoff(instrument);
        let priced = Some(px).filter(|&px| px.0 != 0);
        let Some(px) = priced.or(self.marks.quote(instrument).good.map(Ticks)) else {
            return self.cap(place, guard::ORDER_NOTIONAL, Reason::NoMark, 0, micros(limit.0));
        };
        match payoff.notional(qty, px) {
            None => self.halt(Scope::Book(place.book), Reason::Arithmetic),
            Some(notional) if notional > limit.0 => {
                self.cap(
                    place,
                    guard::ORDER_NOTIONAL,
                    Reason::MaxNotional,
                    micros(notional),
                    micros(limit.0),
                );
            }
            Some(_) => {}
        }
    }

    fn cap(&mut self, place: Place, guard: u16, reason: Reason, measured: i64, limit: i64) {
        let hold = sticky(Scope::Book(place.book), guard, reason);
        self.gates.begin(Hold { state: TradingState::ReduceOnly, measured, limit, ..hold });
    }

    fn count_after_halt(&mut self, place: Place, instrument: InstrumentId, message: &Message, qty: Lots) {
        let words = [
            WordId::Account(place.account),
            WordId::Book(place.book),
            WordId::Instrument(place.account, instrument),
        ];
        let closed = words.iter().filter(|&&id| self.gates.word(id).state != TradingState::Active);
        let state = closed.clone().map(|&id| self.gates.word(id).state).min();
        let Some(state) = state else { return };
        let venue_enforced = message.flags.contains(Flags::VENUE_REDUCE_ONLY);
        let may_reduce = state == TradingState::ReduceOnly || venue_enforced;
        if may_reduce && self.only_reduces(place, instrument, message, qty) {
            return;
        }
        let forbidden = closed.clone().any(|&id| {
            let closed = self.gates.closed(id);
            has_seen(message.epoch, closed.epoch, self.gates.epoch())
                || self.now.since(closed.at) > self.lease
        });
        let counter = if forbidden { &mut self.counters.violations } else { &mut self.counters.stragglers };
        bump(counter);
    }

    fn only_reduces(&self, place: Place, instrument: InstrumentId, message: &Message, qty: Lots) -> bool {
        let q = self.ledger.find(place.book, instrument).map_or(0, |index| self.ledger.position(index).q);
        let sells = message.flags.contains(Flags::SELL);
        let opposite = if sells { q > 0 } else { q < 0 };
        opposite && qty.0.unsigned_abs() <= q.unsigned_abs()
    }
}

/// Whether a writer that echoed `seen` (the low bits of an epoch up to `newest`) knew of `epoch`.
const fn has_seen(seen: u16, epoch: u32, newest: u32) -> bool {
    let age = (newest as u16).wrapping_sub(seen);
    match newest.checked_sub(age as u32) {
        Some(seen) => seen >= epoch,
        // There was no such epoch yet: its writer claims more than there is to know.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_epoch_is_the_newest_that_ends_like_it() {
        for (seen, epoch, newest, knew) in [
            (5, 5, 5, true),
            (4, 5, 5, false),
            (5, 5, 9, true),
            (6, 5, 5, true),
            (0, 5, 5, false),
            (0, 32_768, 32_768, false),
            (0, 32_769, 40_000, false),
            (0, 0xffff, 0x1_0000, true),
            (0xffff, 0x1_0000, 0x1_0000, false),
            (0xffff, 0x1_0000, 0x1_fffe, false),
            (7, 0x2_0007, 0x2_0007, true),
            (7, 0x2_0008, 0x2_0009, false),
            (u16::MAX, u32::MAX, u32::MAX, true),
        ] {
            assert_eq!(has_seen(seen, epoch, newest), knew, "{seen} against {epoch} at {newest}");
        }
    }
}
