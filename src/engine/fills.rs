//! HOT: executions and what changes them: fills, cumulative reports, busts, fees.
//!
//! Each is recognised by its identity ([`super::executions`]) or by a total that may only grow
//! ([`super::orders`]); repeats are counted and change nothing. What cannot be placed halts the book with UNKNOWN_FILL: a
//! currency that nothing converts to the account's, a leg the instrument does not have, a bust or fee of an execution nobody
//! knows, a fill beyond the horizon. What cannot be right (no quantity, an impossible price, no identity, an order
//! that trades something else, another leg or the other side) halts the strategy with CORRUPT. A full table halts the book with CAPACITY, a result that does not fit with ARITHMETIC. In
//! all these cases nothing is booked. A fill is never refused because its scope is halted: it has happened. A
//! fill that takes an announced order beyond its quantity and the instrument's tolerance (`>`) is booked and halts the
//! instrument on the account, OVERFILL; an order by cost has no quantity to exceed.
//!
//! An execution of an order that nobody announced, or of none, is money that moved: it is booked where it was reported, and
//! counted. Where the book says so (`unknown_fills = "halt"`) it halts the instrument on the account too, UNKNOWN_FILL,
//! sticky. What the venue did by itself (a liquidation, a delivery, any cause but NORMAL) needs no order of ours.
//!
//! A fee that is not known yet is charged at the book's unknown_fee on the notional, rounded up, until FEE_ADJUST
//! gives its total. A bust gives back exactly what the execution changed: cash, position, fee and cost.
//!
//! A fee is paid in the settlement currency, on spot in lots of the base, or in a third currency (a venue's own coin),
//! which is charged to the book's money in that. A fee in a third currency belongs to its execution alone: it is no part
//! of what the two ways of reporting an order are compared by, since FILL_CUM knows no currency but the settlement.

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
use super::drawdown::Touch;
use super::exact::{bump, ceil_mul_div};
use super::executions::{Admission, Booked, Class, Identity};
use super::lanes::Place;
use super::ledger::{Charge, Trade};
use super::limits::InstrumentKind;
use super::orders::{Ended, Order, OrderKey, Side, Traded};
use crate::model::event::FillCause;
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Event, Flags, Leg, Message, Reason, Scope, Ticks};

/// A fee that is not known yet.
const UNKNOWN_FEE: i64 = i64::MIN;

/// Why an execution is not booked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// Already booked.
    Repeat,
    /// It cannot be right.
    Corrupt,
    /// It cannot be placed.
    Unplaced,
    /// Its venue time lies beyond the horizon.
    BeyondHorizon,
    /// A table is full.
    Full,
    /// It does not fit the arithmetic.
    Overflow,
}

/// An execution as reported, both records together.
#[derive(Clone, Copy, Debug)]
struct Report {
    order: u64,
    low: u64,
    high: u64,
    px: Ticks,
    qty: i64,
    fee: i64,
    fee_ccy: u16,
    t_venue: i64,
    sells: bool,
    /// Traded by somebody who is no strategy of ours.
    external: bool,
    /// It needs an order of ours: nothing else brings such a trade about.
    ordered: bool,
}

/// A fee: settlement money, lots of base, or money of a third currency. Two of them are nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fee {
    settled: i128,
    debit: i64,
    charge: Charge,
}

/// What a step changes besides what an order adds up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paid {
    charges: [Charge; 2],
    cost: Option<i128>,
}

impl Fee {
    const fn settled(settled: i128) -> Self {
        Self { settled, debit: 0, charge: Charge::NONE }
    }
}

impl Engine {
    pub(super) fn on_fill(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        if message.flags.contains(Flags::PAPER) {
            bump(&mut self.counters.paper_fills);
            return;
        }
        let Some(report) = read(message, rest) else { return };
        let nobodys = report.ordered && self.is_nobodys(place, report.order);
        match self.fill(place, &report) {
            Ok(()) => {
                bump(&mut self.counters.fills);
                self.tell_nobodys(place, nobodys);
                if report.external {
                    return self.after_house(place.account, place.instrument);
                }
                self.after_trade(place);
            }
            Err(refusal) => self.refuse(place, refusal),
        }
    }

