//! HOT: how many orders and cancels a scope sends in a day.
//!
//! **Orders** are new ones: announced, permitted, and those that take the place of another under a new id. **Cancels** are
//! counted, and never refused: where they are spent, the orders they might be needed for are. A day ends with the
//! session roll of the scope's clock; its counts go with snapshots, so a restart does not end it.
//!
//! *Request.* Denied, DAILY_COUNT, where a scope would send more than its limit, measured the order's own number; or where
//! its cancels are spent, measured the number of the cancel it would need next. Scopes are asked from book to firm.
//! What is verified to reduce only passes and counts: a budget is no reason to keep a position.
//!
//! *After the event* (gate mode, cancels): a count `>` its limit makes the scope REDUCE_ONLY, class SESSION. NOT_SENT takes
//! back what this day has counted. First start: nothing is sent. Does not catch: what was sent before a start without a
//! journal, modifications under the same id.

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
use super::checks::Denial;
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::limits::Limits;
use super::scoped::PerScope;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::Fit;
use crate::model::scope::BookId;
use crate::model::{Latch, Nanos, Reason, Scope, TradingState};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Order,
    Cancel,
}

#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Counts {
    orders: u32,
    cancels: u32,
    /// When its day began.
    since: Nanos,
}

/// What every scope has sent since the last roll.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Day {
    counts: PerScope<Counts>,
}

#[cfg(feature = "sidecar")]
impl Fit for Day {
    fn fit(&mut self, fresh: Self) -> bool {
        self.counts.fit(fresh.counts)
    }
}

impl Counts {
    const fn of(&mut self, sent: Sent) -> &mut u32 {
        match sent {
            Sent::Order => &mut self.orders,
            Sent::Cancel => &mut self.cancels,
        }
    }
}

impl Day {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { counts: PerScope::new(limits) }
    }
}

impl Engine {
    /// Orders and cancels that a scope has sent this day.
    #[must_use]
    pub fn sent_today(&self, scope: Scope) -> (u32, u32) {
        self.day.counts.of(scope).map_or((0, 0), |counts| (counts.orders, counts.cancels))
    }

    /// Counts what leaves for the venue.
    pub(super) fn count_sent(&mut self, book: BookId, sent: Sent) {
        for scope in self.capped_scopes(book) {
            let caps = self.limits.caps(scope);
            let limit = match sent {
                Sent::Order => caps.orders_per_day,
                Sent::Cancel => caps.cancels_per_day,
            };
            let Some(count) = self.day.counts.of_mut(scope).map(|counts| counts.of(sent)) else { continue };
            *count = count.saturating_add(1);
            if let Some(limit) = limit.filter(|&limit| *count > limit) {
                self.gates.begin(Hold {
                    state: TradingState::ReduceOnly,
                    latch: Latch::Session,
                    measured: i64::from(*count),
                    limit: i64::from(limit),
                    ..sticky(scope, guard::DAILY_COUNT, Reason::DailyCount)
                });
            }
        }
    }

    /// Counts an order that a list may send, or takes it back, and judges nothing.
    pub(super) fn foresee_sent(&mut self, book: BookId, begins: bool) {
        for scope in self.capped_scopes(book) {
            if let Some(counts) = self.day.counts.of_mut(scope) {
                let count = counts.orders;
                counts.orders = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
            }
        }
    }

    /// What was counted at `at` was never sent. In the instant of a roll nobody knows in which day it was counted.
    pub(super) fn take_back_sent(&mut self, book: BookId, sent: Sent, at: Nanos) {
        for scope in self.capped_scopes(book) {
            if let Some(counts) = self.day.counts.of_mut(scope).filter(|counts| at > counts.since) {
                let count = counts.of(sent);
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Whether every scope may send one more order this day.
    pub(super) fn check_day(&self, place: Place) -> Result<(), Denial> {
        for scope in self.capped_scopes(place.book) {
            let caps = self.limits.caps(scope);
            let (orders, cancels) = self.sent_today(scope);
            for (sent, limit) in [(orders, caps.orders_per_day), (cancels, caps.cancels_per_day)] {
                if let Some(limit) = limit.filter(|&limit| sent >= limit) {
                    let denial = Denial::of(
                        Reason::DailyCount,
                        scope,
                        i64::from(sent).saturating_add(1),
                        i64::from(limit),
                    );
                    return Err(denial.by(guard::DAILY_COUNT, 0));
                }
            }
        }
        Ok(())
    }

    /// The sessions of a clock have begun: what they count begins anew.
    pub(super) fn begin_day(&mut self, clock: u16) {
        let books = (0..self.limits.books.len() as u16).map(Scope::Book);
        let strategies = (0..self.limits.strategies.len() as u16).map(Scope::Strategy);
        let accounts = (0..self.limits.accounts.len() as u16).map(Scope::Account);
        for scope in books.chain(strategies).chain(accounts).chain([Scope::Firm]) {
            if self.limits.caps(scope).clock != clock {
                continue;
            }
            if let Some(counts) = self.day.counts.of_mut(scope) {
                *counts = Counts { since: self.now, ..Counts::default() };
            }
            self.gates.end(scope, guard::DAILY_COUNT, Reading::NONE);
        }
    }
}
