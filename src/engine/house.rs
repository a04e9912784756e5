//! HOT: the book HOUSE of each account: what was traded there and belongs to no strategy.
//!
//! A FILL with cause EXTERNAL that names no order was made by hand, or by somebody else's program on the same account:
//! whoever sees it reports it, once per execution. It changes the account's equity and positions, never a strategy's:
//! no strategy may be stopped for a loss that is not its own, and the account must be. An execution that names one of our
//! orders is ours whatever its cause. A bust or fee of what is in HOUSE counts from any strategy of the account.
//!
//! An execution of an order that nobody announced, or of none, is booked where it was reported and told apart.
//!
//! HOUSE has no word, no limits and no owner: what its numbers cannot hold halts the account. An unknown fee is charged
//! at the worst rate of the account's books. A FLATTEN does not reach it; a person closes what a person opened.

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
use super::drawdown::Touch;
use super::exact::bump;
use super::fills::{Paid, Refusal};
use super::lanes::Place;
use super::orders::{Side, Stage, Traded};
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Bps, Reason, Scope};

impl Engine {
    /// The book HOUSE of an account, for [`Engine::position`] and [`Engine::book_row`]; after those of the limits.
    #[must_use]
    pub fn house(&self, account: u16) -> u16 {
        self.ledger.house(account)
    }

    /// Books a trade of no strategy: positive buys. It must not have been booked before; nothing here can tell.
    /// Returns its position and the change of cost it made.
    pub(super) fn book_into_house(
        &mut self,
        account: AccountId,
        side: Side,
        step: &Traded,
        paid: Paid,
    ) -> Result<(u32, i128), Refusal> {
        let house = self.ledger.house(account);
        let position = self.ledger.open(house, side.instrument, side.leg).ok_or(Refusal::Full)?;
        let cost = self.book_step(position, side.instrument, side.sells, step, paid)?;
        Ok((position, cost))
    }

    /// Judges the account after something changed in its HOUSE.
    pub(super) fn after_house(&mut self, account: AccountId, instrument: Option<InstrumentId>) {
        let house = self.ledger.house(account);
        if let Some(instrument) = instrument {
            self.check_house_legs(account, instrument);
            for &leg in self.legs_of(instrument) {
                if let Some(index) = self.ledger.find(house, instrument, leg) {
                    self.follow_exposure(index);
                }
            }
        }
        self.judge_book(house, Touch { instrument, is_mark: false });
    }

    /// Whether nobody announced the order that an execution is of.
    pub(super) fn is_nobodys(&self, place: Place, order: u64) -> bool {
        let known = self.orders.find(&place.key(order)).filter(|_| order != 0);
        known.is_none_or(|entry| self.orders.get(entry).stage == Stage::Reported)
    }

    /// Tells what was booked of an order nobody announced apart.
    pub(super) fn tell_nobodys(&mut self, place: Place, nobodys: bool) {
        if !nobodys {
            return;
        }
        bump(&mut self.counters.unknown_fills);
        if self.limits.books[usize::from(place.book)].halts_unknown_fills
            && let Some(instrument) = place.instrument
        {
            self.halt(Scope::Instrument(place.account, instrument), Reason::UnknownFill);
        }
    }

    /// What a fee is charged at that nobody knows yet.
    pub(super) fn unknown_fee(&self, book: BookId) -> Bps {
        let of = self.ledger.book(book);
        match self.limits.books.get(usize::from(book)) {
            Some(limits) => limits.unknown_fee,
            None => {
                let books = self.limits.books.iter().filter(|other| other.account == of.account);
                books.map(|other| other.unknown_fee).max().unwrap_or_default()
            }
        }
    }

    /// Halts a book, or in the place of HOUSE the account.
    pub(super) fn halt_book(&mut self, book: BookId, reason: Reason) {
        let is_house = usize::from(book) >= self.limits.books.len();
        let account = self.ledger.book(book).account;
        self.halt(if is_house { Scope::Account(account) } else { Scope::Book(book) }, reason);
    }
}
