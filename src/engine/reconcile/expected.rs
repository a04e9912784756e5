//! HOT: flows that an operator announces before anybody reports them.
//!
//! FLOW_EXPECT says that a book's account is about to get, or to lose, so much of its own currency as capital. When a
//! snapshot's cash is a mismatch that this amount explains (within the account's cash tolerance; of several the one that
//! explains it best, the oldest of equals), it is booked as a DEPOSIT or WITHDRAWAL would be: peaks scale, the cash
//! matches. Any other difference stays a mismatch. An announced flow counts **once**, whoever is first: a FLOW of
//! that book, currency and amount fulfils the announcement, and one that comes after a snapshot did is the same flow
//! told again and is not booked (if it was another one, cash is the venue's no more, and that halts). After its time
//! (`ttl`) an announcement explains nothing. Refused: no amount (MIN_NOTIONAL), no such book or one whose equity is
//! published (UNKNOWN_ORDER), no room for more (CAPACITY).
//!
//! Does not catch: accounts whose cash is not compared.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::CASH;
use crate::engine::Engine;
use crate::engine::drawdown::Touch;
use crate::engine::lanes::Place;
use crate::engine::ledger::{Cash, TillId};
use crate::engine::operator::Denial;
use crate::model::scope::{AccountId, BookId};
use crate::model::{Leg, Money, Nanos, Reason, Scope};

/// Announcements that are remembered.
pub(super) const ROOM: usize = 64;

/// A flow that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Expected {
    book: BookId,
    amount: i128,
    until: Nanos,
    /// A snapshot has shown it: it is booked.
    shown: bool,
}

#[cfg(feature = "sidecar")]
impl Expected {
    pub(super) const fn book(&self) -> BookId {
        self.book
    }
}

/// What a reported flow is to the announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Heard {
    /// Nobody announced it, or this is what fulfils it: it is booked.
    New,
    /// It is booked already.
    Again,
}

impl Engine {
    pub(in crate::engine) fn command_flow(
        &mut self,
        book: BookId,
        amount: Money,
        ttl: Nanos,
    ) -> Result<(), Denial> {
        let known = self.limits.books.get(usize::from(book)).filter(|book| book.published.is_none());
        if known.is_none() {
            return Err(Denial::of(Reason::UnknownOrder));
        }
        if amount == Money::ZERO {
            return Err(Denial::of(Reason::MinNotional));
        }
        let now = self.now;
        let expected = &mut self.reconcile.expected;
        // What was booked is kept for the strategy that tells of it later; the oldest of these makes room.
        expected.retain(|one| one.shown || one.until > now);
        if expected.len() == ROOM
            && let Some(oldest) = expected.iter().position(|one| one.shown)
        {
            expected.remove(oldest);
        }
        if expected.len() == ROOM {
            return Err(Denial::of(Reason::Capacity));
        }
        expected.push(Expected { book, amount: amount.0, until: now.after(ttl), shown: false });
        Ok(())
    }

    /// A strategy reports a flow in its account's currency.
    pub(in crate::engine) fn hear_flow(&mut self, book: BookId, amount: i128) -> Heard {
        let now = self.now;
        let is_it =
            |one: &Expected| one.book == book && one.amount == amount && (one.shown || one.until > now);
        let expected = &mut self.reconcile.expected;
        // What is booked is told again before what is not is told first: neither may count twice.
        let shown = expected.iter().position(|one| is_it(one) && one.shown);
        let found = shown.or_else(|| expected.iter().position(is_it));
        if let Some(at) = found {
            expected.remove(at);
        }
        if shown.is_some() { Heard::Again } else { Heard::New }
    }

    /// Books the announced flow that explains by how much the venue's cash differs. `true` when there was one.
    pub(super) fn match_flow(&mut self, account: AccountId, (ours, theirs): (i128, i128)) -> bool {
        let now = self.now;
        let mut best: Option<(i128, usize)> = None;
        for (at, one) in self.reconcile.expected.iter().enumerate() {
            let is_here = self.limits.books[usize::from(one.book)].account == account;
            let left = theirs.saturating_sub(ours.saturating_add(one.amount)).saturating_abs();
            let explains = self.is_cash(account, ours.saturating_add(one.amount), theirs);
            let is_better = best.is_none_or(|(least, _)| left < least);
            if is_here && !one.shown && one.until > now && explains && is_better {
                best = Some((left, at));
            }
        }
        let Some(Expected { book, amount, .. }) = best.map(|(_, at)| self.reconcile.expected[at]) else {
            return false;
        };
        let strategy = self.ledger.book(book).strategy;
        let place =
            Place { strategy, account, book, instrument: None, leg: Leg::Net, by: 0, lane: 0, position: 0 };
        let before = self.readings(place);
        let Some(worth) = self.ledger.cash(book, TillId::OWN, Cash::Capital, amount) else {
            self.halt(Scope::Book(book), Reason::Arithmetic);
            return false;
        };
        if let Some(one) = best.and_then(|(_, at)| self.reconcile.expected.get_mut(at)) {
            one.shown = true;
        }
        self.reconcile.moves.note(account, CASH, worth);
        self.tell_guards(place, &before, Some(worth));
        self.judge_book(book, Touch::default());
        true
    }
}
