//! HOT: gross and net exposure: what a book, a strategy, an account and the firm may come to hold, in money.
//!
//! Measured per position, in lots, is how long and how short it may become while its live orders fill, `q + B` and
//! `S − q` (see `working`), each valued at the mark that makes it larger: of the last good and the suspect one the dearer
//! for a linear instrument, the cheaper for an inverse one. **Gross** of a scope is the sum of the larger of the two over
//! its positions; **net** the larger of what all of them together may become long, and short: there what is
//! certain on the other side is set off, at the mark that makes it smaller. Unit: 1e-9 of the scope's currency, each term
//! rounded up. Trips at `>`.
//!
//! *Request.* Denied, GROSS or NET, where a scope would exceed its limit and holds more through it than before. Scopes are
//! asked from book to firm; the first that does not hold is the reason. What can only reduce its position passes,
//! also where that takes away what another one is set off against: a stop-loss must not hang on the rest of the desk.
//! A position nobody can value, without a mark or too large for the arithmetic, could be anything: NO_MARK.
//!
//! *After the event* (gate mode, fills nobody ordered, busts): an order or a trade by which a position may become larger
//! makes the scope REDUCE_ONLY, class AUTO, cleared in the turn in which it is back within. Beginning it takes such an
//! act: prices that move alone take nobody's permission away, so that a mark that trembles at the limit does not either;
//! the next request is denied. First start: nothing is held. Nothing expires.
//!
//! Money of other currencies is converted at the rate that is worse, however old it is; without one it has no value. Scopes of
//! several accounts are limited only where those have one currency.
//!
//! An order or a mark costs the positions it touches, and none of the others. Does not catch: that an order fills at
//! a price other than the mark's. How far that may be away is the collar's business.

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
use super::checks::{Denial, Growth};
use super::exact::{micros, micros_up};
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::limits::Limits;
use super::marks::Quote;
use super::payoff::Payoff;
use super::scoped::PerScope;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;
use crate::model::scope::{BookId, InstrumentId};
use crate::model::{Latch, Lots, Money, Reason, Scope, Ticks, TradingState};

/// No position is worth more than this: as many as there may be can be added up.
const MOST: i128 = 1 << 100;

/// What positions may become, in 1e-9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Worth {
    gross: i128,
    long: i128,
    short: i128,
    /// Positions that nobody can value.
    unvalued: u32,
}

/// From one worth to another: the same for every scope that has a position in its sum.
#[derive(Clone, Copy, Default)]
struct Step {
    gross: i128,
    long: i128,
    short: i128,
    unvalued: i32,
}

impl Step {
    const fn between(old: &Worth, new: &Worth) -> Self {
        Self {
            gross: new.gross.saturating_sub(old.gross),
            long: new.long.saturating_sub(old.long),
            short: new.short.saturating_sub(old.short),
            unvalued: new.unvalued.cast_signed().saturating_sub(old.unvalued.cast_signed()),
        }
    }

    const fn back(&self) -> Self {
        Self {
            gross: self.gross.saturating_neg(),
            long: self.long.saturating_neg(),
            short: self.short.saturating_neg(),
            unvalued: self.unvalued.saturating_neg(),
        }
    }
}

/// What a scope may come to hold, in money of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeExposure {
    /// Each position by its size.
    pub gross: Money,
    /// All of them together on one side.
    pub net: Money,
    /// Positions that nobody can value.
    pub unvalued: u32,
}

/// What a position may become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Reach {
    /// In lots: long, and short.
    long: i128,
    short: i128,
    worth: Worth,
}

/// Positions by their index in the ledger, and their sums.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct GrossNet {
    /// Whether any scope is limited; else nothing is kept.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    on: bool,
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    positions: Vec<Reach>,
    sums: PerScope<Worth>,
}

#[cfg(feature = "sidecar")]
impl Fit for GrossNet {
    fn fit(&mut self, fresh: Self) -> bool {
        self.on = fresh.on;
        with_blanks(&mut self.positions, fresh.positions) && self.sums.fit(fresh.sums)
    }
}

impl Worth {
    const fn net(&self) -> i128 {
        if self.long > self.short { self.long } else { self.short }
    }

    /// With a step added. No sum can overflow: see [`MOST`].
    const fn moved(&self, step: &Step) -> Self {
        Self {
            gross: self.gross.saturating_add(step.gross),
            long: self.long.saturating_add(step.long),
            short: self.short.saturating_add(step.short),
            unvalued: self.unvalued.saturating_add_signed(step.unvalued),
        }
    }
}

impl GrossNet {
    pub(super) fn new(limits: &Limits) -> Self {
        let on = limits.capped().any(|(_, caps)| caps.limits_exposure());
        let positions = if on { limits.capacity.positions as usize } else { 0 };
        Self { on, positions: vec![Reach::default(); positions], sums: PerScope::new(limits) }
    }

    /// What is kept of a position; nothing for one that does not exist yet.
    fn reach(&self, index: Option<u32>) -> Reach {
        index.and_then(|index| self.positions.get(index as usize)).copied().unwrap_or_default()
    }

