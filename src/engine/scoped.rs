//! HOT: one of a thing for each book, strategy and account, and one for the firm.

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
use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::Scope;
use crate::model::scope::BookId;

/// One of a thing for each scope that may have limits of its own.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct PerScope<T> {
    books: Vec<T>,
    strategies: Vec<T>,
    accounts: Vec<T>,
    firm: T,
}

#[cfg(feature = "sidecar")]
impl<T> Fit for PerScope<T> {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.books, &fresh.books)
            && is_as_long(&self.strategies, &fresh.strategies)
            && is_as_long(&self.accounts, &fresh.accounts)
    }
}

impl<T: Clone + Default> PerScope<T> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            books: vec![T::default(); limits.books.len()],
            strategies: vec![T::default(); limits.strategies.len()],
            accounts: vec![T::default(); limits.accounts.len()],
            firm: T::default(),
        }
    }
}

impl<T> PerScope<T> {
    pub(super) fn of(&self, scope: Scope) -> Option<&T> {
        match scope {
            Scope::Firm => Some(&self.firm),
            Scope::Account(account) => self.accounts.get(usize::from(account)),
            Scope::Strategy(strategy) => self.strategies.get(usize::from(strategy)),
            Scope::Book(book) => self.books.get(usize::from(book)),
            Scope::Instrument(..) => None,
        }
    }

    pub(super) fn of_mut(&mut self, scope: Scope) -> Option<&mut T> {
        match scope {
            Scope::Firm => Some(&mut self.firm),
            Scope::Account(account) => self.accounts.get_mut(usize::from(account)),
            Scope::Strategy(strategy) => self.strategies.get_mut(usize::from(strategy)),
            Scope::Book(book) => self.books.get_mut(usize::from(book)),
            Scope::Instrument(..) => None,
        }
    }
}

impl Engine {
    /// The scopes whose limits bear on a book, the narrowest first.
    pub(super) fn capped_scopes(&self, book: BookId) -> [Scope; 4] {
        let of = self.ledger.book(book);
        [Scope::Book(book), Scope::Strategy(of.strategy), Scope::Account(of.account), Scope::Firm]
    }
}
