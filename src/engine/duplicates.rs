//! HOT: the same order again and again.
//!
//! **Duplicate** measures equal orders (book, instrument, leg, side, quantity, price, type) within `window` of engine time,
//! denied ones included: the `deny`-th is denied, the `trip`-th halts the book, class COOLDOWN. Half-open: an order
//! counts while its age is `<` the window. One that its owner canceled does not count, unless it was by cost. In gate mode an order cannot be
//! denied; it counts, and trips. Exits do not count: one that the venue refused has to be tried again. Off for makers, who quote the same price for a living.
//!
//! The table remembers the newest fingerprints and forgets the oldest when it is full, so a strategy that places more
//! distinct orders within one window than there is room for may repeat one unnoticed.

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
use super::checks::{Denial, Ticket};
use super::gates::{Hold, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue};
use super::table::{Key, Table, mix};
use crate::model::event::{Intent, OrderType};
use crate::model::{Latch, Leg, Nanos, Reason, Scope};

/// Equal orders whose times are kept.
const KEPT: usize = 32;
/// Distinct orders that are remembered.
const ROOM: u32 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Fingerprint {
    book: u16,
    instrument: u16,
    leg: Leg,
    sells: bool,
    kind: OrderType,
    px: i64,
    qty: i64,
}

impl Key for Fingerprint {
    fn digest(&self) -> u64 {
        let side = u64::from(self.sells) << 8 | self.kind as u64;
        let head = u64::from(self.book) << 48 | u64::from(self.instrument) << 32 | side;
        mix(mix(head ^ self.px as u64) ^ self.qty as u64)
    }
}

/// Times of the newest equal orders, oldest first.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Times {
    at: [Nanos; KEPT],
    count: usize,
}

impl Times {
    const NONE: Self = Self { at: [Nanos::ZERO; KEPT], count: 0 };

    /// Adds one and says how many there are within the window.
    fn add(&mut self, now: Nanos, window: Nanos) -> usize {
        let (mut kept, mut at) = (0_usize, [Nanos::ZERO; KEPT]);
        let young = self.at.iter().take(self.count).filter(|&&time| now.since(time) < window);
        // Room for one more: the oldest of a full set tells nothing that the others do not.
        let skip = young.clone().count().saturating_add(1).saturating_sub(KEPT);
        for (place, &time) in at.iter_mut().zip(young.skip(skip)) {
            *place = time;
            kept = kept.saturating_add(1);
        }
        if let Some(place) = at.get_mut(kept) {
            *place = now;
        }
        *self = Self { at, count: kept.saturating_add(1).min(KEPT) };
        self.count
    }

    fn forgive(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}

/// Orders that were placed lately.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Duplicates {
    table: Table<Fingerprint, Times>,
    oldest: VecDeque<u32>,
}

#[cfg(feature = "sidecar")]
impl Fit for Duplicates {
    fn fit(&mut self, fresh: Self) -> bool {
        self.table.fit(fresh.table)
            && into_queue(&mut self.oldest, fresh.oldest)
            && self.oldest.iter().all(|&entry| (entry as usize) < self.table.entries())
    }
}

impl Duplicates {
    pub(super) fn new(limits: &Limits) -> Self {
        let on = limits.strategies.iter().any(|strategy| strategy.duplicates.is_some());
        let room = if on { ROOM } else { 0 };
        Self { table: Table::new(room), oldest: VecDeque::with_capacity(room as usize) }
    }

    fn count(&mut self, print: Fingerprint, now: Nanos, window: Nanos) -> usize {
        let found = self.table.find(&print).or_else(|| self.remember(print));
        found.map_or(1, |entry| self.table.get_mut(entry).add(now, window))
    }

    fn remember(&mut self, print: Fingerprint) -> Option<u32> {
        if !self.table.has_room() {
            self.table.remove(self.oldest.pop_front()?);
        }
        let entry = self.table.insert(print, Times::NONE)?;
        self.oldest.push_back(entry);
        Some(entry)
    }
}

impl Engine {
    /// Counts a request; denies the one that is one too many.
    pub(super) fn note_fingerprint(&mut self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let Some(limits) = self.limits.strategies[usize::from(place.strategy)].duplicates else {
            return Ok(());
        };
        let count = self.duplicates.count(fingerprint(place, ticket), self.now, limits.window);
        let scope = Scope::Book(place.book);
        let measured = i64::try_from(count).unwrap_or(i64::MAX);
        if count >= usize::from(limits.trip) {
            self.gates.begin(Hold {
                latch: Latch::Cooldown,
                until: self.now.after(limits.cooldown),
                measured,
                limit: i64::from(limits.trip),
                ..sticky(scope, guard::DUPLICATE, Reason::DuplicateFingerprint)
            });
            self.watch_cooldowns();
        }
        if count < usize::from(limits.deny) {
            return Ok(());
        }
        let denial = Denial::of(Reason::DuplicateFingerprint, scope, measured, i64::from(limits.deny));
        Err(denial.by(guard::DUPLICATE, 0))
    }

    /// Counts an order of gate mode, which nothing can deny.
    pub(super) fn note_gate_fingerprint(&mut self, place: Place, ticket: &Ticket) {
        if ticket.terms.intent != Intent::Exit {
            let _undeniable = self.note_fingerprint(place, ticket);
        }
    }

    /// An order that its owner canceled is no evidence of a defect.
    pub(super) fn forgive_fingerprint(&mut self, place: Place, entry: u32) {
        let order = self.orders.get(entry);
        let print = Fingerprint {
            book: place.book,
            instrument: order.side.instrument,
            leg: order.side.leg,
            sells: order.side.sells,
            kind: order.terms.kind,
            px: order.first.px,
            qty: order.first.qty,
        };
        if let Some(found) = self.duplicates.table.find(&print) {
            self.duplicates.table.get_mut(found).forgive();
        }
    }
}

fn fingerprint(place: Place, ticket: &Ticket) -> Fingerprint {
    Fingerprint {
        book: place.book,
        instrument: ticket.side.instrument,
        leg: ticket.side.leg,
        sells: ticket.side.sells,
        kind: ticket.terms.kind,
        px: ticket.size.px,
        // Its lots change with the mark.
        qty: if ticket.terms.by_cost { ticket.cost } else { ticket.size.qty },
    }
}
