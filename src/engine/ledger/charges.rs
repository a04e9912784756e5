//! HOT: fees in a currency that is not the one their position settles in.
//!
//! Such a fee leaves the till of its own currency, in the same step as the trade it belongs to.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::wallets::Wallet;
use super::{Book, Ledger, TillId, Totals};

/// A fee that belongs to no position's currency; nothing where it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::engine) struct Charge {
    pub(in crate::engine) till: TillId,
    pub(in crate::engine) fee: i128,
}

impl Charge {
    pub(in crate::engine) const NONE: Self = Self { till: TillId::OWN, fee: 0 };

    /// Nothing is charged nowhere, so that two charges of nothing are the same.
    pub(in crate::engine) const fn of(till: TillId, fee: i128) -> Self {
        if fee == 0 { Self::NONE } else { Self { till, fee } }
    }

    /// What takes it back.
    pub(in crate::engine) fn back(self) -> Option<Self> {
        Some(Self { fee: self.fee.checked_neg()?, ..self })
    }
}

/// What a book, and what it is part of, was.
struct Saved {
    book: Book,
    account: Totals,
    /// None of HOUSE.
    strategy: Option<Totals>,
    wallets: [Option<(usize, Wallet, Totals)>; 2],
}

impl Ledger {
    /// Charges fees and does the rest: all of it, or nothing.
    pub(super) fn pay_all(
        &mut self,
        book: u16,
        charges: &[Charge; 2],
        rest: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        if charges.iter().all(|charge| charge.fee == 0) {
            return rest(self);
        }
        let saved = self.save(book, charges);
        let mut done = Some(());
        for charge in charges.iter().filter(|charge| charge.fee != 0) {
            done = done.and_then(|()| self.alter(book, charge.till, |till| till.charge(charge.fee)));
        }
        let done = done.and_then(|()| rest(self));
        if done.is_none() {
            self.put_back(book, saved);
        }
        done
    }

    fn save(&self, book: u16, charges: &[Charge; 2]) -> Saved {
        let of = self.books[usize::from(book)];
        let wallet = |charge: &Charge| {
            let index = charge.till.wallet()?;
            Some((index, *self.wallets.get(index), self.wallets.sums[usize::from(book)]))
        };
        Saved {
            book: of,
            account: self.accounts[usize::from(of.account)],
            strategy: self.strategies.get(usize::from(of.strategy)).copied(),
            wallets: [wallet(&charges[0]), wallet(&charges[1])],
        }
    }

    fn put_back(&mut self, book: u16, saved: Saved) {
        for (index, wallet, sum) in saved.wallets.into_iter().flatten() {
            self.wallets.restore(index, wallet, sum);
        }
        self.accounts[usize::from(saved.book.account)] = saved.account;
        let strategy = self.strategies.get_mut(usize::from(saved.book.strategy));
        if let (Some(strategy), Some(was)) = (strategy, saved.strategy) {
            *strategy = was;
        }
        self.books[usize::from(book)] = saved.book;
    }
}
