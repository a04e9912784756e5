//! HOT: conversion rates: what money of one currency is worth in another.
//!
//! Measures, per configured pair, how many quote units the venue gives (bid) and takes (ask) for one base unit, in
//! 1e-9. Money converts only through a pair that names both its currency and the account's, either way round: through
//! the inverse at `1/ask` and `1/bid`. There are no chains: BTC is not worth anything in EUR because BTC/USD and USD/EUR
//! are known. Two spreads and two ages multiplied look like a price and are one nobody trades at; configure the pair.
//!
//! - **Against us.** What we have is worth the bid less the haircut, what we owe costs the ask plus the haircut, floored
//!   in both cases. Within one book and currency assets and debts are netted first; across books they are not.
//! - **Acceptance.** Bid and ask are each accepted like a mark: one source, ascending sequence, a jump `>` band is
//!   suspect until three updates within the band of the first, spanning 250 ms, agree. A suspect rate counts only
//!   where that is worse. A rate that cannot be real (not positive, or crossed) is suspect and values nothing.
//! - **Age.** Stale when its age `>` age. A stale or suspect rate values money, and the reading is untrusted; without
//!   any rate the reading is absent, as with a position that has no mark.
//! - **Peak.** As with marks, money counts at the least favourable of the last peak_n accepted rates.
//!
//! First start: no rate. Nothing expires or is reset otherwise. A stablecoin is a currency like any other: it has a
//! rate, and no rate is 1 unless its source says so. Does not catch: a source that lies within the band.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::exact::{FINE, floor_scale};
use super::limits::{Limits, RateLimits};
use super::marks::{Depths, Marks, Offer};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::Fit;
use crate::model::{Bps, Nanos, Ticks};

/// A pair and which side of it is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Route {
    pub(super) rate: u16,
    /// From quote to base.
    pub(super) inverse: bool,
}

/// What one unit may be worth: no less than `low`, no more than `high`, in 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    low: i64,
    high: i64,
    haircut: Bps,
    inverse: bool,
}

/// The rates of all pairs.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rates {
    /// Base, quote and haircut.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    pairs: Vec<(u16, u16, Bps)>,
    /// Bids at even, asks at odd places.
    marks: Marks,
}

#[cfg(feature = "sidecar")]
impl Fit for Rates {
    fn fit(&mut self, fresh: Self) -> bool {
        self.pairs = fresh.pairs;
        self.marks.fit(fresh.marks)
    }
}

impl Rates {
    pub(super) fn new(limits: &Limits, depths: Depths, now: Nanos) -> Self {
        let pair = |rate: &RateLimits| (rate.base.id, rate.quote.id, rate.haircut);
        Self {
            pairs: limits.rates.iter().map(pair).collect(),
            marks: Marks::of_rates(&limits.rates, depths, now),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The pair as it is configured.
    pub(super) fn find(&self, base: u16, quote: u16) -> Option<u16> {
        let found = self.pairs.iter().position(|pair| (pair.0, pair.1) == (base, quote))?;
        u16::try_from(found).ok()
    }

    /// How money in `from` becomes money in `to`.
    pub(super) fn route(&self, from: u16, to: u16) -> Option<Route> {
        let direct = self.find(from, to).map(|rate| Route { rate, inverse: false });
        direct.or_else(|| Some(Route { rate: self.find(to, from)?, inverse: true }))
    }

    /// Takes a rate published by `strategy`.
    pub(super) fn offer(
        &mut self,
        rate: u16,
        strategy: u16,
        (bid, ask): (i64, i64),
        sequence: u64,
        now: Nanos,
    ) -> Offer {
        let (bid, ask) = if bid > 0 && bid <= ask { (bid, ask) } else { (0, 0) };
        let (low, high) = places(rate);
        let bid = self.marks.offer(low, strategy, Ticks(bid), sequence, now);
        let ask = self.marks.offer(high, strategy, Ticks(ask), sequence, now);
        match (bid, ask) {
            (Offer::Ignored, Offer::Ignored) => Offer::Ignored,
            (Offer::Suspect, _) | (_, Offer::Suspect) => Offer::Suspect,
            _ => Offer::Accepted,
        }
    }

    /// When the rate goes stale.
    pub(super) fn deadline(&self, rate: u16) -> Nanos {
        let (low, high) = places(rate);
        self.marks.deadline(low).min(self.marks.deadline(high))
    }

    /// Looks whether the rate is too old. `true` when it has just become stale.
    pub(super) fn expire(&mut self, rate: u16, now: Nanos) -> bool {
        let (low, high) = places(rate);
        self.marks.expire(low, now) | self.marks.expire(high, now)
    }

    /// A new lane of `strategy` numbers its rates afresh.
    pub(super) fn renumber(&mut self, strategy: u16) {
        self.marks.renumber(strategy);
    }

    pub(super) fn is_trusted(&self, route: Route) -> bool {
        let (low, high) = places(route.rate);
        self.marks.quote(low).trusted && self.marks.quote(high).trusted
    }

    /// At the last good rate.
    pub(super) fn good(&self, route: Route) -> Option<Span> {
        let (low, high) = places(route.rate);
        Some(self.span(route, self.marks.quote(low).good?, self.marks.quote(high).good?))
    }

    /// At the worse of good and suspect rate.
    pub(super) fn worst(&self, route: Route) -> Option<Span> {
        let (low, high) = places(route.rate);
        let (bid, ask) = (self.marks.quote(low), self.marks.quote(high));
        let (low, high) = (bid.good?, ask.good?);
        let low = bid.suspect.map_or(low, |suspect| suspect.min(low));
        Some(self.span(route, low, ask.suspect.map_or(high, |suspect| suspect.max(high))))
    }

    /// At the least favourable of the last rates.
    pub(super) fn spike(&self, route: Route, depth: usize) -> Option<Span> {
        let (low, high) = places(route.rate);
        Some(self.span(
            route,
            *self.marks.quote(low).low.get(depth)?,
            *self.marks.quote(high).high.get(depth)?,
        ))
    }

    fn span(&self, route: Route, low: i64, high: i64) -> Span {
        let haircut = self.pairs.get(usize::from(route.rate)).map_or(Bps::WHOLE, |pair| pair.2);
        Span { low, high, haircut, inverse: route.inverse }
    }
}

impl Span {
    /// What `amount` is worth at least: an asset at the low end less the haircut, a debt at the high end plus it.
    pub(super) fn convert(&self, amount: i128) -> Option<i128> {
        let (whole, haircut) = (i128::from(Bps::WHOLE.0), i128::from(self.haircut.0));
        let owns = amount >= 0;
        let share = if owns { whole.checked_sub(haircut)? } else { whole.checked_add(haircut)? };
        // Divided by, the dear end of the price makes the cheap one of the money.
        let price = i128::from(if owns == self.inverse { self.high } else { self.low });
        if self.inverse {
            return floor_scale(amount, FINE.checked_mul(share)?, price.checked_mul(whole)?);
        }
        floor_scale(amount, price.checked_mul(share)?, FINE.checked_mul(whole)?)
    }
}

fn places(rate: u16) -> (u16, u16) {
    let low = rate.saturating_mul(2);
    (low, low.saturating_add(1))
}
