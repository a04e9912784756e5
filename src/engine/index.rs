//! HOT: where books, venues and guards are found: tables that follow from the limits alone.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::limits::Limits;
use crate::model::Scope;
use crate::model::scope::BookId;

/// Which part of the watching guards each scope has.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(Default))]
pub(super) struct Watched {
    pub(super) books: Vec<(u32, u32)>,
    pub(super) strategies: Vec<(u32, u32)>,
    pub(super) accounts: Vec<(u32, u32)>,
}

/// The book of each strategy on each account.
pub(super) fn book_table(limits: &Limits) -> Vec<Option<BookId>> {
    let mut table = Vec::new();
    for strategy in 0..limits.strategies.len() {
        for account in 0..limits.accounts.len() {
            table.push(limits.book(strategy as u16, account as u16));
        }
    }
    table
}

/// The venue of each account.
pub(super) fn venues(limits: &Limits) -> Vec<u16> {
    // Validated: every account's venue is listed.
    limits.accounts.iter().map(|account| limits.venue(&account.venue).unwrap_or_default()).collect()
}

/// The guards in the order of the scopes they watch, and which part of them each scope has.
pub(super) fn watch(limits: &Limits) -> (Vec<u16>, Watched) {
    let mut watchers = Vec::with_capacity(limits.drawdowns.len());
    let mut range = |scope: Scope| {
        let start = watchers.len() as u32;
        let guards = limits.drawdowns.iter().enumerate().filter(|(_, guard)| guard.scope == scope);
        watchers.extend(guards.map(|(index, _)| index as u16));
        (start, watchers.len() as u32)
    };
    let watched = Watched {
        books: (0..limits.books.len()).map(|book| range(Scope::Book(book as u16))).collect(),
        strategies: (0..limits.strategies.len())
            .map(|strategy| range(Scope::Strategy(strategy as u16)))
            .collect(),
        accounts: (0..limits.accounts.len()).map(|account| range(Scope::Account(account as u16))).collect(),
    };
    (watchers, watched)
}
