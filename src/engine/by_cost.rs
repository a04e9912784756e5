//! HOT: orders by cost: so much money of the quote currency, whatever quantity that is.
//!
//! **Converted** to lots at the conservative mark: of the last good and the suspect one the lower, at which the money
//! buys most, rounded up; an inverse contract is worth so much of the quote currency at any price. With those lots it is
//! reserved, held to the largest position and to exposures, and measured as an exit. Its quantity as announced says nothing
//! and may be 0; the bounds of a quantity (LOT, MIN_QTY, MAX_QTY) are not applied to it. **Notional** is the money itself, in
//! the settlement currency, rounded up: for an inverse instrument at that mark.
//!
//! Only a market order has a cost. Of any other type, with a cost that is not positive, or modified, it is denied,
//! MAX_NOTIONAL with a limit of 0: its quantity would be a guess. Without a mark that can be trusted, or while that is not
//! positive, it is denied like a market order: NO_MARK, MARK_SUSPECT, MARK_STALE. In gate mode and as an exit nobody asks: then it
//! could be any quantity, and counts as the largest there is; one with a limit price of its own is converted at that where it is
//! lower.
//!
//! One that waits in a queue is converted again when its turn comes. It is never filled by quantity: the venue says when it
//! is over. Does not catch: how far the market falls between the mark and the fill.

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
use super::checks::{Denial, Ticket};
use super::exact::{FINE, ceil_div, ceil_mul_div};
use super::gates::guard;
use super::lanes::Place;
use super::limits::InstrumentKind;
use crate::model::event::OrderType;
use crate::model::scope::InstrumentId;
use crate::model::{Event, Lots, Message, Reason, Ticks};

impl Engine {
    /// The ticket of an ORDER_NEW, in lots.
    pub(super) fn ticket(
        &self,
        message: &Message,
        rest: Option<&Event>,
        instrument: InstrumentId,
    ) -> Option<Ticket> {
        let mut ticket = Ticket::read(message, rest, instrument)?;
        if ticket.terms.by_cost {
            let own = Some(ticket.size.px).filter(|&px| ticket.is_priced() && px > 0);
            ticket.size.qty = self.lots_for(instrument, ticket.cost, own).unwrap_or(i64::MAX);
        }
        Some(ticket)
    }

    /// The most lots that so much of the quote currency, in 1e-9, may buy, at `own` if that is lower than the mark.
    fn lots_for(&self, instrument: InstrumentId, cost: i64, own: Option<i64>) -> Option<i64> {
        let limits = self.limits.instruments.get(usize::from(instrument))?;
        let px = self.lowest_mark(instrument).filter(|&px| px > 0 && cost > 0)?;
        let px = own.map_or(px, |own| own.min(px));
        let lots = if limits.kind == InstrumentKind::Inverse {
            let unit = 10_i128.checked_pow(u32::from(limits.qty_decimals))?;
            ceil_mul_div(i128::from(cost), unit, i128::from(limits.multiplier_e9))?
        } else {
            self.marks.payoff(instrument).lots_for(self.settled_cost(instrument, cost, px)?, px)?
        };
        i64::try_from(lots).ok()
    }

    /// The cost in 1e-9 of the settlement currency, rounded up.
    fn settled_cost(&self, instrument: InstrumentId, cost: i64, px: i64) -> Option<i128> {
        let limits = &self.limits.instruments[usize::from(instrument)];
        let cost = i128::from(cost);
        match limits.kind {
            InstrumentKind::Quanto { rate_e9 } => ceil_mul_div(cost, i128::from(rate_e9), FINE),
            InstrumentKind::Inverse => {
                let unit = 10_i128.checked_pow(u32::from(limits.price_decimals))?;
                ceil_mul_div(cost, unit, i128::from(px))
            }
            InstrumentKind::Linear | InstrumentKind::Spot => Some(cost),
        }
    }

    /// Of the last good and the suspect mark the lower.
    fn lowest_mark(&self, instrument: InstrumentId) -> Option<i64> {
        let quote = self.marks.quote(instrument);
        quote.good.map(|good| quote.suspect.map_or(good, |suspect| suspect.min(good)))
    }

    /// What an order is worth at `px`, in 1e-9 of the settlement currency, rounded up.
    pub(super) fn notional_of(&self, ticket: &Ticket, px: i64) -> Option<i128> {
        let instrument = ticket.side.instrument;
        if !ticket.terms.by_cost {
            return self.marks.payoff(instrument).notional(Lots(ticket.size.qty), Ticks(px));
        }
        let px = self.lowest_mark(instrument).filter(|&px| px > 0)?;
        self.settled_cost(instrument, ticket.cost, px)
    }

    /// Whether an order by cost can be told in lots.
    pub(super) fn check_by_cost(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let scope = self.instrument_scope(place);
        if ticket.cost <= 0 || ticket.terms.kind != OrderType::Market {
            return Err(Denial::of(Reason::MaxNotional, scope, 0, 0).by(guard::ORDER_NOTIONAL, 0));
        }
        let quote = self.marks.quote(ticket.side.instrument);
        match quote.good {
            Some(good) if quote.trusted && good > 0 => Ok(()),
            Some(good) if !quote.trusted => {
                let reason = if quote.suspect.is_some() { Reason::MarkSuspect } else { Reason::MarkStale };
                Err(Denial::of(reason, scope, good, 0))
            }
            _ => Err(Denial::of(Reason::NoMark, scope, 0, 0)),
        }
    }

    /// The worth of an order by cost that was announced, at the conservative mark; `None` where nobody can tell.
    pub(super) fn announced_cost(&self, rest: Option<&Event>, instrument: InstrumentId) -> Option<i128> {
        let Some(&Event::OrderExt { quote_cost, .. }) = rest else { return None };
        let px = self.lowest_mark(instrument).filter(|&px| px > 0 && quote_cost > 0)?;
        self.settled_cost(instrument, quote_cost, px)
    }
}

/// Whether an order is by cost, as its continuation says.
pub(super) const fn is_by_cost(rest: Option<&Event>) -> bool {
    matches!(rest, Some(Event::OrderExt { quote_cost, .. }) if *quote_cost != 0)
}

impl super::payoff::Payoff {
    /// The fewest lots whose worth at `px` is at least so much; of no inverse instrument.
    fn lots_for(&self, worth: i128, px: i64) -> Option<i128> {
        let (numerator, denominator) = self.per_lot_and_price();
        ceil_div(worth.checked_mul(denominator)?, i128::from(px).checked_mul(numerator)?)
    }
}
