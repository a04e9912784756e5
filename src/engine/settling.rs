//! HOT: what closes a position without a trade: expiry, exercise, assignment.
//!
//! SETTLE closes a position, or the signed part of it that it names, at its price, once per id, book and instrument. It
//! is booked like a trade without a fee: cash for lots. A price of 0 is real where positions are paid in the quote, since
//! an option may expire worthless; below 0 only where the instrument allows it. The kind (expiry, exercise, assignment)
//! is data: what an exercise delivers comes as a FILL with cause DELIVERY. A settlement of more than is held, or of the
//! other side, means that the books miss something: the book halts, GAP, and nothing is booked. One of a flat book
//! changes nothing. In hedge mode it closes the leg it names, or whole both (`legs`). What settles whole settles
//! HOUSE's position too, once per id. It cannot be busted.
//!
//! INSTRUMENT_STATE EXPIRED is for ever: the last mark holds until SETTLE, no order but an exit is permitted, and the
//! instrument does not open again.

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
use super::exact::bump;
use super::executions::{Admission, Booked, Class, Identity};
use super::fills::{Paid, Refusal};
use super::lanes::Place;
use super::orders::Traded;
use crate::model::scope::InstrumentId;
use crate::model::{Event, Leg, Message};

/// What is settled, and at what.
struct Settlement {
    id: u64,
    px: i64,
    /// Signed; 0 is all.
    qty: i64,
    t_venue: i64,
}

impl Engine {
    pub(super) fn on_settle(&mut self, place: Place, message: &Message) {
        match self.settle(place, message) {
            Ok(()) => {
                bump(&mut self.counters.fills);
                for &leg in self.legs_named(place) {
                    self.check_position(Place { leg, ..place });
                }
                self.after_trade(place);
                self.after_house(place.account, place.instrument);
            }
            // More than there is to settle is no fill that nobody can place: something is missing.
            Err(Refusal::Unplaced) => self.halt_unhandled(place.book),
            Err(refusal) => self.refuse(place, refusal),
        }
    }

    fn settle(&mut self, place: Place, message: &Message) -> Result<(), Refusal> {
        let Event::Settle { id, px, qty, t_venue, .. } = message.event else { return Ok(()) };
        let instrument = self.bookable(place)?;
        if !self.marks.payoff(instrument).settles_at(px) {
            return Err(Refusal::Corrupt);
        }
        let legs = self.legs_named(place);
        if legs.len() > 1 && qty.0 != 0 {
            return Err(Refusal::Unplaced);
        }
        let settlement = Settlement { id: id.get(), px: px.0, qty: qty.0, t_venue };
        let mut settled = Err(Refusal::Repeat);
        for &leg in legs {
            match self.settle_leg(Place { leg, ..place }, instrument, &settlement) {
                Err(Refusal::Repeat) => {}
                Ok(()) => settled = Ok(()),
                failed => return failed,
            }
        }
        settled
    }

    /// The legs a record is about: both of an instrument in hedge mode where it names none.
    fn legs_named(&self, place: Place) -> &'static [Leg] {
        match (place.leg, place.instrument) {
            (Leg::Net, Some(instrument)) => self.legs_of(instrument),
            (Leg::Net, None) => &Leg::WHOLE,
            (Leg::Long, _) => &[Leg::Long],
            (Leg::Short, _) => &[Leg::Short],
        }
    }

    fn settle_leg(
        &mut self,
        place: Place,
        instrument: InstrumentId,
        settlement: &Settlement,
    ) -> Result<(), Refusal> {
        let Settlement { id, px, qty, t_venue } = *settlement;
        let high = place.leg as u64;
        let identity = Identity { class: Class::Settle, owner: place.book, instrument, low: id, high };
        match self.executions.admit(&identity, place.account, t_venue) {
            Admission::New => {}
            Admission::Repeat(_) => return Err(Refusal::Repeat),
            Admission::BeyondHorizon => return Err(Refusal::BeyondHorizon),
            Admission::Full => return Err(Refusal::Full),
        }
        let q = self.leg_position(place.book, instrument, place.leg);
        let closed = match qty {
            0 => q,
            part if part.signum() == q.signum() && part.unsigned_abs() <= q.unsigned_abs() => part,
            _ => return Err(Refusal::Unplaced),
        };
        let leg = self.marks.payoff(instrument).worth(closed, px).ok_or(Refusal::Overflow)?;
        let lots = closed.checked_abs().ok_or(Refusal::Overflow)?;
        let position = self.ledger.open(place.book, instrument, place.leg).ok_or(Refusal::Full)?;
        let step = Traded { qty: lots, leg, ..Traded::default() };
        let cost = self.book_step(position, instrument, closed > 0, &step, Paid::default())?;
        let booked =
            Booked { position, qty: lots, leg, cost, t_venue, account: place.account, ..Booked::default() };
        self.executions.remember(identity, booked).map(|_| ()).ok_or(Refusal::Full)?;
        if qty == 0 { self.settle_house(place, instrument, settlement) } else { Ok(()) }
    }

    /// What settles whole settles in HOUSE too, which nobody else speaks for: once per id.
    fn settle_house(
        &mut self,
        place: Place,
        instrument: InstrumentId,
        settlement: &Settlement,
    ) -> Result<(), Refusal> {
        let Settlement { id, px, t_venue, .. } = *settlement;
        let house = self.house(place.account);
        let q = self.leg_position(house, instrument, place.leg);
        let high = place.leg as u64;
        let identity = Identity { class: Class::Settle, owner: house, instrument, low: id, high };
        if q == 0 || !matches!(self.executions.admit(&identity, place.account, t_venue), Admission::New) {
            return Ok(());
        }
        let leg = self.marks.payoff(instrument).worth(q, px).ok_or(Refusal::Overflow)?;
        let qty = q.checked_abs().ok_or(Refusal::Overflow)?;
        let step = Traded { qty, leg, ..Traded::default() };
        let (position, cost) =
            self.book_into_house(place.account, place.side(instrument, q > 0), &step, Paid::default())?;
        let booked =
            Booked { position, qty, leg, cost, t_venue, account: place.account, ..Booked::default() };
        self.executions.remember(identity, booked).map(|_| ()).ok_or(Refusal::Full)
    }
}
