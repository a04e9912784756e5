//! HOT: equity records of books whose equity is published.
//!
//! EQUITY of any other book would contradict what is reckoned from its fills, and an amount in another currency than
//! the account's is not converted: both halt the book, GAP. A sequence that does not grow is a repeat.

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
use super::timers::Watch;
use crate::model::scope::BookId;
use crate::model::{Event, Nanos, Reason, Scope};

impl Engine {
    pub(super) fn on_equity(&mut self, place: Place, event: &Event) {
        let Event::Equity { sequence, amount, ccy, trusted, .. } = *event else { return };
        let own = self.limits.accounts[usize::from(place.account)].currency.id;
        if !self.ledger.is_published(place.book) || (ccy != 0 && ccy != own) {
            return self.halt_unhandled(place.book);
        }
        match self.ledger.publish(place.book, sequence, amount.0, trusted != 0, self.now) {
            None => return self.halt(Scope::Book(place.book), Reason::Arithmetic),
            Some(false) => return bump(&mut self.counters.duplicate_fills),
            Some(true) => {}
        }
        self.watch_equity(place.book);
        self.judge_book(place.book, Touch::default());
    }

    pub(super) fn on_equity_timer(&mut self, book: BookId) {
        if self.publication_deadline(book) <= self.now {
            if self.ledger.expire_publication(book).is_none() {
                self.halt(Scope::Book(book), Reason::Arithmetic);
            }
            self.judge_book(book, Touch::default());
        }
        self.watch_equity(book);
    }

    /// Sets the timer that finds the amount stale, unless an earlier one will look anyway.
    fn watch_equity(&mut self, book: BookId) {
        let timer = self.watches.id(Watch::Equity(book));
        if self.timers.due(timer) == Nanos::NEVER {
            self.timers.set(timer, self.publication_deadline(book));
        }
    }

    fn publication_deadline(&self, book: BookId) -> Nanos {
        let age = self.limits.books[usize::from(book)].published.unwrap_or(Nanos::NEVER);
        self.ledger.publication_deadline(book, age)
    }
}
