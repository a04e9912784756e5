//! HOT: cash that no trade brings: funding, deposits and withdrawals.
//!
//! Each has an id and counts once per book. FUNDING, and FLOW of kind INTEREST or FEE, is profit or loss. DEPOSIT,
//! WITHDRAWAL, TRANSFER and BONUS are neither: they scale or shift what drawdowns are measured from. BORROW would
//! need a debt beside the cash; it halts the book with GAP, as does any currency but the account's.

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
use super::drawdown::{Scene, Touch};
use super::exact::bump;
use super::executions::{Admission, Booked, Class, Identity};
use super::lanes::Place;
use super::ledger::{Cash, Totals};
use crate::model::event::FlowKind;
use crate::model::{Event, Reason, Scope};

impl Engine {
    pub(super) fn on_cash(&mut self, place: Place, event: &Event) {
        let (class, id, amount, ccy, kind, t_venue) = match *event {
            Event::Funding { id, amount, ccy, t_venue } => {
                (Class::Funding, id, amount, ccy, Cash::Income, t_venue)
            }
            Event::Flow { id, amount, ccy, kind, t_venue } => {
                let kind = match kind {
                    FlowKind::Interest | FlowKind::Fee => Cash::Income,
                    FlowKind::Deposit | FlowKind::Withdrawal | FlowKind::Transfer | FlowKind::Bonus => {
                        Cash::Capital
                    }
                    FlowKind::Borrow => return self.halt_unhandled(place.book),
                };
                (Class::Flow, id, amount, ccy, kind, t_venue)
            }
            _ => return,
        };
        if ccy != 0 && ccy != self.limits.accounts[usize::from(place.account)].currency.id {
            return self.halt_unhandled(place.book);
        }
        let identity = Identity { class, owner: place.book, instrument: 0, low: id.get(), high: 0 };
        let book = Scope::Book(place.book);
        match self.executions.admit(&identity, place.account, t_venue) {
            Admission::New => {}
            Admission::Repeat(_) => return bump(&mut self.counters.duplicate_fills),
            Admission::BeyondHorizon => {
                bump(&mut self.counters.beyond_horizon);
                return self.halt(book, Reason::Gap);
            }
            Admission::Full => return self.halt(book, Reason::Capacity),
        }
        let before = self.readings(place);
        if self.ledger.cash(place.book, kind, amount.0).is_none() {
            return self.halt(book, Reason::Arithmetic);
        }
        let booked = Booked { t_venue, account: place.account, ..Booked::default() };
        if self.executions.remember(identity, booked).is_none() {
            return self.halt(book, Reason::Capacity);
        }
        if kind == Cash::Capital {
            self.tell_guards(place, &before, amount.0);
        }
        self.judge_book(place.book, Touch { instrument: place.instrument, is_mark: false });
    }

    fn scopes(place: Place) -> [Scope; 3] {
        [Scope::Book(place.book), Scope::Strategy(place.strategy), Scope::Account(place.account)]
    }

    fn readings(&self, place: Place) -> [Totals; 3] {
        Self::scopes(place).map(|scope| self.ledger.totals(scope).copied().unwrap_or_default())
    }

    fn tell_guards(&mut self, place: Place, before: &[Totals; 3], amount: i128) {
        let after = self.readings(place);
        for (level, scope) in Self::scopes(place).into_iter().enumerate() {
            let (start, end) = match scope {
                Scope::Book(book) => self.watched.books[usize::from(book)],
                Scope::Strategy(strategy) => self.watched.strategies[usize::from(strategy)],
                _ => self.watched.accounts[usize::from(place.account)],
            };
            for at in start..end {
                let guard = usize::from(self.watchers[at as usize]);
                let mut scene = Scene {
                    now: self.now,
                    marks: &self.marks,
                    gates: &mut self.gates,
                    timers: &mut self.timers,
                    first_timer: self.limits.instruments.len(),
                    warnings: &mut self.counters.warnings,
                };
                if self.drawdowns.flow(guard, &before[level], &after[level], amount, &mut scene).is_none() {
                    self.halt(scope, Reason::Arithmetic);
                }
            }
        }
    }
}
