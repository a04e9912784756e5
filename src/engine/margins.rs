//! HOT: MARGIN records: what the positions of a book are pledged with.
//!
//! What is available is taken by `funds`. Taken is the initial margin, in 1e-6 of the account's currency, by the drawdown guards of the book that measure from
//! it; less than none counts as none. A record in another currency, and one that nobody asks for, is counted as unhandled.

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
use super::funds::UNTOLD;
use super::lanes::Place;

/// Units of 1e-9 in one of 1e-6.
const NANOS_PER_MICRO: i128 = 1_000;

impl Engine {
    pub(super) fn on_margin(&mut self, place: Place, initial: i64, available: i64, ccy: u16) {
        let accounting = self.limits.accounts[usize::from(place.account)].currency.id;
        let currency = if ccy == 0 { accounting } else { ccy };
        let mut is_taken =
            available != UNTOLD && self.funds.tell_margin(place.account, currency, available, self.now);
        let initial = i128::from(initial).max(0).saturating_mul(NANOS_PER_MICRO);
        let range = self.watched.books[usize::from(place.book)];
        if currency == accounting {
            let mut is_measured = false;
            for at in range.0..range.1 {
                let guard = usize::from(self.watchers[at as usize]);
                is_measured |= self.drawdowns.take_margin(guard, initial);
            }
            is_taken |= is_measured;
            if is_measured {
                self.judge_range(range, Touch::default());
            }
        }
        if !is_taken {
            bump(&mut self.counters.unhandled);
        }
    }
}
