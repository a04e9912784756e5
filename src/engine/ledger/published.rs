//! HOT: equity as its strategy publishes it, for one that knows no more of its account than that.
//!
//! The book's reading is the amount published last, whatever fills say: those still count for position limits. Nothing
//! of it is realised as far as anybody knows, so realised profit stays 0, unrealised is equity less capital, and no
//! guard may have a basis but EQUITY. The book is never flat: what moves the amount cannot be seen, so a loss is
//! believed only after it has lasted. Before the first amount there is no reading. The reading is trusted while the
//! amount is, by its own word, and is not older than its age (stale when `>`). A flow moves the amount at once: the
//! strategy says of the flow first and publishes the equity that contains it afterwards.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Book, Ledger, Standing, Totals, Value};
use crate::engine::marks::MAX_DEPTHS;
use crate::model::Nanos;

/// What was published last.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Published {
    amount: i128,
    /// `None` before the first, and when a new lane may number from the start.
    sequence: Option<u64>,
    at: Nanos,
    known: bool,
    trusted: bool,
    stale: bool,
}

impl Published {
    /// Moves the amount by a flow.
    pub(super) fn shift(&mut self, worth: i128) -> Option<()> {
        if self.known {
            self.amount = self.amount.checked_add(worth)?;
        }
        Some(())
    }

    pub(super) fn totals(&self, capital: i128, unsound: u32) -> Totals {
        let amount = self.amount;
        let standing = Standing {
            open: 1,
            untrusted: u32::from(!self.known || !self.trusted || self.stale),
            absent: u32::from(!self.known),
            held: 0,
            unsound,
        };
        let equity = Value { good: amount, worst: amount, spike: [amount; MAX_DEPTHS] };
        Totals { equity, realised: capital, profit: 0, standing }
    }
}

impl Ledger {
    /// Whether the equity of a book is what its strategy publishes.
    pub(in crate::engine) fn is_published(&self, book: u16) -> bool {
        self.book(book).published.is_some()
    }

    /// Takes an amount. `Some(false)`: it is not newer than the last.
    pub(in crate::engine) fn publish(
        &mut self,
        book: u16,
        sequence: u64,
        amount: i128,
        trusted: bool,
        now: Nanos,
    ) -> Option<bool> {
        let old = self.book(book).published.unwrap_or_default();
        if old.sequence.is_some_and(|last| sequence <= last) {
            return Some(false);
        }
        let (sequence, at) = (Some(sequence), now);
        self.set_published(book, Published { amount, sequence, at, known: true, trusted, stale: false })?;
        Some(true)
    }

    /// The first instant at which the amount of a book is older than `age`.
    pub(in crate::engine) fn publication_deadline(&self, book: u16, age: Nanos) -> Nanos {
        match self.book(book).published {
            Some(last) if last.known && !last.stale => last.at.after(age).after(Nanos(1)),
            _ => Nanos::NEVER,
        }
    }

    /// Makes the amount of a book stale.
    pub(in crate::engine) fn expire_publication(&mut self, book: u16) -> Option<()> {
        let last = self.book(book).published?;
        self.set_published(book, Published { stale: true, ..last })
    }

    /// A new lane of a strategy numbers its amounts afresh.
    pub(in crate::engine) fn renumber(&mut self, strategy: u16) {
        self.rates_mut().renumber(strategy);
        for book in self.books.iter_mut().filter(|book| book.strategy == strategy) {
            if let Some(published) = &mut book.published {
                published.sequence = None;
            }
        }
    }

    fn set_published(&mut self, book: u16, published: Published) -> Option<()> {
        let index = usize::from(book);
        self.settle(index, Book { published: Some(published), ..self.books[index] })
    }
}
