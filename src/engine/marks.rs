//! HOT: marks: which price may value a position.
//!
//! Measures, per instrument, the last *good* mark. Unit: the instrument's price units.
//!
//! - **Source.** One strategy's marks count: the first of the configured ones, else the first that publishes. Another
//!   configured one (any, where none is configured) takes over only when the last good mark is stale and it has
//!   published three marks, each with a newer sequence, that agree within the band. All other marks are ignored and
//!   counted: whoever is not configured values nobody's position, however long the source is silent.
//! - **Order.** A mark must advance its source's sequence; a repeated or older one is ignored. A new lane of the
//!   source may start over.
//! - **Band.** A jump `>` band of the last good mark is *suspect*: it does not value a position except where that
//!   is worse for us. It becomes good after three distinct updates within the band of the first of them, spanning
//!   at least 250 ms. Time alone never accepts one. A price that cannot be real (not positive, unless allowed)
//!   stays suspect however often it repeats, and starts the count over. A mark back within the band of the last
//!   good one ends the suspicion.
//! - **Age.** Stale when its age `>` mark_age, found by timer.
//! - **Session.** While the instrument is not OPEN (as its source says, or another configured one when the source has no
//!   lane any more) the last mark holds: new ones are ignored,
//!   its age pauses, and it can neither raise a peak nor confirm a latch. It stays *held*, and raises no peak, until
//!   the first good mark after the opening: a fill far from a held mark is profit only on paper. EXPIRED is for ever.
//!
//! First start: no mark at all, so a position is valued by nothing (ABSENT). Nothing here expires or is reset
//! otherwise. Does not catch: a source that lies within the band.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::limits::{InstrumentLimits, Limits, RateLimits};
use super::payoff::Payoff;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::event::InstrumentStatus;
use crate::model::{Bps, Nanos, Ticks};

/// Distinct depths of [`super::limits::DrawdownLimits::peak_n`].
pub(super) const MAX_DEPTHS: usize = 8;
/// Distinct updates that must agree before a jump, or a new source, is believed.
const AGREEING: u8 = 3;
const AGREEING_SPAN: Nanos = Nanos::from_millis(250);

/// How many of the last marks each spike-proof valuation looks back, for the depths some guard uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Depths {
    marks: [u8; MAX_DEPTHS],
    used: usize,
}

impl Depths {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut depths = Self::default();
        for guard in &limits.drawdowns {
            let known = depths.marks.iter().take(depths.used).any(|&marks| marks == guard.peak_n);
            if !known && depths.used < MAX_DEPTHS {
                depths.marks[depths.used] = guard.peak_n;
                depths.used = depths.used.saturating_add(1);
            }
        }
        depths
    }

    pub(super) const fn used(&self) -> usize {
        self.used
    }

    pub(super) fn of(&self, marks: u8) -> usize {
        self.marks.iter().take(self.used).position(|&known| known == marks).unwrap_or(0)
    }
}