    /// Books a trade that an operator made by hand into the HOUSE of its account.
    pub(super) fn fill_by_hand(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        (exec, px, signed, fee): (u64, Ticks, i64, i64),
    ) -> Result<(), Refusal> {
        let book = self.house(account);
        let strategy = self.ledger.book(book).strategy;
        let place = Place {
            strategy,
            account,
            book,
            instrument: Some(instrument),
            leg: Leg::Net,
            by: 0,
            lane: 0,
            position: 0,
        };
        let (qty, sells) = (signed.checked_abs().ok_or(Refusal::Overflow)?, signed < 0);
        let (order, low, high, fee_ccy, t_venue, external, ordered) = (0, exec, 0, 0, 0, true, false);
        let report = Report { order, low, high, px, qty, fee, fee_ccy, t_venue, sells, external, ordered };
        let before = self.holding(place);
        self.fill(place, &report)?;
        bump(&mut self.counters.fills);
        self.note_moves(place, before);
        self.after_house(account, Some(instrument));
        Ok(())
    }

    fn fill(&mut self, place: Place, report: &Report) -> Result<(), Refusal> {
        let instrument = self.tradable(place)?;
        if report.qty <= 0 || (report.low == 0 && report.high == 0) {
            return Err(Refusal::Corrupt);
        }
        let payoff = *self.marks.payoff(instrument);
        if !payoff.accepts(report.px) {
            return Err(Refusal::Corrupt);
        }
        let identity = identity(place, instrument, report);
        match self.executions.admit(&identity, place.account, report.t_venue) {
            Admission::New => {}
            Admission::Repeat(_) => return Err(Refusal::Repeat),
            Admission::BeyondHorizon => return Err(Refusal::BeyondHorizon),
            Admission::Full => return Err(Refusal::Full),
        }
        let signed = if report.sells { report.qty } else { report.qty.saturating_neg() };
        let leg = payoff.worth(signed, report.px.0).ok_or(Refusal::Overflow)?;
        let book = if report.external { self.house(place.account) } else { place.book };
        let Fee { settled: fee, debit, charge } =
            self.fee(book, instrument, report.fee, report.fee_ccy, leg)?;
        let traded = Traded { qty: report.qty, leg, fee, debit };
        let paid = Paid { charges: [Charge::NONE, charge], cost: None };
        let (position, cost) = if report.external {
            self.book_into_house(place.account, place.side(instrument, report.sells), &traded, paid)?
        } else {
            self.book_own(place, instrument, report, &traded, paid)?
        };
        let booked = Booked {
            position,
            order: report.order,
            by: place.by,
            qty: report.qty,
            leg,
            fee,
            debit,
            charge,
            cost,
            busted: false,
            t_venue: report.t_venue,
            account: place.account,
        };
        self.executions.remember(identity, booked).map(|_| ()).ok_or(Refusal::Full)
    }

    /// Books an execution of the place's own book, as far as its order is not booked already.
    fn book_own(
        &mut self,
        place: Place,
        instrument: InstrumentId,
        report: &Report,
        traded: &Traded,
        paid: Paid,
    ) -> Result<(u32, i128), Refusal> {
        let position = self.ledger.open(place.book, instrument, place.leg).ok_or(Refusal::Full)?;
        let order = self.open_order(place, report.order, place.side(instrument, report.sells))?;
        let (next, step) = match order {
            Some(entry) => {
                let (next, step) = self.orders.get(entry).execute(traded).ok_or(Refusal::Overflow)?;
                (Some((entry, next)), step)
            }
            None => (None, *traded),
        };
        let cost = self.book_step(position, instrument, report.sells, &step, paid)?;
        self.commit_order(place, next);
        Ok((position, cost))
    }

    pub(super) fn on_fill_cum(&mut self, place: Place, message: &Message) {
        if message.flags.contains(Flags::PAPER) {
            bump(&mut self.counters.paper_fills);
            return;
        }
        let Event::FillCum { order, .. } = message.event else { return };
        let nobodys = self.is_nobodys(place, order.get());
        match self.fill_cum(place, message) {
            Ok(()) => {
                bump(&mut self.counters.fills);
                self.tell_nobodys(place, nobodys);
                self.after_trade(place);
            }
            Err(refusal) => self.refuse(place, refusal),
        }
    }

