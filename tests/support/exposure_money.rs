//! What exposure is worth, told naively: gross and net of a scope, added up anew from every position and order.
//!
//! - **Reach** of a position, in lots: `position + buys` long, `sells − position` short.
//! - **Worth** of it: at each mark that is believed or suspect, the largest of them, up to a whole 1e-9; of a reach
//!   below nothing what is certain, the smallest, down. *Decided:* stale marks count like fresh ones.
//! - **Gross** adds the larger side of each position, **net** is the larger of both sides added up.
//! - A request that makes its side of a position reach further, beyond nothing, may not make gross or net both larger
//!   and too large; the first of book, strategy, account and firm that forbids it answers. *Decided:* where a
//!   position of the scope has no mark, the answer is NO_MARK.
//! - **Cause.** Whatever makes gross or net larger, and too large, or reaches further where there is no mark, makes the
//!   scope REDUCE_ONLY until all of it has marks and is within.

use std::collections::{BTreeMap, BTreeSet};

use tripline::engine::guard;
use tripline::engine::limits::ScopeLimits;
use tripline::model::{Money, Reason, Scope, TradingState};

use super::exposure_oracle::Oracle;

/// Gross and net in 1e-9; `None` where a position has no mark.
pub type Held = Option<(i128, i128)>;

/// How far each position reaches, by book and instrument.
pub type Reaches = BTreeMap<(u16, u16), (i128, i128)>;

/// How things stood: what each scope held, and how far each position reached.
#[derive(Clone, Debug, Default)]
pub struct Before {
    held: BTreeMap<Scope, Held>,
    reaches: Reaches,
}

impl Oracle {
    /// From the narrowest: those whose limits bear on a book.
    pub fn scopes_of_book(&self, book: u16) -> [Scope; 4] {
        let strategy = self.limits.books[usize::from(book)].strategy;
        [Scope::Book(book), Scope::Strategy(strategy), Scope::Account(self.account(book)), Scope::Firm]
    }

    pub fn reach(&self, book: u16, instrument: u16) -> (i128, i128) {
        let exposed = self.exposed(book, instrument);
        (exposed.position + exposed.buys, exposed.sells - exposed.position)
    }

    /// Of every position there is.
    fn reaches(&self) -> Reaches {
        let ordered = self.orders.iter().map(|((book, _), order)| (*book, order.instrument));
        let places: BTreeSet<(u16, u16)> = ordered.chain(self.traded()).collect();
        places
            .into_iter()
            .map(|(book, instrument)| ((book, instrument), self.reach(book, instrument)))
            .collect()
    }

    /// What a side of a position is worth in 1e-9; `None` without a mark.
    fn worth(&self, instrument: u16, lots: i128) -> Option<i128> {
        let at = |px: i128| {
            let (money, unit) = self.notional(instrument, px, lots.abs());
            // A ceiling by another road: the floor of the negative.
            if lots < 0 { money.div_euclid(unit) } else { -((-money).div_euclid(unit)) }
        };
        let (good, suspect) = self.prices(instrument)?;
        let worths = [Some(good), suspect].into_iter().flatten().map(at);
        if lots < 0 { worths.min().map(|least| -least) } else { worths.max() }
    }

    /// Gross and net of a scope whose positions reach so far.
    fn held(&self, scope: Scope, reaches: &Reaches) -> Held {
        let (mut gross, mut long, mut short) = (0, 0, 0);
        for (&(book, instrument), &reach) in reaches {
            if reach == (0, 0) || !self.scopes_of_book(book).contains(&scope) {
                continue;
            }
            let (up, down) = (self.worth(instrument, reach.0)?, self.worth(instrument, reach.1)?);
            gross += up.max(down);
            long += up;
            short += down;
        }
        Some((gross, long.max(short)))
    }

    /// Gross and net of a scope now.
    pub fn scope_held(&self, scope: Scope) -> Held {
        self.held(scope, &self.reaches())
    }

    /// Why a side of a position may not reach so far: reason, measured in 1e-9, limit.
    pub fn money_forbids(
        &self,
        (book, instrument): (u16, u16),
        sells: bool,
        reaches: i128,
    ) -> Option<(Reason, i128, i128)> {
        if self.limited().is_empty() {
            return None;
        }
        let now = self.reach(book, instrument);
        let (own, then) = if sells { (now.1, (now.0, reaches)) } else { (now.0, (reaches, now.1)) };
        if reaches <= own || reaches <= 0 {
            return None;
        }
        let reaches_now = self.reaches();
        let mut reaches_then = reaches_now.clone();
        reaches_then.insert((book, instrument), then);
        for scope in self.scopes_of_book(book) {
            let ScopeLimits { gross, net, .. } = self.limits.caps(scope);
            let Some(any) = gross.or(net) else { continue };
            let Some(then) = self.held(scope, &reaches_then) else {
                return Some((Reason::NoMark, 0, any.0));
            };
            // What it replaces may be what has no mark; then there is nothing to compare with.
            let now = self.held(scope, &reaches_now).unwrap_or((0, 0));
            let rows = [(Reason::Gross, gross, now.0, then.0), (Reason::Net, net, now.1, then.1)];
            for (reason, limit, now, then) in rows {
                if let Some(Money(limit)) = limit.filter(|limit| then > limit.0 && then > now) {
                    return Some((reason, then, limit));
                }
            }
        }
        None
    }

    fn limited(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> =
            (0..self.limits.books.len() as u16).flat_map(|book| self.scopes_of_book(book)).collect();
        scopes.sort();
        scopes.dedup();
        scopes.retain(|&scope| self.limits.caps(scope).limits_exposure());
        scopes
    }

    /// How things stand, to be compared with after something has happened.
    pub fn before(&self) -> Before {
        let limited = self.limited();
        if limited.is_empty() {
            return Before::default();
        }
        let reaches = self.reaches();
        let held = limited.into_iter().map(|scope| (scope, self.held(scope, &reaches))).collect();
        Before { held, reaches }
    }

    /// Begins and ends the causes of gross and net, given how things stood before.
    pub fn after(&mut self, before: &Before) {
        if before.held.is_empty() {
            return;
        }
        let reaches = self.reaches();
        for (&scope, &was) in &before.held {
            let ScopeLimits { gross, net, .. } = self.limits.caps(scope);
            let now = self.held(scope, &reaches);
            let further = reaches.iter().any(|(place, now)| {
                let was = before.reaches.get(place).copied().unwrap_or_default();
                self.scopes_of_book(place.0).contains(&scope)
                    && (now.0 > was.0.max(0) || now.1 > was.1.max(0))
            });
            for (guard, limit, pick) in [
                (guard::GROSS, gross, (|held| held.0) as fn((i128, i128)) -> i128),
                (guard::NET, net, |held| held.1),
            ] {
                let Some(Money(limit)) = limit else { continue };
                let begins = match (was.map(pick), now.map(pick)) {
                    (_, None) => further,
                    (Some(was), Some(now)) => now > limit && now > was && further,
                    (None, Some(_)) => false,
                };
                if begins {
                    self.causes.entry((scope, guard)).or_insert(TradingState::ReduceOnly);
                } else if now.map(pick).is_some_and(|now| now <= limit) {
                    self.causes.remove(&(scope, guard));
                }
            }
        }
    }
}
