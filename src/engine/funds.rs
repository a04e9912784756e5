//! HOT: what an account has left to pay with: free balances and free margin, where it tells of any.
//!
//! **Told** is a balance by SNAP_BALANCE (`available`, per currency; a snapshot of balances that does not name one leaves
//! it untold) and margin by MARGIN (`available`). The smallest i64 in the place of an amount says that the venue gives
//! none. An account that never told of either is held to nothing here. From the first record on it is, and a currency
//! it did not tell of denies: nobody knows that there is any.
//!
//! **Measures** what an order adds to its position on its own side, as far as that grows: what only reduces need not pay.
//! Spot is paid from the balance: a buy in the settlement currency, a sale beyond what is held in the base. All else
//! needs its share of initial margin (`initial_margin_bps` of the instrument, all of its notional unless it says less) of
//! the free margin in its settlement currency, else in the account's, converted at the worse rate; from the balance
//! where only balances are told, as spot is from margin where only that is. Priced is a limit order at its limit, or at the
//! mark where that is dearer and it would trade at once, any other at the dearer of mark and trigger. Unit: 1e-6,
//! rounded up; trips at `>` what is left: BALANCE, MARGIN, `limit` what is left.
//!
//! **Pledged** is what was permitted or announced since: it is taken off what was told until the next record of that currency. Of
//! a balance that is what was sent since the venue was asked (`since`, the bracket's first position), of margin since the
//! record. An order that ends gives its unfilled share back if it is as young as that; older ones were in what the venue
//! told. What a sale brings, and what a closed position sets free, counts from the next record on.
//!
//! Nothing expires: what was told holds until it is told again. Does not catch: fees; an order under way to the venue
//! when that was asked; in gate mode anything, the venue has the last word there.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::VecDeque;

use super::Engine;
use super::checks::{Denial, Growth, Ticket};
use super::exact::{ceil_mul_div, micros_up};
use super::lanes::Place;
use super::limits::{InstrumentKind, Limits};
use super::orders::Size;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue, is_as_long, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;
use crate::model::scope::AccountId;
use crate::model::{Lots, Nanos, Reason, Scope, Ticks};

/// In the place of an amount: the venue gives none.
pub(super) const UNTOLD: i64 = i64::MIN;
/// In the place of a purse: none.
const NOWHERE: u32 = u32::MAX;

/// What is paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Balance,
    Margin,
}

/// Money of one currency of an account, in 1e-6.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Purse {
    available: Option<i64>,
    /// What a snapshot says that may not be complete yet.
    told: Option<i64>,
    /// The snapshot that told of it last.
    mark: u64,
    /// What was sent from then on is not in it.
    since: Nanos,
    /// How often margin was told: one moment may hold orders from before and from after a record.
    round: u64,
    pledged: i64,
}

impl Purse {
    /// Whether what was sent at that time is not in what was told.
    fn counts(&self, pledge: &Pledge) -> bool {
        pledge.at >= self.since && pledge.round == self.round
    }
}

/// What one order takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Pledge {
    purse: u32,
    amount: i64,
    at: Nanos,
    /// Of its purse, when it was taken off.
    round: u64,
    over: bool,
}

impl Default for Pledge {
    fn default() -> Self {
        Self { purse: NOWHERE, amount: 0, at: Nanos::ZERO, round: 0, over: true }
    }
}

/// What accounts have told of their money, and what was sent since.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Funds {
    /// Every currency the limits name.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    currencies: Vec<u16>,
    /// Per account its balances, then its margins, by currency.
    purses: Vec<Purse>,
    /// Per account whether it ever told of a balance, and of margin.
    told: Vec<(bool, bool)>,
    /// By order.
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    pledges: Vec<Pledge>,
    /// Orders with pledges by when those were made, the newest last.
    recent: VecDeque<(u32, Nanos)>,
    /// Not every pledge from before then is known any more.
    forgotten: Nanos,
}

#[cfg(feature = "sidecar")]
impl Fit for Funds {
    fn fit(&mut self, fresh: Self) -> bool {
        self.currencies = fresh.currencies;
        let (purses, orders) = (self.purses.len(), fresh.pledges.len());
        is_as_long(&self.purses, &fresh.purses)
            && is_as_long(&self.told, &fresh.told)
            && with_blanks(&mut self.pledges, fresh.pledges)
            && into_queue(&mut self.recent, fresh.recent)
            && self.recent.iter().all(|&(entry, _)| (entry as usize) < orders)
            && self.pledges.iter().all(|pledge| pledge.purse == NOWHERE || (pledge.purse as usize) < purses)
    }
}

