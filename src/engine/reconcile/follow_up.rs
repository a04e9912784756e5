//! HOT: what follows a snapshot: another one, a halt for want of one, and what it proves of a client that died.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{APART, BALANCES, Bracket, CASH, ORDERS, PATIENCE, POSITIONS, Proof, Question};
use crate::engine::Engine;
use crate::engine::gates::{Reading, guard};
use crate::engine::lanes::Place;
use crate::engine::timers::Watch;
use crate::model::scope::{AccountId, StrategyId};
use crate::model::{Nanos, Reason, Scope};

impl Engine {
    /// Asks for another snapshot, later, as long as something is doubted.
    pub(super) fn question(&mut self, place: Place) {
        let account = place.account;
        let doubts = self.reconcile.doubted.iter().any(|&cell| self.reconcile.scope_of(cell).0 == account);
        let at =
            if doubts || !self.reconcile.is_armed(account) { self.now.after(APART) } else { Nanos::NEVER };
        if let Some(question) = self.reconcile.questions.get_mut(usize::from(account)) {
            *question = Question { at, book: place.book };
        }
        self.watch_reconcile();
    }

    pub(in crate::engine) fn on_reconcile_timer(&mut self) {
        for at in 0..self.reconcile.doubted.len() {
            let cell = self.reconcile.doubted[at];
            let since = self.reconcile.cells[cell as usize].since.unwrap_or(self.now);
            if self.now.since(since) >= PATIENCE {
                let (account, of) = self.reconcile.scope_of(cell);
                if !self.gates.holds(self.halted_scope(account, of), guard::RECONCILE) {
                    let last = self.reconcile.cells[cell as usize].last;
                    let now = self.value_of(account, of);
                    let theirs = last.map_or(now, |last| now.saturating_add(last.by));
                    self.halt_cell((account, of), None, theirs);
                    self.refresh_trust(Scope::Account(account));
                }
            }
        }
        for account in 0..self.reconcile.questions.len() {
            let Question { at, book } = self.reconcile.questions[account];
            if at <= self.now {
                self.reconcile.questions[account].at = self.now.after(APART);
                self.direct_snapshot(book, POSITIONS | ORDERS | BALANCES);
            }
        }
        self.watch_reconcile();
    }

    /// Sets the timer that asks again, or halts what nobody has answered for.
    pub(super) fn watch_reconcile(&mut self) {
        let reconcile = &self.reconcile;
        let mut due = reconcile.questions.iter().map(|question| question.at).min().unwrap_or(Nanos::NEVER);
        for &cell in &reconcile.doubted {
            let (account, of) = reconcile.scope_of(cell);
            let since = reconcile.cells[cell as usize].since;
            if !self.gates.holds(self.halted_scope(account, of), guard::RECONCILE) {
                due = due.min(since.map_or(Nanos::NEVER, |since| since.after(PATIENCE)));
            }
        }
        self.timers.set(self.watches.id(Watch::Reconcile), due);
    }

    /// A strategy's client has gone, or another lane speaks for it: what was proved has to be proved again.
    pub(in crate::engine) fn forget_proofs(&mut self, strategy: StrategyId) {
        for (book, proof) in self.reconcile.proofs.iter_mut().enumerate() {
            if self.limits.books[book].strategy == strategy {
                *proof = Proof::default();
            }
        }
    }

    /// A strategy's client died or lost something: no lane that was open by then proves anything any more, whatever is
    /// still to be read of it.
    pub(in crate::engine) fn doubt_client(&mut self, strategy: StrategyId) {
        self.forget_proofs(strategy);
        for lane in 0..self.reconcile.brackets.len() as u16 {
            if self.clients.strategy_of(lane) == Some(strategy) {
                self.reconcile.opened[usize::from(lane)] = Nanos::ZERO;
            }
        }
        self.reconcile.doubted_since[usize::from(strategy)] = self.now;
    }

    /// Whether a snapshot is of a lane opened, and was begun, since its strategy's client was last in doubt.
    fn is_since_doubt(&self, place: Place, bracket: &Bracket) -> bool {
        let since = self.reconcile.doubted_since[usize::from(place.strategy)];
        let opened = self.reconcile.opened.get(usize::from(place.lane)).copied().unwrap_or_default();
        let is_new = since == Nanos::ZERO || opened != Nanos::ZERO && opened >= since;
        is_new && bracket.from.is_some_and(|from| from.at >= since)
    }

    /// Whether any position of an account has not matched.
    pub(super) fn is_position_doubted(&self, account: AccountId) -> bool {
        let doubted = self.reconcile.doubted.iter().map(|&cell| self.reconcile.scope_of(cell));
        doubted.filter(|&(_, of)| of != CASH).any(|(doubted, _)| doubted == account)
    }

    /// A snapshot that proves something of a book; the last proof that was missing forgives a client that died.
    pub(super) fn note_proof(&mut self, place: Place, bracket: &Bracket, is_known: bool) {
        if !self.is_since_doubt(place, bracket) {
            return;
        }
        let is_doubted = self.is_position_doubted(place.account);
        let Some(proof) = self.reconcile.proofs.get_mut(usize::from(place.book)) else { return };
        if bracket.what & POSITIONS != 0 {
            proof.positions = is_known && !is_doubted;
        }
        if bracket.what & ORDERS != 0 {
            proof.orders = is_known;
        }
        let books = self.limits.books.iter().zip(&self.reconcile.proofs);
        let mut own = books.filter(|(book, _)| book.strategy == place.strategy);
        if !own.all(|(_, proof)| proof.positions && proof.orders) {
            return;
        }
        let scope = Scope::Strategy(place.strategy);
        let reason = self.gates.cause(scope, guard::CLIENT).map(|cause| cause.reason);
        if matches!(reason, Some(Reason::ClientDead | Reason::Gap)) {
            self.gates.end(scope, guard::CLIENT, Reading::NONE);
            self.refresh_trust(scope);
        }
    }
}