    /// Keeps another reach of a position and carries the difference into its scopes, and says it.
    fn replace(&mut self, index: u32, new: Reach, scopes: [Scope; 4]) -> Step {
        let Some(place) = self.positions.get_mut(index as usize) else { return Step::default() };
        let old = core::mem::replace(place, new);
        let step = Step::between(&old.worth, &new.worth);
        for scope in scopes {
            if let Some(sum) = self.sums.of_mut(scope) {
                *sum = sum.moved(&step);
            }
        }
        step
    }
}

impl Engine {
    /// What a scope may come to hold; `None` where no scope's exposure is limited, and it is not kept.
    #[must_use]
    pub fn scope_exposure(&self, scope: Scope) -> Option<ScopeExposure> {
        let worth = self.gross_net.sums.of(scope).filter(|_| self.gross_net.on)?;
        Some(ScopeExposure { gross: Money(worth.gross), net: Money(worth.net()), unvalued: worth.unvalued })
    }

    /// After a position or its orders have changed.
    pub(super) fn follow_exposure(&mut self, index: u32) {
        if !self.gross_net.on {
            return;
        }
        let position = self.ledger.position(index);
        let (book, instrument) = (position.book, self.ledger.instrument(index));
        let (q, sums) = (i128::from(position.q), self.working.sums(Some(index)));
        let old = self.gross_net.reach(Some(index));
        let new = self.reach_of(book, instrument, q.saturating_add(sums.buys), sums.sells.saturating_sub(q));
        if new == old {
            return;
        }
        let step = self.gross_net.replace(index, new, self.capped_scopes(book));
        let grew = new.long > old.long.max(0) || new.short > old.short.max(0);
        self.judge_exposure(book, grew.then_some(step));
    }

    /// After the mark of a position has changed. Nothing is judged before every holder of the mark is valued anew: between two
    /// of them a sum may be within a limit that it is beyond before and after.
    pub(super) fn revalue_exposure(&mut self, index: u32) {
        let old = self.gross_net.reach(Some(index));
        if (old.long, old.short) == (0, 0) {
            return;
        }
        let book = self.ledger.position(index).book;
        let new = self.reach_of(book, self.ledger.instrument(index), old.long, old.short);
        if new != old {
            self.gross_net.replace(index, new, self.capped_scopes(book));
        }
    }

    /// Ends what does not hold any more of the scopes of a position, once all of its kind are valued anew.
    pub(super) fn judge_revalued(&mut self, index: u32) {
        let Reach { long, short, .. } = self.gross_net.reach(Some(index));
        if (long, short) != (0, 0) {
            self.judge_exposure(self.ledger.position(index).book, None);
        }
    }

    fn reach_of(&self, book: BookId, instrument: InstrumentId, long: i128, short: i128) -> Reach {
        let (payoff, quote) = (self.marks.payoff(instrument), self.marks.quote(instrument));
        let worth = if (long, short) == (0, 0) {
            Some(Worth::default())
        } else {
            valued(long, short, payoff, quote).and_then(|worth| self.in_account(book, instrument, &worth))
        };
        Reach { long, short, worth: worth.unwrap_or(Worth { unvalued: 1, ..Worth::default() }) }
    }

    /// The same in the account's currency: what is owed at most, what is set off at least.
    fn in_account(&self, book: BookId, instrument: InstrumentId, worth: &Worth) -> Option<Worth> {
        let till = self.ledger.till_of(book, instrument)?;
        // The smallest negative is the largest that is certain on the other side.
        let convert = |money: i128| self.ledger.least(till, money.checked_neg()?)?.checked_neg();
        let (long, short) = (convert(worth.long)?, convert(worth.short)?);
        let fits = long.unsigned_abs().max(short.unsigned_abs()) <= MOST.unsigned_abs();
        fits.then(|| Worth { gross: long.max(short), long, short, unvalued: 0 })
    }

    /// After a conversion rate has changed: every position in money of its pair is valued anew.
    pub(super) fn revalue_rate(&mut self, rate: u16) {
        if !self.gross_net.on {
            return;
        }
        let Some((base, quote)) =
            self.limits.rates.get(usize::from(rate)).map(|pair| (pair.base.id, pair.quote.id))
        else {
            return;
        };
        for judges in [false, true] {
            for instrument in 0..self.limits.instruments.len() as u16 {
                let settlement = self.limits.instruments[usize::from(instrument)].settlement.id;
                let mut next =
                    self.ledger.first_holder(instrument).filter(|_| [base, quote].contains(&settlement));
                while let Some(holder) = next {
                    next = self.ledger.next_holder(holder);
                    if judges { self.judge_revalued(holder) } else { self.revalue_exposure(holder) }
                }
            }
        }
    }