/// The prices that value one instrument's positions now.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Quote {
    /// The last good mark.
    pub(super) good: Option<i64>,
    /// The suspect mark, where it can be valued at all.
    pub(super) suspect: Option<i64>,
    /// Least and greatest of the last marks, per depth.
    pub(super) low: [i64; MAX_DEPTHS],
    pub(super) high: [i64; MAX_DEPTHS],
    /// Fresh, in band and not contradicted.
    pub(super) trusted: bool,
    /// The instrument is not open.
    pub(super) frozen: bool,
    /// The good mark was held over a time in which the instrument was not open: nobody has traded at it since.
    pub(super) held: bool,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Ignored,
    Suspect,
    Accepted,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Suspicion {
    first: i64,
    first_at: Nanos,
    count: u8,
    /// Whether the price can be real.
    possible: bool,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Challenger {
    strategy: u16,
    px: i64,
    sequence: u64,
    count: u8,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Mark {
    source: Option<u16>,
    sequence: Option<u64>,
    /// When the last good mark was accepted; before the first, when the engine started.
    at: Nanos,
    stale: bool,
    frozen_since: Option<Nanos>,
    /// It does not open again.
    expired: bool,
    suspicion: Option<Suspicion>,
    challenger: Option<Challenger>,
    /// The last good marks, newest first.
    history: [i64; 8],
    kept: usize,
    quote: Quote,
    band: Option<Bps>,
    age: Nanos,
    payoff: Payoff,
}

/// The marks of all instruments.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Marks {
    marks: Vec<Mark>,
    /// Whose marks may count, per instrument; nobody named is everybody.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    owners: Vec<Vec<u16>>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    depths: Depths,
}

#[cfg(feature = "sidecar")]
impl Fit for Marks {
    fn fit(&mut self, fresh: Self) -> bool {
        (self.owners, self.depths) = (fresh.owners, fresh.depths);
        is_as_long(&self.marks, &fresh.marks)
    }
}

impl Marks {
    pub(super) fn new(limits: &Limits, depths: Depths, now: Nanos) -> Self {
        Self {
            marks: limits.instruments.iter().map(|limits| Mark::new(limits, now)).collect(),
            owners: limits.instruments.iter().map(|limits| limits.mark_sources.clone()).collect(),
            depths,
        }
    }

    /// The bids, at even places, and asks of conversion rates.
    pub(super) fn of_rates(rates: &[RateLimits], depths: Depths, now: Nanos) -> Self {
        let sides = rates.iter().flat_map(|rate| [rate, rate]);
        let side = |rate: &RateLimits| Mark::with(rate.source, rate.band, rate.age, Payoff::of_rate(), now);
        let owners = rates.iter().flat_map(|rate| [rate.source, rate.source]);
        let owners = owners.map(|source| source.into_iter().collect());
        Self { marks: sides.map(side).collect(), owners: owners.collect(), depths }
    }

    pub(super) fn quote(&self, instrument: u16) -> &Quote {
        &self.marks[usize::from(instrument)].quote
    }

    pub(super) fn payoff(&self, instrument: u16) -> &Payoff {
        &self.marks[usize::from(instrument)].payoff
    }

    pub(super) fn frozen(&self, instrument: u16) -> bool {
        self.quote(instrument).frozen
    }

    /// Whether an instrument is over.
    pub(super) fn is_expired(&self, instrument: u16) -> bool {
        self.marks[usize::from(instrument)].expired
    }

    /// Takes a mark published by `strategy`.
    pub(super) fn offer(
        &mut self,
        instrument: u16,
        strategy: u16,
        px: Ticks,
        sequence: u64,
        now: Nanos,
    ) -> Offer {
        if !self.may_mark(instrument, strategy) {
            return Offer::Ignored;
        }
        let depths = self.depths;
        let mark = &mut self.marks[usize::from(instrument)];
        if mark.frozen_since.is_some() || !mark.is_from_source(strategy, px.0, sequence, now) {
            return Offer::Ignored;
        }
        if mark.sequence.is_some_and(|last| sequence <= last) {
            return Offer::Ignored;
        }
        mark.sequence = Some(sequence);
        let offer = mark.judge(px, now);
        if offer == Offer::Accepted {
            mark.accept(px.0, now, &depths);
        }
        mark.refresh();
        offer
    }

    /// When the mark goes stale: the first instant at which its age exceeds the limit.
    pub(super) fn deadline(&self, instrument: u16) -> Nanos {
        let mark = &self.marks[usize::from(instrument)];
        if mark.quote.good.is_none() || mark.stale || mark.frozen_since.is_some() {
            return Nanos::NEVER;
        }
        mark.at.after(mark.age).after(Nanos(1))
    }

    /// Looks whether the mark is too old. `true` when it has just become stale.
    pub(super) fn expire(&mut self, instrument: u16, now: Nanos) -> bool {
        if self.deadline(instrument) > now {
            return false;
        }
        let mark = &mut self.marks[usize::from(instrument)];
        mark.stale = true;
        mark.refresh();
        true
    }

    /// The strategy whose marks count now.
    pub(super) fn source(&self, instrument: u16) -> Option<u16> {
        self.marks[usize::from(instrument)].source
    }

    pub(super) fn may_mark(&self, instrument: u16, strategy: u16) -> bool {
        let owners = &self.owners[usize::from(instrument)];
        owners.is_empty() || owners.contains(&strategy)
    }

    /// Takes the session state said by `strategy`, if it is the source or there is `no_source` left to say it. `true`
    /// when it changed anything.
    pub(super) fn session(
        &mut self,
        instrument: u16,
        strategy: u16,
        state: InstrumentStatus,
        no_source: bool,
        now: Nanos,
    ) -> bool {
        if !self.may_mark(instrument, strategy) {
            return false;
        }
        // Who is no configured source may at most end what nobody else can end: held marks hide a loss.
        let is_safe = state == InstrumentStatus::Open;
        let may_step_in = no_source && (is_safe || self.owners[usize::from(instrument)].contains(&strategy));
        let mark = &mut self.marks[usize::from(instrument)];
        if *mark.source.get_or_insert(strategy) != strategy && !may_step_in {
            return false;
        }
        if mark.expired {
            return false;
        }
        mark.expired = state == InstrumentStatus::Expired;
        match (state, mark.frozen_since) {
            (InstrumentStatus::Open, Some(since)) => {
                mark.frozen_since = None;
                mark.at = Nanos(mark.at.0.saturating_add(now.since(since).0));
            }
            (InstrumentStatus::Open, None) | (_, Some(_)) => return false,
            (_, None) => {
                mark.frozen_since = Some(now);
                mark.quote.held = true;
            }
        }
        mark.refresh();
        true
    }

    /// A new lane of `strategy` numbers its marks afresh.
    pub(super) fn renumber(&mut self, strategy: u16) {
        for mark in self.marks.iter_mut().filter(|mark| mark.source == Some(strategy)) {
            mark.sequence = None;
        }
    }
}

impl Mark {
    fn new(limits: &InstrumentLimits, now: Nanos) -> Self {
        Self::with(
            limits.mark_sources.first().copied(),
            limits.band,
            limits.mark_age,
            Payoff::new(limits),
            now,
        )
    }

    fn with(source: Option<u16>, band: Option<Bps>, age: Nanos, payoff: Payoff, now: Nanos) -> Self {
        Self {
            source,
            sequence: None,
            at: now,
            stale: false,
            frozen_since: None,
            expired: false,
            suspicion: None,
            challenger: None,
            history: [0; 8],
            kept: 0,
            quote: Quote::default(),
            band,
            age,
            payoff,
        }
    }

    fn is_from_source(&mut self, strategy: u16, px: i64, sequence: u64, now: Nanos) -> bool {
        let Some(source) = self.source else {
            self.source = Some(strategy);
            return true;
        };
        if source == strategy {
            self.challenger = None;
            return true;
        }
        if now.since(self.at) <= self.age {
            return false;
        }
        let count = match self.challenger {
            Some(last) if last.strategy == strategy && sequence <= last.sequence => return false,
            Some(last) if last.strategy == strategy && self.agrees(last.px, px) => {
                last.count.saturating_add(1)
            }
            _ => 1,
        };
        self.challenger = Some(Challenger { strategy, px, sequence, count });
        if count < AGREEING {
            return false;
        }
        self.source = Some(strategy);
        self.sequence = None;
        self.challenger = None;
        true
    }

    fn judge(&mut self, px: Ticks, now: Nanos) -> Offer {
        let possible = self.payoff.accepts(px);
        let in_band = possible && self.quote.good.is_none_or(|good| self.agrees(good, px.0));
        if in_band {
            self.suspicion = None;
            self.quote.suspect = None;
            return Offer::Accepted;
        }
        let next = match self.suspicion {
            Some(run) if run.possible && possible && self.agrees(run.first, px.0) => {
                Suspicion { count: run.count.saturating_add(1), ..run }
            }
            _ => Suspicion { first: px.0, first_at: now, count: 1, possible },
        };
        if next.possible && next.count >= AGREEING && now.since(next.first_at) >= AGREEING_SPAN {
            self.suspicion = None;
            self.quote.suspect = None;
            return Offer::Accepted;
        }
        self.suspicion = Some(next);
        let valued = possible || !self.payoff.is_inverse();
        self.quote.suspect = valued.then_some(px.0);
        Offer::Suspect
    }

    /// Whether `px` lies within the band of `reference`.
    fn agrees(&self, reference: i64, px: i64) -> bool {
        let Some(band) = self.band else { return true };
        let (reference, px) = (i128::from(reference), i128::from(px));
        // Both fit 65 bits, times 10 000 or a 32-bit band: below 2^98.
        let jump = px.abs_diff(reference).saturating_mul(u128::from(Bps::WHOLE.0));
        jump <= reference.unsigned_abs().saturating_mul(u128::from(band.0))
    }

    fn accept(&mut self, px: i64, now: Nanos, depths: &Depths) {
        self.history.rotate_right(1);
        self.history[0] = px;
        self.kept = self.kept.saturating_add(1).min(self.history.len());
        self.quote.good = Some(px);
        self.quote.held = false;
        self.at = now;
        self.stale = false;
        for depth in 0..depths.used {
            let last = self.history.iter().take(self.kept.min(usize::from(depths.marks[depth])));
            let (low, high) = last.fold((px, px), |(low, high), &mark| (low.min(mark), high.max(mark)));
            (self.quote.low[depth], self.quote.high[depth]) = (low, high);
        }
    }

    fn refresh(&mut self) {
        self.quote.trusted = self.quote.good.is_some() && !self.stale && self.suspicion.is_none();
        self.quote.frozen = self.frozen_since.is_some();
    }
}

#[cfg(test)]
mod tests;
