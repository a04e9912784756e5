//! HOT: an order against the market: its price, its worth and its time.
//!
//! **Price.** A limit order has its own. Any other is priced at the last good mark, which must be trusted: without one it
//! is denied, NO_MARK, MARK_SUSPECT or MARK_STALE; a stop then has its trigger. **Collar** measures the distance of a limit
//! price from the last good mark, however old, in basis points of it; without one a stop's from its trigger. A limit
//! order that has a collar and nothing to hold it against is denied, NO_MARK: nobody knows whether its price is a slip
//! of a digit. Instruments without any collar take every price. The accumulated collar is in `drift`.
//!
//! **Notional** measures the whole order at its price, whatever the sign of that, rounded up: in 1e-9 of the settlement
//! currency against the minimum, of the account's against the maximum (without a fresh rate to tell NO_MARK or MARK_STALE);
//! reported in 1e-6. Trips at `>` the maximum, `<` the minimum.
//!
//! **Expiry**, of a good-till-date order and of any other that names a time, must be later than the engine's wall clock:
//! what the last record of it said, carried on. Measured is the expiry, limit the wall clock. While no record has told the
//! time every such order is denied, GTD_PAST, limit 0.

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
use super::checks::{Denial, Ticket, clamped};
use super::exact::{ceil_div, micros, micros_up};
use super::gates::guard;
use super::lanes::Place;
use crate::model::event::OrderType;
use crate::model::{Bps, Nanos, Reason, Scope};

/// What the wall clock said, and when.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct WallClock {
    pub(super) utc_ns: i64,
    pub(super) at: Nanos,
}

impl WallClock {
    fn now(&self, now: Nanos) -> i64 {
        self.utc_ns.saturating_add(i64::try_from(now.since(self.at).0).unwrap_or(i64::MAX))
    }
}

impl Engine {
    pub(super) fn check_expiry(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let Some(expiry) = ticket.expiry else { return Ok(()) };
        match self.wall.map(|wall| wall.now(self.now)) {
            Some(now) if expiry > now => Ok(()),
            now => {
                let scope = self.instrument_scope(place);
                Err(Denial::of(Reason::GtdPast, scope, expiry, now.unwrap_or(0)))
            }
        }
    }

    /// Whether the market takes the order's price, and its book the worth.
    pub(super) fn check_price(&self, place: Place, ticket: &Ticket, reduces: bool) -> Result<(), Denial> {
        let scope = self.instrument_scope(place);
        let limits = &self.limits.instruments[usize::from(ticket.side.instrument)];
        let quote = self.marks.quote(ticket.side.instrument);
        let stop = matches!(ticket.terms.kind, OrderType::Stop | OrderType::StopLimit);
        // A stop has a price of its own where the market has none: its trigger is whatever its owner says.
        let trigger = Some(ticket.trigger_px).filter(|&px| stop && px != 0);
        let px = match (ticket.is_priced(), quote.good) {
            (true, _) => ticket.size.px,
            (false, Some(good)) if quote.trusted => good,
            (false, good) => match (trigger, good) {
                // What only reduces must not wait for a price.
                (Some(trigger), good) if good.is_none() || reduces => trigger,
                (_, None) => return Err(Denial::of(Reason::NoMark, scope, 0, 0)),
                (_, Some(good)) => {
                    let reason =
                        if quote.suspect.is_some() { Reason::MarkSuspect } else { Reason::MarkStale };
                    return Err(Denial::of(reason, scope, good, 0));
                }
            },
        };
        let has_collar = limits.collar.is_some() || limits.collar_accumulated.is_some();
        if ticket.is_priced() && has_collar {
            let Some(reference) = quote.good.or(trigger) else {
                return Err(Denial::of(Reason::NoMark, scope, 0, 0));
            };
            if let Some((away, collar)) = limits.collar.and_then(|collar| beyond(px, reference, collar)) {
                return Err(Denial::of(Reason::Collar, scope, away, collar));
            }
        }
        if !reduces {
            self.check_drift(place, ticket.side.instrument, px)?;
        }
        self.check_notional(place, ticket, px)
    }

    fn check_drift(&self, place: Place, instrument: u16, px: i64) -> Result<(), Denial> {
        let Some(drift) = self.limits.instruments[usize::from(instrument)].collar_accumulated else {
            return Ok(());
        };
        let Some((low, high)) = self.drifts.extremes(instrument, self.now) else { return Ok(()) };
        let furthest = beyond(px, low, drift.limit).max(beyond(px, high, drift.limit));
        match furthest {
            Some((away, limit)) => {
                Err(Denial::of(Reason::CollarAccumulated, self.instrument_scope(place), away, limit))
            }
            None => Ok(()),
        }
    }

    fn check_notional(&self, place: Place, ticket: &Ticket, px: i64) -> Result<(), Denial> {
        let limits = &self.limits.instruments[usize::from(ticket.side.instrument)];
        let book = Scope::Book(place.book);
        let max = self.limits.books[usize::from(place.book)].max_order_notional;
        let Some(notional) = self.notional_of(ticket, px) else {
            return Err(Denial::of(Reason::Arithmetic, self.instrument_scope(place), ticket.size.qty, px));
        };
        if notional < limits.min_notional.0 {
            let (measured, limit) = (micros(notional), micros(limits.min_notional.0));
            return Err(Denial::of(Reason::MinNotional, self.instrument_scope(place), measured, limit));
        }
        let Some(max) = max else { return Ok(()) };
        let denial = |reason, measured| {
            Err(Denial::of(reason, book, measured, micros(max.0)).by(guard::ORDER_NOTIONAL, 0))
        };
        match self.accounted(place, ticket.side.instrument, notional) {
            Err(reason) => denial(reason, 0),
            Ok(cost) if cost > max.0 => denial(Reason::MaxNotional, micros_up(cost)),
            Ok(_) => Ok(()),
        }
    }
}

/// How far a price is from a mark, and the limit, both in basis points; `None` where it is within.
fn beyond(px: i64, mark: i64, limit: Bps) -> Option<(i64, i64)> {
    let away = i128::from(px).saturating_sub(i128::from(mark)).saturating_abs().saturating_mul(10_000);
    let whole = i128::from(mark.unsigned_abs());
    let is_beyond = away > whole.saturating_mul(i128::from(limit.0));
    is_beyond.then(|| (ceil_div(away, whole.max(1)).map_or(i64::MAX, clamped), i64::from(limit.0)))
}
