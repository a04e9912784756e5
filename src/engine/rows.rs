//! HOT: the engine's side of the stats page: rows made on demand, without allocating.

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
use super::checks::clamped;
use super::ledger::Totals;
use super::outcome::WordId;
use crate::model::{Money, Scope};
use crate::wire::stats::{
    AccountRow, BookRow, BreakerRow, BucketRow, CauseRow, DirectiveRow, GuardRow, PositionRow, QueueRow,
    StragglerRow,
};

impl Engine {
    /// The row of an account.
    #[must_use]
    pub fn account_row(&self, account: u16) -> Option<AccountRow> {
        let totals = self.ledger.totals(Scope::Account(account))?;
        Some(AccountRow {
            account: u64::from(account),
            word: self.word(WordId::Account(account)),
            equity: Money(totals.equity.good),
            trusted: is_trusted(totals),
        })
    }

    /// The row of a book. `unrealised` is what the other figures leave of equity, so that they add up exactly.
    #[must_use]
    pub fn book_row(&self, book: u16) -> Option<BookRow> {
        let totals = self.ledger.totals(Scope::Book(book))?;
        Some(BookRow {
            book: u64::from(book),
            word: self.word(WordId::Book(book)),
            equity: Money(totals.equity.good),
            realised: Money(self.ledger.realised(book).unwrap_or_default()),
            unrealised: Money(totals.equity.good.saturating_sub(totals.realised)),
            fees: Money(self.ledger.fees(book).unwrap_or_default()),
            trusted: is_trusted(totals),
            open_orders: u64::from(self.working.of_book(book)),
        })
    }

    /// The row of a position; `None` for one that neither is nor can become without another order.
    fn position_row(&self, index: u32) -> Option<PositionRow> {
        let (position, sums) = (self.ledger.position(index), self.working.sums(Some(index)));
        let row = PositionRow {
            book: u64::from(position.book),
            instrument: u64::from(self.ledger.instrument(index)),
            qty: position.q,
            buys: clamped(sums.side(false)),
            sells: clamped(sums.side(true)),
        };
        ((row.qty, row.buys, row.sells) != (0, 0, 0)).then_some(row)
    }

    /// The row of a configured guard, by its place in the limits.
    #[must_use]
    pub fn guard_row(&self, index: usize) -> Option<GuardRow> {
        let scope = self.limits.drawdowns.get(index)?.scope;
        self.drawdowns.row(index, self.ledger.totals(scope)?, &self.gates)
    }

    /// The row of a cause that holds, by its place in a list without order.
    #[must_use]
    pub fn cause_row(&self, index: usize) -> Option<CauseRow> {
        self.gates.cause_row(index)
    }

    /// How many causes hold.
    #[must_use]
    pub fn cause_count(&self) -> usize {
        self.gates.cause_count()
    }

    /// Every account.
    pub fn account_rows(&self) -> impl Iterator<Item = AccountRow> + '_ {
        (0..self.limits.accounts.len()).filter_map(|account| self.account_row(account as u16))
    }

    /// Every book.
    pub fn book_rows(&self) -> impl Iterator<Item = BookRow> + '_ {
        (0..self.limits.books.len()).filter_map(|book| self.book_row(book as u16))
    }

    /// Every position that is held, or may be by orders that live, those of one instrument together.
    pub fn position_rows(&self) -> impl Iterator<Item = PositionRow> + '_ {
        let held = |instrument| {
            let first = self.ledger.first_holder(instrument);
            std::iter::successors(first, |&index| self.ledger.next_holder(index))
        };
        let instruments = 0..self.limits.instruments.len() as u16;
        instruments.flat_map(held).filter_map(|index| self.position_row(index))
    }

    /// Every configured guard.
    pub fn guard_rows(&self) -> impl Iterator<Item = GuardRow> + '_ {
        (0..self.limits.drawdowns.len()).filter_map(|guard| self.guard_row(guard))
    }

    /// Every cause that holds.
    pub fn cause_rows(&self) -> impl Iterator<Item = CauseRow> + '_ {
        (0..self.cause_count()).filter_map(|cause| self.cause_row(cause))
    }

    /// Every breaker.
    pub fn breaker_rows(&self) -> impl Iterator<Item = BreakerRow> + '_ {
        self.error_rates.rows(&self.gates)
    }

    /// Every rate bucket.
    pub fn bucket_rows(&self) -> impl Iterator<Item = BucketRow> + '_ {
        self.buckets.rows(self.now)
    }

    /// The queue of every venue.
    pub fn queue_rows(&self) -> impl Iterator<Item = QueueRow> + '_ {
        self.queues.iter().enumerate().map(|(venue, queue)| queue.row(venue as u16))
    }

    /// The newest directives.
    pub fn directive_rows(&self) -> impl Iterator<Item = DirectiveRow> + '_ {
        self.directives.rows()
    }

    /// The newest orders that left after a halt.
    pub fn straggler_rows(&self) -> impl Iterator<Item = StragglerRow> + '_ {
        self.stragglers.rows()
    }
}

pub(super) const fn is_trusted(totals: &Totals) -> bool {
    totals.standing.untrusted == 0 && totals.standing.unsound == 0
}
