//! HOT: MARGIN records: what the positions of a book are pledged with.
//!
//! Taken is the initial margin, in 1e-6 of the account's currency, by the drawdown guards of the book that measure from
//! it; less than none counts as none. A record in another currency, and one that no guard asks for, is counted as unhandled.

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
use super::drawdown::Touch;
use super::exact::bump;
use super::lanes::Place;

/// Units of 1e-9 in one of 1e-6.
const NANOS_PER_MICRO: i128 = 1_000;

impl Engine {
    pub(super) fn on_margin(&mut self, place: Place, initial: i64, ccy: u16) {
        let accounting = self.limits.accounts[usize::from(place.account)].currency.id;
        let initial = i128::from(initial).max(0).saturating_mul(NANOS_PER_MICRO);
        let mut is_asked_for = false;
        let range = self.watched.books[usize::from(place.book)];
        if ccy == 0 || ccy == accounting {
            for at in range.0..range.1 {
                let guard = usize::from(self.watchers[at as usize]);
                is_asked_for |= self.drawdowns.take_margin(guard, initial);
            }
        }
        if is_asked_for {
            self.judge_range(range, Touch::default());
        } else {
            bump(&mut self.counters.unhandled);
        }
    }
}