    /// Ends what does not hold any more in the scopes of a book, and begins what an act has made of them by a step.
    fn judge_exposure(&mut self, book: BookId, act: Option<Step>) {
        for scope in self.capped_scopes(book) {
            let caps = self.limits.caps_of(scope).filter(|caps| caps.limits_exposure());
            let (Some(caps), Some(now)) = (caps, self.gross_net.sums.of(scope)) else { continue };
            let fits = |limit: Option<Money>, sum: i128| limit.is_none_or(|limit| sum <= limit.0);
            // Within its limits, and nothing holds that this could end.
            if now.unvalued == 0
                && fits(caps.gross, now.gross)
                && fits(caps.net, now.net())
                && self.gates.hold_nothing()
            {
                continue;
            }
            let (caps, now) = (*caps, *now);
            let was = act.map(|step| now.moved(&step.back()));
            let (gross, net) = (was.map(|was| was.gross), was.map(|was| was.net()));
            self.judge_cap(
                scope,
                (guard::GROSS, Reason::Gross),
                caps.gross,
                (now.gross, gross),
                now.unvalued,
            );
            self.judge_cap(scope, (guard::NET, Reason::Net), caps.net, (now.net(), net), now.unvalued);
        }
    }

    fn judge_cap(
        &mut self,
        scope: Scope,
        (guard, reason): (u16, Reason),
        limit: Option<Money>,
        (now, was): (i128, Option<i128>),
        unvalued: u32,
    ) {
        let Some(limit) = limit else { return };
        let over = now > limit.0;
        if !over && unvalued == 0 {
            self.gates.end(scope, guard, Reading::NONE);
            return;
        }
        let hold = Hold {
            state: TradingState::ReduceOnly,
            latch: Latch::Auto,
            limit: micros(limit.0),
            ..sticky(scope, guard, Reason::NoMark)
        };
        match was {
            Some(was) if over && now > was => {
                self.gates.begin(Hold { reason, measured: micros_up(now), ..hold });
            }
            Some(_) if unvalued > 0 => {
                self.gates.begin(hold);
            }
            _ => {}
        }
    }

    /// Whether every scope of an order has room for what it adds.
    pub(super) fn check_exposure(&self, place: Place, growth: &Growth) -> Result<(), Denial> {
        let Some(instrument) = place.instrument.filter(|_| self.gross_net.on) else { return Ok(()) };
        let q = i128::from(growth.q);
        let towards = if growth.side.sells { q.saturating_neg() } else { q };
        let becomes = towards.saturating_add(growth.then);
        if growth.then <= growth.now || becomes <= 0 {
            return Ok(());
        }
        let index = self.ledger.find(place.book, instrument, growth.side.leg);
        let sums = self.working.sums(index);
        let (long, short) = if growth.side.sells {
            (q.saturating_add(sums.buys), becomes)
        } else {
            (becomes, sums.sells.saturating_sub(q))
        };
        let old = self.gross_net.reach(index).worth;
        let new = self.reach_of(place.book, instrument, long, short).worth;
        let step = Step::between(&old, &new);
        for scope in self.capped_scopes(place.book) {
            let caps = self.limits.caps_of(scope).filter(|caps| caps.limits_exposure());
            let (Some(caps), Some(now)) = (caps, self.gross_net.sums.of(scope)) else { continue };
            let then = now.moved(&step);
            if then.unvalued > 0 {
                let limit = caps.gross.or(caps.net).map_or(0, |limit| micros(limit.0));
                let own = if new.unvalued > 0 { Scope::Instrument(place.account, instrument) } else { scope };
                return Err(Denial::of(Reason::NoMark, own, 0, limit));
            }
            for (guard, reason, limit, now, then) in [
                (guard::GROSS, Reason::Gross, caps.gross, now.gross, then.gross),
                (guard::NET, Reason::Net, caps.net, now.net(), then.net()),
            ] {
                if let Some(limit) = limit.filter(|limit| then > limit.0 && then > now) {
                    return Err(Denial::of(reason, scope, micros_up(then), micros(limit.0)).by(guard, 0));
                }
            }
        }
        Ok(())
    }
}

/// What a position may become, at the marks that make it most; `None` where there is none, or it does not fit.
fn valued(long: i128, short: i128, payoff: &Payoff, quote: &Quote) -> Option<Worth> {
    let good = quote.good?;
    let other = quote.suspect.filter(|&px| px != good).map(Ticks);
    let most = |lots: i64| {
        let at_good = payoff.notional(Lots(lots), Ticks(good))?;
        let at_other = other.map(|px| payoff.notional(Lots(lots), px));
        at_other.map_or(Some(at_good), |at_other| Some(at_good.max(at_other?)))
    };
    let least = |lots: i64| {
        let at_good = payoff.notional_down(Lots(lots), Ticks(good))?;
        let at_other = other.map(|px| payoff.notional_down(Lots(lots), px));
        at_other.map_or(Some(at_good), |at_other| Some(at_good.min(at_other?)))
    };
    let side = |lots: i128| {
        let size = i64::try_from(lots.unsigned_abs()).ok()?;
        let worth = if lots < 0 { least(size)?.checked_neg()? } else { most(size)? };
        (worth.unsigned_abs() <= MOST.unsigned_abs()).then_some(worth)
    };
    let (long, short) = (side(long)?, side(short)?);
    Some(Worth { gross: long.max(short), long, short, unvalued: 0 })
}
