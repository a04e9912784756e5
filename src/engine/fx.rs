//! HOT: conversion rates as they arrive and as they age, and limits in the account's currency.

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
use super::exact::bump;
use super::lanes::Place;
use super::marks::Offer;
use super::timers::Watch;
use crate::model::scope::InstrumentId;
use crate::model::{Event, Leg, Nanos, Reason};

impl Engine {
    pub(super) fn on_fx(&mut self, place: Place, event: &Event) {
        let Event::Fx { base, quote, bid, ask, sequence, .. } = *event else { return };
        bump(&mut self.counters.marks);
        let Some(rate) = self.ledger.rates().find(base, quote) else {
            return bump(&mut self.counters.ignored_marks);
        };
        match self.ledger.rates_mut().offer(rate, place.strategy, (bid, ask), sequence, self.now) {
            Offer::Ignored => return bump(&mut self.counters.ignored_marks),
            Offer::Suspect => bump(&mut self.counters.suspect_marks),
            Offer::Accepted => {}
        }
        self.watch_rate(rate);
        self.reconvert(rate);
    }

    pub(super) fn on_rate_timer(&mut self, rate: u16) {
        if self.ledger.rates_mut().expire(rate, self.now) {
            self.reconvert(rate);
        }
        self.watch_rate(rate);
    }

    /// Sets the timer that finds the rate stale, unless an earlier one will look anyway.
    fn watch_rate(&mut self, rate: u16) {
        let timer = self.watches.id(Watch::Rate(rate));
        if self.timers.due(timer) == Nanos::NEVER {
            self.timers.set(timer, self.ledger.rates().deadline(rate));
        }
    }

    /// Converts every wallet of a pair anew, then judges the books they are in.
    fn reconvert(&mut self, rate: u16) {
        let mut next = self.ledger.first_wallet(rate);
        while let Some(wallet) = next {
            next = self.ledger.next_wallet(wallet);
            if self.ledger.reconvert(wallet).is_none() {
                self.halt_book(self.ledger.wallet(wallet).0, Reason::Arithmetic);
            }
        }
        let mut next = self.ledger.first_wallet(rate);
        while let Some(wallet) = next {
            next = self.ledger.next_wallet(wallet);
            let (book, is_exposed) = self.ledger.wallet(wallet);
            if is_exposed {
                self.judge_book(book, Touch::default());
            }
        }
        self.revalue_rate(rate);
    }

    /// Whether trades of a leg of an instrument can be booked: its currency converts, and it has that leg.
    pub(super) fn can_book(&self, place: Place, instrument: InstrumentId, leg: Leg) -> bool {
        self.ledger.till_of(place.book, instrument).is_some() && self.has_leg(instrument, leg)
    }

    /// A notional in the account's currency, rounded up: what limits in money are held against. Where no rate can tell,
    /// the reason for which it must be denied.
    pub(super) fn accounted(
        &self,
        place: Place,
        instrument: InstrumentId,
        notional: i128,
    ) -> Result<i128, Reason> {
        let till = self.ledger.till_of(place.book, instrument).ok_or(Reason::UnknownInstrument)?;
        match self.ledger.cost(till, notional) {
            None => Err(Reason::Arithmetic),
            Some(None) => Err(Reason::NoMark),
            Some(Some((_, false))) => Err(Reason::MarkStale),
            Some(Some((cost, true))) => Ok(cost),
        }
    }
}
