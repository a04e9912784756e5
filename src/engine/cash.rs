//! HOT: cash that no trade brings: funding, deposits and withdrawals.
//!
//! Each has an id and counts once per book. FUNDING, and FLOW of kind INTEREST or FEE, is profit or loss. DEPOSIT,
//! WITHDRAWAL, TRANSFER and BONUS are neither: they scale or shift what drawdowns are measured from. BORROW brings cash
//! and a debt of the same size, or takes both back: equity does not change, so all there is to it is its id, and what a
//! loan costs comes as INTEREST.
//!
//! Money in another currency stays in it, see [`super::rates`]; a currency that no pair converts to the account's halts the
//! book, GAP. A flow is capital at its worth when it comes. While its rate cannot be trusted nobody knows that worth:
//! every guard above the book is then latched, FLOW_UNPRICED, until a rebase.

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
use super::ledger::{Cash, TillId, Totals};
use super::reconcile::Heard;
use crate::model::event::FlowKind;
use crate::model::{Event, Money, Reason, Scope};

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
                    FlowKind::Borrow => Cash::Loan,
                };
                (Class::Flow, id, amount, ccy, kind, t_venue)
            }
            _ => return,
        };
        let own = self.limits.accounts[usize::from(place.account)].currency.id;
        let Some(till) = self.ledger.till(place.book, if ccy == 0 { own } else { ccy }) else {
            return self.halt_unhandled(place.book);
        };
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
        let is_announced = kind == Cash::Capital && class == Class::Flow && till == TillId::OWN;
        let again = is_announced && self.hear_flow(place.book, amount.0) == Heard::Again;
        // Booked when a snapshot showed it; it is remembered, and counts no more.
        let amount = if again { Money::ZERO } else { amount };
        let before = self.readings(place);
        let Some(worth) = self.ledger.cash(place.book, till, kind, amount.0) else {
            return self.halt(book, Reason::Arithmetic);
        };
        let booked = Booked { t_venue, account: place.account, ..Booked::default() };
        if self.executions.remember(identity, booked).is_none() {
            return self.halt(book, Reason::Capacity);
        }
        if again {
            bump(&mut self.counters.duplicate_fills);
        } else if kind == Cash::Capital {
            let worth = Some(worth).filter(|_| self.ledger.is_priced(till));
            self.tell_guards(place, &before, worth);
        }
        self.judge_book(place.book, Touch { instrument: place.instrument, is_mark: false });
    }

    fn scopes(place: Place) -> [Scope; 3] {
        [Scope::Book(place.book), Scope::Strategy(place.strategy), Scope::Account(place.account)]
    }

    pub(super) fn readings(&self, place: Place) -> [Totals; 3] {
        Self::scopes(place).map(|scope| self.ledger.totals(scope).copied().unwrap_or_default())
    }

    /// Tells the guards of a flow of this worth; `None` where no rate tells it.
    pub(super) fn tell_guards(&mut self, place: Place, before: &[Totals; 3], worth: Option<i128>) {
        let after = self.readings(place);
        for (level, scope) in Self::scopes(place).into_iter().enumerate() {
            let (start, end) = match scope {
                Scope::Book(book) => self.watched.books[usize::from(book)],
                Scope::Strategy(strategy) => self.watched.strategies[usize::from(strategy)],
                _ => self.watched.accounts[usize::from(place.account)],
            };
            for at in start..end {
                let guard = usize::from(self.watchers[at as usize]);
                let has_orders = self.has_orders(scope);
                let mut scene = Scene {
                    has_orders,
                    now: self.now,
                    marks: &self.marks,
                    gates: &mut self.gates,
                    timers: &mut self.timers,
                    first_timer: self.limits.instruments.len(),
                    warnings: &mut self.counters.warnings,
                };
                let (was, is) = (&before[level], &after[level]);
                let told = match worth {
                    Some(worth) => self.drawdowns.flow(guard, was, is, worth, &mut scene),
                    None => self.drawdowns.unpriced_flow(guard, was, is, &mut scene),
                };
                if told.is_none() {
                    self.halt(scope, Reason::Arithmetic);
                }
            }
        }
    }
}