impl Funds {
    pub(super) fn new(limits: &Limits) -> Self {
        let of_accounts = limits.accounts.iter().map(|account| account.currency.id);
        let of_instruments = limits.instruments.iter();
        let settled = of_instruments.clone().map(|instrument| instrument.settlement.id);
        let delivered = of_instruments.filter_map(|instrument| Some(instrument.base?.id));
        let mut currencies: Vec<u16> = of_accounts.chain(settled).chain(delivered).collect();
        currencies.sort_unstable();
        currencies.dedup();
        let orders = limits.capacity.orders as usize;
        let purses = limits.accounts.len().saturating_mul(currencies.len()).saturating_mul(2);
        Self {
            currencies,
            purses: vec![Purse::default(); purses],
            told: vec![(false, false); limits.accounts.len()],
            pledges: vec![Pledge::default(); orders],
            recent: VecDeque::with_capacity(orders),
            forgotten: Nanos::ZERO,
        }
    }

    fn index(&self, account: AccountId, means: Means, currency: u16) -> Option<usize> {
        let within = self.currencies.binary_search(&currency).ok()?;
        let row = usize::from(account).checked_mul(2)?.checked_add(usize::from(means == Means::Margin))?;
        row.checked_mul(self.currencies.len())?.checked_add(within)
    }

    /// From what an account pays: what is meant for it first, else the other that it told of.
    fn means(&self, account: AccountId, is_spot: bool) -> Option<Means> {
        let (balance, margin) = self.told.get(usize::from(account)).copied().unwrap_or_default();
        match (balance, margin) {
            (false, false) => None,
            (true, true) => Some(if is_spot { Means::Balance } else { Means::Margin }),
            (true, false) => Some(Means::Balance),
            (false, true) => Some(Means::Margin),
        }
    }

    /// Free margin is told, without anything that was sent since. `false` for a currency nobody trades.
    pub(super) fn tell_margin(
        &mut self,
        account: AccountId,
        currency: u16,
        available: i64,
        now: Nanos,
    ) -> bool {
        let index = self.index(account, Means::Margin, currency);
        if let Some(told) = self.told.get_mut(usize::from(account)) {
            told.1 = true;
        }
        let Some(purse) = index.and_then(|index| self.purses.get_mut(index)) else { return false };
        let round = purse.round.wrapping_add(1);
        *purse = Purse { available: Some(available), since: now, round, ..Purse::default() };
        true
    }

    /// A balance in a snapshot that is not complete yet: what was sent since stays pledged until it is.
    pub(super) fn tell_balance(&mut self, account: AccountId, currency: u16, available: i64, mark: u64) {
        let index = self.index(account, Means::Balance, currency);
        if let Some(told) = self.told.get_mut(usize::from(account)) {
            told.0 = true;
        }
        if let Some(purse) = index.and_then(|index| self.purses.get_mut(index)) {
            // Until the snapshot is complete, and was believed, it takes away and adds nothing.
            let before = if purse.mark == mark { purse.told } else { purse.available };
            purse.available = before.map(|before| before.min(available));
            (purse.told, purse.mark) = (Some(available), mark);
        }
    }

    /// A snapshot of balances is complete: what it does not name is not told, the rest is without what was sent since.
    pub(super) fn settle_balances(&mut self, account: AccountId, mark: u64, since: Nanos) {
        if !self.told.get(usize::from(account)).is_some_and(|told| told.0) {
            return;
        }
        for at in 0..self.currencies.len() {
            let Some(index) = self.index(account, Means::Balance, self.currencies[at]) else { return };
            let purse = self.purses[index];
            if purse.mark < mark {
                self.purses[index].available = None;
            } else if purse.mark == mark {
                let pledged = if since < self.forgotten {
                    purse.pledged
                } else {
                    self.pledged_since(index as u32, since)
                };
                self.purses[index] = Purse { available: purse.told, since, pledged, ..purse };
            }
        }
    }

    fn pledged_since(&self, purse: u32, since: Nanos) -> i64 {
        let recent = self.recent.iter().rev().take_while(|&&(_, at)| at >= since);
        let pledges = recent.filter_map(|&(entry, at)| {
            self.pledges.get(entry as usize).filter(|pledge| pledge.purse == purse && pledge.at == at)
        });
        pledges.fold(0, |sum, pledge| sum.saturating_add(pledge.amount))
    }

