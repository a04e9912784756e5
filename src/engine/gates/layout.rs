//! HOT: where each cause, level and word lies in its table.
//!
//! ```text
//! levels  firm | accounts | strategies | books | account x instrument
//! causes  (firm … books) x built-in guards | account x instrument: operator, integrity, reconcile, restricted |
//!         configured guards x 2
//! words   accounts | books | account x instrument
//! ```
//! An index that does not exist has no place, so a scope nobody configured reads HALTED and holds nothing.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::guard;
use crate::engine::limits::Limits;
use crate::engine::outcome::WordId;
use crate::model::Scope;

/// Built-in guards.
pub(super) const BUILT_IN: usize = guard::BUILT_IN.len();
/// Built-in guards of an instrument on an account.
pub(super) const ON_INSTRUMENT: [u16; 5] =
    [guard::OPERATOR, guard::INTEGRITY, guard::RECONCILE, guard::RESTRICTED, guard::APPLICATION];

/// How many there are of everything.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(Default))]
pub(super) struct Layout {
    pub(super) accounts: usize,
    pub(super) strategies: usize,
    pub(super) books: usize,
    pub(super) instruments: usize,
    /// The scope of each configured guard.
    pub(super) guarded: Vec<Scope>,
}

impl Layout {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            accounts: limits.accounts.len(),
            strategies: limits.strategies.len(),
            books: limits.books.len(),
            instruments: limits.instruments.len(),
            guarded: limits.drawdowns.iter().map(|guard| guard.scope).collect(),
        }
    }

    /// Scopes that have every built-in guard.
    pub(super) fn shared(&self) -> usize {
        1_usize.saturating_add(self.accounts).saturating_add(self.strategies).saturating_add(self.books)
    }

    /// Where the level of a scope lies.
    pub(super) fn ordinal(&self, scope: Scope) -> Option<usize> {
        let strategies = 1_usize.saturating_add(self.accounts);
        let books = strategies.saturating_add(self.strategies);
        match scope {
            Scope::Firm => Some(0),
            Scope::Account(account) => within(account, self.accounts, 1),
            Scope::Strategy(strategy) => within(strategy, self.strategies, strategies),
            Scope::Book(book) => within(book, self.books, books),
            Scope::Instrument(account, instrument) => {
                let row = within(account, self.accounts, 0)?.saturating_mul(self.instruments);
                within(instrument, self.instruments, self.shared().saturating_add(row))
            }
        }
    }

    /// Where the cause of a guard on a scope lies.
    pub(super) fn slot(&self, scope: Scope, guard: u16) -> Option<usize> {
        let ordinal = self.ordinal(scope)?;
        let shared = self.shared();
        let instruments = shared.saturating_mul(BUILT_IN);
        if let Some(configured) = guard.checked_sub(guard::CONFIGURED) {
            let configured = usize::from(configured);
            let owner = self.guarded.get(configured / 2)?;
            let cells = self.accounts.saturating_mul(self.instruments);
            let base = instruments.saturating_add(cells.saturating_mul(ON_INSTRUMENT.len()));
            return (*owner == scope).then(|| base.saturating_add(configured));
        }
        let built_in = usize::from(guard).checked_sub(1).filter(|&index| index < BUILT_IN)?;
        match ordinal.checked_sub(shared) {
            None => Some(ordinal.saturating_mul(BUILT_IN).saturating_add(built_in)),
            Some(cell) => {
                let place = ON_INSTRUMENT.iter().position(|&known| known == guard)?;
                let cell = cell.saturating_mul(ON_INSTRUMENT.len());
                Some(instruments.saturating_add(cell).saturating_add(place))
            }
        }
    }

    /// Where a word lies.
    pub(super) fn word(&self, id: WordId) -> Option<usize> {
        match id {
            WordId::Account(account) => within(account, self.accounts, 0),
            WordId::Book(book) => within(book, self.books, self.accounts),
            WordId::Instrument(account, instrument) => {
                let row = within(account, self.accounts, 0)?.saturating_mul(self.instruments);
                let cells = self.accounts.saturating_add(self.books);
                within(instrument, self.instruments, cells.saturating_add(row))
            }
        }
    }

    /// Which word lies there.
    pub(super) fn word_id(&self, index: usize) -> WordId {
        let books = self.accounts;
        let cells = books.saturating_add(self.books);
        if let Some(cell) = index.checked_sub(cells) {
            let account = cell.checked_div(self.instruments).unwrap_or(0);
            let instrument = cell.checked_rem(self.instruments).unwrap_or(0);
            return WordId::Instrument(account as u16, instrument as u16);
        }
        match index.checked_sub(books) {
            Some(book) => WordId::Book(book as u16),
            None => WordId::Account(index as u16),
        }
    }
}

fn within(index: u16, count: usize, base: usize) -> Option<usize> {
    let index = usize::from(index);
    (index < count).then(|| base.saturating_add(index))
}
