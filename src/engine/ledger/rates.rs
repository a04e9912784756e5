//! HOT: what the rest of the engine asks of currencies, and what a rate changes.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Ledger, TillId};
use crate::engine::rates::Rates;

impl Ledger {
    /// Where money in a currency is kept; `None` for a currency that no pair converts to the account's.
    pub(in crate::engine) fn till(&self, book: u16, currency: u16) -> Option<TillId> {
        let own = self.currencies[usize::from(self.books[usize::from(book)].account)];
        if currency == own { Some(TillId::OWN) } else { self.wallets.find(book, currency) }
    }

    /// The till of a book for what an instrument earns.
    pub(in crate::engine) fn till_of(&self, book: u16, instrument: u16) -> Option<TillId> {
        self.till(book, self.settlement[usize::from(instrument)])
    }

    pub(in crate::engine) fn rates(&self) -> &Rates {
        &self.wallets.rates
    }

    pub(in crate::engine) fn rates_mut(&mut self) -> &mut Rates {
        &mut self.wallets.rates
    }

    /// The first wallet that a rate converts.
    pub(in crate::engine) fn first_wallet(&self, rate: u16) -> Option<u32> {
        self.wallets.first(rate)
    }

    /// The wallet after this one.
    pub(in crate::engine) fn next_wallet(&self, index: u32) -> Option<u32> {
        self.wallets.after(index)
    }

    /// The book a wallet belongs to, and whether anything is in it.
    pub(in crate::engine) fn wallet(&self, index: u32) -> (u16, bool) {
        let wallet = self.wallets.get(index as usize);
        (wallet.book, wallet.totals.standing.open > 0)
    }

    /// Converts a wallet anew.
    pub(in crate::engine) fn reconvert(&mut self, index: u32) -> Option<()> {
        let book = self.wallets.get(index as usize).book;
        self.alter(book, TillId::of_wallet(index), |_| Some(()))
    }

    /// Whether what is in a till has a price that can be trusted.
    pub(in crate::engine) fn is_priced(&self, till: TillId) -> bool {
        till.wallet().is_none_or(|index| self.wallets.rates.is_trusted(self.wallets.get(index).route))
    }

    /// What a cost in a till's currency is in the account's, rounded up, the haircut included, and whether its rate
    /// is trusted. `Some(None)` without a rate to tell, `None` where it does not fit.
    pub(in crate::engine) fn cost(&self, till: TillId, cost: i128) -> Option<Option<(i128, bool)>> {
        let Some(index) = till.wallet() else { return Some(Some((cost, true))) };
        let route = self.wallets.get(index).route;
        let Some(span) = self.wallets.rates.worst(route) else { return Some(None) };
        let owed = span.convert(cost.checked_neg()?)?.checked_neg()?;
        Some(Some((owed, self.wallets.rates.is_trusted(route))))
    }

    /// What money of a till is worth at least in the account's currency, at a rate nobody has to trust; `None` without
    /// one, or where it does not fit.
    pub(in crate::engine) fn least(&self, till: TillId, amount: i128) -> Option<i128> {
        let Some(index) = till.wallet() else { return Some(amount) };
        self.wallets.rates.worst(self.wallets.get(index).route)?.convert(amount)
    }
}