    /// An order, or more of one, is about to be sent.
    fn pledge(&mut self, entry: u32, cost: Cost, is_new: bool, now: Nanos) {
        let Some(purse) = self.purses.get_mut(cost.purse as usize) else { return };
        purse.pledged = purse.pledged.saturating_add(cost.micros);
        let Some(pledge) = self.pledges.get_mut(entry as usize) else { return };
        let before = *pledge;
        // What the account was told without is no part of it any more.
        let keeps = !is_new && before.purse == cost.purse && !before.over && purse.counts(&before);
        let amount = if keeps { before.amount.saturating_add(cost.micros) } else { cost.micros };
        *pledge = Pledge { purse: cost.purse, amount, at: now, round: purse.round, over: false };
        if before.purse != NOWHERE && before.amount > 0 && !keeps {
            self.forgotten = self.forgotten.max(before.at.after(Nanos(1)));
        }
        if self.recent.back() == Some(&(entry, now)) {
            return;
        }
        if self.recent.len() == self.recent.capacity()
            && let Some((_, at)) = self.recent.pop_front()
        {
            self.forgotten = self.forgotten.max(at.after(Nanos(1)));
        }
        self.recent.push_back((entry, now));
    }

    /// An order is over, `unfilled` of `total` lots of it.
    fn free(&mut self, entry: u32, unfilled: i64, total: i64) {
        let Some(pledge) = self.pledges.get_mut(entry as usize).filter(|pledge| !pledge.over) else { return };
        pledge.over = true;
        let share = i128::from(pledge.amount).saturating_mul(i128::from(unfilled.max(0)));
        let share = share.checked_div(i128::from(total)).and_then(|share| i64::try_from(share).ok());
        let share = share.unwrap_or(0).clamp(0, pledge.amount.max(0));
        pledge.amount = pledge.amount.saturating_sub(share);
        let pledge = *pledge;
        if let Some(purse) = self.purses.get_mut(pledge.purse as usize).filter(|purse| purse.counts(&pledge))
        {
            purse.pledged = purse.pledged.saturating_sub(share).max(0);
        }
    }

    /// Whatever held this place in the table before took nothing that is the next one's to give back.
    fn begin(&mut self, entry: u32) {
        if let Some(pledge) = self.pledges.get_mut(entry as usize) {
            *pledge = Pledge::default();
        }
    }
}

/// What an order takes, and from where; nowhere where it is not told.
#[derive(Clone, Copy, Debug)]
struct Cost {
    purse: u32,
    micros: i64,
}

impl Engine {
    /// Whether what a new order opens can be paid for.
    pub(super) fn check_funds(&self, place: Place, ticket: &Ticket, growth: &Growth) -> Result<(), Denial> {
        let Some(means) = self.means_of(place, ticket) else { return Ok(()) };
        self.check_cost(place, means, self.cost_of_new(place, means, ticket, growth))
    }

    /// Whether what a modification to `size` adds can be paid for.
    pub(super) fn check_more_funds(
        &self,
        place: Place,
        entry: u32,
        ticket: &Ticket,
        growth: &Growth,
    ) -> Result<(), Denial> {
        let Some(means) = self.means_of(place, ticket) else { return Ok(()) };
        self.check_cost(place, means, self.cost_of_more(place, means, entry, ticket, growth))
    }

    /// Takes off what a new order costs, before it counts on its position.
    pub(super) fn pledge_new(&mut self, place: Place, entry: u32, ticket: &Ticket) {
        self.funds.begin(entry);
        let Some(means) = self.means_of(place, ticket) else { return };
        let q = self.held(place.book, ticket.side);
        let growth = self.growth_of_new(place, ticket, q);
        if let Ok(cost) = self.cost_of_new(place, means, ticket, &growth) {
            self.funds.pledge(entry, cost, true, self.now);
        }
    }

    /// Takes off what a modification adds, before it counts on its position.
    pub(super) fn pledge_more(&mut self, place: Place, entry: u32, size: Size) {
        let order = *self.orders.get(entry);
        let ticket = Ticket { id: 0, ..order.replacement(0, size) };
        let Some(means) = self.means_of(place, &ticket) else { return };
        let n = size.qty.saturating_sub(order.booked().qty).saturating_sub(order.remaining()).max(0);
        let growth = self.growth_of_live(place, entry, n, self.held(place.book, order.side));
        match self.cost_of_more(place, means, entry, &ticket, &growth) {
            Ok(cost) if cost.micros > 0 => self.funds.pledge(entry, cost, false, self.now),
            _ => {}
        }
    }

    /// Gives back what an order that is over did not use.
    pub(super) fn free_funds(&mut self, entry: u32) {
        let order = self.orders.get(entry);
        if !order.is_live() {
            let total = order.total();
            self.funds.free(entry, total.saturating_sub(order.booked().qty), total);
        }
    }

    fn means_of(&self, place: Place, ticket: &Ticket) -> Option<Means> {
        let kind = self.limits.instruments[usize::from(ticket.side.instrument)].kind;
        self.funds.means(place.account, kind == InstrumentKind::Spot)
    }

