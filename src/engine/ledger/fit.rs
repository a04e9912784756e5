//! COLD: a ledger read from a snapshot: the same books, and nothing that points outside of a table.

use super::{Book, END, Ledger, Position, PositionKey};
use crate::engine::snapshot::fit::{Fit, is_as_long};

impl Fit for Ledger {
    fn fit(&mut self, fresh: Self) -> bool {
        self.houses_from = fresh.houses_from;
        (self.depths, self.settlement, self.currencies) = (fresh.depths, fresh.settlement, fresh.currencies);
        let same = |read: &Book, fresh: &Book| {
            let is_published = (read.published.is_some(), fresh.published.is_some());
            (read.account, read.strategy) == (fresh.account, fresh.strategy)
                && is_published.0 == is_published.1
        };
        is_as_long(&self.books, &fresh.books)
            && self.books.iter().zip(&fresh.books).all(|(read, fresh)| same(read, fresh))
            && is_as_long(&self.accounts, &fresh.accounts)
            && is_as_long(&self.strategies, &fresh.strategies)
            && is_as_long(&self.holders, &fresh.holders)
            && self.positions.fit(fresh.positions)
            && self.wallets.fit(fresh.wallets)
            && self.points_inside()
    }
}

impl Ledger {
    /// Positions so far: indices are below that.
    pub(in crate::engine) fn entries(&self) -> usize {
        self.positions.entries()
    }

    fn points_inside(&self) -> bool {
        let exists = |index: u32| index == END || (index as usize) < self.entries();
        let fits = |_: &PositionKey, position: &Position| {
            usize::from(position.book) < self.books.len()
                && exists(position.next)
                && self.wallets.is_of(position.till, position.book)
        };
        self.holders.iter().all(|&index| exists(index)) && self.positions.all(fits)
    }
}
