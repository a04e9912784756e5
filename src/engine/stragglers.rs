//! HOT: orders that left after a halt.
//!
//! An announced order that meets a word which is not ACTIVE is a *violation* when its writer knew, that is when the
//! epoch it had seen is not older than the one with which that word closed; or when the order is younger than the
//! closing by `>` the lease, because by then the permission the writer last saw had run out, whatever it says it saw.
//! Otherwise it is a *straggler*: it left before its writer could know. Under REDUCE_ONLY an order that only reduces
//! the position, and under HALTED one that does so and is venue-enforced reduce-only, is neither. Epochs travel as their
//! low 16 bits: what a writer echoes is taken for the newest epoch up to now that ends like that.
//!
//! The newest [`STRAGGLERS_KEPT`] are listed, and the cancel of each is directed: it is out, but it need not stay.
//! Does not catch: orders nobody announces.

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
use super::exact::bump;
use super::lanes::Place;
use super::outcome::WordId;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue};
use crate::model::scope::InstrumentId;
use crate::model::{Event, Flags, Lots, Message, TradingState};
use crate::wire::stats::{STRAGGLERS_KEPT, StragglerRow};

/// The newest orders that left after a halt.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stragglers {
    rows: VecDeque<StragglerRow>,
    sequence: u64,
}

#[cfg(feature = "sidecar")]
impl Fit for Stragglers {
    fn fit(&mut self, fresh: Self) -> bool {
        into_queue(&mut self.rows, fresh.rows)
    }
}

impl Stragglers {
    pub(super) fn new() -> Self {
        Self { rows: VecDeque::with_capacity(STRAGGLERS_KEPT), sequence: 0 }
    }

    fn note(&mut self, row: StragglerRow) {
        if self.rows.len() == STRAGGLERS_KEPT {
            self.rows.pop_front();
        }
        bump(&mut self.sequence);
        self.rows.push_back(StragglerRow { sequence: self.sequence, ..row });
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = StragglerRow> + '_ {
        self.rows.iter().copied()
    }
}

impl Engine {
    pub(super) fn count_after_halt(
        &mut self,
        place: Place,
        instrument: InstrumentId,
        message: &Message,
        qty: Lots,
    ) {
        let words = [
            WordId::Account(place.account),
            WordId::Book(place.book),
            WordId::Instrument(place.account, instrument),
        ];
        let closed = words.iter().filter(|&&id| self.gates.word(id).state != TradingState::Active);
        let state = closed.clone().map(|&id| self.gates.word(id).state).min();
        let Some(state) = state else { return };
        let venue_enforced = message.flags.contains(Flags::VENUE_REDUCE_ONLY);
        let may_reduce = state == TradingState::ReduceOnly || venue_enforced;
        if may_reduce && self.only_reduces(place, instrument, message, qty) {
            return;
        }
        let forbidden = closed.clone().any(|&id| {
            let closed = self.gates.closed(id);
            has_seen(message.epoch, closed.epoch, self.gates.epoch())
                || self.now.since(closed.at) > self.lease
        });
        let counter = if forbidden { &mut self.counters.violations } else { &mut self.counters.stragglers };
        bump(counter);
        let first = closed.map(|&id| self.gates.closed(id)).min_by_key(|closed| closed.at);
        if let (Some(first), Event::OrderNew { order, .. }) = (first, message.event) {
            self.stragglers.note(StragglerRow {
                order: order.get(),
                book: u64::from(place.book),
                instrument: u64::from(instrument),
                at: self.now,
                epoch: u64::from(first.epoch),
                late: self.now.since(first.at),
                violation: forbidden,
                ..StragglerRow::default()
            });
            self.direct_cancel(place, order.get());
        }
    }

    fn only_reduces(&self, place: Place, instrument: InstrumentId, message: &Message, qty: Lots) -> bool {
        let q = self.leg_position(place.book, instrument, place.leg);
        place.leg.is_reduced(q, message.flags.contains(Flags::SELL))
            && qty.0.unsigned_abs() <= q.unsigned_abs()
    }
}

/// Whether a writer that echoed `seen` (the low bits of an epoch up to `newest`) knew of `epoch`.
const fn has_seen(seen: u16, epoch: u32, newest: u32) -> bool {
    let age = (newest as u16).wrapping_sub(seen);
    match newest.checked_sub(age as u32) {
        Some(seen) => seen >= epoch,
        // There was no such epoch yet: its writer claims more than there is to know.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_epoch_is_the_newest_that_ends_like_it() {
        for (seen, epoch, newest, knew) in [
            (5, 5, 5, true),
            (4, 5, 5, false),
            (5, 5, 9, true),
            (6, 5, 5, true),
            (0, 5, 5, false),
            (0, 32_768, 32_768, false),
            (0, 32_769, 40_000, false),
            (0, 0xffff, 0x1_0000, true),
            (0xffff, 0x1_0000, 0x1_0000, false),
            (0xffff, 0x1_0000, 0x1_fffe, false),
            (7, 0x2_0007, 0x2_0007, true),
            (7, 0x2_0008, 0x2_0009, false),
            (u16::MAX, u32::MAX, u32::MAX, true),
        ] {
            assert_eq!(has_seen(seen, epoch, newest), knew, "{seen} against {epoch} at {newest}");
        }
    }
}