    fn check_cost(&self, place: Place, means: Means, cost: Result<Cost, Reason>) -> Result<(), Denial> {
        let account = Scope::Account(place.account);
        let Cost { purse, micros } = cost.map_err(|reason| Denial::of(reason, account, 0, 0))?;
        if micros <= 0 {
            return Ok(());
        }
        let purse = self.funds.purses.get(purse as usize);
        let left = purse.and_then(|purse| Some(purse.available?.saturating_sub(purse.pledged)));
        if left.is_some_and(|left| micros <= left && micros < i64::MAX) {
            return Ok(());
        }
        let reason = if means == Means::Balance { Reason::Balance } else { Reason::Margin };
        Err(Denial::of(reason, account, micros, left.unwrap_or(0)))
    }

    fn cost_of_new(
        &self,
        place: Place,
        means: Means,
        ticket: &Ticket,
        growth: &Growth,
    ) -> Result<Cost, Reason> {
        self.cost(place, means, ticket, growth.opens())
    }

    /// More of it, and what is left of it at a dearer price.
    fn cost_of_more(
        &self,
        place: Place,
        means: Means,
        entry: u32,
        ticket: &Ticket,
        growth: &Growth,
    ) -> Result<Cost, Reason> {
        let order = self.orders.get(entry);
        let (more, left) = (growth.opens(), order.remaining());
        let was = order.latest().px;
        let stays = ticket.size.qty.saturating_sub(order.booked().qty).clamp(0, left);
        let whole = self.cost(place, means, ticket, more.saturating_add(stays))?;
        let before = Ticket { size: Size { px: was, ..ticket.size }, ..*ticket };
        let before = self.cost(place, means, &before, left)?;
        Ok(Cost { micros: whole.micros.saturating_sub(before.micros).max(0), ..whole })
    }

    /// What so many lots of an order cost.
    fn cost(&self, place: Place, means: Means, ticket: &Ticket, lots: i64) -> Result<Cost, Reason> {
        let limits = &self.limits.instruments[usize::from(ticket.side.instrument)];
        let is_spot = limits.kind == InstrumentKind::Spot;
        let index = |currency: u16| self.funds.index(place.account, means, currency);
        let at = |found: Option<usize>| found.and_then(|found| u32::try_from(found).ok()).unwrap_or(NOWHERE);
        if is_spot && means == Means::Balance && ticket.side.sells {
            let base = limits.base.map_or(0, |base| base.id);
            let lots = self.marks.payoff(ticket.side.instrument).delivered(lots);
            return Ok(Cost { purse: at(index(base)), micros: micros_up(lots) });
        }
        if lots <= 0 {
            return Ok(Cost { purse: NOWHERE, micros: 0 });
        }
        let mut notional = self.dearest(ticket, lots).ok_or(Reason::Arithmetic)?;
        if ticket.terms.by_cost {
            // Its last lot is rounded up: it takes no more than the money it names.
            notional = notional.min(self.notional_of(ticket, 0).unwrap_or(notional));
        }
        let share = if is_spot { 10_000 } else { i128::from(limits.initial_margin.0) };
        let need = ceil_mul_div(notional, share, 10_000).ok_or(Reason::Arithmetic)?;
        let own = index(limits.settlement.id);
        let is_told = |found: usize| self.funds.purses.get(found).is_some_and(|it| it.available.is_some());
        if means == Means::Balance || own.is_some_and(is_told) {
            return Ok(Cost { purse: at(own), micros: micros_up(need) });
        }
        let need = self.accounted(place, ticket.side.instrument, need)?;
        let accounting = self.limits.accounts[usize::from(place.account)].currency.id;
        Ok(Cost { purse: at(index(accounting)), micros: micros_up(need) })
    }

    /// The notional of so many lots where they may cost most.
    fn dearest(&self, ticket: &Ticket, lots: i64) -> Option<i128> {
        let (payoff, mark) =
            (self.marks.payoff(ticket.side.instrument), self.marks.quote(ticket.side.instrument).good);
        let limit = Some(ticket.size.px).filter(|_| ticket.is_priced());
        let trades_at_once =
            |mark: i64| limit.is_none_or(|limit| if ticket.side.sells { limit < mark } else { limit > mark });
        let trigger = Some(ticket.trigger_px).filter(|&px| px != 0);
        let prices = [limit, trigger, mark.filter(|&mark| trades_at_once(mark))];
        let mut dearest = None;
        for px in prices.into_iter().flatten() {
            dearest = dearest.max(Some(payoff.notional(Lots(lots), Ticks(px))?));
        }
        dearest
    }
}
