//! HOT: halting what can no longer be trusted to be right.
//!
//! The cause *integrity* sits on a book (GAP: something is missing or cannot be booked; UNKNOWN_FILL: an execution that
//! nobody can place; CAPACITY: a table is full;
//! ARITHMETIC: a result does not fit), on a strategy (CORRUPT: its records cannot be right), on an account where its HOUSE is meant, on an
//! instrument of an account (OVERFILL: more traded than ordered; UNKNOWN_FILL: what nobody announced, where that halts) or on the scope of a
//! guard whose arithmetic does not fit. Sticky: only an operator knows that the books are right again. While it holds,
//! no reading that includes the book is trusted, so no peak rises on it; so it is while a snapshot of the venue is known
//! not to be what the books of its account say (`reconcile`), and while the account is cut off (`connections`).
//! Does not catch: a record that is wrong and plausible.

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
use super::gates::{Hold, Reading, guard};
use crate::model::scope::{AccountId, BookId};
use crate::model::{Latch, Nanos, Reason, Scope, TradingState};

impl Engine {
    /// Halts a scope with cause *integrity*.
    pub(super) fn halt(&mut self, scope: Scope, reason: Reason) {
        match reason {
            Reason::Arithmetic => bump(&mut self.counters.overflows),
            Reason::Corrupt => bump(&mut self.counters.corrupt),
            _ => {}
        }
        self.gates.begin(sticky(scope, guard::INTEGRITY, reason));
        self.refresh_trust(scope);
    }

    /// Halts a book because an event that would change it is not understood.
    pub(super) fn halt_unhandled(&mut self, book: BookId) {
        bump(&mut self.counters.unhandled);
        self.halt(Scope::Book(book), Reason::Gap);
    }

    /// Works out anew which books of a scope can be trusted, and judges them.
    pub(super) fn refresh_trust(&mut self, scope: Scope) {
        if let Scope::Account(account) = scope {
            // What HOUSE misses is on its account; what the venue contradicts, in HOUSE and in every other book there.
            let unsound = self.gates.holds(scope, guard::INTEGRITY) || self.is_unproved(account);
            self.set_unsound(self.ledger.house(account), unsound);
        }
        for book in 0..self.limits.books.len() as u16 {
            let strategy = self.ledger.book(book).strategy;
            let account = self.ledger.book(book).account;
            let scopes = [Scope::Book(book), Scope::Strategy(strategy), Scope::Account(account)];
            if !scopes.contains(&scope) {
                continue;
            }
            let client = self.gates.cause(Scope::Strategy(strategy), guard::CLIENT);
            let unsound = self.gates.holds(Scope::Book(book), guard::INTEGRITY)
                || self.gates.holds(Scope::Strategy(strategy), guard::INTEGRITY)
                || self.is_unproved(account)
                || client.is_some_and(|cause| matches!(cause.reason, Reason::Gap | Reason::Corrupt));
            self.set_unsound(book, unsound);
        }
        if let Scope::Account(account) = scope {
            self.flatten_waiting(account);
        }
    }

    /// Whether the venue contradicts an account, has not yet said what it is to be armed by, or may have told of trades that
    /// nobody heard of.
    pub(super) fn is_unproved(&self, account: AccountId) -> bool {
        self.reconcile.doubts(account)
            || !self.reconcile.is_armed(account)
            || self.connections.are_cut_off(account)
    }

    fn set_unsound(&mut self, book: BookId, unsound: bool) {
        if unsound != self.ledger.book(book).unsound && self.ledger.mark_unsound(book, unsound).is_some() {
            self.reopen_judgement();
            self.judge_book(book, Touch::default());
        }
    }
}

/// A halt that only an operator's reset ends.
pub(super) const fn sticky(scope: Scope, guard: u16, reason: Reason) -> Hold {
    Hold {
        scope,
        guard,
        reason,
        state: TradingState::Halted,
        latch: Latch::Sticky,
        measured: 0,
        limit: 0,
        reading: Reading::NONE,
        until: Nanos::NEVER,
    }
}
