//! HOT: caps of a book, noticed after the event. Those in money are in `gross_net`.
//!
//! **Position** measures, per instrument and in lots, the largest |q| that a position can become while its live orders
//! fill: `max(q + B, S − q)` (see `working`); trips at `>` max_position: the book becomes REDUCE_ONLY, class AUTO,
//! cleared in the turn in which all its positions are back within. In permit mode nothing is permitted that would trip
//! it; fills nobody ordered, busts and gate mode may.
//! **Order quantity** and **order notional** measure each announced or modified order, in lots and in 1e-9 of the
//! account's currency rounded up; trip at `>`. The order may already be out (gate mode tells, it does not ask), so
//! the book becomes REDUCE_ONLY, STICKY. An order without a price is valued at the last good mark; without one it
//! counts as exceeding a notional limit, reason NO_MARK, and so does one in a currency without a fresh rate. Nothing expires; a reset is an operator's.

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
use super::exact::{micros, micros_up};
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::lanes::Place;
use crate::model::scope::InstrumentId;
use crate::model::{Latch, Leg, Lots, Money, Reason, Scope, Ticks, TradingState};

/// What the live orders of a position may still do to it, in lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// What buys may still fill.
    pub buys: i64,
    /// What sells may still fill.
    pub sells: i64,
    /// Live orders, those that count nothing included.
    pub open_orders: u32,
}

impl Engine {
    /// What the live orders of a book may still do to its position in an instrument. Sums that do not fit an `i64`
    /// are shown as its largest value.
    #[must_use]
    pub fn exposure(&self, book: u16, instrument: u16) -> Exposure {
        let legs = self.legs_of(instrument).iter().map(|&leg| self.leg_exposure(book, instrument, leg));
        legs.fold(Exposure::default(), |sum, leg| Exposure {
            buys: sum.buys.saturating_add(leg.buys),
            sells: sum.sells.saturating_add(leg.sells),
            open_orders: sum.open_orders.saturating_add(leg.open_orders),
        })
    }

    /// The same of one leg.
    #[must_use]
    pub fn leg_exposure(&self, book: u16, instrument: u16, leg: Leg) -> Exposure {
        let sums = self.working.sums(self.ledger.find(book, instrument, leg));
        let shown = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
        Exposure { buys: shown(sums.buys), sells: shown(sums.sells), open_orders: sums.orders }
    }

    /// Whether any order of a scope is open, those in the HOUSE of its account included.
    pub(super) fn has_orders(&self, scope: Scope) -> bool {
        let (account, strategy) = match scope {
            Scope::Book(book) => return self.working.of_book(book) > 0,
            Scope::Account(account) => (Some(account), None),
            Scope::Strategy(strategy) => (None, Some(strategy)),
            Scope::Firm | Scope::Instrument(..) => return false,
        };
        let houses = self.limits.accounts.len() as u16;
        let books = (0..self.ledger.house(houses)).map(|book| (book, self.ledger.book(book)));
        let mut own = books.filter(|(_, of)| Some(of.account) == account || Some(of.strategy) == strategy);
        own.any(|(book, _)| self.working.of_book(book) > 0)
    }

    pub(super) fn check_position(&mut self, place: Place) {
        let found = |instrument| self.ledger.find(place.book, instrument, place.leg);
        let Some(index) = place.instrument.and_then(found) else { return };
        self.follow_exposure(index);
        let position = *self.ledger.position(index);
        // HOUSE has no limits.
        let limits = self.limits.books.get(usize::from(place.book));
        let Some(limit) = limits.and_then(|limits| limits.max_position) else { return };
        let worst = self.worst_case(index, position.q);
        let over = worst > i128::from(limit.0);
        let scope = Scope::Book(place.book);
        match self.ledger.mark_over(index, over) {
            0 => {
                self.gates.end(scope, guard::POSITION, Reading::NONE);
            }
            _ => {
                self.gates.begin(Hold {
                    state: TradingState::ReduceOnly,
                    latch: Latch::Auto,
                    measured: i64::try_from(worst).unwrap_or(i64::MAX),
                    limit: limit.0,
                    ..sticky(scope, guard::POSITION, Reason::MaxPosition)
                });
            }
        }
    }

    /// The largest |q| a position can become while its live orders fill.
    fn worst_case(&self, index: u32, q: i64) -> i128 {
        let (q, sums) = (i128::from(q), self.working.sums(Some(index)));
        let longest = q.saturating_add(sums.buys);
        let shortest = sums.sells.saturating_sub(q);
        longest.max(shortest).max(q.saturating_abs())
    }

    pub(super) fn check_order(&mut self, place: Place, instrument: InstrumentId, px: Ticks, qty: Lots) {
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
        let Some(notional) = payoff.notional(qty, px) else {
            return self.halt(Scope::Book(place.book), Reason::Arithmetic);
        };
        self.cap_notional(place, instrument, notional, limit);
    }

    /// The same of an order by cost, whose worth is that; without it nobody can tell.
    pub(super) fn check_order_by_cost(&mut self, place: Place, instrument: InstrumentId, cost: Option<i128>) {
        let Some(limit) = self.limits.books[usize::from(place.book)].max_order_notional else { return };
        match cost {
            Some(cost) => self.cap_notional(place, instrument, cost, limit),
            None => self.cap(place, guard::ORDER_NOTIONAL, Reason::NoMark, 0, micros(limit.0)),
        }
    }

    fn cap_notional(&mut self, place: Place, instrument: InstrumentId, notional: i128, limit: Money) {
        match self.accounted(place, instrument, notional) {
            Err(reason) => self.cap(place, guard::ORDER_NOTIONAL, reason, 0, micros(limit.0)),
            Ok(notional) if notional > limit.0 => {
                self.cap(
                    place,
                    guard::ORDER_NOTIONAL,
                    Reason::MaxNotional,
                    micros_up(notional),
                    micros(limit.0),
                );
            }
            Ok(_) => {}
        }
    }

    fn cap(&mut self, place: Place, guard: u16, reason: Reason, measured: i64, limit: i64) {
        let hold = sticky(Scope::Book(place.book), guard, reason);
        self.gates.begin(Hold { state: TradingState::ReduceOnly, measured, limit, ..hold });
    }
}