    fn fill_cum(&mut self, place: Place, message: &Message) -> Result<(), Refusal> {
        let Event::FillCum { order, cum_qty, cum_cost, cum_fee } = message.event else { return Ok(()) };
        let instrument = self.tradable(place)?;
        let payoff = *self.marks.payoff(instrument);
        let sells = message.flags.contains(Flags::SELL);
        let may_be_negative = self.limits.instruments[usize::from(instrument)].allow_negative;
        if cum_qty.0 <= 0 || (cum_cost.0 < 0 && !may_be_negative) {
            return Err(Refusal::Corrupt);
        }
        // A buyer of a linear instrument pays the cost; of an inverse one, receives it in base.
        let cost = if payoff.is_inverse() {
            cum_cost.0.checked_mul(super::exact::FINE).ok_or(Refusal::Overflow)?
        } else {
            cum_cost.0
        };
        let receives = sells != payoff.is_inverse();
        let leg = if receives { cost } else { cost.checked_neg().ok_or(Refusal::Overflow)? };
        let entry =
            self.open_order(place, order.get(), place.side(instrument, sells))?.ok_or(Refusal::Corrupt)?;
        let known = *self.orders.get(entry);
        if known.is_partial() {
            return Err(Refusal::Unplaced);
        }
        let fee = self.fee(place.book, instrument, cum_fee, 0, leg)?.settled;
        let last = *known.reported();
        let shrinks = cum_qty.0 < last.qty || (!may_be_negative && leg.abs() < last.leg.abs());
        let repeats = cum_qty.0 == last.qty && leg == last.leg && fee <= last.fee;
        if last.qty > 0 && (shrinks || repeats) {
            return Err(Refusal::Repeat);
        }
        let total = Traded { qty: cum_qty.0, leg, fee, debit: 0 };
        let (next, step) = known.report(total).ok_or(Refusal::Overflow)?;
        let position = self.ledger.open(place.book, instrument, place.leg).ok_or(Refusal::Full)?;
        self.book_step(position, instrument, sells, &step, Paid::default())?;
        self.commit_order(place, Some((entry, next)));
        Ok(())
    }

    pub(super) fn on_fill_bust(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        if message.flags.contains(Flags::PAPER) {
            return;
        }
        let Some(report) = read(message, rest) else { return };
        match self.bust(place, &report) {
            Ok(()) => {
                self.after_trade(place);
                self.after_house(place.account, place.instrument);
            }
            Err(refusal) => self.refuse(place, refusal),
        }
    }

    fn bust(&mut self, place: Place, report: &Report) -> Result<(), Refusal> {
        let instrument = self.tradable(place)?;
        let found = self.executions.find(&identity(place, instrument, report)).ok_or(Refusal::Unplaced)?;
        let booked = *self.executions.get(found);
        if booked.busted || !self.is_own(place, &booked) {
            return Err(Refusal::Repeat);
        }
        if self.ledger.leg(booked.position) != place.leg {
            return Err(Refusal::Corrupt);
        }
        let traded = Traded { qty: booked.qty, leg: booked.leg, fee: booked.fee, debit: booked.debit };
        let back = Traded::default().minus(&traded).ok_or(Refusal::Overflow)?;
        let (next, step) = self.executed(&booked, &back)?;
        // Where a cumulative report decides instead, the difference is a trade like any other.
        let cost =
            if step == back { Some(booked.cost.checked_neg().ok_or(Refusal::Overflow)?) } else { None };
        let charge = booked.charge.back().ok_or(Refusal::Overflow)?;
        let paid = Paid { charges: [charge, Charge::NONE], cost };
        self.book_step(booked.position, instrument, report.sells, &step, paid)?;
        self.commit_order(place, next);
        self.executions.get_mut(found).busted = true;
        Ok(())
    }

