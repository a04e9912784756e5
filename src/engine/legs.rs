//! HOT: hedge mode: what an account holds long and what it holds short in one instrument, apart.
//!
//! An instrument is in hedge mode or not, for its whole life, as its limits say. In hedge mode its positions are per
//! (book, instrument, leg), each with its own average, its own realised profit, its own live orders and its own limit;
//! outside there is one, the leg *net*. Equity, drawdowns, gross and net exposure, open orders and self-crossing are over
//! both legs, which are two positions to them: long 3 and short 2 is 5 gross and 1 net.
//!
//! **Which leg.** Orders, executions, busts, totals and rows of snapshots name their leg. One that names none where there
//! are two, or one where there is none, cannot be placed: a request is denied, UNKNOWN_INSTRUMENT; an order announced halts
//! the book, GAP, and what has happened UNKNOWN_FILL; neither is booked. A trade by hand (COMMAND) names no leg, so it is
//! refused here. An order keeps its leg for life: a report that names another is
//! CORRUPT, like one of another side. FEE_ADJUST and what the venue says of an order need no leg. SETTLE without one is of
//! both, whole: of a part nobody could tell which it is, GAP.
//!
//! **A leg never flips.** Sells can only close the long leg, buys the short one. Such an order is held to the size of the
//! leg in every state, as reduce-only is, REDUCE_ONLY_SIZE, and an exit goes by its leg alone.
//! A fill of more than the leg holds has happened all the same: it is booked, so that the fill which was missed before it
//! makes the leg exactly right when it comes, and the book halts, GAP: something is missing from it. So it is with a bust
//! that takes back what was closed since. HOUSE may close what a strategy opened, so with something there the account's leg
//! is what must not flip; then the account halts. Until an operator resets it, with the books put right, only venue-enforced exits pass;
//! the next fill that leaves the leg on the wrong side halts again. A leg on its wrong side has nothing to exit and
//! nothing to reduce.
//!
//! Units: lots. First start: both legs zero. Nothing expires. Does not catch: a strategy that trades the leg of
//! another one on its account within what that one holds, except as a fill beyond its own.

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
use super::fills::Refusal;
use super::lanes::Place;
use super::orders::Side;
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Leg, Reason, Scope};

impl Place {
    /// A side of the leg it names.
    pub(super) const fn side(&self, instrument: InstrumentId, sells: bool) -> Side {
        Side { instrument, leg: self.leg, sells }
    }

    /// The same, about what an order trades.
    pub(super) const fn on(self, side: Side) -> Self {
        Self { instrument: Some(side.instrument), leg: side.leg, ..self }
    }
}

impl Side {
    /// Whether a trade on it makes `q` smaller.
    pub(super) const fn reduces(&self, q: i64) -> bool {
        self.leg.is_reduced(q, self.sells)
    }

    /// Whether a trade on it can do nothing else.
    pub(super) const fn only_closes(&self) -> bool {
        self.leg.is_closed_by(self.sells)
    }
}

impl Engine {
    /// The signed position of a book in an instrument, in lots; in hedge mode what both legs come to.
    #[must_use]
    pub fn position(&self, book: u16, instrument: u16) -> i64 {
        let legs = self.legs_of(instrument).iter();
        legs.fold(0, |sum: i64, &leg| sum.saturating_add(self.leg_position(book, instrument, leg)))
    }

    /// The signed position of a book in one leg of an instrument, in lots; 0 for a leg it does not have.
    #[must_use]
    pub fn leg_position(&self, book: u16, instrument: u16, leg: Leg) -> i64 {
        self.ledger.find(book, instrument, leg).map_or(0, |index| self.ledger.position(index).q)
    }

    /// The signed position that an order on a side is about.
    pub(super) fn held(&self, book: BookId, side: Side) -> i64 {
        self.leg_position(book, side.instrument, side.leg)
    }

    /// The legs of an instrument; the leg net for one that does not exist.
    #[must_use]
    pub fn legs_of(&self, instrument: u16) -> &'static [Leg] {
        if self.is_hedged(instrument) { &Leg::HEDGED } else { &Leg::WHOLE }
    }

    pub(super) fn is_hedged(&self, instrument: InstrumentId) -> bool {
        self.limits.instruments.get(usize::from(instrument)).is_some_and(|limits| limits.hedge)
    }

    /// Whether an instrument has this leg.
    pub(super) fn has_leg(&self, instrument: InstrumentId, leg: Leg) -> bool {
        self.is_hedged(instrument) == (leg != Leg::Net)
    }

    /// The instrument, if its trades can be booked at all.
    pub(super) fn tradable(&self, place: Place) -> Result<InstrumentId, Refusal> {
        let instrument = place.instrument.ok_or(Refusal::Corrupt)?;
        let can_book = self.can_book(place, instrument, place.leg);
        if can_book { Ok(instrument) } else { Err(Refusal::Unplaced) }
    }

    /// The same for what need not say which leg it is about.
    pub(super) fn bookable(&self, place: Place) -> Result<InstrumentId, Refusal> {
        let instrument = place.instrument.ok_or(Refusal::Corrupt)?;
        let is_hedged = self.is_hedged(instrument) && place.leg == Leg::Net;
        self.tradable(if is_hedged { Place { leg: Leg::Long, ..place } } else { place })
    }

    /// Halts a book of which a trade has left a leg on its wrong side.
    pub(super) fn check_leg(&mut self, place: Place) {
        let Some(instrument) = place.instrument.filter(|_| place.leg != Leg::Net) else { return };
        if !place.leg.holds(self.leg_position(place.book, instrument, place.leg)) {
            self.halt(Scope::Book(place.book), Reason::Gap);
        }
        self.check_house_legs(place.account, instrument);
    }

    /// Halts an account that has a leg on its wrong side with what is in HOUSE.
    pub(super) fn check_house_legs(&mut self, account: AccountId, instrument: InstrumentId) {
        if !self.is_hedged(instrument) {
            return;
        }
        for leg in Leg::HEDGED {
            if self.leg_position(self.house(account), instrument, leg) == 0 {
                continue;
            }
            let sum = self.account_position(account, instrument, leg);
            if !leg.holds(i64::try_from(sum.signum()).unwrap_or(0)) {
                self.halt(Scope::Account(account), Reason::Gap);
            }
        }
    }

    /// Whether a book that was valued with its long leg is met again with its short one.
    pub(super) fn is_second_leg(&self, book: BookId, holder: u32) -> bool {
        self.ledger.leg(holder) == Leg::Short
            && self.leg_position(book, self.ledger.instrument(holder), Leg::Long) != 0
    }
}
