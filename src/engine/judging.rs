//! HOT: which drawdown guards are evaluated when something has changed, and what they are shown.
//!
//! From the narrow scope to the wide; a strategy and an account once a turn, unless the books change again within it.

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
use crate::model::Reason;
use crate::model::scope::BookId;

impl Engine {
    /// Evaluates the guards of a book, then of its strategy, then of its account.
    pub(super) fn judge_book(&mut self, book: BookId, touch: Touch) {
        let of = *self.ledger.book(book);
        let turn = self.judged.turn;
        // HOUSE is in no range but its account's.
        if let Some(&range) = self.watched.books.get(usize::from(book)) {
            self.judge_range(range, touch);
        }
        if let Some(last) = self.judged.strategies.get_mut(usize::from(of.strategy))
            && core::mem::replace(last, turn) != turn
        {
            self.judge_range(self.watched.strategies[usize::from(of.strategy)], touch);
        }
        if core::mem::replace(&mut self.judged.accounts[usize::from(of.account)], turn) != turn {
            self.judge_range(self.watched.accounts[usize::from(of.account)], touch);
        }
    }

    /// The books changed again within one turn: the wide scopes must be read once more.
    pub(super) const fn reopen_judgement(&mut self) {
        self.judged.turn = self.judged.turn.wrapping_add(1);
    }

    pub(super) fn judge_range(&mut self, (start, end): (u32, u32), touch: Touch) {
        for at in start..end {
            self.judge_guard(usize::from(self.watchers[at as usize]), touch);
        }
    }

    pub(super) fn judge_guard(&mut self, guard: usize, touch: Touch) {
        let scope = self.drawdowns.scope(guard);
        let Some(totals) = self.ledger.totals(scope) else { return };
        let has_orders = totals.standing.open == 0 && self.has_orders(scope);
        let mut scene = Scene {
            now: self.now,
            marks: &self.marks,
            gates: &mut self.gates,
            timers: &mut self.timers,
            has_orders,
            first_timer: self.watches.first_guard(),
            warnings: &mut self.counters.warnings,
        };
        if self.drawdowns.judge(guard, totals, touch, &mut scene).is_none() {
            self.halt(scope, Reason::Arithmetic);
        }
    }
}