    pub(super) fn on_fee_adjust(&mut self, place: Place, message: &Message) {
        match self.fee_adjust(place, message) {
            Ok(()) => {
                self.after_trade(place);
                self.after_house(place.account, place.instrument);
            }
            Err(refusal) => self.refuse(place, refusal),
        }
    }

    fn fee_adjust(&mut self, place: Place, message: &Message) -> Result<(), Refusal> {
        let Event::FeeAdjust { exec, fee, ccy, exec_high, .. } = message.event else { return Ok(()) };
        let instrument = self.bookable(place)?;
        let class = if message.flags.contains(Flags::SELL) { Class::Sell } else { Class::Buy };
        let key = Identity { class, owner: place.account, instrument, low: exec, high: exec_high };
        let found = self.executions.find(&key).ok_or(Refusal::Unplaced)?;
        let booked = *self.executions.get(found);
        if fee == UNKNOWN_FEE {
            return Err(Refusal::Corrupt);
        }
        let Fee { settled: fee, debit, charge } =
            self.fee(self.ledger.position(booked.position).book, instrument, fee, ccy, booked.leg)?;
        let old = Traded { fee: booked.fee, debit: booked.debit, ..Traded::default() };
        let new = Traded { fee, debit, ..Traded::default() };
        let change = new.minus(&old).ok_or(Refusal::Overflow)?;
        let is_same = change == Traded::default() && charge == booked.charge;
        if booked.busted || is_same || !self.is_own(place, &booked) {
            return Err(Refusal::Repeat);
        }
        let (next, step) = self.executed(&booked, &change)?;
        let back = booked.charge.back().ok_or(Refusal::Overflow)?;
        let paid = Paid { charges: [back, charge], cost: None };
        self.book_step(booked.position, instrument, class == Class::Sell, &step, paid)?;
        self.commit_order(place, next);
        let entry = self.executions.get_mut(found);
        (entry.fee, entry.debit, entry.charge) = (fee, debit, charge);
        Ok(())
    }

    /// What a change of an execution books, given what else is known of its order.
    fn executed(&self, booked: &Booked, change: &Traded) -> Result<(Option<(u32, Order)>, Traded), Refusal> {
        let book = self.ledger.position(booked.position).book;
        let Some(entry) = self.orders.find(&OrderKey { book, by: booked.by, id: booked.order }) else {
            return Ok((None, *change));
        };
        let order = self.orders.get(entry);
        if order.is_partial() {
            return Ok((None, *change));
        }
        let (next, step) = order.execute(change).ok_or(Refusal::Overflow)?;
        Ok((Some((entry, next)), step))
    }

    /// Whether the execution is in the reporter's own book. Another book of the account saw it too and must not
    /// change it: its owner reports it as well. HOUSE has no owner.
    fn is_own(&self, place: Place, booked: &Booked) -> bool {
        let book = self.ledger.position(booked.position).book;
        book == place.book || book == self.house(place.account)
    }

    /// A fee in the money it is paid in.
    fn fee(
        &self,
        book: BookId,
        instrument: InstrumentId,
        fee: i64,
        ccy: u16,
        leg: i128,
    ) -> Result<Fee, Refusal> {
        let limits = &self.limits.instruments[usize::from(instrument)];
        let payoff = self.marks.payoff(instrument);
        let base = limits.base.filter(|base| limits.kind == InstrumentKind::Spot && base.id == ccy);
        let settles = ccy == 0 || ccy == limits.settlement.id;
        // Also where it is not known yet: who cannot say what it is worth later must not charge it now.
        let third = match base {
            _ if settles => None,
            Some(_) => None,
            None => Some(self.ledger.till(book, ccy).ok_or(Refusal::Unplaced)?),
        };
        if fee == UNKNOWN_FEE {
            let rate = i128::from(self.unknown_fee(book).0);
            let notional = leg.checked_abs().and_then(|leg| payoff.settled(leg));
            let charged = notional.and_then(|notional| ceil_mul_div(notional, rate, 10_000));
            return Ok(Fee::settled(charged.ok_or(Refusal::Overflow)?));
        }
        match third {
            None if settles => Ok(Fee::settled(i128::from(fee))),
            None => Ok(Fee { debit: payoff.debit(fee).ok_or(Refusal::Overflow)?, ..Fee::default() }),
            Some(till) => Ok(Fee { charge: Charge::of(till, i128::from(fee)), ..Fee::default() }),
        }
    }

    fn open_order(&mut self, place: Place, id: u64, side: Side) -> Result<Option<u32>, Refusal> {
        if id == 0 {
            return Ok(None);
        }
        let entry = self.orders.open(place.key(id), side).ok_or(Refusal::Full)?;
        if self.orders.get(entry).side == side { Ok(Some(entry)) } else { Err(Refusal::Corrupt) }
    }

    fn commit_order(&mut self, place: Place, next: Option<(u32, Order)>) {
        let Some((entry, order)) = next else { return };
        let before = *self.orders.get(entry);
        if before.ended == Some(Ended::Otherwise) {
            bump(&mut self.counters.late_fills);
        }
        self.orders.replace(entry, order);
        let tolerance = self.limits.instruments[usize::from(order.side.instrument)].overfill;
        if order.overfills(&before, tolerance.0) {
            self.halt(Scope::Instrument(place.account, order.side.instrument), Reason::Overfill);
        }
        self.on_executed(place, entry);
        self.share_fill(place, entry, &before);
    }

    pub(super) fn book_step(
        &mut self,
        position: u32,
        instrument: InstrumentId,
        sells: bool,
        step: &Traded,
        paid: Paid,
    ) -> Result<i128, Refusal> {
        let qty = if sells { step.qty.checked_neg().ok_or(Refusal::Overflow)? } else { step.qty };
        let Paid { charges, cost } = paid;
        let trade = Trade { qty, leg: step.leg, fee: step.fee, debit: step.debit, charges, cost };
        let (payoff, quote) = (self.marks.payoff(instrument), self.marks.quote(instrument));
        let cost = self.ledger.trade(position, &trade, payoff, quote).ok_or(Refusal::Overflow)?;
        if step.qty > 0 {
            self.count_execution(self.ledger.position(position).book);
        }
        Ok(cost)
    }

    pub(super) fn after_trade(&mut self, place: Place) {
        self.check_leg(place);
        self.check_position(place);
        self.judge_book(place.book, Touch { instrument: place.instrument, is_mark: false });
    }

    pub(super) fn refuse(&mut self, place: Place, refusal: Refusal) {
        let book = Scope::Book(place.book);
        match refusal {
            Refusal::Repeat => bump(&mut self.counters.duplicate_fills),
            Refusal::Corrupt => self.halt(Scope::Strategy(place.strategy), Reason::Corrupt),
            Refusal::Unplaced => {
                bump(&mut self.counters.unhandled);
                bump(&mut self.counters.unknown_fills);
                self.halt(book, Reason::UnknownFill);
            }
            Refusal::BeyondHorizon => {
                bump(&mut self.counters.beyond_horizon);
                self.halt(book, Reason::Gap);
            }
            Refusal::Full => self.halt(book, Reason::Capacity),
            Refusal::Overflow => self.halt(book, Reason::Arithmetic),
        }
    }
}

fn identity(place: Place, instrument: InstrumentId, report: &Report) -> Identity {
    let class = if report.sells { Class::Sell } else { Class::Buy };
    Identity { class, owner: place.account, instrument, low: report.low, high: report.high }
}

fn read(message: &Message, rest: Option<&Event>) -> Option<Report> {
    let (Event::Fill { order, exec, px, qty, fee } | Event::FillBust { order, exec, px, qty, fee }) =
        message.event
    else {
        return None;
    };
    let (high, t_venue, fee_ccy, cause) = match rest {
        Some(&Event::FillExt { exec_high, t_venue, fee_ccy, cause, .. }) => {
            (exec_high, t_venue, fee_ccy, cause)
        }
        _ => (0, 0, 0, FillCause::Normal),
    };
    // What names an order of ours is ours.
    let external = cause == FillCause::External && order == 0;
    let ordered = cause == FillCause::Normal;
    let sells = message.flags.contains(Flags::SELL);
    Some(Report { order, low: exec, high, px, qty: qty.0, fee, fee_ccy, t_venue, sells, external, ordered })
}
